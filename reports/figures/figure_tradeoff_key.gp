# A line is told by colour and shape together: 6 x 4, the first ones far apart.
# Darkened Okabe-Ito, all at least 3 : 1 on white.
array COLOUR[6] = [C_MOD, C_CONTROL, C_ALT, '#A0307A', '#4A8FC7', '#8A6D00']
array SHAPE[4] = [5, 9, 13, 11]
lc(l) = COLOUR[(l-1)%6+1]
pt(l) = SHAPE[((l-1)+(l-1)/6)%4+1]
# gnuplot's own key does not wrap names of unlike lengths.
unset key
do for [l=1:LINES] {
    x = 14+WIDTH*((l-1)%COLUMNS)
    y = 1-(KEYTOP+10+18*((l-1)/COLUMNS))/H
    set arrow 1000+l from screen x/W, screen y to screen (x+28)/W, screen y nohead lc rgb lc(l) lw 1.6
    set label 1000+l ' ' at screen (x+14)/W, screen y point pt pt(l) ps 0.9 lc rgb lc(l)
    set label 1200+l NAME[l] at screen (x+36)/W, screen y left tc rgb INK noenhanced
}
