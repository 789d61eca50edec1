# A block of rows an allocation, side by side: block, percent; NAME0, NAME1, ... of
# those that were run.
set xrange [X0:X1]
set yrange [-4:108]
set ytics 25
set format y '%g%%'
set xtics 1 scale 0
unset grid
set grid ytics ls 90
set xlabel 'block' offset 0,0.3
plot for [s=0:N-1] D index s using 1:2 with impulses lc rgb COLOUR[s+1] lw 2.4 notitle, \
     for [s=0:N-1] D index s using 1:2 with points pt MARK[s+1] ps 0.9 lc rgb COLOUR[s+1] \
         title (exists(sprintf('NAME%d', s)) ? value(sprintf('NAME%d', s)) : '')
