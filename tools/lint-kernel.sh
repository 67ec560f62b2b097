#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# lint-kernel.sh [KERNEL...] - W=1, sparse and checkpatch --strict on the module
#
# Builds it anew for each kernel (default: 6.1 6.12) with W=1 C=2; checkpatch
# is that of Debian's linux-source-6.12. Whatever is said is a failure, but for
# the types in kernel/checkpatch.ignore. kernel/shim is left out: it imitates
# kernel headers for user space.

set -u
repo=$(cd "$(dirname "$0")/.." && pwd)
export BUILD=${BUILD:-$repo/build}
cd "$repo" || exit 1
[ $# -gt 0 ] || set -- 6.1 6.12
said=0

# silent NAME COMMAND... - must work and print nothing
silent()
{
	local name=$1 out
	shift
	if out=$("$@" 2>&1) && ! grep -v '^Skipping BTF generation' <<<"$out" | grep -q .; then
		echo "ok $name"
	else
		printf '%s\nnot ok %s\n' "$out" "$name"
		said=1
	fi
}

# shellcheck disable=SC2317 # called through silent()
# ignored FILE - the types that are not asked of it, with commas
ignored()
{
	local type files
	grep -v '^#' kernel/checkpatch.ignore | while read -r type files _; do
		# shellcheck disable=SC2053 # a pattern
		[[ ${1##*/} == $files ]] && printf '%s,' "$type"
	done
}

# shellcheck disable=SC2317
checkpatch()
{
	perl "$BUILD/vm/source/scripts/checkpatch.pl" --strict --no-tree --terse --show-types \
		--no-summary --quiet --ignore "$(ignored "$1")" -f "$1"
}

# shellcheck source=tools/vm/apt.sh
. tools/vm/apt.sh
printf '%s\n' 'sparse sparse' 'perl perl' | install_missing || exit 1
tools/vm/debug-kernel.sh source || exit 1
for kernel in "$@"; do
	rm -f "$BUILD/vm/$kernel/src/kernel/"*.o
	silent "W=1 and sparse, $kernel" tools/vm/build-module.sh "$kernel" W=1 C=2 CHECK=sparse
done
for file in kernel/*.[ch] kernel/tracing/*.h include/uapi/agnocast.h; do
	silent "checkpatch $file" checkpatch "$file"
done
exit $said
