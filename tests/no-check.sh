#!/bin/sh
# Stands in for a suite where configure did not find Check.
. "$top_srcdir/tests/tally.sh"
skip "$(basename "$0")" 'needs Check, which configure did not find'
tally_end
