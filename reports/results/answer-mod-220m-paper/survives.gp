# survives.gp - drawn by isobath report from survives.dat:
#   gnuplot -e "FMT='png'" survives.gp
if (!exists("OUT")) OUT = 'survives'
D = 'survives.dat'
W = 860.; H = 746.
ML = 134.; MR = 24.; MT = 172.; MB = 84.
KEYTOP = 72.; PAD = 16.

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
set label 901 '61 % of the FLOPs of dense twin become 69 to 101 % of its time; 101 % of the FLOPs of' at screen PAD/W, screen 1-20./H left font HEADFONT tc rgb INK
set label 902 'equal-FLOP dense become 119 to 180 % of its time' at screen PAD/W, screen 1-40./H left font HEADFONT tc rgb INK
set label 921 'Share of the rival: a decode step at B 16, T 576; requests of the mix from prompt to last token; the batch that fits' at screen PAD/W, screen 1-62./H left tc rgb MUTED
set label 941 'predicted, nothing was run  |  time and energy modelled  |  isobath commit 9fa771f8a59c, AMD EPYC' at screen PAD/W, screen 14./H left font SMALL tc rgb MUTED
set key horizontal maxrows 1
PANELS_N = 12; ACROSS = 6; PANEL_WIDE = 107.00; PANEL_TALL = 208.00; GAP = 12.00; BELOW = 74.00
RIVALS = 2; EACH = 6; COLS = 6
ROWS = 8; TOP = 414.386
array STAGE[ROWS]
array MACHINE[COLS]
array RIVAL[RIVALS]
STAGE[1] = 'nominal FLOPs'
STAGE[2] = 'executed FLOPs'
STAGE[3] = 'bytes'
STAGE[4] = 'time of a step'
STAGE[5] = 'energy of a step'
STAGE[6] = 'time, end to end'
STAGE[7] = 'energy, end to end'
STAGE[8] = 'batch that fits'
MACHINE[1] = 'H100 SXM'
MACHINE[2] = 'A100 SXM 80 GB'
MACHINE[3] = 'RTX 4090'
MACHINE[4] = 'L4'
MACHINE[5] = 'EPYC 9654'
MACHINE[6] = 'Raspberry Pi 5'
RIVAL[1] = 'against dense twin'
RIVAL[2] = 'against equal-FLOP dense'
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
    set xtics ('0' 0, '100 %%' 100)
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
eval SAY_FRAMES
