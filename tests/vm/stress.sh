#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# stress.sh SECONDS - joins, exits, adds and kills without end; in the VM
#
# The races of hostile.c, a third of the time each.

programs=$BUILD/tests/vm
export HOSTILE_SECONDS=$((${1:-300} / 3))
passed=0 failed=0

for race in joiners_killed_at_random threads_race_on_one_session rmmod_while_others_list; do
	if "$programs/hostile" $race; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
