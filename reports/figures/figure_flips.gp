# A column a machine; the upper row is time over the rival's, the lower energy.  A
# cell a batch and a length, both on a logarithmic scale.
BLOCKS = 2*COLS
# Where the ratio, and the ends of its interval, cross 1.
set contour base
unset surface
set cntrparam levels discrete 1
do for [k=0:BLOCKS-1] {
    do for [c=3:5] {
        eval sprintf("set table $EVEN%d_%d", k, c)
        splot D index k using 1:2:c notitle
        unset table
    }
}
unset contour
set surface
eval KEYONLY
set key at screen 0.5,screen 1-(MT-36)/H center bottom horizontal maxrows 2
array KIND[5] = ['10 % less', 'less', 'not told', 'more', '10 % more']
array FILL[6] = ['#0072B2', '#9CCBE8', '#E3E3E3', '#F0C29A', '#B34700', '#FFFFFF']
plot [0:1][0:1] for [i=1:5] NaN with boxes fs solid lc rgb FILL[i] title KIND[i], \
     NaN with lines lc rgb INK lw 2 title 'breaks even', \
     NaN with lines lc rgb INK lw 1.2 dt 2 title 'its interval'
eval PANELS
GAP = 10.0
WIDE = (W - ML - MR - GAP*(COLS-1))/COLS
TALL = (H - MT - MB - 30.0)/2
set border 15 ls 91
unset grid
set xrange [-0.5:N_B-0.5]
set yrange [-0.5:N_T-0.5]
do for [row=0:1] {
    do for [m=1:COLS] {
        k = row*COLS + m-1
        set lmargin at screen (ML + (m-1)*(WIDE+GAP))/W
        set rmargin at screen (ML + (m-1)*(WIDE+GAP) + WIDE)/W
        set tmargin at screen 1 - (MT + row*(TALL+30))/H
        set bmargin at screen 1 - (MT + row*(TALL+30) + TALL)/H
        set xtics scale 0 ()
        do for [i=0:N_B-1:2] { set xtics add ((row == 1 ? BATCH[i+1] : '') i) }
        set ytics scale 0 ()
        do for [i=0:N_T-1] { set ytics add ((m == 1 ? LENGTH[i+1] : '') i) }
        set label 1 (row == 0 ? MACHINE[m] : '') at graph 0.5, graph 1.06 center front
        set label 2 (m == 1 ? (row == 0 ? 'time' : 'energy') : '') at graph -0.02, graph 1.06 right front
        lines = ''
        do for [c=3:5] { eval sprintf("n = |$EVEN%d_%d|", k, c); if (n > 2) { lines = lines.sprintf(", $EVEN%d_%d using 1:2 with lines lc rgb INK %s notitle", k, c, c == 3 ? 'lw 2' : 'lw 1.2 dt 2') } }
        eval "plot for [i=1:6] D index k using 1:2:($6 == i ? 0.5 : NaN):(0.5) with boxxyerror fs solid 1 noborder fc rgb FILL[i] notitle".lines
        eval SAY_FRAME
    }
}
unset multiplot
