# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# awk -v host= -v stub= -v names=: OUTCOME OUTCOME LOG LOG TIMES, without and with the filter; prints for each name
#   host, stub, name, outcome without, with, queries without, with (A/AAAA/TCP), median µs without, with
# Queries of names below a name (search lists) count for it.

function middle(list, n, values, i, j, swap) {
	n = split(list, values, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && values[j - 1] + 0 > values[j] + 0; j--) {
			swap = values[j]; values[j] = values[j - 1]; values[j - 1] = swap
		}
	return n ? values[int((n + 1) / 2)] : ""
}

function sent(side, name) {
	return sprintf("%d/%d/%d", queries[side, name, "A"], queries[side, name, "AAAA"], queries[side, name, "TCP"])
}

function name_of(qname, i) {
	qname = tolower(qname)
	for (i = 1; i <= count; i++)
		if (qname == name[i] || index(qname, name[i] ".") == 1)
			return name[i]
	return ""
}

BEGIN { count = split(names, name, " ") }
FNR == 1 { file++; side = file == 2 || file == 4 ? "with" : "without" }
file <= 2 {
	text = $0
	sub(/^result [^ ]+ */, "", text)
	said[side, $2] = said[side, $2] (said[side, $2] == "" ? "" : "; ") text
	next
}
file <= 4 {
	for (i = 1; i < NF; i++) if ($i == "query:") break
	type = $(i + 3)
	if (type == "A" || type == "AAAA")
		queries[side, name_of($(i + 1)), index($(i + 4), "T") ? "TCP" : type]++
	next
}
{ times[$1, $2] = times[$1, $2] " " $3 }
END {
	OFS = "\t"
	for (i = 1; i <= count; i++)
		print host, stub, name[i], said["without", name[i]], said["with", name[i]], sent("without", name[i]),
			sent("with", name[i]), middle(times["without", name[i]]), middle(times["with", name[i]])
}
