#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh - the tests that only the real module can fail; runs in the VM as root

BUILD=${BUILD:-$(cd "$(dirname "$0")/../../build" && pwd)}
exec "$BUILD/tests/vm/module"
