# savings.gp - drawn by isobath report from savings.dat:
#   gnuplot -e "FMT='png'" savings.gp
if (!exists("OUT")) OUT = 'savings'
D = 'savings.dat'
W = 860.; H = 852.
ML = 72.; MR = 24.; MT = 89.; MB = 55.
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
set label 901 'What each routing saves, and what it adds to the loss' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Loss over that of the dense twin (%, log; below 0.1 % drawn there) against what is left of its FLOPs, bytes, time and energy; lines' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'across: 1, 5 and 10 %; grey: on no front; colours as in the figure of loss against FLOPs; what takes over 140 % is left out' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss and time measured in turns with the twin, bars: 95 % interval over windows  |  FLOPs and bytes counted  |  energy modelled (hollow, dotted),' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'bars: low and high of the machine profile  |  isobath commit d67beb643598, AMD EPYC' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
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
$NAMES0 << EOD
set label 103 'token_norm' at first 94.7631655,31.3552485 center offset screen 0.00000,-0.01707 font SMALL tc rgb C_CONTROL front boxed
set label 105 'hash' at first 94.8029428,54.3640836 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
set label 109 'residual_change' at first 95.6195342,32.8579552 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
EOD
$NAMES1 << EOD
set label 100 'hash' at first 99.4158491,54.3640836 right offset screen -0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
set label 102 'hash, first 4 kept' at first 99.4753554,33.7785997 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front boxed
set label 104 'token_norm' at first 100.126062,31.3552485 center offset screen 0.00000,-0.01707 font SMALL tc rgb C_CONTROL front boxed
set label 107 'residual_change' at first 102.190302,32.8579552 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
set label 110 'residual_change, parts apart' at first 103.173952,76.6799961 center offset screen 0.00000,0.01951 font SMALL tc rgb C_MOD front boxed
EOD
$NAMES2 << EOD
set label 102 'residual_change' at first 92.2432735,32.8579552 right offset screen -0.01047,0.01341 font SMALL tc rgb C_ALT front boxed
set label 103 'token_norm' at first 93.1692772,31.3552485 center offset screen 0.00000,-0.01707 font SMALL tc rgb C_CONTROL front boxed
set label 104 'residual_change, first 4 kept, parts apart' at first 93.5241717,77.081271 center offset screen 0.00000,0.01707 font SMALL tc rgb '#8A6D00' front boxed
set label 105 'residual_change, parts apart' at first 93.5983218,76.6799961 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
set label 108 'hash, first 4 kept' at first 95.2195779,33.7785997 left offset screen 0.01163,0.00000 font SMALL tc rgb C_CONTROL front boxed
set label 110 'hash' at first 97.5564388,9.85902941 right offset screen -0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
EOD
$NAMES3 << EOD
set label 101 'residual_change, parts apart' at first 90.930778,76.6799961 center offset screen 0.00000,0.01951 font SMALL tc rgb C_MOD front boxed
set label 103 'token_norm' at first 94.9828903,31.3552485 center offset screen 0.00000,-0.01707 font SMALL tc rgb C_CONTROL front boxed
set label 105 'hash' at first 95.0096576,54.3640836 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front boxed
set label 108 'every_nth, first 4 kept' at first 95.1772618,40.2123015 right offset screen -0.01047,0.01341 font SMALL tc rgb '#A0307A' front boxed
set label 109 'residual_change' at first 95.8354323,32.8579552 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front boxed
EOD
X0 = 84.6279987; X1 = 109.625694; Y0 = 0.8; Y1 = 126.917226
array COST[4]
COST[1] = 'FLOPs, % of the dense twin (counted)'
COST[2] = 'bytes, % of the dense twin (counted)'
COST[3] = 'time, % of the dense twin (measured, paired)'
COST[4] = 'energy, % of the dense twin (modelled)'
LIMITS = '1 5 10 '
# Four panels of one frame, each with a block of data for each line; the last
# cost is modelled.
GAP = 60
wide = (W-72-24-56)/2
tall = (H-MT-MB-2*GAP)/2+8
set multiplot
set xrange [0:1]
set yrange [0:1]
unset border
unset tics
unset key
plot NaN notitle
do for [i=901:930] { unset label i }
eval AXES
set logscale y; LOGY = 1
set ytics (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
set format y '%g'
set xrange [X0:X1]
set yrange [Y0:Y1]
set ylabel 'loss over dense, %' offset 1,0
do for [i=1:words(LIMITS)] { set arrow 9+i from graph 0, first word(LIMITS,i)+0 to graph 1, first word(LIMITS,i)+0 nohead lc rgb MUTED lw 0.7 }
set arrow 20 from 100, graph 0 to 100, graph 1 nohead lc rgb C_DENSE lw 0.9
do for [s=0:3] {
    left = 72+s%2*(wide+56)
    top = MT+s/2*(tall+GAP)
    set lmargin at screen left/W
    set rmargin at screen (left+wide)/W
    set tmargin at screen 1-top/H
    set bmargin at screen 1-(top+tall)/H
    DT = s == 3 ? DT_MODEL : 1
    set xlabel COST[s+1] offset 0,0.4
    if (s == 0) { do for [i=1:|$NAMES0|] { eval $NAMES0[i] } }
    if (s == 1) { do for [i=1:|$NAMES1|] { eval $NAMES1[i] } }
    if (s == 2) { do for [i=1:|$NAMES2|] { eval $NAMES2[i] } }
    if (s == 3) { do for [i=1:|$NAMES3|] { eval $NAMES3[i] } }
    plot for [l in ORDER] D index s*LINES+l-1 using 1:2 with lines lc rgb LC[l+0] lw (AHEAD[l+0] ? 0.7 : 1.4) dt DT notitle, \
         for [l in ORDER] D index s*LINES+l-1 using 1:2:3:4:5:6 with xyerrorbars lc rgb LC[l+0] pt PT[l+0]-(s == 3) ps 0.8 lw 1 notitle
    eval SAY_FRAME
    do for [i=100:899] { unset label i }
}
unset multiplot
eval SAY_FRAMES
