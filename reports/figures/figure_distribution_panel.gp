eval PLACE
set xrange [X0:X1]
if (NARROW) { set xtics STEP }
set xlabel XLABEL offset 0,0.3
set ylabel YLABEL offset 0.6,0
# Thin curves first, so that the two that matter lie on top; then the medians.
plot for [i=words(DRAWN):1:-1] D index BLOCK+word(DRAWN,i)-1 using 1:(100*$2) with steps lc rgb LC[word(DRAWN,i)+0] lw LW[word(DRAWN,i)+0] notitle, \
     for [i=words(DRAWN):1:-1] D index BLOCK+5+word(DRAWN,i)-1 using 1:(100*$2) with points lc rgb LC[word(DRAWN,i)+0] lw LW[word(DRAWN,i)+0] pt PT[word(DRAWN,i)+0] ps 0.9 notitle
eval SAY_FRAME
