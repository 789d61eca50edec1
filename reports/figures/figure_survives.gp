# Of each rival a panel a machine, in EACH places; in it a row a stage.
eval KEYONLY
set key at screen 0.5,screen 1-(MT-46)/H center bottom
plot [0:1][0:1] NaN with boxes fs solid lc rgb C_DENSE title 'left', \
     NaN with boxes fs solid lc rgb '#9CCBE8' title 'saved', \
     NaN with boxes fs solid lc rgb '#B34700' title 'given back', \
     NaN with lines lc rgb INK lw 1.3 title '80 % interval'
eval PANELS
BW = 0.32
set xrange [0:TOP]
set yrange [ROWS-0.4:-0.6]
set arrow 1 from first 100, graph 0 to first 100, graph 1 nohead lc rgb C_DENSE lw 1.2 dt DT_PRED front
min(a,b) = a < b ? a : b
max(a,b) = a > b ? a : b
do for [r=0:RIVALS-1] {
do for [m=0:COLS-1] {
    n = r*COLS + m
    k = r*EACH + m
    eval PLACE
    set xtics ('' 0, '100 %%' 100)
    set ytics scale 0 ()
    do for [i=1:ROWS] { set ytics add ((m % ACROSS == 0 ? STAGE[i] : '') i-1) }
    set label 1 MACHINE[m+1] at graph 0.5, graph 1.03 center front
    set label 2 (m == 0 ? RIVAL[r+1] : '') at graph 0, graph 1 left offset screen (PAD-ML)/W,26./H front
    plot D index n using (0):1:(0):(min($2,$3)):($1-BW):($1+BW) with boxxyerror fs solid 1 noborder fc rgb C_DENSE notitle, \
         D index n using ($2 < $3 ? 0 : NaN):1:2:3:($1-BW):($1+BW) with boxxyerror fs solid 1 noborder fc rgb '#9CCBE8' notitle, \
         D index n using ($2 > $3 ? 0 : NaN):1:3:2:($1-BW):($1+BW) with boxxyerror fs solid 1 noborder fc rgb '#B34700' notitle, \
         D index n using 2:1:4:5 with xerrorbars lc rgb INK lw 1.3 pt 0 notitle, \
         D index n using (TOP*0.98):1:6 with labels right font SMALL tc rgb INK notitle
    eval SAY_FRAME
}
}
unset multiplot
