# Groups in the order of the blocks of data: dense twin, MoD or every token, and
# tokens kept by no routed block, by some, by all.
array LC[5] = [C_DENSE, EVERY == 1 ? C_DENSE : C_MOD, C_ALT, OPC[5], C_CONTROL]
array LW[5] = [2.2, 2.2, 1.1, 1.1, 1.1]
array PT[5] = [PT_DENSE, EVERY == 1 ? PT_DENSE : PT_MOD, PT_ALT, 11, PT_CONTROL]
eval KEYONLY
plot [0:1][0:1] for [g in DRAWN] NaN with linespoints lc rgb LC[g+0] lw LW[g+0] pt PT[g+0] ps 0.9 title NAME[g+0]
eval PANELS
set yrange [0:103]
set ytics 0,25,100
set format x '%g'
set format y '%g%%'
