# Left measured against predicted, right their ratio; a colour for each phase.
eval KEYONLY
plot [0:1][0:1] for [i=1:PHASES] NaN with points ls 1+(i-1)%4 title NAME[i]
eval PANELS
set logscale xy; LOGX = 1; LOGY = 1
set xrange [LOW:HIGH]
set yrange [LOW:HIGH]
set xlabel 'predicted (log)' offset 0,0.3
set ylabel 'measured (log)' offset 0.6,0
k = 0
eval PLACE
eval "set xtics ".TICS."; set ytics ".TICS
plot x lc rgb MUTED lw 0.9 notitle, \
     for [i=1:PHASES] D index i-1 using 1:2 with points ls 1+(i-1)%4 ps 0.8 notitle
eval SAY_FRAME

k = 1
eval PLACE
set yrange [1/OFF:OFF]
if (OFF < 4) { set ytics ('0.5' 0.5, '0.7' 0.7, '0.9' 0.9, '1.1' 1.1, '1.5' 1.5, '2' 2, '3' 3, '0.33' 0.333) }
if (OFF >= 4) { set ytics ('0.001' 0.001, '0.01' 0.01, '0.1' 0.1, '1' 1, '10' 10, '100' 100, '1000' 1000) }
set ylabel 'measured / predicted (log)' offset (NARROW ? 1.4 : 0),0
unset grid
set grid xtics ls 90
do for [i=1:|$NAMES|] { eval $NAMES[i] }
set object 1 rectangle from graph 0, first 0.9 to graph 1, first 1.1 fs solid 1 noborder fc rgb '#DCE8F2' behind
set object 2 rectangle from graph 0, first 0.98 to graph 1, first 1.02 fs solid 1 noborder fc rgb '#A9C8E0' behind
plot 1 lc rgb MUTED lw 0.9 notitle, \
     for [i=1:PHASES] D index i-1 using 1:($2/$1) with points ls 1+(i-1)%4 ps 0.8 notitle
eval SAY_FRAME
unset multiplot
