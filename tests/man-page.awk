# Takes a part out of an mdoc page; for check-man.sh.
#
#	awk -v part=PART [-v which=N] [-v root=FOLDER] -f man-page.awk PAGE
#
#	names       the functions of NAME, one a line
#	prototypes  the functions of SYNOPSIS, as C declarations
#	sections    the section titles, one a line
#	references  the pages referred to, as name.section
#	programs    the number of programs in EXAMPLES
#	program     the Nth one (a literal display), as C
#	output      what it prints (the literal display after it)
#	excerpts    the number of displays that a line `.\" excerpt FILE' precedes; each
#	            must be lines of root/FILE, indented as the page likes, or of its
#	            comment "Output:"; a line `...' stands for what is left out
#	fragments   the number of the other displays, outside SYNOPSIS and EXAMPLES
#	fragment    the Nth of them, as C for the body of a function
#	macros      the lines within tables that are not plain text
#
# A literal display must be such that a formatter shows, and a reader pastes,
# exactly what is extracted here; where it is not, the exit status is 1.

function complain(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what >"/dev/stderr"
	wrong = 1
}

# The text that a formatter makes of one line in a literal display.
function plain(line,    out, i, c) {
	if (line ~ /^[.']/)
		complain("a request within a literal display, or \\& is missing")
	out = ""
	for (i = 1; i <= length(line); i++) {
		c = substr(line, i, 1)
		if (index("-'`^~", c))
			complain("escape the character " c ", or it is changed in print")
		if (c != "\\") {
			out = out c
			continue
		}
		c = substr(line, ++i, 1)
		if (c == "(") {
			c = substr(line, i + 1, 2)
			i += 2
		}
		if (!(c in escape))
			complain("unknown escape \\" c)
		out = out escape[c]
	}
	return out
}

# Splits the arguments of a macro into arg[1..n]; quotes keep spaces.
function arguments(line, arg,    n) {
	n = 0
	sub(/^\.[^ ]+ */, "", line)
	while (line != "") {
		if (match(line, /^"[^"]*"/))
			arg[++n] = substr(line, 2, RLENGTH - 2)
		else if (match(line, /^[^ ]+/))
			arg[++n] = substr(line, 1, RLENGTH)
		line = substr(line, RLENGTH + 1)
		sub(/^ +/, "", line)
	}
	return n
}

function declare(type, name, list) {
	if (part == "prototypes")
		print type " " name "(" list ");"
}

# ----------------------------------------------------------------- excerpts

# The file's lines are body[1..lines], what it says that it prints says[1..said].
function load(file,    line, output) {
	lines = said = 0
	while ((getline line <(root "/" file)) > 0) {
		body[++lines] = line
		if (line ~ /^\/\* Output:/)
			output = 1
		else if (output && sub(/^ \*     /, "", line))
			says[++said] = line
	}
	close(root "/" file)
	if (lines == 0)
		complain("there is no " file)
}

# Do shown[from..to] stand in all[at..], each behind the same tabs?
function stands(all, at, from, to,    indent, i) {
	match(shown[from], /^\t*/)
	i = RLENGTH
	match(all[at], /^\t*/)
	indent = substr(all[at], 1, RLENGTH - i)
	for (i = from; i <= to; i++)
		if (all[at + i - from] != (shown[i] == "" ? "" : indent shown[i]))
			return 0
	return 1
}

# The place of shown[from..to] in all[after + 1..n]; 0: it is not there.
function place(all, n, after, from, to,    at) {
	for (at = after + 1; at + to - from <= n; at++)
		if (stands(all, at, from, to))
			return at
	return 0
}

# Is shown[1..rows] made of lines of the file, in their order?
function is_excerpt(    from, to, at) {
	if (place(says, said, 0, 1, rows))
		return 1
	for (from = 1; from <= rows; from = to + 2) {
		for (to = from; to < rows && shown[to + 1] != "..."; to++)
			continue
		at = place(body, lines, at, from, to)
		if (at == 0)
			return 0
		at += to - from
	}
	return 1
}

BEGIN {
	escape["e"] = "\\"; escape["-"] = "-"; escape["&"] = ""; escape[" "] = " "
	escape["aq"] = "'"; escape["dq"] = "\""; escape["ga"] = "`"
	escape["ha"] = "^"; escape["ti"] = "~"; escape["rs"] = "\\"
}

display == 0 && /^\.Sh / {
	section = substr($0, 5)
	if (part == "sections")
		print section
	next
}

/^\.TS/ { table = 1; next }
/^\.TE/ { table = 0; next }
table && part == "macros" && (/^[.']/ || /\\/) { print FILENAME ":" FNR ": " $0 }

part == "references" && /^\.Xr / { print $2 "." $3 }

part == "names" && section == "NAME" && /^\.Nm / { print $2 }

section == "SYNOPSIS" && /^\.Ft / { arguments($0, a); type = a[1] }
section == "SYNOPSIS" && /^\.Fn / {
	n = arguments($0, a)
	list = a[2]
	for (i = 3; i <= n; i++)
		list = list ", " a[i]
	declare(type, a[1], list)
}
section == "SYNOPSIS" && /^\.Fo / { name = $2; list = "" }
section == "SYNOPSIS" && /^\.Fa / {
	arguments($0, a)
	list = list (list == "" ? "" : ", ") a[1]
}
section == "SYNOPSIS" && /^\.Fc/ { declare(type, name, list) }

/^\.\\" excerpt / { file = $3 }
literal && /^\.Ed/ {
	if (file != "" && part == "excerpts") {
		load(file)
		if (!is_excerpt())
			complain("this is no excerpt of " file)
	}
	excerpts += file != ""
	literal = 0
	file = ""
}
literal && part == "excerpts" && file != "" { shown[++rows] = plain($0) }
literal && part == "fragment" && fragments == which && loose {
	text = plain($0)
	sub(/^\.\.\./, ";", text)
	print text
}
/^\.Bd -literal/ {
	literal = 1
	rows = 0
	loose = file == "" && section != "SYNOPSIS" && section != "EXAMPLES"
	fragments += loose
}

section == "EXAMPLES" && /^\.Ed/ { display = 0 }
display > 0 {
	text = plain($0)
	if (display == 2 * which - 1 && part == "program" || display == 2 * which && part == "output")
		print text
}
section == "EXAMPLES" && /^\.Bd -literal/ { display = ++displays }

END {
	if (literal)
		complain("a literal display does not end")
	if (part == "excerpts")
		print excerpts + 0
	if (part == "fragments")
		print fragments + 0
	if (part == "programs") {
		if (displays % 2 != 0)
			complain("programs and outputs do not come in pairs")
		print int(displays / 2)
	}
	exit wrong
}
