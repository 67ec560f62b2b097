// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_top.c - what agnocast-top computes, from models made here
 *
 * No registry, no root, no terminal: cli/model.h and all above it do no I/O.
 * What it prints is in test_top_views.c.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failures.h"
#include "format.h"
#include "model.h"
#include "rows.h"
#include "top_models.h"
#include "json.h"

/* format */

TestSuite(format, .init = utf8);

Test(format, clean_keeps_text_and_replaces_what_a_terminal_would_obey)
{
	static const struct {
		const char *raw, *clean;
	} rows[] = {
		{ "/lidar/top points", "/lidar/top points" },
		{ "a\033[2Jb", "a?[2Jb" },
		{ "tab\there\n", "tab?here?" },
		{ "\x7f", "?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xe6\xbc\xa2", "\xe6\xbc\xa2" },
		{ "c1 \xc2\x9b" "2J", "c1 ?2J" },
		{ "\xff\xfe", "??" },
		{ "cut \xe6\xbc", "cut ??" },
		{ "\xc0\xaf", "??" },			/* overlong "/" */
		{ "\xed\xa0\x80", "???" },		/* surrogate */
		{ "\xe2\x80\xaegnp", "?gnp" },		/* right-to-left override */
		{ "e\xcc\x81", "e?" },			/* combining */
		{ "", "" },
	};
	char out[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_str_eq(format_clean(out, sizeof(out), rows[i].raw), rows[i].clean,
				 "row %zu", i);
}

Test(format, clean_never_splits_a_character_at_the_end_of_the_buffer)
{
	char out[4];

	cr_expect_str_eq(format_clean(out, sizeof(out), "ab\xc3\xbc"), "ab");
	cr_expect_str_eq(format_clean(out, sizeof(out), "abcdef"), "abc");
	cr_expect_str_eq(format_clean(out, 1, "abc"), "");
}

Test(format, fit_makes_exactly_the_width)
{
	static const struct {
		const char *text;
		size_t width;
		unsigned int flags;
		const char *fit;
	} rows[] = {
		{ "abc", 5, 0, "abc  " },
		{ "abc", 5, FORMAT_RIGHT, "  abc" },
		{ "abcdef", 6, 0, "abcdef" },
		{ "abcdef", 4, 0, "abc+" },
		{ "abcdef", 4, FORMAT_RIGHT, "abc+" },
		{ "abcdef", 4, FORMAT_TAIL, "+def" },
		{ "abcdef", 1, 0, "+" },
		{ "abcdef", 0, 0, "" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 3, 0, "\xe6\xbc\xa2+" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 4, 0, "\xe6\xbc\xa2\xe6\xbc\xa2" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2x", 4, 0, "\xe6\xbc\xa2+ " },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2x", 3, FORMAT_TAIL, "+x " },
	};
	char out[64];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		format_fit(out, sizeof(out), rows[i].text, rows[i].width, rows[i].flags);
		cr_expect_eq(format_width(out), rows[i].width, "row %zu: '%s'", i, out);
		if (i != 10)	/* where the blank goes does not matter */
			cr_expect_str_eq(out, rows[i].fit, "row %zu", i);
	}
}

Test(format, numbers_take_five_columns)
{
	char out[32];

	cr_expect_str_eq(format_count(out, sizeof(out), 0), "0");
	cr_expect_str_eq(format_count(out, sizeof(out), 99999), "99999");
	cr_expect_str_eq(format_count(out, sizeof(out), 100000), "100k");
	cr_expect_str_eq(format_count(out, sizeof(out), 1234567), "1.2M");
	cr_expect_str_eq(format_bytes(out, sizeof(out), 0), "0");
	cr_expect_str_eq(format_bytes(out, sizeof(out), 1000), "1000");
	cr_expect_str_eq(format_bytes(out, sizeof(out), 1536), "1.5K");
	cr_expect_str_eq(format_bytes(out, sizeof(out), 16 << 20), "16M");
	cr_expect_str_eq(format_bytes(out, sizeof(out), 17179869184.0), "16G");
	cr_expect_str_eq(format_rate(out, sizeof(out), 0), "0.0");
	cr_expect_str_eq(format_rate(out, sizeof(out), 0.25), "0.25");
	cr_expect_str_eq(format_rate(out, sizeof(out), 10), "10.0");
	cr_expect_str_eq(format_rate(out, sizeof(out), 1234), "1234");
	cr_expect_str_eq(format_rate(out, sizeof(out), 123456), "123k");
	cr_expect_str_eq(format_ns(out, sizeof(out), 812), "812ns");
	cr_expect_str_eq(format_ns(out, sizeof(out), 4100), "4.1us");
	cr_expect_str_eq(format_ns(out, sizeof(out), 11000), "11us");
	cr_expect_str_eq(format_ns(out, sizeof(out), 999600), "1.0ms");
	cr_expect_str_eq(format_ns(out, sizeof(out), 12e9), "12s");
	for (uint64_t value = 1; value; value *= 3) {
		cr_expect_leq(strlen(format_count(out, sizeof(out), value)), 5, "%s", out);
		if (value > UINT64_MAX / 3)
			break;
	}
}

Test(format, errno_is_named)
{
	char out[16];

	cr_expect_str_eq(format_errno(out, sizeof(out), EEXIST), "EEXIST");
	cr_expect_str_eq(format_errno(out, sizeof(out), 3999), "3999");
}

/* percentile */

Test(percentile, of_nothing_is_nothing)
{
	uint64_t buckets[40] = { 0 }, total = 1;

	cr_expect_eq(model_percentile(buckets, 40, 0.5, &total), 0);
	cr_expect_eq(total, 0);
}

Test(percentile, interpolates_within_the_bucket)
{
	uint64_t buckets[40] = { [10] = 100 }, total;

	cr_expect_float_eq(model_percentile(buckets, 40, 0.5, &total), 1536, 0.1);
	cr_expect_float_eq(model_percentile(buckets, 40, 1.0, &total), 2048, 0.1);
	cr_expect_eq(total, 100);
}

Test(percentile, finds_the_tail)
{
	uint64_t buckets[40] = { [3] = 98, [20] = 2 }, total;
	double p50 = model_percentile(buckets, 40, 0.50, &total);
	double p99 = model_percentile(buckets, 40, 0.99, &total);

	cr_expect(p50 >= 8 && p50 < 16, "%f", p50);
	cr_expect(p99 >= 1 << 20 && p99 <= 2 << 20, "%f", p99);
}

Test(percentile, the_first_bucket_starts_at_zero_and_the_last_does_not_overflow)
{
	uint64_t first[40] = { [0] = 2 }, last[40] = { [39] = 1 }, total;

	cr_expect_float_eq(model_percentile(first, 40, 0.5, &total), 1, 0.01);
	cr_expect_float_eq(model_percentile(last, 40, 1, &total), 1099511627776.0, 1);
}

/* model */

Test(model, rates_are_over_the_interval_and_summed_over_publishers)
{
	struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 3 * SECOND };

	add_topic(&then, 1, "/a", 2, 0);
	add_endpoint(&then, 10, 1, AGNOCAST_PUBLISHER, 100)->bytes = 1000;
	add_endpoint(&then, 11, 1, AGNOCAST_PUBLISHER, 50);
	model_finish(&then, NULL);
	add_topic(&now, 1, "/a", 2, 0);
	add_endpoint(&now, 11, 1, AGNOCAST_PUBLISHER, 60);
	add_endpoint(&now, 10, 1, AGNOCAST_PUBLISHER, 120)->bytes = 5000;
	model_finish(&now, &then);

	cr_expect_not(then.topics[0].rates_known);
	cr_expect(now.topics[0].rates_known);
	cr_expect_float_eq(now.topics[0].hz, 15, 0.001);
	cr_expect_float_eq(now.topics[0].bytes_per_s, 2000, 0.001);
	cr_expect_eq(now.topics[0].messages, 180);
	model_clear(&now);
	model_clear(&then);
}

Test(model, an_endpoint_that_is_new_or_ran_backwards_adds_no_rate)
{
	struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 2 * SECOND };

	add_topic(&then, 1, "/a", 1, 0);
	add_endpoint(&then, 10, 1, AGNOCAST_PUBLISHER, 100);
	model_finish(&then, NULL);
	add_topic(&now, 1, "/a", 2, 0);
	add_endpoint(&now, 10, 1, AGNOCAST_PUBLISHER, 90);
	add_endpoint(&now, 12, 1, AGNOCAST_PUBLISHER, 1000000);
	model_finish(&now, &then);

	cr_expect_eq(now.topics[0].hz, 0);
	model_clear(&now);
	model_clear(&then);
}

Test(model, what_could_not_be_read_makes_the_topic_unknown)
{
	struct model now = { .mono_ns = SECOND };

	add_topic(&now, 1, "/a", 2, 0);
	add_topic(&now, 2, "/b", 1, 0);
	add_endpoint(&now, 10, 1, AGNOCAST_PUBLISHER, 1);
	add_endpoint(&now, 11, 1, AGNOCAST_PUBLISHER, 1)->known = false;
	add_endpoint(&now, 12, 2, AGNOCAST_PUBLISHER, 1);
	model_finish(&now, NULL);
	cr_expect_not(now.topics[0].known);
	cr_expect(now.topics[1].known);
	model_clear(&now);
}

Test(model, latency_is_of_the_interval_if_something_came_else_of_all_life)
{
	struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 2 * SECOND };

	add_topic(&then, 1, "/a", 0, 1);
	add_endpoint(&then, 10, 1, AGNOCAST_SUBSCRIPTION, 9)->latency[30] = 9;
	model_finish(&then, NULL);
	cr_expect_not(then.topics[0].late.recent);
	cr_expect_eq(then.topics[0].late.samples, 9);
	add_topic(&now, 1, "/a", 0, 1);
	add_endpoint(&now, 10, 1, AGNOCAST_SUBSCRIPTION, 10)->latency[30] = 9;
	now.endpoints[0].latency[4] = 1;
	model_finish(&now, &then);

	cr_expect(now.topics[0].late.recent);
	cr_expect_eq(now.topics[0].late.samples, 1);
	cr_expect_lt(now.topics[0].late.p99_ns, 33);
	model_clear(&now);
	model_clear(&then);
}

Test(model, the_depth_is_the_publishers_if_there_is_one)
{
	struct model now = { .mono_ns = SECOND };

	add_topic(&now, 1, "/a", 2, 1);
	add_topic(&now, 2, "/b", 0, 1);
	add_endpoint(&now, 10, 1, AGNOCAST_SUBSCRIPTION, 0)->depth = 100;
	add_endpoint(&now, 11, 1, AGNOCAST_PUBLISHER, 0)->depth = 5;
	add_endpoint(&now, 12, 1, AGNOCAST_PUBLISHER, 0)->depth = 3;
	add_endpoint(&now, 13, 2, AGNOCAST_SUBSCRIPTION, 0)->depth = 7;
	model_finish(&now, NULL);
	cr_expect_eq(now.topics[0].depth, 5);
	cr_expect_eq(now.topics[1].depth, 7);
	model_clear(&now);
}

Test(model, exited_processes_stay_for_five_seconds)
{
	struct model models[3] = {
		{ .mono_ns = SECOND }, { .mono_ns = 2 * SECOND }, { .mono_ns = 7 * SECOND },
	};

	add_process(&models[0], 1, 100, "gone");
	add_process(&models[0], 2, 101, "stays");
	model_finish(&models[0], NULL);
	add_process(&models[1], 2, 101, "stays");
	model_finish(&models[1], &models[0]);
	cr_assert_eq(models[1].processes_count, 2);
	cr_expect(models[1].processes[1].exited);
	cr_expect_eq(models[1].processes[1].pid, 100);
	cr_expect_eq(rows_mark(&models[1], VIEW_PROCS, 1), 'x');
	add_process(&models[2], 2, 101, "stays");
	model_finish(&models[2], &models[1]);
	cr_expect_eq(models[2].processes_count, 1);
	for (size_t i = 0; i < 3; i++)
		model_clear(&models[i]);
}

Test(model, a_pid_that_came_again_is_another_row)
{
	struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 2 * SECOND };

	add_process(&then, 1, 100, "old");
	add_process(&now, 2, 100, "new");
	model_finish(&now, &then);
	cr_assert_eq(now.processes_count, 2);
	cr_expect_eq(model_pid(&now, 100)->session, 2);
	cr_expect_null(model_session(&now, 1));
	model_clear(&now);
	model_clear(&then);
}

Test(model, grows_past_its_first_room)
{
	struct model now = { .mono_ns = SECOND };

	for (uint64_t i = 1000; i > 0; i--)
		add_topic(&now, i, "/a", 1, 1);
	model_finish(&now, NULL);
	cr_assert_eq(now.topics_count, 1000);
	cr_expect_eq(model_topic(&now, 777)->topic, 777);
	cr_expect_null(model_topic(&now, 1001));
	model_clear(&now);
}

Test(model, a_mapping_is_wrong_unless_owner_writes_and_reader_reads)
{
	static const struct {
		struct mapping_row mapping;
		bool wrong;
	} rows[] = {
		{ { .own = true, .ready = true, .perm_state = PERM_FOUND, .perm = "rw-s" }, false },
		{ { .own = true, .ready = true, .perm_state = PERM_FOUND, .perm = "r--s" }, true },
		{ { .own = true, .ready = true, .perm_state = PERM_NONE }, true },
		{ { .own = true, .ready = false, .perm_state = PERM_NONE }, false },
		{ { .own = true, .ready = true, .perm_state = PERM_UNREADABLE }, false },
		{ { .state = AGNOCAST_MAPPED, .perm_state = PERM_FOUND, .perm = "r--s" }, false },
		{ { .state = AGNOCAST_MAPPED, .perm_state = PERM_FOUND, .perm = "rw-s" }, true },
		{ { .state = AGNOCAST_MAPPED, .perm_state = PERM_FOUND, .perm = "mixed" }, true },
		{ { .state = AGNOCAST_MAPPED, .owner_alive = true, .perm_state = PERM_NONE }, true },
		{ { .state = AGNOCAST_MAPPED, .perm_state = PERM_NONE }, false },
		{ { .state = AGNOCAST_WILL_MAP, .perm_state = PERM_NONE }, false },
		{ { .state = AGNOCAST_WILL_MAP, .perm_state = PERM_FOUND, .perm = "---s" }, false },
		{ { .state = AGNOCAST_WILL_MAP, .perm_state = PERM_FOUND, .perm = "mixed" }, false },
		{ { .state = AGNOCAST_WILL_MAP, .perm_state = PERM_FOUND, .perm = "rw-s" }, true },
		{ { .state = AGNOCAST_MAPPED, .perm_state = PERM_FOUND, .perm = "---s" }, true },
		{ { .state = AGNOCAST_REFUSED, .perm_state = PERM_NONE }, true },
		{ { .state = AGNOCAST_REFUSED, .perm_state = PERM_UNREADABLE }, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(model_mapping_is_wrong(&rows[i].mapping), rows[i].wrong, "row %zu", i);
}

/* failures */

Test(failures, the_same_again_is_counted_and_the_oldest_kind_goes)
{
	static struct failures failures;
	struct failure_row failure = { .pid = 1, .call = "mmap", .error = EEXIST, .count = 1 };

	failures_add(&failures, &failure);
	failures_add(&failures, &failure);
	cr_expect_eq(failures.count, 1);
	cr_expect_eq(failures.row[0].count, 2);
	for (uint32_t pid = 2; pid <= MODEL_FAILURES_MAX + 1; pid++) {
		failure.pid = pid;
		failures_add(&failures, &failure);
	}
	cr_expect_eq(failures.count, MODEL_FAILURES_MAX);
	cr_expect_eq(failures.row[0].pid, 2);
	cr_expect_eq(failures.row[MODEL_FAILURES_MAX - 1].pid, MODEL_FAILURES_MAX + 1);
}

Test(failures, a_refused_mapping_counts_once_however_long_it_lasts)
{
	static struct failures failures;
	struct model now = { .mono_ns = SECOND, .time_ns = 5 };
	struct mapping_row *mapping = MODEL_ADD(&now, mappings);

	mapping->state = AGNOCAST_REFUSED;
	mapping->error = EEXIST;
	mapping->owner_pid = 77;
	mapping->reader_pid = 78;
	failures_fill(&failures, &now);
	failures_fill(&failures, &now);
	cr_expect_eq(failures.count, 1);
	cr_expect_eq(failures.row[0].count, 1);
	cr_expect_eq(failures.row[0].pid, 78);
	cr_expect_str_eq(failures.row[0].name, "agnocast@77");
	cr_expect(failures.row[0].by_registry);
	cr_expect(strstr(failures.row[0].why, "are taken in pid"));
	cr_expect(strstr(failures.row[0].remedy, "window"));
	model_clear(&now);
}

/* json */

static char *json_of(const char *text)
{
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	json_text(file, text);
	fclose(file);
	return out;
}

Test(json, strings_are_valid_whatever_the_name)
{
	static const struct {
		const char *raw, *json;
	} rows[] = {
		{ "plain", "\"plain\"" },
		{ "q\"b\\", "\"q\\\"b\\\\\"" },
		{ "\n\t\001", "\"\\u000a\\u0009\\u0001\"" },
		{ "\x7f", "\"\\u007f\"" },
		{ "\xc3\xbc", "\"\xc3\xbc\"" },
		{ "\xff" "a", "\"\\ufffda\"" },
		{ "\xe6\xbc", "\"\\ufffd\\ufffd\"" },
		{ "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
		{ "", "\"\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *out = json_of(rows[i].raw);

		cr_expect_str_eq(out, rows[i].json, "row %zu", i);
		free(out);
	}
}
