# A bar for each row of x, percent of the causal rule's loss, low, high.
eval ROW_AXES
set xrange [across(-0.7,LOW):across(X1,TOP)]
set yrange [up(X1,LOW):up(-0.7,TOP)]
if (NARROW) { set xtics STEP; set xlabel 'loss over the router''s' offset 0,0.3 } else { set ylabel 'loss over the router''s, %' offset 0.2,0 }
set arrow 1 from @ACROSS_0 nohead lc rgb MUTED lw 1.2 front
BW = 0.32
over(v,high) = v < 0 ? NaN : high > v ? high : v
under(v,low) = v < 0 ? (low < v ? low : v) : NaN
plot D using (across($1,0)):(up($1,0)):(across($1-BW,0)):(across($1+BW,$2)):(up($1-BW,0)):(up($1+BW,$2)) with boxxyerror fs solid 1.0 noborder lc rgb C_MOD notitle, \
     for [a=1:2] D using (across($4 > $3 ? $1 : NaN,$3)):(up($4 > $3 ? $1 : NaN,$3)):(across(0,$4-$3)):(up(0,$4-$3)) with vectors as a notitle, \
     D using (across($1,over($2,$4))):(up($1,over($2,$4))):(signed('%+.2f%%', $2)) with labels @OVER tc rgb INK notitle, \
     D using (across($1,under($2,$3))):(up($1,under($2,$3))):(signed('%+.2f%%', $2)) with labels @UNDER tc rgb INK notitle
