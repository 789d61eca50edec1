# A bar for each row of x, percent of what is compared with, low, high, modelled,
# source.
set xrange [-0.8:X1]
set yrange [0:TOP]
unset grid
set grid ytics ls 90
set format y '%g%%'
set ylabel 'share of '.OF offset -0.6,0
set xtics scale 0
set key maxrows 1
set arrow 1 from graph 0, first 100 to graph 1, first 100 nohead lc rgb C_DENSE lw 1.6 front

BW = 0.38
plot D using ($5 == 0 ? $1 : NaN):(0):($1-BW):($1+BW):(0):2 with boxxyerror fs solid 1.0 noborder lc rgb COLOUR notitle, \
     D using ($5 == 1 ? $1 : NaN):(0):($1-BW):($1+BW):(0):2 with boxxyerror lc rgb COLOUR fs pattern 4 border rgb COLOUR notitle, \
     for [a=1:2] D using ($4 > $3 ? $1+0.22 : NaN):3:(0):($4-$3) with vectors as a notitle, \
     D using 1:($4 > $2 ? $4 : $2):(sprintf('%.0f%%', $2)) with labels center offset 0,0.7 tc rgb INK notitle, \
     D using (strcol(6) eq 'unknown' ? $1 : NaN):(0):(strcol(6)) with labels left rotate by 90 offset 0,0.5 font SMALL tc rgb MUTED notitle, \
     NaN with lines lc rgb C_DENSE lw 1.6 title OF, \
     NaN with boxes fs solid lc rgb COLOUR title NAME.', counted or measured', \
     for [k=1:MODELLED] NaN with boxes lc rgb COLOUR fs pattern 4 border rgb COLOUR title NAME.', modelled'
