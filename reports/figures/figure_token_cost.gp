# A mark for each token, and the medians of each class over them.
set xrange [-0.6:MOST+2]
set yrange [0:TOP]
unset grid
set grid ytics ls 90
set xtics scale 0
set format y '%g'
set xlabel 'routed '.LAYERS.' that kept the '.KEPT offset 0,0.3
set ylabel 'time of a '.STEP.', '.UNIT offset 0.6,0
plot D index 0 using ($3 == 1 ? $1 : NaN):2 with points pt 4 ps 0.35 lc rgb '#6FA8D6' notitle, \
     D index 0 using ($3 == 0 ? $1 : NaN):2 with points pt 6 ps 0.35 lc rgb '#999999' notitle, \
     for [a=1:2] D index 1 using 1:3:(0):($4-$3) with vectors as a notitle, \
     D index 1 using ($6 == 1 ? $1 : NaN):2 with points pt PT_MOD ps 1.0 lc rgb C_MOD title 'MoD: median, 95 %', \
     D index 1 using ($6 == 0 ? $1 : NaN):2 with points pt PT_DENSE ps 1.0 lc rgb C_DENSE title 'dense twin', \
     D index 1 using 1:(0):(sprintf(NARROW ? '%d' : 'n = %d', $5)) with labels center offset 0,0.7 font SMALL tc rgb MUTED notitle
