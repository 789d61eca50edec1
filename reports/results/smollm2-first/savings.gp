# savings.gp - drawn by isobath report from savings.dat:
#   gnuplot -e "FMT='png'" savings.gp
if (!exists("OUT")) OUT = 'savings'
D = 'savings.dat'
W = 860.; H = 852.
ML = 72.; MR = 24.; MT = 195.; MB = 55.
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
set label 901 'At most 10 % more loss: 1.1 % of the FLOPs skipped, no measurable change in time' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Loss over that of the dense twin (%, log; below 0.1 % drawn there) against what is left of its FLOPs, bytes, time and energy; lines' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'across: 1, 5 and 10 %; what takes over 140 % is left out' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss and time measured in turns with the twin, bars: 95 % interval over windows  |  FLOPs and bytes counted  |  energy modelled (hollow, dotted),' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'bars: low and high of the machine profile  |  isobath commit ca1d03649423, Intel(R) Xeon(R) Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
unset key
set arrow 1000 from screen 14./W, screen 1-(KEYTOP+10)/H to screen 42./W, screen 1-(KEYTOP+10)/H nohead lc rgb C_MOD lw 1.6
set label 1000 ' ' at screen 28./W, screen 1-(KEYTOP+10)/H point pt 5 ps 0.9 lc rgb C_MOD
set label 1200 'hash' at screen 50./W, screen 1-(KEYTOP+10)/H left tc rgb INK noenhanced
set arrow 1001 from screen 321./W, screen 1-(KEYTOP+10)/H to screen 349./W, screen 1-(KEYTOP+10)/H nohead lc rgb C_CONTROL lw 1.6
set label 1001 ' ' at screen 335./W, screen 1-(KEYTOP+10)/H point pt 9 ps 0.9 lc rgb C_CONTROL
set label 1201 'hash, first 4 kept' at screen 357./W, screen 1-(KEYTOP+10)/H left tc rgb INK noenhanced
set arrow 1002 from screen 14./W, screen 1-(KEYTOP+28)/H to screen 42./W, screen 1-(KEYTOP+28)/H nohead lc rgb C_ALT lw 1.6
set label 1002 ' ' at screen 28./W, screen 1-(KEYTOP+28)/H point pt 13 ps 0.9 lc rgb C_ALT
set label 1202 'residual_change' at screen 50./W, screen 1-(KEYTOP+28)/H left tc rgb INK noenhanced
set arrow 1003 from screen 321./W, screen 1-(KEYTOP+28)/H to screen 349./W, screen 1-(KEYTOP+28)/H nohead lc rgb '#A0307A' lw 1.6
set label 1003 ' ' at screen 335./W, screen 1-(KEYTOP+28)/H point pt 11 ps 0.9 lc rgb '#A0307A'
set label 1203 'residual_change, first 4 kept' at screen 357./W, screen 1-(KEYTOP+28)/H left tc rgb INK noenhanced
set arrow 1004 from screen 14./W, screen 1-(KEYTOP+46)/H to screen 42./W, screen 1-(KEYTOP+46)/H nohead lc rgb '#4A8FC7' lw 1.6
set label 1004 ' ' at screen 28./W, screen 1-(KEYTOP+46)/H point pt 5 ps 0.9 lc rgb '#4A8FC7'
set label 1204 'residual_change, first 4 kept, ffn alone' at screen 50./W, screen 1-(KEYTOP+46)/H left tc rgb INK noenhanced
set arrow 1005 from screen 321./W, screen 1-(KEYTOP+46)/H to screen 349./W, screen 1-(KEYTOP+46)/H nohead lc rgb '#8A6D00' lw 1.6
set label 1005 ' ' at screen 335./W, screen 1-(KEYTOP+46)/H point pt 9 ps 0.9 lc rgb '#8A6D00'
set label 1205 'residual_change, first 4 kept, parts apart' at screen 357./W, screen 1-(KEYTOP+46)/H left tc rgb INK noenhanced
set arrow 1006 from screen 14./W, screen 1-(KEYTOP+64)/H to screen 42./W, screen 1-(KEYTOP+64)/H nohead lc rgb C_MOD lw 1.6
set label 1006 ' ' at screen 28./W, screen 1-(KEYTOP+64)/H point pt 11 ps 0.9 lc rgb C_MOD
set label 1206 'residual_change, parts apart' at screen 50./W, screen 1-(KEYTOP+64)/H left tc rgb INK noenhanced
set arrow 1007 from screen 321./W, screen 1-(KEYTOP+64)/H to screen 349./W, screen 1-(KEYTOP+64)/H nohead lc rgb C_CONTROL lw 1.6
set label 1007 ' ' at screen 335./W, screen 1-(KEYTOP+64)/H point pt 5 ps 0.9 lc rgb C_CONTROL
set label 1207 'token_norm' at screen 357./W, screen 1-(KEYTOP+64)/H left tc rgb INK noenhanced
set arrow 1008 from screen 14./W, screen 1-(KEYTOP+82)/H to screen 42./W, screen 1-(KEYTOP+82)/H nohead lc rgb C_ALT lw 1.6
set label 1008 ' ' at screen 28./W, screen 1-(KEYTOP+82)/H point pt 9 ps 0.9 lc rgb C_ALT
set label 1208 'token_norm, first 4 kept' at screen 50./W, screen 1-(KEYTOP+82)/H left tc rgb INK noenhanced
set arrow 1009 from screen 321./W, screen 1-(KEYTOP+82)/H to screen 349./W, screen 1-(KEYTOP+82)/H nohead lc rgb '#A0307A' lw 1.6
set label 1009 ' ' at screen 335./W, screen 1-(KEYTOP+82)/H point pt 13 ps 0.9 lc rgb '#A0307A'
set label 1209 'every_nth' at screen 357./W, screen 1-(KEYTOP+82)/H left tc rgb INK noenhanced
set arrow 1010 from screen 14./W, screen 1-(KEYTOP+100)/H to screen 42./W, screen 1-(KEYTOP+100)/H nohead lc rgb '#4A8FC7' lw 1.6
set label 1010 ' ' at screen 28./W, screen 1-(KEYTOP+100)/H point pt 11 ps 0.9 lc rgb '#4A8FC7'
set label 1210 'every_nth, first 4 kept' at screen 50./W, screen 1-(KEYTOP+100)/H left tc rgb INK noenhanced
set multiplot
set xrange [0:1]
set yrange [0:1]
unset border
unset tics
plot NaN notitle
do for [i=901:930] { unset label i }
do for [i=1000:1010] { unset arrow i; unset label i; unset label i+200 }
set border 3 ls 91
set xtics nomirror out scale 0.5,0.25 textcolor rgb INK auto
set logscale y
set ytics nomirror out scale 0.5,0.25 textcolor rgb INK
set ytics (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
set format y '%g'
set grid xtics ls 90
set xrange [85.3981485:109.637043]
set yrange [0.8:122.382138]
set ylabel 'loss over dense, %' offset 1,0
set arrow 10 from graph 0, first 1 to graph 1, first 1 nohead lc rgb MUTED lw 0.7
set arrow 11 from graph 0, first 5 to graph 1, first 5 nohead lc rgb MUTED lw 0.7
set arrow 12 from graph 0, first 10 to graph 1, first 10 nohead lc rgb MUTED lw 0.7
set arrow 20 from 100, graph 0 to 100, graph 1 nohead lc rgb C_DENSE lw 0.9
set lmargin at screen 72./W
set rmargin at screen 426./W
set tmargin at screen 1-(0.+MT)/H
set bmargin at screen 1-(249.+MT)/H
set xlabel 'FLOPs, % of the dense twin (counted)' offset 0,0.4
plot D index 0 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 0 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 5 ps 0.8 lw 1 notitle, \
     D index 1 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 1 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 9 ps 0.8 lw 1 notitle, \
     D index 2 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 2 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 13 ps 0.8 lw 1 notitle, \
     D index 3 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 3 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 11 ps 0.8 lw 1 notitle, \
     D index 4 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 4 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 5 ps 0.8 lw 1 notitle, \
     D index 5 using 1:2 with lines lc rgb '#8A6D00' lw 1.4 notitle, \
     D index 5 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#8A6D00' pt 9 ps 0.8 lw 1 notitle, \
     D index 6 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 6 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 11 ps 0.8 lw 1 notitle, \
     D index 7 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 7 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 5 ps 0.8 lw 1 notitle, \
     D index 8 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 8 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 9 ps 0.8 lw 1 notitle, \
     D index 9 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 9 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 13 ps 0.8 lw 1 notitle, \
     D index 10 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 10 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 11 ps 0.8 lw 1 notitle
set lmargin at screen 482./W
set rmargin at screen 836./W
set tmargin at screen 1-(0.+MT)/H
set bmargin at screen 1-(249.+MT)/H
set xlabel 'bytes, % of the dense twin (counted)' offset 0,0.4
plot D index 11 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 11 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 5 ps 0.8 lw 1 notitle, \
     D index 12 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 12 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 9 ps 0.8 lw 1 notitle, \
     D index 13 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 13 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 13 ps 0.8 lw 1 notitle, \
     D index 14 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 14 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 11 ps 0.8 lw 1 notitle, \
     D index 15 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 15 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 5 ps 0.8 lw 1 notitle, \
     D index 16 using 1:2 with lines lc rgb '#8A6D00' lw 1.4 notitle, \
     D index 16 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#8A6D00' pt 9 ps 0.8 lw 1 notitle, \
     D index 17 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 17 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 11 ps 0.8 lw 1 notitle, \
     D index 18 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 18 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 5 ps 0.8 lw 1 notitle, \
     D index 19 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 19 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 9 ps 0.8 lw 1 notitle, \
     D index 20 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 20 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 13 ps 0.8 lw 1 notitle, \
     D index 21 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 21 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 11 ps 0.8 lw 1 notitle
set lmargin at screen 72./W
set rmargin at screen 426./W
set tmargin at screen 1-(309.+MT)/H
set bmargin at screen 1-(558.+MT)/H
set xlabel 'time, % of the dense twin (measured, paired)' offset 0,0.4
plot D index 22 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 22 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 5 ps 0.8 lw 1 notitle, \
     D index 23 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 23 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 9 ps 0.8 lw 1 notitle, \
     D index 24 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 24 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 13 ps 0.8 lw 1 notitle, \
     D index 25 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 25 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 11 ps 0.8 lw 1 notitle, \
     D index 26 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 26 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 5 ps 0.8 lw 1 notitle, \
     D index 27 using 1:2 with lines lc rgb '#8A6D00' lw 1.4 notitle, \
     D index 27 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#8A6D00' pt 9 ps 0.8 lw 1 notitle, \
     D index 28 using 1:2 with lines lc rgb C_MOD lw 1.4 notitle, \
     D index 28 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 11 ps 0.8 lw 1 notitle, \
     D index 29 using 1:2 with lines lc rgb C_CONTROL lw 1.4 notitle, \
     D index 29 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 5 ps 0.8 lw 1 notitle, \
     D index 30 using 1:2 with lines lc rgb C_ALT lw 1.4 notitle, \
     D index 30 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 9 ps 0.8 lw 1 notitle, \
     D index 31 using 1:2 with lines lc rgb '#A0307A' lw 1.4 notitle, \
     D index 31 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 13 ps 0.8 lw 1 notitle, \
     D index 32 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 notitle, \
     D index 32 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 11 ps 0.8 lw 1 notitle
set lmargin at screen 482./W
set rmargin at screen 836./W
set tmargin at screen 1-(309.+MT)/H
set bmargin at screen 1-(558.+MT)/H
set xlabel 'energy, % of the dense twin (modelled)' offset 0,0.4
plot D index 33 using 1:2 with lines lc rgb C_MOD lw 1.4 dt DT_MODEL notitle, \
     D index 33 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 4 ps 0.8 lw 1 notitle, \
     D index 34 using 1:2 with lines lc rgb C_CONTROL lw 1.4 dt DT_MODEL notitle, \
     D index 34 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 8 ps 0.8 lw 1 notitle, \
     D index 35 using 1:2 with lines lc rgb C_ALT lw 1.4 dt DT_MODEL notitle, \
     D index 35 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 12 ps 0.8 lw 1 notitle, \
     D index 36 using 1:2 with lines lc rgb '#A0307A' lw 1.4 dt DT_MODEL notitle, \
     D index 36 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 10 ps 0.8 lw 1 notitle, \
     D index 37 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 dt DT_MODEL notitle, \
     D index 37 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 4 ps 0.8 lw 1 notitle, \
     D index 38 using 1:2 with lines lc rgb '#8A6D00' lw 1.4 dt DT_MODEL notitle, \
     D index 38 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#8A6D00' pt 8 ps 0.8 lw 1 notitle, \
     D index 39 using 1:2 with lines lc rgb C_MOD lw 1.4 dt DT_MODEL notitle, \
     D index 39 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_MOD pt 10 ps 0.8 lw 1 notitle, \
     D index 40 using 1:2 with lines lc rgb C_CONTROL lw 1.4 dt DT_MODEL notitle, \
     D index 40 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_CONTROL pt 4 ps 0.8 lw 1 notitle, \
     D index 41 using 1:2 with lines lc rgb C_ALT lw 1.4 dt DT_MODEL notitle, \
     D index 41 using 1:2:3:4:5:6 with xyerrorbars lc rgb C_ALT pt 8 ps 0.8 lw 1 notitle, \
     D index 42 using 1:2 with lines lc rgb '#A0307A' lw 1.4 dt DT_MODEL notitle, \
     D index 42 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#A0307A' pt 12 ps 0.8 lw 1 notitle, \
     D index 43 using 1:2 with lines lc rgb '#4A8FC7' lw 1.4 dt DT_MODEL notitle, \
     D index 43 using 1:2:3:4:5:6 with xyerrorbars lc rgb '#4A8FC7' pt 10 ps 0.8 lw 1 notitle
unset multiplot
