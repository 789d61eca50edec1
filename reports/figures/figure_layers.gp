# A block for each model: layer, then a column for each kind of op; the last row
# belongs to no layer.
# Half of the last name stands to the right of its bars.
ROOM = (NARROW ? 0.09 : 0.03)*N
set xrange [-0.7:N+(ROOM > 0.7 ? ROOM : 0.7)]
set yrange [0:TOP]
unset grid
set grid ytics ls 90
set xtics scale 0 ('outside' N)
EVERY = NARROW ? (N-1)/6+1 : N > 24 ? 4 : 1
set for [y=0:(NARROW ? N-2 : N-1):EVERY] xtics add (''.y y)
set format y '%g'
set xlabel 'layer' offset 0,0.3
set ylabel AMOUNT offset 0.6,0
set key samplen 1.2
set style textbox opaque noborder fillcolor rgb '#FFFFFF' margins 0.6,0.6

BW = PAIR ? 0.36 : 0.7
x0(m) = !PAIR ? -0.35 : m == 0 ? -0.39 : 0.03
below(k) = (k == 1) ? 0 : sum [i=2:k] column(i)
FILL = MODELLED ? "fs pattern 4 border rgb OPC[k+0]" : "fs solid 1 border rgb '#FFFFFF'"
do for [m in NAMED] { set label m+1 (m == 0 ? 'dense' : 'MoD') at x0(m+0)+BW/2,graph 0.02 left rotate by 90 front boxed font SMALL tc rgb INK }
plot for [m in ARMS] for [k=1:7] D index 0+m using ($1+x0(m+0)+BW/2):(0):($1+x0(m+0)):($1+x0(m+0)+BW):(below(k)):(below(k)+column(k+1)) with boxxyerror lw 0.6 lc rgb OPC[k] @FILL notitle, \
     for [k in USED] NaN with boxes lc rgb OPC[k+0] @FILL title KIND[k+0]
