# token-times.gp - drawn by isobath report from token-times.dat:
#   gnuplot -e "FMT='png'" token-times.gp
if (!exists("OUT")) OUT = 'token-times'
D = 'token-times.dat'
W = 860.; H = 532.
ML = 72.; MR = 24.; MT = 121.; MB = 99.
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
set output OUT.'.'.FMT
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
set border 3 ls 91
set tics nomirror out scale 0.5,0.25 textcolor rgb INK
set grid xtics ytics ls 90, ls 90
set style fill solid 1.0 noborder
set errorbars small
# An interval over a filled bar: white casing, then ink (yerrorbars would punch a hole).
set style arrow 1 heads size screen 0.004,90 lc rgb '#FFFFFF' lw 4
set style arrow 2 heads size screen 0.004,90 lc rgb INK lw 1.3
unset title

minus(s) = s[1:1] eq '-' ? '−'.s[2:*] : s
signed(fmt,v) = minus(sprintf(fmt, v))
HEADFONT = FONT.':Bold'.((FMT eq 'svg') ? ',16' : ',12')
SMALL    = FONT.((FMT eq 'svg') ? ',11.5' : ',8.6')
MONO     = 'Liberation Mono'.((FMT eq 'svg') ? ',12' : ',9')
set key at screen 10./W, screen 1-KEYTOP/H left top horizontal maxrows 2 Left reverse noenhanced samplen 2.6 width 1 height 0 spacing 1.05 textcolor rgb INK
set label 901 'MoD decode steps: half within 371 µs, nine in ten 567 µs; dense 709 µs and 738 µs' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Share of decode steps that took at most so long; a step is the median of its repeats; marks: medians; in brackets: steps; thin: by' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'how many of 4 routed blocks kept the token' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'time measured without listeners, MoD and dense twin in turns  |  routing counted  |  curves of fewer than 6 steps left out  |  2 steps beyond the' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'frame  |  isobath commit 77353873ea2d, Intel(R) Xeon(R) Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
set multiplot
unset border; unset tics; unset grid
plot [0:1][0:1] NaN with linespoints lc rgb C_DENSE lw 2.2 pt PT_DENSE ps 0.9 title 'dense twin (64)', \
     NaN with linespoints lc rgb C_MOD lw 2.2 pt PT_MOD ps 0.9 title 'MoD (64)', \
     NaN with linespoints lc rgb C_ALT lw 1.1 pt PT_ALT ps 0.9 title 'kept by no block (38)', \
     NaN with linespoints lc rgb OPC[5] lw 1.1 pt 11 ps 0.9 title 'kept by some (26)'
unset key
do for [i=901:930] { unset label i }
set border 3 ls 91
set xtics nomirror out scale 0.5,0.25 textcolor rgb INK
set ytics nomirror out scale 0.5,0.25 textcolor rgb INK
set grid xtics ytics ls 90, ls 90
set xrange [0.322528519:1.113045]
set format x '%g'
set xlabel 'time of a decode step, ms' offset 0,0.3
set ylabel 'share of steps' offset 0.6,0
set yrange [0:103]
set ytics 0,25,100
set format y '%g%%'
plot D index 3 using 1:(100*$2) with steps lc rgb OPC[5] lw 1.1 pt 11 notitle, \
     D index 8 using 1:(100*$2) with points lc rgb OPC[5] lw 1.1 pt 11 ps 0.9 notitle, \
     D index 2 using 1:(100*$2) with steps lc rgb C_ALT lw 1.1 pt PT_ALT notitle, \
     D index 7 using 1:(100*$2) with points lc rgb C_ALT lw 1.1 pt PT_ALT ps 0.9 notitle, \
     D index 1 using 1:(100*$2) with steps lc rgb C_MOD lw 2.2 pt PT_MOD notitle, \
     D index 6 using 1:(100*$2) with points lc rgb C_MOD lw 2.2 pt PT_MOD ps 0.9 notitle, \
     D index 0 using 1:(100*$2) with steps lc rgb C_DENSE lw 2.2 pt PT_DENSE notitle, \
     D index 5 using 1:(100*$2) with points lc rgb C_DENSE lw 2.2 pt PT_DENSE ps 0.9 notitle
unset multiplot
