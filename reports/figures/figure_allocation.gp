# A row an allocation: cost, nats more, low, high, whether it is what was chosen.
set xlabel UNIT.' a token' offset 0,0.3
set ylabel 'nats a token more than as it is' offset 0.2,0
unset key
set arrow 1 from graph 0, first 0 to graph 1, first 0 nohead lc rgb MUTED lw 1.2 back
plot D using ($5 == 1 ? NaN : $1):2:3:4 with yerrorbars ls 1 lw 1.2 notitle, \
     D using ($5 == 1 ? $1 : NaN):2:3:4 with yerrorbars ls 2 lw 1.4 ps 1.1 notitle
