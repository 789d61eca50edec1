# A stacked bar for each row of x, modelled, percent of each kind of work.
set xrange [-0.8:X1]
set yrange [0:*<102]
unset grid
set grid ytics ls 90
set format y '%g%%'
set ylabel 'share' offset -0.6,0
set xtics scale 0
set key maxrows 3 samplen 1.2

BW = 0.4
below(k) = (k == 1) ? 0 : sum [i=3:k+1] column(i)
plot for [k=1:7] D using ($2 == 0 ? $1 : NaN):(0):($1-BW):($1+BW):(below(k)):(below(k)+column(k+2)) with boxxyerror lw 0.6 lc rgb OPC[k] fs solid 1 border rgb '#FFFFFF' notitle, \
     for [k=1:7] D using ($2 == 1 ? $1 : NaN):(0):($1-BW):($1+BW):(below(k)):(below(k)+column(k+2)) with boxxyerror lw 0.6 lc rgb OPC[k] fs pattern 4 border rgb OPC[k] notitle, \
     for [k in USED] NaN with boxes lc rgb OPC[k+0] fs solid 1 border rgb '#FFFFFF' title KIND[k+0]
