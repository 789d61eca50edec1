# compute-loss.gp - drawn by isobath report from compute-loss.dat:
#   gnuplot -e "FMT='png'" compute-loss.gp
if (!exists("OUT")) OUT = 'compute-loss'
D = 'compute-loss.dat'
W = 860.; H = 552.
ML = 72.; MR = 104.; MT = 121.; MB = 99.
KEYTOP = 69.; PAD = 16.

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
# A text at the end of a bar, and of one below 0.
OVER  = NARROW ? "left offset 0.5,0" : "center offset 0,0.7"
UNDER = NARROW ? "right offset -0.5,0" : "center offset 0,-0.7"
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
set label 901 'Held-out loss against compute: dense and other modes, no MoD model was trained' at screen PAD/W, screen 1-20./H left font HEADFONT tc rgb INK
set label 921 'Held-out loss (nats per byte) against forward FLOPs per token, after 1.00 TFLOP of training each; small marks: one seed; large:' at screen PAD/W, screen 1-42./H left tc rgb MUTED
set label 922 'mean ± 1 sd of 10 seeds; labels: layers×channels; at equal training FLOPs a cheaper token buys more tokens' at screen PAD/W, screen 1-59./H left tc rgb MUTED
set label 941 'loss measured on held-out text, MoD under a causal rule  |  FLOPs counted, equal training FLOPs within 1 %  |  isobath commit 1c1756590d80, AMD' at screen PAD/W, screen 29./H left font SMALL tc rgb MUTED
set label 942 'EPYC' at screen PAD/W, screen 14./H left font SMALL tc rgb MUTED
set key horizontal maxrows 2
KINDS = '1 4 '
set xrange [199.696284:310.949918]
set yrange [1.91354983:2.04233145]
set format y '%.2f'
set label 100 'dense' at first 211.007,1.94111146 left offset screen 0.01047,0.02115 font SMALL tc rgb C_DENSE front boxed
set label 101 'MoR token choice' at first 282.572686,2.01062213 right offset screen -0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
set label 103 'MoR' at first 292.072584,2.00667433 center offset screen 0.00000,0.05520 font SMALL tc rgb C_ALT front boxed
set label 104 'MoR as published' at first 292.774046,2.00290691 center offset screen 0.00000,-0.07043 font SMALL tc rgb C_ALT front boxed
set label 105 'MoR shared keys' at first 299.639202,2.01168189 center offset screen 0.00000,0.07657 font SMALL tc rgb C_ALT front boxed
XLABEL = 'forward cost, kFLOP per token'
DENSE = 1.94111146; SD = 0.00927872377
# Every run and the means of each kind; DENSE and SD of the best dense model to
# beat, where there is one.
set format x '%g'
set xlabel XLABEL offset 0,0.3
set ylabel 'held-out loss, nats per byte' offset 0.6,0
BEST = ''
if (exists("DENSE")) {
    if (SD > 0) { set object 1 rectangle from graph 0, first DENSE-SD to graph 1, first DENSE+SD fs solid 1 noborder fc rgb '#F0F0F0' behind }
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 0.9
    BEST = sprintf('%.4f', DENSE).(SD > 0 ? ', ± sd' : '')
    if (!NARROW) {
        set label 90 'best dense' at graph 1, first DENSE left offset screen 6./W,7/H font SMALL tc rgb C_DENSE
        set label 91 BEST at graph 1, first DENSE left offset screen 6./W,-7/H font SMALL tc rgb C_DENSE
    }
}
array NAME[4] = ['dense', 'MoD, learned routing', 'MoD, control routing', 'other modes']
plot for [k in KINDS] D index 0+k-1 using 1:2 with points ls k+0 ps 0.35 notitle, \
     for [k in KINDS] D index 3+k using 1:2:3 with yerrorbars ls k+0 lw 1.2 title NAME[k+0], \
     for [k=1:NARROW && BEST ne ''] NaN with lines lc rgb C_DENSE lw 0.9 title 'best dense '.BEST
eval SAY_FRAMES
