# capacity.gp - drawn by isobath report from capacity.dat:
#   gnuplot -e "FMT='png'" capacity.gp
if (!exists("OUT")) OUT = 'capacity'
D = 'capacity.dat'
W = 860.; H = 632.
ML = 80.; MR = 90.; MT = 121.; MB = 99.
KEYTOP = 69.

# Colour and shape say WHAT is drawn (dense, MoD, an op); fill and dash say HOW WE
# KNOW (predicted, counted, measured, modelled). Nothing is told by colour alone.
if (!exists("FMT")) FMT = 'svg'          # svg, png or pdf

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
PANELS  = "unset key; do for [i=901:930] { unset label i }; ".AXES
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
set key at screen 10./W, screen 1-KEYTOP/H left top horizontal maxrows 2 Left reverse noenhanced samplen 2.6 width 1 height 0 spacing 1.05 textcolor rgb INK
# Where each frame lies and what it spans, for a page that tells values: left, right,
# bottom, top in pixels from the lower left, then both axes, then whether they are
# logarithmic.  A panel of several says it behind its plot.
FRAMES = ''; LOGX = 0; LOGY = 0
SAY_FRAME = "FRAMES = FRAMES.sprintf('%.2f %.2f %.2f %.2f %.9g %.9g %.9g %.9g %d %d;', GPVAL_TERM_XMIN, GPVAL_TERM_XMAX, GPVAL_TERM_YMIN, GPVAL_TERM_YMAX, GPVAL_X_MIN, GPVAL_X_MAX, GPVAL_Y_MIN, GPVAL_Y_MAX, LOGX, LOGY)"
SAY_FRAMES = "if (FRAMES eq '') { eval SAY_FRAME }; if (FMT eq 'svg' && OUT eq '') { set print '-'; print '<!-- frames '.FRAMES.' -->' }"
set label 901 'The causal rule differs from top-k by at most 0.0003 nats per byte (12.5% in 3, 6×32)' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Above: held-out loss (nats per byte); top-k looks ahead in the text, the causal rule does not; bars: ± 1 sd over seeds. Below:' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'forward FLOPs per token' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss measured on held-out text  |  FLOPs counted  |  lines join the lowest loss at each capacity  |  isobath commit c35880230e09, Intel(R)' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'Xeon(R) Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
X0 = 0.0520833333; Y0 = 1.41027916; Y1 = 1.61439892; SPLIT = 232.
TOP = 458.22325; STEP = 100; FACTOR = 1000; UNIT = 'kFLOP'
YFORMAT = '%.2f'
UNNAMED = "set xtics ('' 0.0625, '' 0.125, '' 0.25, '' 0.5, '' 1)"
NAMED = "set xtics ('6.25%%' 0.0625, '12.5%%' 0.125, '25%%' 0.25, '50%%' 0.5, 'dense' 1)"
DENSE = 1.45040606
FLOPS = 209.557
# Blocks of loss: causal rule, top-k, the lowest of each at every capacity, and
# dense.  DENSE and FLOPS of the best dense model, where there is one.
set multiplot
set logscale x 2; LOGX = 1
set xrange [X0:1.12]
eval UNNAMED
set yrange [Y0:Y1]
set format y YFORMAT
set bmargin at screen (SPLIT+8)/H
set ylabel 'loss, nats per byte' offset 0.6,0
if (exists("DENSE")) {
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 1.2
    set label 90 'best dense' at graph 1, first DENSE left offset screen 6./W,0 font SMALL tc rgb C_DENSE
}
plot D index 2 using 1:2 with lines ls 2 notitle, \
     D index 3 using ($1*1.03):2 with lines ls 4 lw 1.2 notitle, \
     D index 1 using ($1*1.03):2:3 with yerrorbars ls 4 lw 1.2 title 'MoD, top-k (looks ahead)', \
     D index 0 using 1:2:3 with yerrorbars ls 2 lw 1.2 title 'MoD, causal rule', \
     D index 4 using 1:2:3 with yerrorbars ls 1 lw 1.2 title 'dense: best, and twins'
eval SAY_FRAME

unset key
unset arrow 1
unset label 90
do for [i=901:930] { unset label i }
set tmargin at screen (SPLIT-12)/H
set bmargin at screen MB/H
set yrange [0:TOP]
set format y '%g'
set ytics STEP
set ylabel UNIT.' per token' offset -0.2,0
set xlabel 'capacity: share of tokens a routed block works on (log)' offset 0,0.3
eval NAMED
if (exists("FLOPS")) { set arrow 1 from graph 0, first FLOPS to graph 1, first FLOPS nohead lc rgb C_DENSE lw 1.2 }
plot D index 0 using 1:($4/FACTOR) with points ls 2 notitle, \
     D index 4 using 1:($4/FACTOR) with points ls 1 notitle
eval SAY_FRAME
unset multiplot
eval SAY_FRAMES
