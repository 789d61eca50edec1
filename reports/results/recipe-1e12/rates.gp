# rates.gp - draws rates.dat, which scripts/recipe writes:
#   gnuplot -e "FMT='png'" rates.gp
if (!exists("FMT")) FMT = 'svg'          # svg or png
D = 'rates.dat'
W = 1000.; H = 440.
FONT = (FMT eq 'svg') ? 'Arial' : 'Liberation Sans'
if (FMT eq 'svg') { set terminal svg size W,H font FONT.',13' rounded background '#ffffff' }
if (FMT eq 'png') { set terminal pngcairo size int(2*W),int(2*H) font FONT.',9.75' fontscale 2 linewidth 2 pointscale 2 rounded background '#ffffff' }
set termoption noenhanced
set output 'rates.'.FMT
set encoding utf8

array SHAPE[5] = ['dense 2x40', 'dense 3x40', 'dense 4x48', 'MoD 2+2 x40', 'MoD 3+3 x40']
array CURVE[5] = ['fan_in_depth, 256', 'fan_in, 256', 'fan_in, 512', 'fan_in, 1024', 'gpt2, 256']
array COLOUR[5] = ['#0072B2', '#555555', '#1B7F5C', '#8A8A8A', '#B34700']
array POINT[5] = [5, 7, 13, 11, 9]

# How many rows stand under a title; a curve of one point is drawn too.
rows(title) = int(system("awk -v t='# ".title."' '$0 == t { on = 1; next } NF == 0 { on = 0 } on { n++ } END { print n + 0 }' ".D))

set logscale x
set xrange [1.7e-3:1.1e-2]; set yrange [1.33:1.66]
set xtics nomirror ('2.15e-3' 2.15e-3, '4.3e-3' 4.3e-3, '8.6e-3' 8.6e-3) textcolor '#5F6368' font FONT.',9'
set ytics nomirror 0.05 format '%.2f' textcolor '#5F6368'
set grid ytics linecolor '#E3E3E3'
set border 3 linecolor '#5F6368'
set key off
set multiplot layout 1,5 margins 0.06,0.99,0.40,0.83 spacing 0.012 title \
    'The draw decides as much as the rate, for MoD more, and fewer tokens a step are better: held-out nats per byte at 1e12 training FLOPs, one seed'
do for [s=1:5] {
    set title SHAPE[s] font FONT.',12'
    if (s > 1) { set format y '' }
    if (s == 3) {
        set xlabel 'learning rate at its peak' textcolor '#5F6368'
    } else {
        unset xlabel
    }
    set key off
    if (s == 1) { set key at screen 0.05,0.27 left top vertical reverse Left samplen 2 }
    plot for [c=1:5] (rows(CURVE[c].', '.SHAPE[s]) > 0 ? D : '/dev/null') \
        index CURVE[c].', '.SHAPE[s] using 1:2 with linespoints \
        linecolor rgb COLOUR[c] pointtype POINT[c] pointsize 0.8 linewidth 1.8 \
        title CURVE[c].' tokens a step'
    if (s == 1) {
        set label 1 'reports/results/recipe-1e12: King James Bible, 169,216 held-out bytes, causal rule' at screen 0.06,0.03 textcolor '#5F6368' font FONT.',10'
    } else { unset label 1 }
}
unset multiplot
