# Key and axes of all panels.
size(share) = 0.3 + 1.8*sqrt(share)
eval KEYONLY
plot [0:1][0:1] for [k=1:DENSE] NaN with points ls 1 title (MOD ? 'dense twin' : 'dense'), for [k=1:MOD] NaN with points ls 2 title 'MoD'
eval PANELS
set format '%g'
unset mxtics; unset mytics
set xlabel 'FLOP per byte (log)' offset 0,0.3
