# Five blocks for each of the CURVES: seeds, means, lines that join means, a parabola
# and its lowest point.
set xlabel 'parameters (log)' offset 0,0.3
set ylabel 'held-out loss, nats per byte' offset 0.6,0
plot for [c=1:CURVES] D index 5*c-3 using 1:2 with lines lc rgb COLOUR[c] lw 1.4 notitle, \
     for [c=1:CURVES] D index 5*c-5 using 1:2 with points pt SHAPE[c] ps 0.35 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-4 using ($5 > 1 ? $1 : NaN):2:3:4 with yerrorbars pt SHAPE[c] ps 0.8 lw 1.2 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-4 using 1:2 with points pt SHAPE[c] ps 0.8 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-2 using 1:2 with lines lc rgb COLOUR[c] lw 1.6 dt DT_MODEL notitle, \
     for [c=1:CURVES] D index 5*c-1 using 1:2 with points pt 1 ps 1.6 lw 2 lc rgb COLOUR[c] notitle, \
     NaN with linespoints ls 1 title 'dense', \
     for [k=1:FITS > 0] NaN with linespoints lc rgb MUTED lw 1.6 dt DT_MODEL pt 1 ps 1.2 title 'parabola and its lowest point, fitted', \
     for [k=1:CAPACITIES > 0] NaN with linespoints ls 2 title 'MoD, learned routing'.(CAPACITIES > 1 && !NARROW ? '; the darker, the lower its capacity' : '')
