# tradeoff.gp - drawn by isobath report from tradeoff.dat:
#   gnuplot -e "FMT='png'" tradeoff.gp
if (!exists("OUT")) OUT = 'tradeoff'
D = 'tradeoff.dat'
W = 860.; H = 577.
ML = 72.; MR = 64.; MT = 89.; MB = 84.
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
set label 901 'No routing tried that does not look ahead stays within 5 % more loss' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Loss (nats per token) against forward FLOPs per token; grey: not on the front; %: capacity of routed blocks; bars: 95 % interval of' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'the difference to dense, paired by window' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss measured on 8191 tokens a point, twin in turns  |  FLOPs counted, head on every token  |  isobath commit d67beb643598, AMD EPYC' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
LINES = 11
array LC[LINES]; array PT[LINES]; array AHEAD[LINES]
ORDER = '10 1 2 3 4 5 6 7 8 9 11 '
LC[1] = C_MOD; PT[1] = 5; AHEAD[1] = 0
LC[2] = C_CONTROL; PT[2] = 9; AHEAD[2] = 0
LC[3] = C_ALT; PT[3] = 13; AHEAD[3] = 0
LC[4] = '#A0307A'; PT[4] = 11; AHEAD[4] = 0
LC[5] = '#6A4FB3'; PT[5] = 5; AHEAD[5] = 0
LC[6] = '#8A6D00'; PT[6] = 9; AHEAD[6] = 0
LC[7] = C_MOD; PT[7] = 11; AHEAD[7] = 0
LC[8] = C_CONTROL; PT[8] = 5; AHEAD[8] = 0
LC[9] = C_ALT; PT[9] = 9; AHEAD[9] = 0
LC[10] = '#9AA0A6'; PT[10] = 7; AHEAD[10] = 0
LC[11] = '#A0307A'; PT[11] = 13; AHEAD[11] = 0
set xrange [250.817191:283.113863]
set yrange [2.95139328:5.63753203]
set format y '%.1f'
DENSE = 3.09529357
set label 100 'residual_change, first 4 kept, parts apart, 75%' at first 253.620298,5.48118519 left offset screen 0.01047,-0.01964 font SMALL tc rgb '#8A6D00' front boxed
set label 101 'residual_change, parts apart, 75%' at first 253.684178,5.46876456 left offset screen 0.01047,0.01964 font SMALL tc rgb C_MOD front boxed
set label 102 'residual_change, first 4 kept, ffn alone, 75%' at first 263.001357,4.28362897 left offset screen 0.01047,-0.01964 font SMALL tc rgb '#6A4FB3' front boxed
set label 103 'token_norm, 87.5%' at first 265.631345,4.06583056 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front boxed
set label 104 'token_norm, first 4 kept, 87.5%' at first 265.631345,4.06583056 center offset screen 0.00000,-0.02500 font SMALL tc rgb C_ALT front boxed
set label 105 'hash, 87.5%' at first 265.742845,4.77802155 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
set label 106 'hash, first 4 kept, 87.5%' at first 265.985664,4.14084039 left offset screen 0.01047,-0.01964 font SMALL tc rgb C_CONTROL front boxed
set label 107 'every_nth, first 4 kept, 87.5%' at first 266.259096,4.33998235 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front boxed
set label 108 'residual_change, 87.5%' at first 268.031838,4.11234374 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
set label 109 'residual_change, first 4 kept, 87.5%' at first 268.031838,4.11234374 right offset screen -0.01047,0.01964 font SMALL tc rgb '#A0307A' front boxed
set label 110 'every_nth' at first 265.807089,5.49363174 center offset screen 0.00000,0.02500 font SMALL tc rgb MUTED front boxed
set label 112 '96.875%' at first 277.129895,3.37963355 right offset screen -0.01163,0.00000 font SMALL tc rgb '#A0307A' front boxed
set label 113 '96.875%' at first 277.172994,3.24426526 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front boxed
set label 114 '96.875%' at first 277.172994,3.24426526 center offset screen 0.00000,-0.02500 font SMALL tc rgb C_ALT front boxed
set label 117 '96.875%' at first 278.037418,3.24030835 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
UNIT = 'MFLOP'
# A block for each line, then one of dense points; DENSE: the twin's loss.
set format x '%g'
set xlabel 'forward cost, '.UNIT.' per token' offset 0,0.3
set ylabel 'loss, nats per token' offset 0.6,0
if (exists("DENSE")) {
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 0.9
    set label 90 'dense' at graph 1, first DENSE left offset screen 6./W,0 font SMALL tc rgb C_DENSE
}
plot D index LINES using 1:2 with points ls 1 notitle, \
     for [l in ORDER] D index 0+l-1 using 1:2 with lines lc rgb LC[l+0] lw (AHEAD[l+0] ? 0.7 : 1.6) notitle, \
     for [l in ORDER] D index 0+l-1 using 1:2:3:4 with yerrorbars lc rgb LC[l+0] pt PT[l+0] ps 0.9 lw 1.2 notitle
eval SAY_FRAMES
