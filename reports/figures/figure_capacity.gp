# Blocks of loss: causal rule, top-k, the lowest of each at every capacity, and
# dense.  DENSE and FLOPS of the best dense model, where there is one.
set multiplot
set logscale x 2; LOGX = 1
set xrange [X0:1.12]
eval UNNAMED
set yrange [Y0:Y1]
set format y YFORMAT
set bmargin at screen (SPLIT+8)/H
set ylabel 'loss, nats per byte' offset 0.6,0
if (exists("DENSE")) {
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 1.2
    if (!NARROW) { set label 90 'best dense' at graph 1, first DENSE left offset screen 6./W,0 font SMALL tc rgb C_DENSE }
}
plot D index 2 using 1:2 with lines ls 2 notitle, \
     D index 3 using ($1*1.03):2 with lines ls 4 lw 1.2 notitle, \
     D index 1 using ($1*1.03):2:3 with yerrorbars ls 4 lw 1.2 title 'MoD, top-k (looks ahead)', \
     D index 0 using 1:2:3 with yerrorbars ls 2 lw 1.2 title 'MoD, causal rule', \
     D index 4 using 1:2:3 with yerrorbars ls 1 lw 1.2 title 'dense: best, and twins', \
     for [k=1:NARROW && exists("DENSE")] NaN with lines lc rgb C_DENSE lw 1.2 title 'best dense'
eval SAY_FRAME

unset key
unset arrow 1
unset label 90
do for [i=901:960] { unset label i }
set tmargin at screen (SPLIT-12)/H
set bmargin at screen MB/H
set yrange [0:TOP]
set format y '%g'
set ytics STEP
set ylabel UNIT.' per token' offset -0.2,0
set xlabel NARROW ? 'capacity (log)' : 'capacity: share of tokens a routed block works on (log)' offset 0,0.3
eval NAMED
if (exists("FLOPS")) { set arrow 1 from graph 0, first FLOPS to graph 1, first FLOPS nohead lc rgb C_DENSE lw 1.2 }
plot D index 0 using 1:($4/FACTOR) with points ls 2 notitle, \
     D index 4 using 1:($4/FACTOR) with points ls 1 notitle
eval SAY_FRAME
unset multiplot
