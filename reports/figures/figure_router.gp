# A bar for each row of x, percent of the causal rule's loss, low, high.
set xrange [-0.7:X1]
set yrange [LOW:TOP]
unset grid
set grid ytics ls 90
set format y '%g%%'
set ylabel 'loss over the router''s, %' offset 0.2,0
set xtics scale 0
set arrow 1 from graph 0, first 0 to graph 1, first 0 nohead lc rgb MUTED lw 1.2 front
BW = 0.32
plot D using 1:(0):($1-BW):($1+BW):(0):2 with boxxyerror fs solid 1.0 noborder lc rgb C_MOD notitle, \
     for [a=1:2] D using ($4 > $3 ? $1 : NaN):3:(0):($4-$3) with vectors as a notitle, \
     D using 1:($4 > $2 ? $4 : $2):(signed('%+.2f%%', $2)) with labels center offset 0,0.8 tc rgb INK notitle
