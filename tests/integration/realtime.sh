#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# realtime.sh - the library's thread beside a thread that never gives way
#
# AGNOCAST_THREAD_SCHED puts it above: then new subscriptions are seen.

set -u
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
realtime=$BUILD/tests/integration/realtime
export MEMPOOL_SIZE=16M
passed=0 failed=0 skipped=0

ok() { echo "ok $1"; passed=$((passed + 1)); }
not_ok() { echo "not ok $1: $2"; failed=$((failed + 1)); }

for how in fifo:20 rr:11; do
	said=$(AGNOCAST_THREAD_SCHED=$how timeout 60 "$realtime" 20)
	case $? in
	0) ok "a_thread_with_a_higher_priority_maps ($how: $said)" ;;
	77) echo "skip realtime: ${said#skip: }"; skipped=$((skipped + 1)) ;;
	*) not_ok a_thread_with_a_higher_priority_maps "$how: $said" ;;
	esac
done
echo "# without: $(timeout 60 "$realtime" 1)"

said=$(AGNOCAST_THREAD_SCHED=high timeout 60 "$realtime" 1)
case $said in
*skip*) ;;
*AGNOCAST_THREAD_SCHED=\"high\"*fifo:N*) ok a_value_that_is_wrong_is_named ;;
*) not_ok a_value_that_is_wrong_is_named "$said" ;;
esac

# What may not be is said, and messages go on.
if said=$(AGNOCAST_THREAD_SCHED=fifo:20 setpriv --reuid 65534 --regid "$(id -g)" --clear-groups \
	--inh-caps -all --bounding-set -all bash -c 'ulimit -r 0
	printf "pub 0 /realtime/x 1 0\npublish 0 1 5\nquit\n" | AGENT_LOG=1 "$0" 2>&1' "$BUILD/tests/integration/agent" 2>&1); then
	case $said in
	*CAP_SYS_NICE*) ok without_the_right_it_is_said ;;
	*"no permission"*) echo "skip realtime: this registry is not for everybody"; skipped=$((skipped + 1)) ;;
	*) not_ok without_the_right_it_is_said "$said" ;;
	esac
else
	echo "skip realtime: cannot become another user: $said"
	skipped=$((skipped + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
