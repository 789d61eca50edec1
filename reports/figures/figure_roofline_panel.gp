# Three blocks of data: dense twin, MoD, an op's two joined.  ROOF: the blocks of
# ceilings, each followed by its band.
eval PLACE
set label 199 TITLE at graph 0,1 left offset screen 0,12./H tc rgb INK
set ylabel YLABEL offset 0.6,0
set format y (YLABEL eq '' ? '' : '%g')
plot for [i=1:ROOFS] D index ROOF[i]+1 using 1:2 with filledcurves closed fs solid 1 noborder lc rgb '#EDEFF1' notitle, \
     for [i=1:ROOFS] D index ROOF[i] using 1:2 with lines lc rgb MUTED lw WIDE[i] dt DASH[i] notitle, \
     D index BLOCK+2 using 1:2 with lines lc rgb '#9AA0A6' lw 0.8 notitle, \
     D index BLOCK using 1:2:(size($3)) with points pt PT_DENSE lc rgb '#70555555' ps variable notitle, \
     D index BLOCK using 1:2:(size($3)) with points pt PT_DENSE-1 lc rgb C_DENSE lw 0.8 ps variable notitle, \
     D index BLOCK+1 using 1:2:(size($3)) with points pt PT_MOD lc rgb '#700072B2' ps variable notitle, \
     D index BLOCK+1 using 1:2:(size($3)) with points pt PT_MOD-1 lc rgb C_MOD lw 0.8 ps variable notitle
eval SAY_FRAME
do for [i=100:499] { unset label i }
