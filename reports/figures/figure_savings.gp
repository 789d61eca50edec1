# Four panels of one frame, each with a block of data for each line; the last
# cost is modelled.
set multiplot
set xrange [0:1]
set yrange [0:1]
unset border
unset tics
unset key
plot NaN notitle
do for [i=901:960] { unset label i }
eval AXES
set logscale y; LOGY = 1
set ytics (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
set format y '%g'
set xrange [X0:X1]
set yrange [Y0:Y1]
set ylabel 'loss over dense, %' offset 1,0
do for [i=1:words(LIMITS)] { set arrow 9+i from graph 0, first word(LIMITS,i)+0 to graph 1, first word(LIMITS,i)+0 nohead lc rgb MUTED lw 0.7 }
set arrow 20 from 100, graph 0 to 100, graph 1 nohead lc rgb C_DENSE lw 0.9
do for [s=0:3] {
    k = s
    eval PLACE
    DT = s == 3 ? DT_MODEL : 1
    set xlabel COST[s+1] offset 0,0.4
    if (s == 0) { do for [i=1:|$NAMES0|] { eval $NAMES0[i] } }
    if (s == 1) { do for [i=1:|$NAMES1|] { eval $NAMES1[i] } }
    if (s == 2) { do for [i=1:|$NAMES2|] { eval $NAMES2[i] } }
    if (s == 3) { do for [i=1:|$NAMES3|] { eval $NAMES3[i] } }
    plot for [l in ORDER] D index s*LINES+l-1 using 1:2 with lines lc rgb LC[l+0] lw (AHEAD[l+0] ? 0.7 : 1.4) dt DT notitle, \
         for [l in ORDER] D index s*LINES+l-1 using 1:2:3:4:5:6 with xyerrorbars lc rgb LC[l+0] pt PT[l+0]-(s == 3) ps 0.8 lw 1 notitle
    eval SAY_FRAME
    do for [i=100:899] { unset label i }
}
unset multiplot
