#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# node.sh - nodes, callbacks, timers and executors of the C++ API
#
# Needs a registry (AGNOCAST_REGISTRY, or /dev/agnocast) and BUILD.

MEMPOOL_SIZE=16M exec timeout 120 "$BUILD/tests/integration/node_test" "$@"
