# GROUPS of panels, each of time or energy over one rival's: a panel a machine, in
# EACH places; of each a block of cells and one of boxes.  A cell is a batch and a
# length, both on a logarithmic scale; TOLD is the last column that any has.
BLOCKS = GROUPS*COLS
# Where the ratio, and the ends of its interval, cross 1.
set contour base
unset surface
set cntrparam levels discrete 1
do for [b=0:BLOCKS-1] {
    do for [c=3:TOLD[b+1]] {
        eval sprintf("set table $EVEN%d_%d", b, c)
        splot D index 2*b using 1:2:c notitle
        unset table
    }
}
unset contour
set surface
eval KEYONLY
set key at screen 0.5,screen 1-(MT-46)/H center bottom
array KIND[5] = ['10 % less', 'less', 'not told', 'more', '10 % more']
array FILL[6] = ['#0072B2', '#9CCBE8', '#E3E3E3', '#F0C29A', '#B34700', '#FFFFFF']
plot [0:1][0:1] for [i=1:5] NaN with boxes fs solid lc rgb FILL[i] title KIND[i], \
     NaN with lines lc rgb INK lw 2 title 'breaks even', \
     NaN with lines lc rgb INK lw 1.2 dt 2 title 'its interval'
eval PANELS
set border 15 ls 91
unset grid
set xrange [-0.5:N_B-0.5]
set yrange [-0.5:N_T-0.5]
set tics font SMALL
do for [g=0:GROUPS-1] {
    do for [m=0:COLS-1] {
        b = g*COLS + m
        k = g*EACH + m
        eval PLACE
        set xtics scale 0 offset 0,0.4 ()
        do for [i=0:N_B-1:2] { set xtics add (BATCH[i+1] i) }
        set ytics scale 0 offset 0.6,0 ()
        do for [i=0:N_T-1] { set ytics add ((m % ACROSS == 0 ? LENGTH[i+1] : '') i) }
        set label 1 MACHINE[m+1] at graph 0.5, graph 1 center offset screen 0,9./H font SMALL front
        set label 2 (m == 0 ? GROUP[g+1] : '') at graph 0, graph 1 left offset screen (PAD-ML)/W,27./H front
        lines = ''
        do for [c=3:TOLD[b+1]] { eval sprintf("n = |$EVEN%d_%d|", b, c); if (n > 2) { lines = lines.sprintf(", $EVEN%d_%d using 1:2 with lines lc rgb INK %s notitle", b, c, c == 3 ? 'lw 2' : 'lw 1.2 dt 2') } }
        eval "plot for [i=1:6] D index 2*b+1 using ($4 == i ? $1 : NaN):3:($1-0.5):($2+0.5):($3-0.5):($3+0.5) with boxxyerror fs solid 1 noborder fc rgb FILL[i] notitle".lines
        eval SAY_FRAME
    }
}
unset multiplot
