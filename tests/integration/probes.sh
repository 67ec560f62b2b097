#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# probes.sh - the library's USDT probes: there, cheap when off, right when on

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
LIB=$BUILD/lib/libagnocast.so
PINGPONG=$BUILD/tests/integration/pingpong
export MEMPOOL_SIZE=16M
passed=0 failed=0 skipped=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

good() { echo "ok $1"; passed=$((passed + 1)); }
bad() { echo "not ok $1: ${2:-}"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }
finish()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
	exit
}

if ! echo '#include <sys/sdt.h>' | cc -E -x c - >/dev/null 2>&1; then
	skip probes 'built without systemtap-sdt-dev'
	finish
fi

readelf -n "$LIB" >"$tmp/notes"
for probe in publish take release drop grow map_failed; do
	if grep -A1 "Name: $probe\$" "$tmp/notes" | grep -q 'Semaphore: 0x0*[1-9a-f]'; then
		good "${probe}_is_there_with_a_semaphore"
	else
		bad "${probe}_is_there_with_a_semaphore"
	fi
done

# Off, a probe is a comparison and a jump that is not taken; what the tracer
# gets to see is computed behind that jump. Nothing else reads a semaphore.
objdump -d --no-show-raw-insn "$LIB" >"$tmp/code"
for probe in publish take release drop grow map_failed; do
	grep -A3 "<agnocast_${probe}_semaphore>" "$tmp/code" >"$tmp/site"
	reads=$(grep semaphore "$tmp/site" | grep -vc '[[:space:]]lea ')
	compares=$(grep -cE "cmpw +\\\$0x0,.*_${probe}_semaphore" "$tmp/site")
	jumps=$(grep -cE '[[:space:]]j(ne|e) ' "$tmp/site")
	if [ "$reads" -gt 0 ] && [ "$reads" -eq "$compares" ] && [ "$jumps" -ge "$reads" ]; then
		good "${probe}_costs_two_instructions_when_off"
	elif [ "$(uname -m)" != x86_64 ]; then
		skip "${probe}_costs_two_instructions_when_off" 'reads x86 code only'
	else
		bad "${probe}_costs_two_instructions_when_off" "$(cat "$tmp/site")"
	fi
done

if ! command -v bpftrace >/dev/null || ! timeout 20 bpftrace -e 'BEGIN { exit(); }' >/dev/null 2>&1; then
	skip a_tracer_sees_each_message 'bpftrace is not installed or may not run'
	finish
fi
cat >"$tmp/trace.bt" <<END
BEGIN { printf("ready\n"); }
usdt:$LIB:agnocast:publish { @publish[str(arg0)] = count(); @bytes[str(arg0)] = sum(arg4); }
usdt:$LIB:agnocast:take { @take[str(arg0)] = count(); }
usdt:$LIB:agnocast:release { @release[str(arg0)] = count(); }
END
timeout -s INT 60 bpftrace "$tmp/trace.bt" >"$tmp/trace" 2>"$tmp/errors" &
tracer=$!
for _ in $(seq 300); do
	grep -q ready "$tmp/trace" && break
	sleep 0.1
done
if ! grep -q ready "$tmp/trace"; then
	kill $tracer 2>/dev/null
	skip a_tracer_sees_each_message "bpftrace cannot attach: $(head -n 1 "$tmp/errors")"
	finish
fi
"$PINGPONG" take 1000 1 256 echo &
"$PINGPONG" take 1000 1 256 >/dev/null
wait $!
kill -INT $tracer
wait $tracer
# One more each way: the last ping has no pong.
for line in '@publish[/ping]: 1001' '@publish[/pong]: 1000' '@take[/ping]: 1001' \
	'@take[/pong]: 1000' '@release[/ping]: 1001' '@bytes[/ping]: 256256'; do
	if grep -qF "$line" "$tmp/trace"; then
		good "a tracer sees $line"
	else
		bad "a tracer sees $line" "$(grep '^@' "$tmp/trace" | tr '\n' ' ')"
	fi
done
finish
