# roofline.gp - drawn by isobath report from roofline.dat:
#   gnuplot -e "FMT='png'" roofline.gp
if (!exists("OUT")) OUT = 'roofline'
D = 'roofline.dat'
W = 860.; H = 556.
ML = 72.; MR = 24.; MT = 141.; MB = 99.
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
set label 901 'Share of the peak FLOP/s reached, dense and MoD: train step 38 % and 37 %, prefill 36 % and' at screen 16./W, screen 1-20./H left font HEADFONT tc rgb INK
set label 902 '33 %, decode step 11 % and 10 %' at screen 16./W, screen 1-40./H left font HEADFONT tc rgb INK
set label 911 'FLOPs a second of each op against its FLOPs a byte of operands; area of a mark: share of the phase''s time; a thin line joins an' at screen 16./W, screen 1-62./H left tc rgb MUTED
set label 912 'op''s two models; slopes and level: what the machine allows, bands from low to high' at screen 16./W, screen 1-79./H left tc rgb MUTED
set label 921 'FLOPs and operand bytes counted, each operand once an op: no memory traffic  |  time measured  |  ceilings measured (2 cores of Emerald Rapids,' at screen 16./W, screen 29./H left font SMALL tc rgb MUTED
set label 922 'AVX-512)  |  not drawn, under 0.02 FLOP a byte: select, gather  |  isobath commit 77353873ea2d, Intel(R) Xeon(R) Processor' at screen 16./W, screen 14./H left font SMALL tc rgb MUTED
size(share) = 0.3 + 1.8*sqrt(share)
set multiplot
unset border; unset tics; unset grid
set key maxrows 1
plot [0:1][0:1] NaN with points ls 1 title 'dense twin', NaN with points ls 2 title 'MoD'
unset key
do for [i=901:930] { unset label i }
set border 3 ls 91
set logscale xy
set xrange [0.025:168.981974]
set yrange [0.465751935:720]
set xtics nomirror out scale 0.5,0.25 textcolor rgb INK
set ytics nomirror out scale 0.5,0.25 textcolor rgb INK
set grid xtics ytics ls 90, ls 90
set xlabel 'FLOP per byte (log)' offset 0,0.3
set xtics ('0.1' 1e-1, '1' 1e0, '10' 1e1, '100' 1e2)
set lmargin at screen 72.0/W
set rmargin at screen 313.3/W
set bmargin at screen MB/H+0.0/H
set tmargin at screen MB/H+316.0/H
set label 199 'train step, batch 16, 256 tokens' at graph 0,1 left offset screen 0,0.02381 tc rgb INK
set ylabel 'GFLOP/s (log)' offset 0.6,0
set ytics ('1' 1e0, '10' 1e1, '100' 1e2)
set label 164 'DRAM 34.0 GB/s' at graph 1,0 right offset screen -0.00465,0.01984 font SMALL tc rgb MUTED
set label 163 'L3 59.0 GB/s' at graph 1,0 right offset screen -0.00465,0.04762 font SMALL tc rgb MUTED
set label 162 'L2 285 GB/s' at graph 1,0 right offset screen -0.00465,0.07540 font SMALL tc rgb MUTED
set label 161 'L1 442 GB/s' at graph 1,0 right offset screen -0.00465,0.10317 font SMALL tc rgb MUTED
set label 165 'slopes, top down:' at graph 1,0 right offset screen -0.00465,0.13095 font SMALL tc rgb MUTED
set label 160 'peak 354 GFLOP/s' at first 168.981974,360 right offset screen 0,0.01786 font SMALL tc rgb MUTED
set label 200 'attend' at first 39.1528494,102.538218 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
set label 201 'qkv' at first 60.6938887,161.52346 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
set label 202 'ffn.up, ffn.down' at first 65.8946742,158.939235 right offset screen -0.01047,0.02183 font SMALL tc rgb INK front
set label 214 'act' at first 2.8,48.1933034 left offset screen 0.01047,-0.02183 font SMALL tc rgb INK front
set label 219 'project' at first 31.2118227,133.087413 right offset screen -0.01047,-0.02183 font SMALL tc rgb INK front
plot D index 10 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 12 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 14 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 16 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 18 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 9 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 11 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 13 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 15 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 17 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 2 using 1:2 with lines lc rgb '#9AA0A6' lw 0.8 notitle, \
     D index 0 using 1:2:(size($3)) with points pt PT_DENSE lc rgb '#70555555' ps variable notitle, \
     D index 0 using 1:2:(size($3)) with points pt PT_DENSE-1 lc rgb C_DENSE lw 0.8 ps variable notitle, \
     D index 1 using 1:2:(size($3)) with points pt PT_MOD lc rgb '#700072B2' ps variable notitle, \
     D index 1 using 1:2:(size($3)) with points pt PT_MOD-1 lc rgb C_MOD lw 0.8 ps variable notitle
do for [i=100:499] { unset label i }
unset ylabel
set lmargin at screen 333.3/W
set rmargin at screen 574.7/W
set bmargin at screen MB/H+0.0/H
set tmargin at screen MB/H+316.0/H
set label 199 'prefill, batch 16, 256 tokens' at graph 0,1 left offset screen 0,0.02381 tc rgb INK
set ytics ('' 1e0, '' 1e1, '' 1e2)
set label 200 'attend' at first 35.3196581,98.3987889 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
set label 201 'ffn.down, ffn.up' at first 41.1801632,152.968384 right offset screen -0.01047,0.02183 font SMALL tc rgb INK front
set label 202 'qkv' at first 46.0656045,170.53568 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
plot D index 10 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 12 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 14 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 16 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 18 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 9 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 11 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 13 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 15 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 17 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 5 using 1:2 with lines lc rgb '#9AA0A6' lw 0.8 notitle, \
     D index 3 using 1:2:(size($3)) with points pt PT_DENSE lc rgb '#70555555' ps variable notitle, \
     D index 3 using 1:2:(size($3)) with points pt PT_DENSE-1 lc rgb C_DENSE lw 0.8 ps variable notitle, \
     D index 4 using 1:2:(size($3)) with points pt PT_MOD lc rgb '#700072B2' ps variable notitle, \
     D index 4 using 1:2:(size($3)) with points pt PT_MOD-1 lc rgb C_MOD lw 0.8 ps variable notitle
do for [i=100:499] { unset label i }
unset ylabel
set lmargin at screen 594.7/W
set rmargin at screen 836.0/W
set bmargin at screen MB/H+0.0/H
set tmargin at screen MB/H+316.0/H
set label 199 'decode step, batch 16, 64 steps' at graph 0,1 left offset screen 0,0.02381 tc rgb INK
set ytics ('' 1e0, '' 1e1, '' 1e2)
set label 200 'attend' at first 0.597394875,12.9347121 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
set label 201 'ffn.down, ffn.up' at first 4.26697431,74.6682175 left offset screen 0.01047,-0.02183 font SMALL tc rgb INK front
set label 202 'qkv, project' at first 4.28784119,78.5839411 left offset screen 0.01163,0.00000 font SMALL tc rgb INK front
plot D index 10 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 12 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 14 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 16 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 18 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     D index 9 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 11 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 13 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 15 using 1:2 with lines lc rgb MUTED lw 0.9 dt solid notitle, \
     D index 17 using 1:2 with lines lc rgb MUTED lw 1.6 dt solid notitle, \
     D index 8 using 1:2 with lines lc rgb '#9AA0A6' lw 0.8 notitle, \
     D index 6 using 1:2:(size($3)) with points pt PT_DENSE lc rgb '#70555555' ps variable notitle, \
     D index 6 using 1:2:(size($3)) with points pt PT_DENSE-1 lc rgb C_DENSE lw 0.8 ps variable notitle, \
     D index 7 using 1:2:(size($3)) with points pt PT_MOD lc rgb '#700072B2' ps variable notitle, \
     D index 7 using 1:2:(size($3)) with points pt PT_MOD-1 lc rgb C_MOD lw 0.8 ps variable notitle
do for [i=100:499] { unset label i }
unset ylabel
unset multiplot
