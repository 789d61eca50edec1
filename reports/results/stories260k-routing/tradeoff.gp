# tradeoff.gp - drawn by isobath report from tradeoff.dat:
#   gnuplot -e "FMT='png'" tradeoff.gp
if (!exists("OUT")) OUT = 'tradeoff'
D = 'tradeoff.dat'
W = 860.; H = 592.
ML = 72.; MR = 64.; MT = 177.; MB = 99.
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
set label 901 'At most 5 % more loss: hash at capacity 75 % skips 10.6 % of the FLOPs' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 911 'Loss (nats per token) against forward FLOPs per token; labels: capacity of routed blocks; bars: 95 % interval of the difference to' at screen 16./W, screen 1-42./H left tc rgb MUTED
set label 912 'dense, paired by window; 3 points with over 30 % more loss are left out' at screen 16./W, screen 1-59./H left tc rgb MUTED
set label 921 'loss measured on 8192 tokens a point, twin in turns  |  FLOPs counted, head on every token  |  isobath commit a77ee5409a2d, Intel(R) Xeon(R)' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
unset key
set arrow 1000 from screen 14./W, screen 1-(KEYTOP+10)/H to screen 42./W, screen 1-(KEYTOP+10)/H nohead lc rgb C_MOD lw 1.6
set label 1000 ' ' at screen 28./W, screen 1-(KEYTOP+10)/H point pt 5 ps 0.9 lc rgb C_MOD
set label 1200 'hash' at screen 50./W, screen 1-(KEYTOP+10)/H left tc rgb INK noenhanced
set arrow 1001 from screen 276./W, screen 1-(KEYTOP+10)/H to screen 304./W, screen 1-(KEYTOP+10)/H nohead lc rgb C_CONTROL lw 1.6
set label 1001 ' ' at screen 290./W, screen 1-(KEYTOP+10)/H point pt 9 ps 0.9 lc rgb C_CONTROL
set label 1201 'residual_change' at screen 312./W, screen 1-(KEYTOP+10)/H left tc rgb INK noenhanced
set arrow 1002 from screen 539./W, screen 1-(KEYTOP+10)/H to screen 567./W, screen 1-(KEYTOP+10)/H nohead lc rgb C_ALT lw 1.6
set label 1002 ' ' at screen 553./W, screen 1-(KEYTOP+10)/H point pt 13 ps 0.9 lc rgb C_ALT
set label 1202 'residual_change, 4 of 5 blocks' at screen 575./W, screen 1-(KEYTOP+10)/H left tc rgb INK noenhanced
set arrow 1003 from screen 14./W, screen 1-(KEYTOP+28)/H to screen 42./W, screen 1-(KEYTOP+28)/H nohead lc rgb '#A0307A' lw 1.6
set label 1003 ' ' at screen 28./W, screen 1-(KEYTOP+28)/H point pt 11 ps 0.9 lc rgb '#A0307A'
set label 1203 'residual_change, attention alone' at screen 50./W, screen 1-(KEYTOP+28)/H left tc rgb INK noenhanced
set arrow 1004 from screen 276./W, screen 1-(KEYTOP+28)/H to screen 304./W, screen 1-(KEYTOP+28)/H nohead lc rgb '#4A8FC7' lw 1.6
set label 1004 ' ' at screen 290./W, screen 1-(KEYTOP+28)/H point pt 5 ps 0.9 lc rgb '#4A8FC7'
set label 1204 'residual_change, ffn alone' at screen 312./W, screen 1-(KEYTOP+28)/H left tc rgb INK noenhanced
set arrow 1005 from screen 539./W, screen 1-(KEYTOP+28)/H to screen 567./W, screen 1-(KEYTOP+28)/H nohead lc rgb '#8A6D00' lw 1.6
set label 1005 ' ' at screen 553./W, screen 1-(KEYTOP+28)/H point pt 9 ps 0.9 lc rgb '#8A6D00'
set label 1205 'residual_change, keys carried' at screen 575./W, screen 1-(KEYTOP+28)/H left tc rgb INK noenhanced
set arrow 1006 from screen 14./W, screen 1-(KEYTOP+46)/H to screen 42./W, screen 1-(KEYTOP+46)/H nohead lc rgb C_MOD lw 1.6
set label 1006 ' ' at screen 28./W, screen 1-(KEYTOP+46)/H point pt 11 ps 0.9 lc rgb C_MOD
set label 1206 'residual_change, keys computed' at screen 50./W, screen 1-(KEYTOP+46)/H left tc rgb INK noenhanced
set arrow 1007 from screen 276./W, screen 1-(KEYTOP+46)/H to screen 304./W, screen 1-(KEYTOP+46)/H nohead lc rgb C_CONTROL lw 1.6
set label 1007 ' ' at screen 290./W, screen 1-(KEYTOP+46)/H point pt 5 ps 0.9 lc rgb C_CONTROL
set label 1207 'token_norm' at screen 312./W, screen 1-(KEYTOP+46)/H left tc rgb INK noenhanced
set arrow 1008 from screen 539./W, screen 1-(KEYTOP+46)/H to screen 567./W, screen 1-(KEYTOP+46)/H nohead lc rgb C_ALT lw 1.6
set label 1008 ' ' at screen 553./W, screen 1-(KEYTOP+46)/H point pt 9 ps 0.9 lc rgb C_ALT
set label 1208 'drawn' at screen 575./W, screen 1-(KEYTOP+46)/H left tc rgb INK noenhanced
set arrow 1009 from screen 14./W, screen 1-(KEYTOP+64)/H to screen 42./W, screen 1-(KEYTOP+64)/H nohead lc rgb '#A0307A' lw 1.6
set label 1009 ' ' at screen 28./W, screen 1-(KEYTOP+64)/H point pt 13 ps 0.9 lc rgb '#A0307A'
set label 1209 'every_nth' at screen 50./W, screen 1-(KEYTOP+64)/H left tc rgb INK noenhanced
set arrow 1010 from screen 276./W, screen 1-(KEYTOP+64)/H to screen 304./W, screen 1-(KEYTOP+64)/H nohead lc rgb '#4A8FC7' lw 1.6
set label 1010 ' ' at screen 290./W, screen 1-(KEYTOP+64)/H point pt 11 ps 0.9 lc rgb '#4A8FC7'
set label 1210 'strided' at screen 312./W, screen 1-(KEYTOP+64)/H left tc rgb INK noenhanced
set arrow 1011 from screen 539./W, screen 1-(KEYTOP+64)/H to screen 567./W, screen 1-(KEYTOP+64)/H nohead lc rgb '#8A6D00' lw 1.6
set label 1011 ' ' at screen 553./W, screen 1-(KEYTOP+64)/H point pt 5 ps 0.9 lc rgb '#8A6D00'
set label 1211 'attention_received (looks ahead)' at screen 575./W, screen 1-(KEYTOP+64)/H left tc rgb INK noenhanced
set arrow 1012 from screen 14./W, screen 1-(KEYTOP+82)/H to screen 42./W, screen 1-(KEYTOP+82)/H nohead lc rgb C_MOD lw 1.6
set label 1012 ' ' at screen 28./W, screen 1-(KEYTOP+82)/H point pt 13 ps 0.9 lc rgb C_MOD
set label 1212 'residual_change_top_k (looks ahead)' at screen 50./W, screen 1-(KEYTOP+82)/H left tc rgb INK noenhanced
set arrow 1013 from screen 276./W, screen 1-(KEYTOP+82)/H to screen 304./W, screen 1-(KEYTOP+82)/H nohead lc rgb C_CONTROL lw 1.6
set label 1013 ' ' at screen 290./W, screen 1-(KEYTOP+82)/H point pt 11 ps 0.9 lc rgb C_CONTROL
set label 1213 'token_norm_top_k (looks ahead)' at screen 312./W, screen 1-(KEYTOP+82)/H left tc rgb INK noenhanced
set xrange [555.747834:873.50733]
set yrange [4.47617375:5.62014768]
set format x '%g'
set format y '%.2f'
set xlabel 'forward cost, kFLOP per token' offset 0,0.3
set ylabel 'loss, nats per token' offset 0.6,0
set arrow 1 from graph 0, first 4.53745807 to graph 1, first 4.53745807 nohead lc rgb C_DENSE lw 0.9
set label 90 'dense' at graph 1, first 4.53745807 left offset screen 0.00698,0 font SMALL tc rgb C_DENSE
set label 100 '25%' at first 572.770664,5.44136487 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 101 '25%' at first 574.23271,5.257465 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 102 '50%' at first 641.18621,4.8715415 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 103 '50%' at first 714.063658,4.84716558 right offset screen -0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 104 '75%' at first 729.42,4.83171822 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 105 '75%' at first 737.507393,4.73078986 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 106 '75%' at first 761.779406,4.71291675 center offset screen 0.00000,0.02500 font SMALL tc rgb '#A0307A' front
set label 107 '87.5%' at first 774.657452,4.67105931 right offset screen -0.01047,-0.01964 font SMALL tc rgb C_MOD front
set label 108 '87.5%' at first 775.7165,4.65976203 left offset screen 0.01047,-0.01964 font SMALL tc rgb '#A0307A' front
set label 109 '25%' at first 572.910629,5.49245154 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 110 '25%' at first 576.48418,5.37849544 right offset screen -0.01163,0.00000 font SMALL tc rgb C_ALT front
set label 111 '25%' at first 577.514,5.40170753 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 112 '25%' at first 577.514,5.44566354 left offset screen 0.01047,0.01964 font SMALL tc rgb '#4A8FC7' front
set label 113 '25%' at first 577.8,5.48774309 center offset screen 0.00000,0.02500 font SMALL tc rgb C_CONTROL front
set label 115 '25%' at first 597.396673,5.47861236 center offset screen 0.00000,0.02500 font SMALL tc rgb '#8A6D00' front
set label 116 '25%' at first 609.819063,5.4301149 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 117 '50%' at first 641.531934,5.18164588 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 118 '50%' at first 642.737944,5.30044436 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 119 '50%' at first 645.740999,5.09627992 left offset screen 0.01163,0.00000 font SMALL tc rgb C_ALT front
set label 120 '50%' at first 646.811,5.15339853 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 121 '50%' at first 646.811,5.24378871 left offset screen 0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 122 '50%' at first 647.097,5.28237312 left offset screen 0.01047,0.01964 font SMALL tc rgb C_CONTROL front
set label 123 '50%' at first 647.225,5.1653308 right offset screen -0.01047,-0.01964 font SMALL tc rgb C_MOD front
set label 124 '25%' at first 658.282,5.55886336 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 125 '50%' at first 674.715007,5.24638655 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 126 '25%' at first 680.703433,4.99520148 left offset screen 0.01163,0.00000 font SMALL tc rgb '#A0307A' front
set label 127 '50%' at first 683.412806,5.17143687 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 128 '25%' at first 717.360872,4.99249697 right offset screen -0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 129 '75%' at first 725.099933,4.93261237 right offset screen -0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 130 '50%' at first 727.579,5.23970972 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 131 '75%' at first 729.42,4.88015322 left offset screen 0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 132 '75%' at first 729.467547,4.97525998 left offset screen 0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 133 '75%' at first 729.706,4.97407918 center offset screen 0.00000,0.02500 font SMALL tc rgb C_CONTROL front
set label 134 '75%' at first 729.834,4.91656285 right offset screen -0.01047,-0.01964 font SMALL tc rgb C_MOD front
set label 135 '75%' at first 730.165635,4.83624279 right offset screen -0.01047,-0.01964 font SMALL tc rgb C_ALT front
set label 136 '75%' at first 752.51934,4.9771946 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 137 '50%' at first 752.857665,4.84916339 center offset screen 0.00000,-0.02500 font SMALL tc rgb '#4A8FC7' front
set label 138 '75%' at first 756.684657,4.89126414 left offset screen 0.01163,0.00000 font SMALL tc rgb C_MOD front
set label 139 '87.5%' at first 774.774184,4.74450539 left offset screen 0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 142 '87.5%' at first 776.0025,4.804456 center offset screen 0.00000,0.02500 font SMALL tc rgb C_CONTROL front
set label 144 '87.5%' at first 777.696501,4.79885232 left offset screen 0.01163,0.00000 font SMALL tc rgb C_CONTROL front
set label 145 '75%' at first 789.165472,4.69529659 left offset screen 0.01163,0.00000 font SMALL tc rgb '#4A8FC7' front
set label 146 '75%' at first 810.188,4.89124531 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
set label 147 '87.5%' at first 856.4845,4.70458204 left offset screen 0.01163,0.00000 font SMALL tc rgb '#8A6D00' front
plot D index 14 using 1:2 with points ls 1 notitle, \
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
     D index 10 using 1:2:3:4 with yerrorbars lc rgb '#4A8FC7' pt 11 ps 0.9 lw 1.2 notitle, \
     D index 11 using 1:2 with lines lc rgb '#8A6D00' lw 0.7 notitle, \
     D index 11 using 1:2:3:4 with yerrorbars lc rgb '#8A6D00' pt 5 ps 0.9 lw 1.2 notitle, \
     D index 12 using 1:2 with lines lc rgb C_MOD lw 0.7 notitle, \
     D index 12 using 1:2:3:4 with yerrorbars lc rgb C_MOD pt 13 ps 0.9 lw 1.2 notitle, \
     D index 13 using 1:2 with lines lc rgb C_CONTROL lw 0.7 notitle, \
     D index 13 using 1:2:3:4 with yerrorbars lc rgb C_CONTROL pt 11 ps 0.9 lw 1.2 notitle
