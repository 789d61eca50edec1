# A block for each line, then one of dense points; DENSE: the twin's loss.
set format x '%g'
set xlabel 'forward cost, '.UNIT.' per token' offset 0,0.3
set ylabel 'loss, nats per token' offset 0.6,0
if (exists("DENSE")) {
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 0.9
    if (!NARROW) { set label 90 'dense' at graph 1, first DENSE left offset screen 6./W,0 font SMALL tc rgb C_DENSE }
}
plot D index LINES using 1:2 with points ls 1 notitle, \
     for [l in ORDER] D index 0+l-1 using 1:2 with lines lc rgb LC[l+0] lw (AHEAD[l+0] ? 0.7 : 1.6) notitle, \
     for [l in ORDER] D index 0+l-1 using 1:2:3:4 with yerrorbars lc rgb LC[l+0] pt PT[l+0] ps 0.9 lw 1.2 notitle, \
     for [k=1:NARROW && exists("DENSE")] NaN with lines lc rgb C_DENSE lw 0.9 title 'dense'
