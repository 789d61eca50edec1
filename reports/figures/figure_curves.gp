# A block for each curve, thin ones first; THICK of the CURVES are lines of the
# key.
set format x '%g'
set xlabel 'training FLOPs spent, '.UNIT.' (log)' offset 0,0.3
set ylabel 'loss, nats per byte' offset 0.6,0
array LIGHT[4] = ['#B8B8B8', '#9CC6E2', '#E0B59A', '#A3CBBB']
plot for [i=1:CURVES-THICK] D index i-1 using ($1/FACTOR):2 with lines lw 0.9 lc rgb LIGHT[KIND[i]] notitle, \
     for [i=CURVES-THICK+1:CURVES] D index i-1 using ($1/FACTOR):2 with lines ls KIND[i] lw 2.4 title NAME[i]
