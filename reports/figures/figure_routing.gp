# Cells of LAYERS parts above each token, over ROWS rows of text.
RH = LAYERS*CELL + 26.      # 26: text and a gap
set xrange [-0.5:COLUMNS]
set yrange [-(ROWS-1)*RH-26:LAYERS*CELL+4]
unset border; unset tics; unset grid; unset key
set label 1 'layer '.LAST at -0.2,(LAYERS-0.5)*CELL right offset -0.4,0 font SMALL tc rgb MUTED
if (LAYERS > 1) { set label 2 'layer '.FIRST at -0.2,0.5*CELL right offset -0.4,0 font SMALL tc rgb MUTED }

y0(r) = -r*RH
shade(n) = int(255-122.*n/LAYERS)*2**24 + 0x0072B2
plot D using (($2+$3)/2.):(y0($1)):($2+0.02):($3-0.02):(y0($1)-17):(y0($1)-3):(shade($4)) with boxxyerror fs solid 1.0 noborder lc rgb variable, \
     for [k=1:LAYERS] D using (($2+$3)/2.):(0):($2+0.1):($3-0.1):(y0($1)+(k-0.9)*CELL):(y0($1)+(k-0.1)*CELL):(column(k+5) > 0 ? 0x0072B2 : 0xFFFFFF) with boxxyerror fs solid 1.0 border rgb '#9FB8CC' lw 0.5 lc rgb variable, \
     D using (($2+$3)/2.):(y0($1)-10):5 with labels font MONO tc rgb INK
