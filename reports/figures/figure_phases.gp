# A bar for each row of x, percent of what is compared with, low, high, modelled,
# source.
eval ROW_AXES
set xrange [across(-0.8,0):across(X1,TOP)]
set yrange [up(X1,0):up(-1.4,TOP)]
if (NARROW) { set xtics 0,50; set xlabel 'share of '.OF offset 0,0.3 } else { set ylabel 'share of '.OF offset -0.6,0 }
set arrow 1 from @ACROSS_100 nohead lc rgb C_DENSE lw 1.6 front

BW = 0.38
plot D using (across($5 == 0 ? $1 : NaN,0)):(up($5 == 0 ? $1 : NaN,0)):(across($1-BW,0)):(across($1+BW,$2)):(up($1-BW,0)):(up($1+BW,$2)) with boxxyerror fs solid 1.0 noborder lc rgb COLOUR notitle, \
     D using (across($5 == 1 ? $1 : NaN,0)):(up($5 == 1 ? $1 : NaN,0)):(across($1-BW,0)):(across($1+BW,$2)):(up($1-BW,0)):(up($1+BW,$2)) with boxxyerror lc rgb COLOUR fs pattern 4 border rgb COLOUR notitle, \
     for [a=1:2] D using (across($4 > $3 ? $1+0.22 : NaN,$3)):(up($4 > $3 ? $1+0.22 : NaN,$3)):(across(0,$4-$3)):(up(0,$4-$3)) with vectors as a notitle, \
     D using (across($1,$4 > $2 ? $4 : $2)):(up($1,$4 > $2 ? $4 : $2)):(sprintf('%.0f%%', $2)) with labels @OVER tc rgb INK notitle, \
     D using (across(strcol(6) eq 'unknown' ? $1 : NaN,0)):(up(strcol(6) eq 'unknown' ? $1 : NaN,0)):(strcol(6)) with labels left rotate by (NARROW ? 0 : 90) offset across(0,0.5),across(0.5,0) font SMALL tc rgb MUTED notitle, \
     NaN with lines lc rgb C_DENSE lw 1.6 title OF, \
     NaN with boxes fs solid lc rgb COLOUR title NAME.', counted or measured', \
     for [k=1:MODELLED] NaN with boxes lc rgb COLOUR fs pattern 4 border rgb COLOUR title NAME.', modelled'
