# Every run and the means of each kind; DENSE and SD of the best dense model to
# beat, where there is one.
set format x '%g'
set xlabel XLABEL offset 0,0.3
set ylabel 'held-out loss, nats per byte' offset 0.6,0
BEST = ''
if (exists("DENSE")) {
    if (SD > 0) { set object 1 rectangle from graph 0, first DENSE-SD to graph 1, first DENSE+SD fs solid 1 noborder fc rgb '#F0F0F0' behind }
    set arrow 1 from graph 0, first DENSE to graph 1, first DENSE nohead lc rgb C_DENSE lw 0.9
    BEST = sprintf('%.4f', DENSE).(SD > 0 ? ', ± sd' : '')
    if (!NARROW) {
        set label 90 'best dense' at graph 1, first DENSE left offset screen 6./W,7/H font SMALL tc rgb C_DENSE
        set label 91 BEST at graph 1, first DENSE left offset screen 6./W,-7/H font SMALL tc rgb C_DENSE
    }
}
array NAME[4] = ['dense', 'MoD, learned routing', 'MoD, control routing', 'other modes']
plot for [k in KINDS] D index 0+k-1 using 1:2 with points ls k+0 ps 0.35 notitle, \
     for [k in KINDS] D index 3+k using 1:2:3 with yerrorbars ls k+0 lw 1.2 title NAME[k+0], \
     for [k=1:NARROW && BEST ne ''] NaN with lines lc rgb C_DENSE lw 0.9 title 'best dense '.BEST
