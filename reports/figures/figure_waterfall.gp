# Bars from the N rows of k, name, from, to, kind, half interval, modelled; ticks are
# few however high the highest is.
eval ROW_AXES
set xrange [across(0.4,0):across(N+0.6,TOP)]
set yrange [up(N+0.6,0):up(0.4,TOP)]
if (NARROW) { set xtics 0,50*ceil(TOP/250.0); set xlabel 'share of the dense twin' offset 0,0.3 } else { set ytics 0,20*ceil(TOP/200.0); set ylabel 'share of the dense twin' offset 0.6,0 }

col(k) = k == 0 ? 0x555555 : k == 1 ? 0x0072B2 : 0xB34700
txt(k,a,b) = k == 0 ? sprintf('%.1f%%', b) : signed('%+.1f', b-a)
top(a,b) = a > b ? a : b
BW = 0.34
array KC[3] = ['#555555', '#0072B2', '#B34700']
plot D using (across($7 == 0 ? $1 : NaN,0)):(up($7 == 0 ? $1 : NaN,0)):(across($1-BW,$3)):(across($1+BW,$4)):(up($1-BW,$3)):(up($1+BW,$4)):(col($5)) with boxxyerror fs solid 1.0 noborder lc rgb variable notitle, \
     for [k=0:2] D using (across($7 == 1 && $5 == k ? $1 : NaN,0)):(up($7 == 1 && $5 == k ? $1 : NaN,0)):(across($1-BW,$3)):(across($1+BW,$4)):(up($1-BW,$3)):(up($1+BW,$4)) with boxxyerror lc rgb KC[k+1] fs pattern 4 border rgb KC[k+1] notitle, \
     D using (across($1 < N ? $1+BW : NaN,$4)):(up($1 < N ? $1+BW : NaN,$4)):(across(1-2*BW,0)):(up(1-2*BW,0)) with vectors nohead lc rgb MUTED lw 0.8 notitle, \
     for [a=1:2] D using (across($5 == 0 && $6 > 0 ? $1 : NaN,$4-$6)):(up($5 == 0 && $6 > 0 ? $1 : NaN,$4-$6)):(across(0,2*$6)):(up(0,2*$6)) with vectors as a notitle, \
     D using (across($1,top($3,$4) + ($5 == 0 ? $6 : 0))):(up($1,top($3,$4) + ($5 == 0 ? $6 : 0))):(txt($5,$3,$4)) with labels @OVER tc rgb INK notitle, \
     NaN with boxes fs solid lc rgb KC[1] title 'total', \
     NaN with boxes fs solid lc rgb KC[2] title 'saved', \
     NaN with boxes fs solid lc rgb KC[3] title 'given back', \
     for [k=1:MODELLED] NaN with boxes lc rgb MUTED fs pattern 4 border rgb MUTED title 'modelled'
