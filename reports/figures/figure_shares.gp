# A stacked bar for each row of x, modelled, percent of each kind of work.
eval ROW_AXES
if (NARROW) { set xrange [0:*<102]; set yrange [X1:-1.4]; set xlabel 'share' offset 0,0.3 } else { set xrange [-0.8:X1]; set yrange [0:*<102]; set ylabel 'share' offset -0.6,0 }
set key samplen 1.2

BW = 0.4
below(k) = (k == 1) ? 0 : sum [i=3:k+1] column(i)
plot for [k=1:7] D using (across($2 == 0 ? $1 : NaN,0)):(up($2 == 0 ? $1 : NaN,0)):(across($1-BW,below(k))):(across($1+BW,below(k)+column(k+2))):(up($1-BW,below(k))):(up($1+BW,below(k)+column(k+2))) with boxxyerror lw 0.6 lc rgb OPC[k] fs solid 1 border rgb '#FFFFFF' notitle, \
     for [k=1:7] D using (across($2 == 1 ? $1 : NaN,0)):(up($2 == 1 ? $1 : NaN,0)):(across($1-BW,below(k))):(across($1+BW,below(k)+column(k+2))):(up($1-BW,below(k))):(up($1+BW,below(k)+column(k+2))) with boxxyerror lw 0.6 lc rgb OPC[k] fs pattern 4 border rgb OPC[k] notitle, \
     for [k in USED] NaN with boxes lc rgb OPC[k+0] fs solid 1 border rgb '#FFFFFF' title KIND[k+0]
