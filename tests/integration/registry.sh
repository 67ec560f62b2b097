#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# registry.sh - what the registry promises, asked of the one that is there

BUILD=${BUILD:-$(cd "$(dirname "$0")/../../build" && pwd)}
exec "$BUILD/tests/integration/registry" "$@"
