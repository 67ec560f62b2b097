#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# namespaces.sh - participants in containers: other PID, mount and IPC namespaces
#
# Those with the same IPC namespace exchange messages, whatever /dev/shm and
# whatever pids they see: names carry the registry's pid, and an area that is
# not in one's own /dev/shm comes from the registry as a descriptor. Another
# IPC namespace is another world. Needs a registry, and root for unshare.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
AGENT=${AGENT:-$BUILD/tests/integration/agent}
list=$BUILD/tests/integration/registry_list
export MEMPOOL_SIZE=8M AGENT
passed=0 failed=0 skipped=0
work=$(mktemp -d)
declare -A to from pid started
holders='' holder=

# shellcheck disable=SC2317 # called by the trap
clean_up()
{
	local name
	for name in "${!pid[@]}"; do kill -9 "${pid[$name]}" 2>/dev/null; done
	# shellcheck disable=SC2086 # a list of words
	[ -z "$holders" ] || kill -9 $holders 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }
skip() { echo "skip $1: $2"; skipped=$((skipped + 1)); }

# expect NAME PATTERN TEXT - TEXT must match the extended regular expression
expect()
{
	if printf '%s' "$3" | grep -qE -- "$2"; then ok "$1"; else not_ok "$1" "got '$3'"; fi
}

# Each becomes the rest of its line, in other namespaces: for subshells only.
# own_shm: a mount namespace with an empty /dev/shm; both: with own pids, too.
own_shm() { exec unshare -m sh -c 'mount -t tmpfs -o size=64M shm /dev/shm && exec "$@"' sh "$@"; }
own_pids() { exec unshare -p --fork --kill-child --mount-proc "$@"; }
own_ipc() { exec unshare -i "$@"; }
both() { own_pids sh -c 'mount -t tmpfs -o size=64M shm /dev/shm && exec "$@"' sh "$@"; }
there_is_a_first()
{
	own_pids sh -c 'mount -t tmpfs -o size=64M shm /dev/shm && \
		echo the first of this name >/dev/shm/agnocast@1 && exec "$@"' sh "$@"
}
here() { exec "$@"; }

# hold WRAPPER - a process that keeps its namespaces; $holder is its pid
hold()
{
	rm -f "$work/ready"
	"$1" sh -c 'echo >"$1"; exec sleep 1000' sh "$work/ready" &
	holder=$!
	disown
	holders="$holders $holder"
	until_true test -s "$work/ready"
}

# child_of PID - the last of its line of first children: what unshare started
child_of()
{
	local child
	child=$(cut -d ' ' -f 1 "/proc/$1/task/$1/children" 2>/dev/null)
	if [ -n "$child" ]; then child_of "$child"; else echo "$1"; fi
}

# start NAME WRAPPER... - an agent that say NAME commands; pid[NAME] is as we see it
start()
{
	local name=$1 in out
	shift
	rm -f "$work/$name.in" "$work/$name.out"
	mkfifo "$work/$name.in" "$work/$name.out"
	"$@" "$AGENT" <"$work/$name.in" >"$work/$name.out" 2>"$work/$name.err" &
	started[$name]=$!
	exec {in}>"$work/$name.in" {out}<"$work/$name.out"
	to[$name]=$in from[$name]=$out
	expect "$name: joins" '^0' "$(say "$name" status)"
	pid[$name]=$(child_of "${started[$name]}")
}

# say NAME COMMAND - one command to an agent; its answer
say()
{
	local answer=
	printf '%s\n' "$2" >&"${to[$1]}"
	read -r -t 20 answer <&"${from[$1]}" || answer="(no answer: $(cat "$work/$1.err"))"
	printf '%s' "$answer"
}

# stop NAME [SIGNAL] - in good order, or so
stop()
{
	local in=${to[$1]} out=${from[$1]}
	if [ $# -gt 1 ]; then kill "-$2" "${pid[$1]}"; else printf 'quit\n' >&"$in"; fi
	exec {in}>&- {out}<&-
	wait "${started[$1]}" 2>/dev/null
	unset "pid[$1]" "to[$1]" "from[$1]"
}

# until_true COMMAND... - at most 10 s
until_true()
{
	for _ in $(seq 200); do
		"$@" && return
		sleep 0.05
	done
	return 1
}

topic=0
# talk FROM TO - three messages, read at the address at which they were published
talk()
{
	topic=$((topic + 1))
	local got
	got="$(say "$1" "pub $topic /t$topic 8 0") $(say "$2" "sub $topic /t$topic 8 0")"
	expect "$1 -> $2: endpoints" '^0 0$' "$got"
	say "$1" "publish $topic 100 3" >"$work/got"
	got="$(say "$2" "take $topic 5000 0"), $(say "$2" "take $topic 5000 0"), $(say "$2" "take $topic 5000 0")"
	expect "$1 -> $2: messages" '^100 1, 101 2, 102 3$' "$got"
	grep -q "agnocast@${pid[$1]}" "/proc/${pid[$2]}/maps" &&
		ok "$1 -> $2: mapped by the registry's name" ||
		not_ok "$1 -> $2: mapped by the registry's name" "no agnocast@${pid[$1]}"
}

# named NAME - is it listed, and its area there, under the pid that we see?
named()
{
	local p=${pid[$1]}
	expect "$1: listed by the registry's pid" "^session $p /agnocast@$p 1 " "$("$list" | grep " $p ")"
	[ -e "/proc/$p/root/dev/shm/agnocast@$p" ] && ok "$1: its area has that name" ||
		not_ok "$1: its area has that name" "$(ls "/proc/$p/root/dev/shm")"
}

if ! unshare -m -p -i --fork true 2>/dev/null; then
	skip namespaces "unshare is not permitted here"
	echo "$passed passed, $failed failed, $skipped skipped"
	exit 0
fi

start plain here
start pids own_pids
start shm own_shm
start container both
for name in pids shm container; do
	named $name
	talk plain $name
	talk $name plain
done
# The name that it would have by its own pid: used by nobody, or somebody else's.
expect "container: no other area" "^agnocast@${pid[container]}\$" "$(ls "/proc/${pid[container]}/root/dev/shm")"
[ ! -e /dev/shm/agnocast@1 ] && ok "pids: no area by its own pid" ||
	not_ok "pids: no area by its own pid" "$(ls -l /dev/shm/agnocast@1)"
start second there_is_a_first
named second
shm=/proc/${pid[second]}/root/dev/shm
expect "second: two areas" "^agnocast@1 agnocast@${pid[second]}\$" "$(cd "$shm" && echo *)"
expect "second: the first is as it was" '^the first of this name$' "$(cat "$shm/agnocast@1")"
stop second
talk pids shm
talk shm container
talk container pids
[ ! -e "/dev/shm/agnocast@${pid[shm]}" ] && ok "shm: is really elsewhere" ||
	not_ok "shm: is really elsewhere" "it is in our /dev/shm"

# A reader keeps what it holds of a publisher elsewhere that is killed.
say container "pub 50 /held 4 0" >"$work/got"
say plain "sub 50 /held 4 0" >"$work/got"
say container "publish 50 7 1" >"$work/got"
expect "container: a message before it is killed" '^7 1$' "$(say plain 'take 50 5000 0')"
dead=${pid[container]}
stop container KILL
gone() { ! "$list" | grep -q "^session $dead "; }
until_true gone && ok "container: its session ends" || not_ok "container: its session ends" "$("$list")"
expect "plain: what it holds is intact" '^([0-9]+) of \1$' "$(say plain hold_check)"
say plain release_all >"$work/got"
stop pids
stop shm

# A namespace that outlives its participants gets their memory back.
hold own_shm
in_holder() { exec nsenter -t "$holder" -m "$@"; }
start crashing in_holder
talk crashing plain
blocks() { stat -c %b "/proc/$holder/root/dev/shm/agnocast@$dead" 2>/dev/null || echo 0; }
dead=${pid[crashing]}
[ "$(blocks)" -gt 0 ] && ok "crashing: has memory" || not_ok "crashing: has memory" "0 blocks"
stop crashing KILL
freed() { [ "$(blocks)" -eq 0 ]; }
until_true gone && say plain release_all >"$work/got"
until_true freed && ok "crashing: its memory comes back" ||
	not_ok "crashing: its memory comes back" "$(blocks) blocks in its /dev/shm"
queue_gone()
{
	unshare -m sh -c 'mount -t mqueue mq "$1" && [ ! -e "$1/new_publisher@$2" ]' sh "$work/mq" "$dead"
}
mkdir "$work/mq"
until_true queue_gone && ok "crashing: its queue is removed" ||
	not_ok "crashing: its queue is removed" "/new_publisher@$dead is there"

# Another IPC namespace: the same topic, another world.
hold own_ipc
elsewhere() { exec nsenter -t "$holder" -i "$@"; }
start island elsewhere
start neighbour elsewhere
talk island neighbour
expect "plain: a topic" '^0$' "$(say plain 'sub 60 /both 4 0')"
expect "island: the same topic" '^0$' "$(say island 'pub 60 /both 4 0')"
say island "publish 60 1 2" >"$work/got"
expect "plain: no message from another world" '^-11$' "$(say plain 'take 60 300 0')"
expect "island: no subscription in another world" '^0 2 2 0 ' "$(say island 'pub_stats 60')"
ours=$("$list" | sed -n 's/^session \([0-9]*\) .*/\1/p' | xargs)
theirs=$(elsewhere "$list" | sed -n 's/^session \([0-9]*\) .*/\1/p' | xargs)
expect "ours: one list" "^${pid[plain]}$" "$ours"
expect "theirs: another" "^${pid[island]} ${pid[neighbour]}$" "$theirs"
expect "theirs: their topics only" '^topic /both 1 0$' "$(elsewhere "$list" | grep '^topic /both')"
stop neighbour KILL
stop island
empty() { ! elsewhere "$list" | grep -q ^session; }
until_true empty && ok "theirs: empty in the end" ||
	not_ok "theirs: empty in the end" "$(elsewhere "$list")"
stop plain

# A daemon in a PID namespace of its own cannot know who calls from outside.
case ${AGNOCAST_REGISTRY:-} in
unix:*)
	own_pids "$BUILD/tools/agnocastd" --socket "$work/inner.sock" 2>"$work/inner.err" &
	inner=$!
	disown
	until_true test -S "$work/inner.sock"
	holders="$holders $(child_of $inner)"
	# shellcheck disable=SC2016 # its own pid
	echo status | AGNOCAST_REGISTRY=unix:$work/inner.sock timeout 20 \
		sh -c 'echo $$; exec "$AGENT"' >"$work/outside"
	expect "outside: turned away by a daemon that cannot see it" '^-[0-9]+ ' "$(sed -n 2p "$work/outside")"
	outside=/dev/shm/agnocast@$(sed -n 1p "$work/outside")
	[ ! -e "$outside" ] && ok "outside: leaves nothing" || not_ok "outside: leaves nothing" "$outside"
	kill -0 $inner && ok "the daemon goes on" || not_ok "the daemon goes on" "$(cat "$work/inner.err")" ;;
*)
	skip "outside: turned away by a daemon that cannot see it" "this registry is the module" ;;
esac

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
