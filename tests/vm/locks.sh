#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# locks.sh - has lockdep seen the order of locks that DESIGN.md gives?
#
# Runs in the VM after other tests, on a kernel with PROVE_LOCKING: a kernel that
# never took two of our locks together has proved nothing about them. rmmod makes
# it forget, so no test that reloads the module may come in between.

passed=0 failed=0

# nested OUTER INNER - the first was held when the second was taken
nested()
{
	# A class, then what was taken inside it, up to an empty line.
	if awk -v outer="$1" -v inner="$2" '
		function name(line) { sub(/\/[0-9]+$/, "", line); return line }
		/^$/ { inside = 0 }
		/^[0-9a-f]+ .*: / || /^\(____ptrval____\)|^[0-9a-f]{8}/ {
			line = $0; sub(/^.*[:+.-]: /, "", line); inside = name(line) == outer
		}
		inside && /^ -> / {
			line = $0; sub(/^ -> \[[^]]*\] /, "", line)
			if (name(line) == inner) found = 1
		}
		END { exit !found }' /proc/lockdep; then
		echo "ok locks.$1 > $2"
		passed=$((passed + 1))
	else
		echo "not ok locks.$1 > $2: never seen"
		failed=$((failed + 1))
	fi
}

nested '&mm->mmap_lock' '&member->lock'
nested '&mm->mmap_lock' '&world->members_lock'
nested '&member->lock' '&world->lock'
nested '&member->lock' 'corpses_lock'
nested '&world->members_lock' '&member->lock'
nested '&own->lock' '&world->members_lock'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
