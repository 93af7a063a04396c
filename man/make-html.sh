#!/bin/sh
# make-html.sh MAN OUT - the pages of the folder MAN as HTML in the folder OUT, with an
# index.  A reference to a page of ours becomes a link, one to a function that has no
# page of its own a link to its place in the page that describes it, and one to a page
# of the system plain text.  Ends with an error if mandoc warns.
set -eu
LC_ALL=C
export LC_ALL

man=$1
out=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# link FILE: the page is read as a whole, because mandoc breaks lines within tags.
link() {
	awk '
		# What the reference leads to; empty: nowhere.
		function target(name,    place) {
			if (name in pages)
				return name ".html"
			if (!(name in aliases))
				return ""
			place = aliases[name] "#" anchor[name]
			return aliases[name] ".html" (place in places ? "#" anchor[name] : "")
		}
		FILENAME == ARGV[1] { aliases[$1 ".3"] = $2 ".3"; anchor[$1 ".3"] = $1; next }
		FILENAME == ARGV[2] { pages[$1] = 1; next }
		FILENAME == ARGV[3] { places[$1] = 1; next }
		{ whole = whole $0 "\n" }
		END {
			while (match(whole, /<a class="Xr"[ \n]+href="[^"]*">[^<]*<\/a>/)) {
				printf "%s", substr(whole, 1, RSTART - 1)
				tag = substr(whole, RSTART, RLENGTH)
				whole = substr(whole, RSTART + RLENGTH)
				split(tag, part, "\"")
				name = part[4]
				text = substr(part[5], 2)
				sub(/<\/a>$/, "", text)
				to = target(name)
				if (to != "")
					printf "<a class=\"Xr\" href=\"%s\">%s</a>", to, text
				else
					printf "<span class=\"Xr\">%s</span>", text
			}
			printf "%s", whole
		}' "$man/aliases" "$work/pages" "$work/places" "$1"
}

# entry PAGE: its names and what it is for
entry() {
	awk -v page="$1" '
		/^\.Nm / { sub(/^\.Nm /, ""); sub(/ ,$/, ""); names = names (names == "" ? "" : ", ") $0 }
		/^\.Nd / {
			sub(/^\.Nd /, "")
			printf "<dt><a href=\"%s.html\">%s</a></dt>\n<dd>%s</dd>\n", page, names, $0
			exit
		}' "$man/$1"
}

# list TITLE PATTERN: the entries of the pages whose names match
list() {
	echo "<h1>$1</h1>"
	echo '<dl>'
	grep "$2" "$work/pages" | while read -r page; do
		entry "$page"
	done
	echo '</dl>'
}

for page in "$man"/*.[0-9]; do
	basename "$page"
done >"$work/pages"

while read -r page; do
	mandoc -Thtml -Wwarning -Otoc,style=chan.css,man=%N.%S "$man/$page" >"$work/$page"
	tr '\n' ' ' <"$work/$page" | grep -o ' id="[^"]*"' | sed "s/^ id=\"\(.*\)\"/$page#\1/"
done <"$work/pages" >"$work/places"

mkdir -p "$out"
rm -f "$out"/*.html
while read -r page; do
	link "$work/$page" >"$out/$page.html"
done <"$work/pages"

{
	cat <<'END'
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8"/>
  <meta name="viewport" content="width=device-width, initial-scale=1.0"/>
  <link rel="stylesheet" href="chan.css" type="text/css" media="all"/>
  <title>libchan</title>
</head>
<body>
<div class="manual-text">
END
	list 'libchan: channels for C' '\.7$'
	list 'Calls' '\.3$'
	cat <<'END'
</div>
</body>
</html>
END
} >"$out/index.html"
cp "$man/chan.css" "$out/chan.css"
