# A panel a phase and rival; of each line two blocks: the first policy, and the others.
eval KEYONLY
set key at screen 0.5,screen 1-(MT-34)/H center bottom
dash(l) = MODEL[l] ? DT_MODEL : 1
mark(l) = MODEL[l] ? 6 : 7
plot [0:1][0:1] for [l=1:LINES] NaN with linespoints lc rgb COLOUR[l] lw 1.8 dt dash(l) pt mark(l) ps 0.7 title NAME[l]
eval PANELS
set logscale x 2
set xrange [5:65]
set xtics ('6.25' 6.25, '12.5' 12.5, '25' 25, '50' 50)
set format y '%g%%'
set xlabel 'capacity, %' offset 0,0.3
set arrow 1 from graph 0, first 100 to graph 1, first 100 nohead lc rgb C_DENSE lw 1.2 dt DT_PRED back
do for [k=0:PANELS_N-1] {
    eval PLACE
    if (k % ACROSS == 0) { set ylabel 'share of the dense model' offset 0.6,0 } else { unset ylabel }
    set yrange [0:TOP[k+1]]
    set label 1 TITLE[k+1] at graph 0, graph 1.04 left front
    B = 2*LINES*k
    plot for [l=1:LINES] D index B+2*(l-1) using 1:2 with linespoints lc rgb COLOUR[l] lw 1.8 dt dash(l) pt mark(l) ps 0.7 notitle, \
         for [l=1:LINES] D index B+2*(l-1)+1 using 1:2 with points lc rgb COLOUR[l] pt mark(l) ps 0.35 notitle
}
unset multiplot
