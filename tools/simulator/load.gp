# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# gnuplot -e "csv='FILE'" load.gp: the load factor over time, of the columns that simulate.c writes, every third second
set terminal svg size 860,660 font "sans,12" background rgb "white"
set datafile separator ","
set xrange [-10:420]
set grid
set style line 1 lc rgb "#b2182b" lw 2
set style line 2 lc rgb "#2166ac" lw 2
set style line 3 lc rgb "#67a9cf" lw 2
set style line 4 lc rgb "#b2182b" lw 2 dt 3
set style line 5 lc rgb "#1b7837" lw 2 dt 2
set style line 6 lc rgb "#7fbf7b" lw 2 dt 2
set style line 7 lc rgb "#555555" lw 2 dt 4
names = "'all controllers die, fail-open-spread 0' '... 60 (default)' '... 300' 'stop everywhere' 'stop --ramp 60' \
'stop --ramp 300' 'percent 75, 50, 25, 0'"
number(i) = i < 7 ? i + 1 : 9
set ylabel "load, 1 = with the filter"
set multiplot layout 2,1
set title "Hosts without a cache"
set yrange [0.9:2.1]
set key right bottom
plot for [i=1:7] csv using 1:(column(number(i))) every 3::1 with lines ls i title word(names, i)
set title "Hosts with a cache"
set yrange [0.9:3.2]
unset key
set xlabel "seconds after the controllers died, or the first stop"
plot for [i=1:7] csv using 1:(column(number(i) + 8)) every 3::1 with lines ls i
unset multiplot
