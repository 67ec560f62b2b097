#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# headers.sh - the public headers under every standard, with all warnings
#
# What a user turns on may not end in our headers.

set -u
if [ -n "${AGNOCAST_VM:-}" ]; then
	echo "skip headers: the same natively"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
include=$(cd "$(dirname "$0")/../../include" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0 skipped=0
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Werror'

# compiles COMPILER STANDARD FILE [WARNING...]
compiles()
{
	command -v "$1" >/dev/null || { skipped=$((skipped + 1)); echo "skip headers: no $1"; return; }
	# shellcheck disable=SC2086 # a list
	if "$1" -std="$2" $warnings "${@:4}" -I"$include" -fsyntax-only "$3" >"$tmp/log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok ${3##*/} by $1 as $2"
		head -n 20 "$tmp/log"
	fi
}

cat >"$tmp/plain.c" <<-'END'
	#include <agnocast/agnocast.h>

	int main(void)
	{
		struct agnocast_publisher_options options = { 0 };
		struct agnocast_publisher *pub;

		options.size = sizeof(options);
		options.flags = AGNOCAST_QOS_TRANSIENT_LOCAL;
		return agnocast_publisher_create("/x", &options, &pub);
	}
END
cat >"$tmp/plain.cpp" <<-'END'
	#include <agnocast/agnocast.hpp>
	#include <vector>

	struct sample { std::vector<int> v; };

	int main()
	{
		auto node = std::make_shared<agnocast::Node>("n");
		auto pub = node->create_publisher<sample>("t", 1);
		auto sub = node->create_subscription<sample>("t", 1, [](const agnocast::ipc_shared_ptr<const sample> &) {});
		auto polling = node->create_subscription<sample>("t", 1);
		auto timer = node->create_wall_timer(std::chrono::seconds(1), [] {});
		agnocast::publisher<sample> p("/a");
		agnocast::subscription<sample> s("/a");
		agnocast::publisher<sample, agnocast::deleter<sample>> elsewhere("/b");
		agnocast::MultiThreadedExecutor executor(2);

		p.publish(p.loan());
		elsewhere.publish(elsewhere.loan());
		(void)s.take(agnocast::forever);
		executor.add_node(node);
		executor.spin_some();
	}
END
for compiler in gcc clang; do
	for standard in c99 c11 c17 c2x; do
		compiles $compiler $standard "$tmp/plain.c" -Wstrict-prototypes
	done
done
for standard in c++17 c++20; do
	compiles g++ $standard "$tmp/plain.cpp" -Wold-style-cast -Wnon-virtual-dtor
done
compiles clang++ c++20 "$tmp/plain.cpp" -Wold-style-cast -Wnon-virtual-dtor
compiles g++ c++11 "$include/agnocast/agnocast.h" -x c++
# Each by itself.
for header in "$include"/agnocast/*.h "$include"/uapi/agnocast.h; do
	compiles gcc c11 "$header"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
