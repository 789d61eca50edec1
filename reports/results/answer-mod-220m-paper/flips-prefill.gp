# flips-prefill.gp - drawn by isobath report from flips-prefill.dat:
#   gnuplot -e "FMT='png'" flips-prefill.gp
if (!exists("OUT")) OUT = 'flips-prefill'
D = 'flips-prefill.dat'
W = 860.; H = 803.
ML = 74.; MR = 24.; MT = 189.; MB = 56.
KEYTOP = 89.; PAD = 16.

# Colour and shape say WHAT is drawn (dense, MoD, an op); fill and dash say HOW WE
# KNOW (predicted, counted, measured, modelled). Nothing is told by colour alone.
if (!exists("FMT")) FMT = 'svg'          # svg, png or pdf
NARROW = W < 600                         # for a phone

# Liberation Sans has the widths of Arial: the PNG shows what a browser will lay out.
FONT = (FMT eq 'svg') ? 'Arial' : 'Liberation Sans'
if (FMT eq 'svg') { set terminal svg size W,H font FONT.',13' enhanced rounded linewidth 1 background '#ffffff' }
if (FMT eq 'png') { set terminal pngcairo size int(2*W),int(2*H) font FONT.',9.75' fontscale 2 linewidth 2 pointscale 2 enhanced rounded background '#ffffff' }
if (FMT eq 'pdf') { set terminal pdfcairo size W/96. in, H/96. in font FONT.',9.75' linewidth 1 enhanced rounded background '#ffffff' }
set termoption noenhanced                # foreign text carries no markup
if (OUT ne '') { set output OUT.'.'.FMT }
set encoding utf8

INK   = '#1A1A1A'    # text                       17.4 : 1 on white
MUTED = '#5F6368'    # axes, notes                 6.0 : 1
RULE  = '#E3E3E3'    # grid, never data
# what: models
C_DENSE   = '#555555'
C_MOD     = '#0072B2'
C_CONTROL = '#B34700'
C_ALT     = '#1B7F5C'
# what: ops (attention blue, feed-forward orange)
array OPC[7] = ['#1F5A99', '#4A8FC7', '#B34700', '#D4732A', '#A0307A', '#8A8A8A', '#1B7F5C']
# gnuplot point types: the hollow twin of a filled mark n is n-1
PT_DENSE = 7; PT_MOD = 5; PT_CONTROL = 9; PT_ALT = 13
set dashtype 11 (10,8)      # predicted; round caps eat into gaps: keep them wide
set dashtype 12 (1,7)       # modelled
DT_PRED = 11; DT_MODEL = 12

set style line 1 lc rgb C_DENSE   lw 1.8 pt PT_DENSE   ps 0.8
set style line 2 lc rgb C_MOD     lw 1.8 pt PT_MOD     ps 0.8
set style line 3 lc rgb C_CONTROL lw 1.8 pt PT_CONTROL ps 1.0
set style line 4 lc rgb C_ALT     lw 1.8 pt PT_ALT     ps 1.0
set style line 90 lc rgb RULE  lw 0.8
set style line 91 lc rgb MUTED lw 0.9
set style line 92 lc rgb INK   lw 1.2

set lmargin at screen ML/W
set rmargin at screen 1-MR/W
set tmargin at screen 1-MT/H
set bmargin at screen MB/H
AXES = "set border 3 ls 91; set xtics nomirror out scale 0.5,0.25 textcolor rgb INK; set ytics nomirror out scale 0.5,0.25 textcolor rgb INK; set grid xtics ytics ls 90, ls 90"
eval AXES
# Of several panels the key is drawn first, on a frame without axes.
KEYONLY = "set multiplot; unset border; unset tics; unset grid"
PANELS  = "unset key; do for [i=901:960] { unset label i }; ".AXES
# Panel k, from 0, of a grid.
PLACE = "set lmargin at screen (ML+(k%ACROSS)*(PANEL_WIDE+GAP))/W; set rmargin at screen (ML+(k%ACROSS)*(PANEL_WIDE+GAP)+PANEL_WIDE)/W; set tmargin at screen 1-(MT+(k/ACROSS)*(PANEL_TALL+BELOW))/H; set bmargin at screen 1-(MT+(k/ACROSS)*(PANEL_TALL+BELOW)+PANEL_TALL)/H"
# Things in a row: each at a place p along the row, with a value v.  Rows of bars
# lie on their side where the plot is narrow, so that their names have room.
across(p,v) = NARROW ? v : p
up(p,v)     = NARROW ? p : v
ROW_AXES = NARROW ? "unset grid; set grid xtics ls 90; set format x '%g%%'; set ytics scale 0" : "unset grid; set grid ytics ls 90; set format y '%g%%'; set xtics scale 0"
ACROSS_100 = NARROW ? "first 100,graph 0 to first 100,graph 1" : "graph 0,first 100 to graph 1,first 100"
ACROSS_0   = NARROW ? "first 0,graph 0 to first 0,graph 1" : "graph 0,first 0 to graph 1,first 0"
OVER = NARROW ? "left offset 0.5,0" : "center offset 0,0.7"   # a text at the end of a bar
set style fill solid 1.0 noborder
set errorbars small
# An interval over a filled bar: white casing, then ink (yerrorbars would punch a hole).
set style arrow 1 heads size screen 0.004,90 lc rgb '#FFFFFF' lw 4
set style arrow 2 heads size screen 0.004,90 lc rgb INK lw 1.3
# A name hides the lines behind it, which would strike it through.
set style textbox opaque noborder fillcolor rgb '#FFFFFF' margins 0.3,0.2
unset title

minus(s) = s[1:1] eq '-' ? '−'.s[2:*] : s
signed(fmt,v) = minus(sprintf(fmt, v))
HEADFONT = FONT.':Bold'.((FMT eq 'svg') ? ',16' : ',12')
SMALL    = FONT.((FMT eq 'svg') ? ',11.5' : ',8.6')
MONO     = 'Liberation Mono'.((FMT eq 'svg') ? ',12' : ',9')
set key at screen (PAD-6)/W, screen 1-KEYTOP/H left top horizontal Left reverse noenhanced samplen 2.6 width 1 height 0 spacing 1.05 textcolor rgb INK
# Where each frame lies and what it spans, for a page that tells values: left, right,
# bottom, top in pixels from the lower left, then both axes, then whether they are
# logarithmic.  A panel of several says it behind its plot.
FRAMES = ''; LOGX = 0; LOGY = 0
SAY_FRAME = "FRAMES = FRAMES.sprintf('%.2f %.2f %.2f %.2f %.9g %.9g %.9g %.9g %d %d;', GPVAL_TERM_XMIN, GPVAL_TERM_XMAX, GPVAL_TERM_YMIN, GPVAL_TERM_YMAX, GPVAL_X_MIN, GPVAL_X_MAX, GPVAL_Y_MIN, GPVAL_Y_MAX, LOGX, LOGY)"
SAY_FRAMES = "if (FRAMES eq '') { eval SAY_FRAME }; if (FMT eq 'svg' && OUT eq '') { set print '-'; print '<!-- frames '.FRAMES.' -->' }"
set label 901 'Prefill takes less time than dense twin at 317, than equal-FLOP dense at 11 of 378 batches' at screen PAD/W, screen 1-20./H left font HEADFONT tc rgb INK
set label 902 'and lengths' at screen PAD/W, screen 1-40./H left font HEADFONT tc rgb INK
set label 921 'A prefill over the rival''s, B sequences (across) of T tokens (up); blank: no room; the interval: 80 % of 64 draws of the machine''s' at screen PAD/W, screen 1-62./H left tc rgb MUTED
set label 922 'numbers' at screen PAD/W, screen 1-79./H left tc rgb MUTED
set label 941 'predicted, nothing was run  |  time and energy modelled  |  isobath commit 9fa771f8a59c, AMD EPYC' at screen PAD/W, screen 14./H left font SMALL tc rgb MUTED
set key horizontal maxrows 2
PANELS_N = 24; ACROSS = 6; PANEL_WIDE = 118.67; PANEL_TALL = 96.00; GAP = 10.00; BELOW = 58.00
GROUPS = 4; EACH = 6; COLS = 6
N_B = 9; N_T = 7
array GROUP[GROUPS]
GROUP[1] = 'time, against dense twin'
GROUP[2] = 'energy, against dense twin'
GROUP[3] = 'time, against equal-FLOP dense'
GROUP[4] = 'energy, against equal-FLOP dense'
array MACHINE[6]
MACHINE[1] = 'H100 SXM'
MACHINE[2] = 'A100 SXM 80 GB'
MACHINE[3] = 'RTX 4090'
MACHINE[4] = 'L4'
MACHINE[5] = 'EPYC 9654'
MACHINE[6] = 'Raspberry Pi 5'
array BATCH[9]
BATCH[1] = '1'
BATCH[2] = '2'
BATCH[3] = '4'
BATCH[4] = '8'
BATCH[5] = '16'
BATCH[6] = '32'
BATCH[7] = '64'
BATCH[8] = '128'
BATCH[9] = '256'
array LENGTH[7]
LENGTH[1] = '32'
LENGTH[2] = '64'
LENGTH[3] = '128'
LENGTH[4] = '256'
LENGTH[5] = '512'
LENGTH[6] = '1024'
LENGTH[7] = '2048'
# GROUPS of panels, each of time or energy over one rival's: a panel a machine, in
# EACH places; of each a block of cells and one of boxes.  A cell is a batch and a
# length, both on a logarithmic scale.
BLOCKS = GROUPS*COLS
# Where the ratio, and the ends of its interval, cross 1.
set contour base
unset surface
set cntrparam levels discrete 1
do for [b=0:BLOCKS-1] {
    do for [c=3:5] {
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
        do for [c=3:5] { eval sprintf("n = |$EVEN%d_%d|", b, c); if (n > 2) { lines = lines.sprintf(", $EVEN%d_%d using 1:2 with lines lc rgb INK %s notitle", b, c, c == 3 ? 'lw 2' : 'lw 1.2 dt 2') } }
        eval "plot for [i=1:6] D index 2*b+1 using ($4 == i ? $1 : NaN):3:($1-0.5):($2+0.5):($3-0.5):($3+0.5) with boxxyerror fs solid 1 noborder fc rgb FILL[i] notitle".lines
        eval SAY_FRAME
    }
}
unset multiplot
eval SAY_FRAMES
