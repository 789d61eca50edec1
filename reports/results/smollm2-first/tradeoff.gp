# tradeoff.gp - drawn by isobath report from tradeoff.dat:
#   gnuplot -e "FMT='png'" tradeoff.gp
if (!exists("OUT")) OUT = 'tradeoff'
D = 'tradeoff.dat'
W = 860.; H = 592.
ML = 72.; MR = 64.; MT = 195.; MB = 99.
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
set label 901 'No routing tried that does not look ahead stays within 5 % more loss' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Loss (nats per token) against forward FLOPs per token; labels: capacity of routed blocks; bars: 95 % interval of the difference to' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'dense, paired by window' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss measured on 8192 tokens a point, twin in turns  |  FLOPs counted, head on every token  |  isobath commit ca1d03649423, Intel(R) Xeon(R)' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
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
set xrange [250.593601:283.114965]
set yrange [2.9612392:5.62719973]
set format x '%g'
set format y '%.2f'
set xlabel 'forward cost, MFLOP per token' offset 0,0.3
set ylabel 'loss, nats per token' offset 0.6,0
set arrow 1 from graph 0, first 3.10405851 to graph 1, first 3.10405851 nohead lc rgb C_DENSE lw 0.9
set label 90 'dense' at graph 1, first 3.10405851 left offset screen 0.00698,0 font SMALL tc rgb C_DENSE
set label 100 '75%' at first 253.39672,5.48438041 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 101 '75%' at first 253.421825,5.46450199 right offset screen -0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 102 '75%' at first 262.770417,4.28397209 left offset screen 0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 103 '87.5%' at first 265.615217,4.05971936 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 104 '87.5%' at first 265.615217,4.05971936 center offset screen 0.00000,-0.02500 font SMALL tc rgb C_ALT front
set label 105 '96.875%' at first 277.131375,3.39319374 right offset screen -0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 106 '96.875%' at first 277.23693,3.26267871 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 108 '96.875%' at first 278.08423,3.23909787 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front
set label 110 '87.5%' at first 265.809806,5.09462425 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 111 '87.5%' at first 265.810334,4.20233801 right offset screen -0.01047,0.01964 font SMALL tc rgb C_MOD front
set label 113 '87.5%' at first 266.26183,4.34535672 left offset screen 0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 114 '87.5%' at first 267.897869,4.11581011 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front
set label 115 '87.5%' at first 267.897869,4.11581011 center offset screen 0.00000,-0.02500 font SMALL tc rgb '#A0307A' front
set label 116 '96.875%' at first 276.677022,4.14194096 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 117 '96.875%' at first 277.353284,3.34714209 left offset screen 0.01047,0.01964 font SMALL tc rgb C_MOD front
plot D index 11 using 1:2 with points ls 1 notitle, \
     D index 0 using 1:2 with lines lc rgb C_MOD lw 1.6 notitle, \
     D index 0 using 1:2:3:4 with yerrorbars lc rgb C_MOD pt 5 ps 0.9 lw 1.2 notitle, \
     D index 1 using 1:2 with lines lc rgb C_CONTROL lw 1.6 notitle, \
     D index 1 using 1:2:3:4 with yerrorbars lc rgb C_CONTROL pt 9 ps 0.9 lw 1.2 notitle, \
     D index 2 using 1:2 with lines lc rgb C_ALT lw 1.6 notitle, \
     D index 2 using 1:2:3:4 with yerrorbars lc rgb C_ALT pt 13 ps 0.9 lw 1.2 notitle, \
     D index 3 using 1:2 with lines lc rgb '#A0307A' lw 1.6 notitle, \
     D index 3 using 1:2:3:4 with yerrorbars lc rgb '#A0307A' pt 11 ps 0.9 lw 1.2 notitle, \
     D index 4 using 1:2 with lines lc rgb '#4A8FC7' lw 1.6 notitle, \
     D index 4 using 1:2:3:4 with yerrorbars lc rgb '#4A8FC7' pt 5 ps 0.9 lw 1.2 notitle, \
     D index 5 using 1:2 with lines lc rgb '#8A6D00' lw 1.6 notitle, \
     D index 5 using 1:2:3:4 with yerrorbars lc rgb '#8A6D00' pt 9 ps 0.9 lw 1.2 notitle, \
     D index 6 using 1:2 with lines lc rgb C_MOD lw 1.6 notitle, \
     D index 6 using 1:2:3:4 with yerrorbars lc rgb C_MOD pt 11 ps 0.9 lw 1.2 notitle, \
     D index 7 using 1:2 with lines lc rgb C_CONTROL lw 1.6 notitle, \
     D index 7 using 1:2:3:4 with yerrorbars lc rgb C_CONTROL pt 5 ps 0.9 lw 1.2 notitle, \
     D index 8 using 1:2 with lines lc rgb C_ALT lw 1.6 notitle, \
     D index 8 using 1:2:3:4 with yerrorbars lc rgb C_ALT pt 9 ps 0.9 lw 1.2 notitle, \
     D index 9 using 1:2 with lines lc rgb '#A0307A' lw 1.6 notitle, \
     D index 9 using 1:2:3:4 with yerrorbars lc rgb '#A0307A' pt 13 ps 0.9 lw 1.2 notitle, \
     D index 10 using 1:2 with lines lc rgb '#4A8FC7' lw 1.6 notitle, \
     D index 10 using 1:2:3:4 with yerrorbars lc rgb '#4A8FC7' pt 11 ps 0.9 lw 1.2 notitle
