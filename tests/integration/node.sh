#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# node.sh - nodes, callbacks, timers and executors of the C++ API
#
# Needs a registry (AGNOCAST_REGISTRY, or /dev/agnocast) and BUILD.

set -u
export MEMPOOL_SIZE=16M
here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-$(cd "$here/../../build" && pwd)}
for program in node_test node_processes; do
	timeout 120 "$BUILD/tests/integration/$program" ||
		echo "# $program ended with $?"
done | awk '{ print; fflush() }
	/^[0-9]+ passed/ { passed += $1; failed += $3; programs++ }
	END { failed += 2 - programs; printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }'
