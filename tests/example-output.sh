# Sourced after tally.sh: what the examples say that they print.

# expected_output SOURCE: the comment "Output:" at its end
expected_output() {
	sed -n '/^\/\* Output:/,/^ \*\//p' "$1" | sed -n 's/^ \*     //p'
}
