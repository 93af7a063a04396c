# report.awk - one line a cell, from the records of a benchmark run
#
# A record: cell implementation messages wall_ns cpu_ns, the rounds of an
# implementation in order.  libchan's name may carry the flavor that served.
# Ratios are of the n-th run of the one to the n-th of the other, because they
# ran side by side; above 1 libchan is faster.

NF != 5 || ($1 in messages && $3 != messages[$1]) {
	print "record " NR " does not fit: " $0
	broken = 1
	exit 1
}

{
	who = $2 ~ /^libchan/ ? "ours" : "peer"
	if (who == "peer")
		peer_name = $2
	else {
		flavor[$1] = $2
		sub(/^libchan:?/, "", flavor[$1])
	}
	if (!($1 in messages)) {
		cell[++cells] = $1
		messages[$1] = $3
	}
	n = ++runs[$1, who]
	wall[$1, who, n] = $4 / $3
	cpu[$1, who, n] = $5 / $3
}

# Fills sorted[1..n]; mawk and the awk of BSD have no asort.
function sort_numbers(n,   i, j, value) {
	for (i = 2; i <= n; i++) {
		value = sorted[i]
		for (j = i - 1; j > 0 && sorted[j] > value; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
}

function median(n) {
	sort_numbers(n)
	return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

# Plain numbers would drown in digits: three that count.
function short(x) {
	return x >= 99.95 ? sprintf("%.0f", x) : sprintf("%.1f", x)
}

function wall_of(name, who,   i, n, middle) {
	n = runs[name, who]
	if (!n)
		return "-"
	for (i = 1; i <= n; i++)
		sorted[i] = wall[name, who, i]
	middle = median(n)
	return short(middle) " (" short(sorted[1]) "-" short(sorted[n]) ")"
}

function cpu_of(name, who,   i, n) {
	n = runs[name, who]
	if (!n)
		return "-"
	for (i = 1; i <= n; i++)
		sorted[i] = cpu[name, who, i]
	return short(median(n))
}

# The median over the pairs; 0 where there is none.
function ratio_of(times, name,   i, n) {
	n = runs[name, "ours"] < runs[name, "peer"] ? runs[name, "ours"] : runs[name, "peer"]
	for (i = 1; i <= n; i++)
		sorted[i] = times[name, "peer", i] / times[name, "ours", i]
	return n ? median(n) : 0
}

function line(a, b, c, d, e, f, g, h, i) {
	printf "%-19s %-13s %9s  %-24s %-24s %6s  %8s %8s %6s\n", a, b, c, d, e, f, g, h, i
}

function with_peer(name,   r, c) {
	r = ratio_of(wall, name)
	c = ratio_of(cpu, name)
	line(name, flavor[name], messages[name], wall_of(name, "ours"), wall_of(name, "peer"), sprintf("%.2f", r),
		cpu_of(name, "ours"), cpu_of(name, "peer"), sprintf("%.2f", c))
	pairs++
	log_wall += log(r)
	log_cpu += log(c)
	if (r < 1)
		lost[++losses] = name
}

function summary(   i) {
	printf "\ngeometric mean of %s/libchan: wall %.2f, user+sys %.2f\n",
		peer_name, exp(log_wall / pairs), exp(log_cpu / pairs)
	printf "cells lost: %d of %d", losses, pairs
	for (i = 1; i <= losses; i++)
		printf "%s %s", i == 1 ? ":" : ",", lost[i]
	print ""
}

END {
	if (broken)
		exit 1
	if (!cells) {
		print "no records"
		exit 1
	}
	print "ns a message: median (min-max) of wall time; user+sys: median; ratio: peer/libchan, median over the rounds\n"
	line("cell", "flavor", "messages", "libchan", peer_name ? peer_name : "peer", "ratio", "user+sys", "peer's", "ratio")
	for (i = 1; i <= cells; i++) {
		name = cell[i]
		if (runs[name, "ours"] && runs[name, "peer"])
			with_peer(name)
		else
			line(name, flavor[name], messages[name], wall_of(name, "ours"), wall_of(name, "peer"), "-",
				cpu_of(name, "ours"), cpu_of(name, "peer"), "-")
	}
	if (pairs)
		summary()
}
