# isoflop.gp - drawn by isobath report from isoflop.dat:
#   gnuplot -e "FMT='png'" isoflop.gp
if (!exists("OUT")) OUT = 'isoflop'
D = 'isoflop.dat'
W = 860.; H = 607.
ML = 72.; MR = 24.; MT = 141.; MB = 114.
KEYTOP = 89.

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
set label 901 'At 3.00 TFLOP, dense is lowest at dense 3x48 budget_flops=3e12, MoD at MoD 2+2 x48' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 902 'budget_flops=3e12: no verdict: 3 seeds compared, 5 are needed' at screen 16./W, screen 1-40./H left font HEADFONT tc rgb INK
set label 911 'Held-out loss (nats per byte) against parameters, each curve at one training budget (FLOPs equal within 1 %); small marks: one' at screen 16./W, screen 1-62./H left tc rgb MUTED
set label 912 'seed; large: mean and 95 % interval over seeds; labels: capacity, layers×channels' at screen 16./W, screen 1-79./H left tc rgb MUTED
set label 921 'loss measured on held-out text, MoD under a causal rule  |  budgets counted  |  lines join means of one width or one depth; dotted: a parabola' at screen 16./W, screen 44./H left font SMALL tc rgb MUTED
set label 922 'through all runs of a curve, modelled  |  minimum not bracketed by what was tried: dense 3x48 budget_flops=3e12 (no deeper, no narrower), MoD 2+2' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 923 'x48 budget_flops=3e12 (no shallower)  |  isobath commit 8c9c6610c9ff, AMD EPYC' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
set logscale x; LOGX = 1; LOGY = 0
set xrange [16685.7773:861680.235]
set yrange [1.67514592:2.10250466]
set format y '%.2f'
set xtics ('20 k' 20000, '50 k' 50000, '100 k' 100000, '200 k' 200000, '500 k' 500000)
set label 100 '3×48' at first 95568,1.74179176 center offset screen 0.00000,-0.05615 font SMALL tc rgb C_DENSE front boxed
set label 101 '4×48' at first 123408,1.73315552 center offset screen 0.00000,-0.05673 font SMALL tc rgb C_MOD front boxed
set label 102 'dense, 1.00 TFLOP (3×64)' at first 167360,2.02810554 center offset screen 0.00000,0.05071 font SMALL tc rgb C_DENSE front boxed
set label 103 'dense, 3.00 TFLOP (3×64)' at first 167360,1.77822918 center offset screen 0.00000,0.13662 font SMALL tc rgb C_DENSE front boxed
set label 106 '1×32' at first 21600,1.97971603 right offset screen -0.01163,0.00000 font SMALL tc rgb C_DENSE front boxed
set label 107 '1×32' at first 21600,1.90602772 right offset screen -0.01163,0.00000 font SMALL tc rgb C_DENSE front boxed
set label 108 '2×32' at first 33996.8232,1.93330864 right offset screen -0.01047,-0.02037 font SMALL tc rgb C_DENSE front boxed
set label 109 '2×32' at first 33996.8232,1.83025605 left offset screen 0.01047,0.02037 font SMALL tc rgb C_DENSE front boxed
set label 110 '2×32' at first 35983.3791,1.99123408 center offset screen 0.00000,0.10045 font SMALL tc rgb C_MOD front boxed
set label 111 '2×32' at first 35983.3791,1.89219981 left offset screen 0.01047,0.02037 font SMALL tc rgb C_MOD front boxed
set label 112 '4×32' at first 61792,1.92029975 center offset screen 0.00000,0.07866 font SMALL tc rgb C_MOD front boxed
set label 115 '2×48' at first 67824,1.75520153 center offset screen 0.00000,-0.10474 font SMALL tc rgb C_DENSE front boxed
set label 116 '3×48' at first 95568,1.96425451 center offset screen 0.00000,0.06619 font SMALL tc rgb C_DENSE front boxed
set label 117 '2×64' at first 117056,1.9721695 center offset screen 0.00000,-0.03570 font SMALL tc rgb C_DENSE front boxed
set label 118 '2×64' at first 117056,1.74746262 center offset screen 0.00000,0.05711 font SMALL tc rgb C_DENSE front boxed
set label 119 '4×48' at first 123408,1.92901543 center offset screen 0.00000,-0.02963 font SMALL tc rgb C_MOD front boxed
set label 120 '6×48' at first 178944,1.96428482 right offset screen -0.01047,0.02037 font SMALL tc rgb C_MOD front boxed
set label 122 '4×64' at first 217792,1.96995867 center offset screen 0.00000,-0.04328 font SMALL tc rgb C_MOD front boxed
set label 123 '4×64' at first 217792,1.75795647 center offset screen 0.00000,0.08263 font SMALL tc rgb C_MOD front boxed
set label 100000 'MoD 12.5%, 3.00 TFLOP (6×64)' at first 356769.37,graph 0.24399 left font SMALL tc rgb C_MOD front
set label 100001 'MoD 12.5%, 1.00 TFLOP (6×64)' at first 356769.37,graph 0.85631 left font SMALL tc rgb C_MOD front
array COLOUR[24]; array SHAPE[24]
COLOUR[1] = C_DENSE; SHAPE[1] = PT_DENSE
COLOUR[2] = C_MOD; SHAPE[2] = PT_MOD
COLOUR[3] = C_DENSE; SHAPE[3] = PT_DENSE
COLOUR[4] = C_MOD; SHAPE[4] = PT_MOD
CURVES = 4; CAPACITIES = 1; FITS = 4
# Five blocks for each of the CURVES: seeds, means, lines that join means, a parabola
# and its lowest point.
set xlabel 'parameters (log)' offset 0,0.3
set ylabel 'held-out loss, nats per byte' offset 0.6,0
plot for [c=1:CURVES] D index 5*c-3 using 1:2 with lines lc rgb COLOUR[c] lw 1.4 notitle, \
     for [c=1:CURVES] D index 5*c-5 using 1:2 with points pt SHAPE[c] ps 0.35 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-4 using ($5 > 1 ? $1 : NaN):2:3:4 with yerrorbars pt SHAPE[c] ps 0.8 lw 1.2 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-4 using 1:2 with points pt SHAPE[c] ps 0.8 lc rgb COLOUR[c] notitle, \
     for [c=1:CURVES] D index 5*c-2 using 1:2 with lines lc rgb COLOUR[c] lw 1.6 dt DT_MODEL notitle, \
     for [c=1:CURVES] D index 5*c-1 using 1:2 with points pt 1 ps 1.6 lw 2 lc rgb COLOUR[c] notitle, \
     NaN with linespoints ls 1 title 'dense', \
     for [k=1:FITS > 0] NaN with linespoints lc rgb MUTED lw 1.6 dt DT_MODEL pt 1 ps 1.2 title 'parabola and its lowest point, fitted', \
     for [k=1:CAPACITIES > 0] NaN with linespoints ls 2 title 'MoD, learned routing'.(CAPACITIES > 1 ? '; the darker, the lower its capacity' : '')
eval SAY_FRAMES
