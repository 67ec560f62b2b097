# SPDX-License-Identifier: BSD-2-Clause
#
# demo.jq - the three programs' statistics, put together and judged
#
# All comes in as variables: see write_result in demo.sh.

# Where a reader's messages came from, by their topic.
def source: if . == "/lidar/points" then "driver" else "filter" end;

def published($topic; $driver; $filter):
	if $topic == "/lidar/points" then $driver.out else $filter.out end;

# One row per reader of a topic.
def readings($driver; $filter; $viewer):
	[($filter, $viewer) | select(. != null) | .role as $to | .in[] |
		{topic, from: (.topic | source), to: $to,
		 published: published(.topic; $driver; $filter).messages} + .];

# Half of the rate is still a working pipeline on a machine that is busy with
# other things; the table shows what it was.
def complaints($expected; $rate):
	"\(.to) on \(.topic)" as $who |
	if .checksum_errors > 0 then "\($who): \(.checksum_errors) clouds with a wrong checksum" else empty end,
	if .pointer_errors > 0 then "\($who): \(.pointer_errors) clouds not where they were published" else empty end,
	if .without_receipt > 0 then "\($who): \(.without_receipt) clouds without a receipt" else empty end,
	if .published != null and .messages + .drops != .published then
		"\($who): \(.messages) read and \(.drops) dropped, but \(.published) published" else empty end,
	if .messages < 0.5 * $expected then
		"\($who): \(.messages) clouds, where the rate asks for \($expected)" else empty end,
	if .messages > 2 and .rate_hz < 0.5 * $rate then
		"\($who): \(.rate_hz) clouds a second, not \($rate): too fast for this machine?" else empty end;

$driver[0] as $d | $filter[0] as $f | $viewer[0] as $v |
(($seconds * $rate) | ceil) as $expected |
readings($d; $f; $v) as $topics |
[
	($problems | split("\n")[] | select(. != "")),
	(if $d == null or $f == null or $v == null then "not every process left its statistics" else empty end),
	($topics[] | complaints($expected; $rate))
] as $all |
{
	passed: ($all == []),
	problems: $all,
	registry: $registry,
	kernel: $kernel,
	seconds: $seconds,
	rate_hz: $rate,
	mempool_size: $mempool,
	proof: {
		read: ([$topics[].messages] | add // 0),
		in_place: ([$topics[] | .messages - ([.checksum_errors, .pointer_errors] | max) - .without_receipt]
			| add // 0)
	},
	topics: $topics,
	exit_status: $exits,
	processes: [$d, $f, $v],
	top_text: $top_text,
	top: $top[0]
}
