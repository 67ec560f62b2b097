#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh bounded|exhaustive - check ring.pml, claims.pml and blind.pml
#
# bounded: small sizes, and every mutation must be found, as the violation that
# it is expected to be. exhaustive: larger sizes, no mutations, and a look at the
# next larger one, which is too large, for SKIM_SECONDS. The last line is
# `model: N passed, N failed, N skipped`. One core.

set -u

here=$(cd "$(dirname "$0")" && pwd)
out=${BUILD:-$here/../../build}/tests/model
model=$here/ring.pml
cc=${CC:-cc}
passed=0 failed=0
speed=-O1
skim_seconds=${SKIM_SECONDS:-300}

finish()
{
	echo "model: $passed passed, $failed failed, ${1:-0} skipped"
	[ $failed -eq 0 ]
	exit
}

for tool in spin "${cc%% *}"; do
	if ! command -v "$tool" >/dev/null; then
		echo "skip model: no $tool here"
		finish 1
	fi
done

good()
{
	passed=$((passed + 1))
	printf 'ok     %s\n' "$*"
}

bad()
{
	failed=$((failed + 1))
	printf 'NOT OK %s\n' "$1"
	sed 's/^/	/' log | head -n 30
}

# prepare NAME DEFINES CFLAGS - makes the verifier in its own directory
prepare()
{
	mkdir -p "$out/$1" && cd "$out/$1" || exit 1
	rm -f pan ./*.pml.trail
	# shellcheck disable=SC2086 # lists of words
	spin "-P$cc -E -x c" -a $2 "$model" >log 2>&1 &&
		$cc -w -DSAFETY -DNOFAIR -DVECTORSZ=512 $3 -o pan pan.c >log 2>&1
}

# number PATTERN - the first number on the line of the log that matches
number()
{
	sed -n "s/^[^0-9]*\([0-9][0-9.]*\).*$1.*/\1/p" log | head -n 1
}

# holds NAME DEFINES - no violation, and nothing left unexplored
holds()
{
	prepare "$1" "$2" "$speed -DCOLLAPSE -DMEMLIM=8000" || { bad "$1: does not build"; return; }
	./pan -w24 -m1000000 >log 2>&1
	if grep -q 'errors: 0$' log && ! grep -qE 'too small|not completed|out of memory' log; then
		seconds=$(sed -n 's/.*elapsed time \([0-9.]*\).*/\1/p' log)
		good "$1 ($2): $(number 'states, stored') states," \
		     "$(number 'total actual') MB, ${seconds:-0} s"
	else
		bad "$1 ($2)"
	fi
}

# skims NAME DEFINES - no violation in what can be seen in SKIM_SECONDS, with 16
# Gbit of hash: some states may be taken for others, and most are left out
skims()
{
	prepare "$1" "$2" "$speed -DBITSTATE" || { bad "$1: does not build"; return; }
	timeout -s INT "$skim_seconds" ./pan -w34 -k3 -m1000000 >log 2>&1
	if grep -q 'errors: 0$' log && ! grep -q 'too small' log; then
		all='not all'
		grep -qE 'Interrupted|not completed' log || all='all'
		good "$1 ($2): $(number 'states, stored') states, $all," \
		     "$(sed -n 's/.*hash factor: \([0-9.]*\).*/\1/p' log) bits for each"
	else
		bad "$1 ($2)"
	fi
}

# finds MUTATION VIOLATION DEFINES - breadth first: the trail is a shortest one
finds()
{
	case $2 in
	lost)	text='invalid end state' ;;		# nobody wakes a sleeper
	poison)	text='destroyed&(1<<address' ;;		# read after reclaim
	stuck)	text='!(retired)' ;;			# never reclaimed
	torn)	text='address==next' ;;			# one message's seq, another's address
	held)	text='destroyed&(1<<holds' ;;		# the same, in blind.pml
	twice)	text='destroyed&(1<<i' ;;		# destroyed a second time
	ahead)	text='q>=cursor' ;;			# starts behind the newest
	spins)	text='!(sure)' ;;			# tries for ever, after a death
	unread)	text='cursor>last' ;;			# a dead publisher dropped too early
	again)	text='taken&(1<<q' ;;			# claims.pml: taken twice
	used)	text='destroyed&(1<<q' ;;		# claims.pml: destroyed while on loan
	unmapped) text='!(dropped)' ;;			# claims.pml: dropped while on loan
	esac
	prepare "$1-$2" "-DM_$1 $3" '-O0 -DBFS -DMEMLIM=2000' ||
		{ bad "$1: does not build"; return; }
	timeout 60 ./pan -m1000000 >log 2>&1
	if grep '^pan:1: ' log | grep -qF "$text"; then
		good "finds $1: $2, $(sed -n 's/^pan:1:.*at depth \([0-9]*\).*/\1/p' log) steps"
	else
		bad "finds $1: $2 ($3)"
	fi
}

# A mutation that is in the model and not in the list below is a mistake.
all_listed()
{
	mkdir -p "$out" && cd "$out" || exit 1
	: >log
	grep -ohE '\<M_[A-Z][A-Z_]+' "$here"/*.pml | sort -u | while read -r m; do
		grep -qE "^	finds ${m#M_} " "$here/run.sh" || echo "$m" >>log
	done
	if [ -s log ]; then bad 'every mutation is tried'; else good 'every mutation is tried'; fi
}

bounded()
{
	all='-DJOINS=1 -DDEATHS=1'
	holds one "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=4"
	holds one-arm "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=3 -DARM"
	holds two "-DJOINS=2 -DDEATHS=1 -DLAST=2"
	holds time-out "-DNSUB=1 -DJOINS=0 -DDEATHS=0 -DSLEEP -DTIMEOUTS=1 -DLAST=4"
	holds edge "-DNSUB=1 $all -DBELL=EDGE -DLAST=3"
	holds level "-DNSUB=1 $all -DBELL=LEVEL -DLAST=3"
	holds late-latest "-DNSUB=1 -DJOINS=1 -DDEATHS=0 -DTL -DLATEST -DLAST=5"
	holds late-latest-arm "-DNSUB=1 -DJOINS=1 -DDEATHS=0 -DTL -DLATEST -DLAST=5 -DARM"
	holds reuse "-DNSUB=1 $all -DREUSE=3 -DLAST=4"
	holds reuse-arm "-DNSUB=1 $all -DREUSE=3 -DLAST=4 -DARM"

	holds killed "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=3 -DKILLED"
	holds killed-arm '-DNSUB=1 -DJOINS=1 -DDEATHS=0 -DSLEEP -DLAST=3 -DKILLED -DARM'
	holds killed-alone "-DNSUB=1 $all -DSLEEP -DALONE -DLAST=3 -DKILLED"
	holds killed-late '-DNSUB=1 -DJOINS=1 -DDEATHS=0 -DTL -DLATEST -DBELL=EDGE -DLAST=4 -DKILLED'

	all_listed
	one='-DNSUB=1 -DJOINS=0 -DDEATHS=0'
	join='-DNSUB=1 -DJOINS=1 -DDEATHS=0'
	finds NO_READER_FENCE poison "$one"
	finds NO_PUBLISHER_FENCE poison "$one"
	finds NO_PUBLISHER_FENCE lost "$one -DSLEEP -DLAST=1"
	finds IGNORE_CLAIMS poison "$one"
	finds TAIL_AFTER_SCAN poison "$one"
	finds NO_TAIL_CHECK poison "$one"
	finds CAPACITY_IS_DEPTH torn "$one"
	finds DESTROY_TWICE twice "$one"
	finds CLAIM_BEFORE_ROSTER poison "$join"
	finds IGNORE_UNMAPPED poison "$join"
	finds KEEP_DEAD stuck '-DNSUB=1 -DJOINS=0 -DDEATHS=1'
	finds NO_INSTANCE_CHECK poison "$one -DREUSE=3 -DLAST=5"
	finds WAKE_BEFORE_FENCE lost "$one -DSLEEP -DLAST=2"
	finds WAKE_BEFORE_ROSTER lost "$join -DSLEEP -DLAST=2"
	finds NO_SLEEPER_FENCE lost "$one -DSLEEP"
	finds HEAD_AFTER_LOOK lost "$one -DSLEEP -DLAST=2"
	finds PUBLISHER_LOWERS_WAITING lost "$one -DSLEEP"
	finds SEQ_STORE_RELAXED torn "$one -DARM"
	finds SEQ_LOAD_RELAXED torn "$one -DARM"
	finds NO_ACQUIRE_FENCE torn "$one -DARM -DLAST=4"
	finds WAKE_ONCE lost "$one -DSLEEP"
	finds SAME_VALUE lost "$one -DSLEEP"
	finds ARM_AFTER_LOOK lost "$one -DBELL=EDGE -DLAST=2"
	finds NO_ARM_FENCE lost "$one -DBELL=EDGE -DLAST=2"
	finds ARM_ONCE lost "$one -DBELL=EDGE"
	finds HEARD_AFTER_LOOK lost "$one -DBELL=EDGE -DLAST=2"
	finds RESET_AFTER_ARM lost "$one -DBELL=LEVEL -DLAST=2"
	finds NEWCOMER_NOT_RUNG lost "$join -DBELL=EDGE -DLAST=2"
	finds HEAD_BEFORE_OLDEST ahead "$join -DTL -DLAST=5"
	finds CLAIM_BEFORE_ROSTER poison "$join -DTL"
	finds CLAIM_THEN_PASS_OVER poison "$one -DLATEST"
	finds IGNORE_CLAIMS poison "$join -DTL -DLATEST"
	finds TIMEOUT_SAME_VALUE lost "$one -DSLEEP -DTIMEOUTS=1"
	finds RELEASE_RELAXED poison "$one -DARM"
	finds NO_NEWS lost "$one -DSLEEP -DLAST=2 -DKILLED"
	finds NO_NEWS lost "$one -DBELL=EDGE -DLAST=2 -DKILLED"
	finds STIR_ONCE lost "$one -DSLEEP -DALONE -DLAST=2 -DKILLED"
	finds RETIRE_BEFORE_PUT spins "$one -DKILLED"
	finds LOOK_BEFORE_GONE unread "$one -DLAST=2 -DKILLED"

	model=$here/claims.pml
	holds claims '-DLAST=2 -DOTHERS=1'
	holds claims-killed '-DLAST=3 -DOTHERS=0 -DTWICE=1 -DKILLED'
	finds NO_LOCK again '-DLAST=1 -DOTHERS=0'
	finds CLEAR_BIT_FIRST used '-DLAST=3 -DOTHERS=0'
	finds BITMAP_NOT_ATOMIC used '-DLAST=3 -DOTHERS=0'
	finds RELEASE_UNCHECKED used '-DLAST=3 -DOTHERS=0 -DTWICE=1'
	finds CLAIM_IS_SEQ used '-DLAST=1 -DOTHERS=2 -DTWICE=1 -DSLOTS=1'
	finds DROP_CLAIMED unmapped '-DLAST=1 -DOTHERS=0 -DKILLED'

	model=$here/blind.pml
	holds blind '-DLAST=4 -DATTEMPTS=3'
	holds blind-arm '-DLAST=4 -DATTEMPTS=2 -DARM'
	finds NO_PUBLISHER_FENCE held '-DLAST=3'
	finds KEEP_WHAT_WAS_HEARD held '-DLAST=3'
	finds ACKNOWLEDGE_BEFORE_CUT held '-DLAST=3'
	finds ACKNOWLEDGE_WHILE_HOLDING held '-DLAST=3'
	finds ATTACH_WHILE_BLIND held '-DLAST=3'
}

exhaustive()
{
	speed=-O2
	all='-DJOINS=1 -DDEATHS=1'
	holds big-one "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=6 -DREFRESHES=2"
	holds big-one-arm "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=6 -DREFRESHES=2 -DARM"
	holds big-reuse-arm "-DNSUB=1 $all -DBITMAP -DREUSE=4 -DLAST=6 -DARM"
	holds big-two '-DJOINS=2 -DDEATHS=1 -DSLEEP -DLAST=2'
	holds big-two-arm '-DJOINS=2 -DDEATHS=0 -DSLEEP -DLAST=2 -DARM'
	holds big-two-reuse '-DJOINS=0 -DDEATHS=1 -DREUSE=3 -DLAST=3'
	holds big-wrap '-DJOINS=0 -DDEATHS=0 -DLAST=4'
	holds big-bells '-DJOINS=2 -DDEATHS=1 -DBELL=EDGE -DLAST=2'
	holds big-level-arm "-DNSUB=1 $all -DBELL=LEVEL -DLAST=5 -DREFRESHES=2 -DARM"
	holds big-late-arm "-DNSUB=1 $all -DTL -DLATEST -DSLEEP -DTIMEOUTS=1 -DLAST=5 -DARM"
	holds big-two-late '-DJOINS=2 -DDEATHS=0 -DTL -DLATEST -DLAST=4'
	holds big-killed "-DNSUB=1 $all -DSLEEP -DBITMAP -DLAST=6 -DREFRESHES=2 -DKILLED"
	holds big-killed-arm "-DNSUB=1 $all -DSLEEP -DLAST=4 -DKILLED -DARM"
	holds big-killed-alone "-DNSUB=1 $all -DSLEEP -DALONE -DLAST=4 -DKILLED -DARM"
	holds big-two-killed '-DJOINS=2 -DDEATHS=0 -DSLEEP -DLAST=2 -DKILLED'
	holds big-bells-killed '-DJOINS=2 -DDEATHS=0 -DBELL=EDGE -DLAST=2 -DKILLED'
	model=$here/claims.pml
	holds big-claims '-DLAST=3 -DOTHERS=2'
	holds big-claims-killed '-DLAST=3 -DOTHERS=1 -DKILLED'
	holds big-claims-twice '-DLAST=2 -DOTHERS=1 -DTWICE=1 -DARM'
	model=$here/ring.pml
	skims two-three '-DJOINS=2 -DDEATHS=1 -DSLEEP -DLAST=3'
}

case ${1:-} in
bounded)	bounded ;;
exhaustive)	exhaustive ;;
*)	echo 'say which: run.sh bounded|exhaustive' >&2; exit 2 ;;
esac
finish
