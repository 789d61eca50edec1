# Bars from the N rows of k, name, from, to, kind, half interval, modelled.
set xrange [0.4:N+0.6]
set yrange [0:TOP]
unset grid
set grid ytics ls 90
set ytics 0,20
set format y '%g%%'
set ylabel 'share of the dense twin' offset 0.6,0
set xtics scale 0
set key maxrows 1

col(k) = k == 0 ? 0x555555 : k == 1 ? 0x0072B2 : 0xB34700
txt(k,a,b) = k == 0 ? sprintf('%.1f%%', b) : signed('%+.1f', b-a)
top(a,b) = a > b ? a : b
BW = 0.34
array KC[3] = ['#555555', '#0072B2', '#B34700']
plot D using ($7 == 0 ? $1 : NaN):(0):($1-BW):($1+BW):3:4:(col($5)) with boxxyerror fs solid 1.0 noborder lc rgb variable notitle, \
     for [k=0:2] D using ($7 == 1 && $5 == k ? $1 : NaN):(0):($1-BW):($1+BW):3:4 with boxxyerror lc rgb KC[k+1] fs pattern 4 border rgb KC[k+1] notitle, \
     D using ($1 < N ? $1+BW : NaN):4:(1-2*BW):(0) with vectors nohead lc rgb MUTED lw 0.8 notitle, \
     for [a=1:2] D using ($5 == 0 && $6 > 0 ? $1 : NaN):($4-$6):(0):(2*$6) with vectors as a notitle, \
     D using 1:(top($3,$4) + ($5 == 0 ? $6 : 0)):(txt($5,$3,$4)) with labels center offset 0,0.7 tc rgb INK notitle, \
     NaN with boxes fs solid lc rgb KC[1] title 'total', \
     NaN with boxes fs solid lc rgb KC[2] title 'saved', \
     NaN with boxes fs solid lc rgb KC[3] title 'given back', \
     for [k=1:MODELLED] NaN with boxes lc rgb MUTED fs pattern 4 border rgb MUTED title 'modelled'
