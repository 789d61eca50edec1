# A block of rows a capacity, from the largest on: block, nats more, low, high.
# Lines are the darker the fewer tokens a block works on.
set xlabel 'block' offset 0,0.3
set ylabel 'nats a token more than as it is' offset 0.2,0
set xtics scale 0.5
unset key
array RAMP[6] = ['#9CC3E6', '#6FA8D6', '#4A8FC7', '#2F75B0', '#1F5A99', '#12355B']
shade(i) = RAMP[N > 1 ? int(1 + i * 5. / (N - 1) + 0.5) : 6]
set arrow 1 from graph 0, first 0 to graph 1, first 0 nohead lc rgb MUTED lw 1.2 back
plot for [i=0:N-1] D index i using 1:2 with lines lc rgb shade(i) lw 1.6 notitle, \
     for [i=0:N-1] D index i using 1:2:3:4 with yerrorbars lc rgb shade(i) lw 1.2 pt 7 ps 0.6 notitle
