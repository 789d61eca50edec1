# A row a point; of each panel a block a metric.
eval KEYONLY
set key at screen 0.5,screen 1-(MT-34)/H center bottom
plot [0:1][0:1] for [m=1:METRICS] NaN with points lc rgb COLOUR[m] pt MARK[m] ps 0.8 title NAME[m]
eval PANELS
set xrange [0:TOP]
set yrange [ROWS-0.4:(NARROW ? -0.9 : -0.6)]
set format x '%g%%'
set arrow 1 from first 100, graph 0 to first 100, graph 1 nohead lc rgb C_DENSE lw 1.2 dt DT_PRED back
if (NARROW) { do for [i=1:ROWS] { set label 10+i ROW[i] at graph 0.01, first i-1.45 left font SMALL front } }
do for [k=0:1] {
    eval PLACE
    set ytics scale 0 ()
    do for [i=1:ROWS] { set ytics add ((k == 0 && !NARROW ? ROW[i] : '') i-1) }
    set label 1 (k == 0 ? 'of the dense twin' : 'of '.RIVAL) at graph 0, graph 1.02 left front
    plot for [m=1:METRICS] D index METRICS*k+m-1 using 1:2:3:4 with xerrorbars lc rgb COLOUR[m] lw 1.3 pt MARK[m] ps 0.6 notitle
    eval SAY_FRAME
}
unset multiplot
