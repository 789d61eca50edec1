# A row a point; of each panel a block a metric.
eval KEYONLY
set key at screen 0.5,screen 1-(MT-34)/H center bottom horizontal maxrows 1
plot [0:1][0:1] for [m=1:METRICS] NaN with points lc rgb COLOUR[m] pt MARK[m] ps 0.8 title NAME[m]
eval PANELS
GAP = 24.0
WIDE = (W - ML - MR - GAP)/2
set xrange [0:TOP]
set yrange [ROWS-0.4:-0.6]
set format x '%g%%'
set arrow 1 from first 100, graph 0 to first 100, graph 1 nohead lc rgb C_DENSE lw 1.2 dt DT_PRED back
do for [k=1:2] {
    set lmargin at screen (ML + (k-1)*(WIDE+GAP))/W
    set rmargin at screen (ML + (k-1)*(WIDE+GAP) + WIDE)/W
    set ytics scale 0 ()
    do for [i=1:ROWS] { set ytics add ((k == 1 ? ROW[i] : '') i-1) }
    set label 1 (k == 1 ? 'of the dense twin' : 'of '.RIVAL) at graph 0, graph 1.02 left front
    plot for [m=1:METRICS] D index METRICS*(k-1)+m-1 using 1:2:3:4 with xerrorbars lc rgb COLOUR[m] lw 1.3 pt MARK[m] ps 0.6 notitle
    eval SAY_FRAME
}
unset multiplot
