// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_top_views.c - what agnocast-top prints, from models made here
 *
 * Golden text at 80 columns, JSON, order and marks of rows. No registry, no
 * root, no terminal.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "model.h"
#include "rows.h"
#include "top_models.h"
#include "view_json.h"
#include "view_text.h"

/* json */

static char *json_of_model(const struct model *model, unsigned int views)
{
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	view_json(file, model, views, NULL);
	fclose(file);
	return out;
}

Test(json, an_object_starts_with_its_schema_and_is_one_line)
{
	struct model now = { .time_ns = 123, .lost = 4 };
	char *out = json_of_model(&now, VIEW_ALL);

	cr_expect_eq(strncmp(out, "{\"schema\":1,\"tool\":\"agnocast-top\",\"version\":\""
			     AGNOCAST_VERSION "\",\"time\":123,\"lost\":4,", 70), 0, "%s", out);
	cr_expect_eq(strchr(out, '\n'), out + strlen(out) - 1);
	cr_expect(strstr(out, "\"topics\":[],\"procs\":[],\"maps\":[],\"fails\":[]}"), "%s", out);
	free(out);
}

Test(json, the_unknown_is_null_and_addresses_are_hex)
{
	struct model now = { .mono_ns = SECOND };
	char *out;

	add_process(&now, 1, 100, "a")->base = 0x180000000000;
	out = json_of_model(&now, VIEW_BIT(VIEW_PROCS));
	cr_expect(strstr(out, "\"base\":\"0x180000000000\""), "%s", out);
	cr_expect(strstr(out, "\"heap_used\":null"), "%s", out);
	cr_expect(strstr(out, "\"calls\":null"), "%s", out);
	cr_expect_null(strstr(out, "\"topics\""), "%s", out);
	free(out);
	model_clear(&now);
}

/* The line below the table. */
Test(detail, names_who_is_too_slow)
{
	struct model *model = (struct model *)make_model();
	char line[ROWS_LINE];

	rows_detail(line, model, VIEW_TOPICS, 0);
	cr_expect_not(strstr(line, "too slow"), "%s", line);
	model->endpoints[1].dropped_now = 7;
	rows_detail(line, model, VIEW_TOPICS, 0);
	cr_expect(strstr(line, "too slow: pid 4194304 b?ad (7 dropped in the interval, takes "
			 "after 12us, depth "), "%s", line);
}

/* text */

static char *text_of(const struct model *model, unsigned int views, size_t width)
{
	struct query queries[VIEW_COUNT];
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	for (enum view view = 0; view < VIEW_COUNT; view++)
		queries[view] = (struct query){ .order.column = -1 };
	view_text(file, model, views, queries, width);
	fclose(file);
	return out;
}

TestSuite(text, .init = utf8);

Test(text, is_this_at_80_columns)
{
	static const char golden[] =
"agnocast-top " AGNOCAST_VERSION "  every 1s  kernel 9.9 at /run/a\n"
"Procs 2  Topics 2  Pub 1  Sub 3  Maps 0/1 ok  Heap 33M of 104M (partly)  shm 12%\n"
"eBPF off: not permitted\n"
"\n"
"Topics\n"
"  TOPIC                        PUB SUB     HZ   B/S   P50   P99  DROP HELD DEPTH\n"
"  +/points_of_a_very_long_name   1   2   10.0   40M  12us  16us    41    2     4\n"
"~ /map/?[31mvector_map           0   1      -     -     -     -     0    0     4\n"
"\n"
"Procs\n"
"      PID COMM            PUB SUB  USED COMMT MPOOL  IN  SHM MMAP  MQS ERR  MEAN\n"
"~   14671 lidar_driver      1   0   33M  104M  100M   0    0   13    0   3 2.0us\n"
"  4194304 b?ad              0   2     ?     ?     0   1    ?    ?    ?   ?     ?\n"
"x      99 rosbag            0   0     -     -     0   0    ?    ?    ?   ?     ?\n"
"\n"
"Maps\n"
"    OWNER        START PERM     PID COMM         ROLE STATE     TOPICS\n"
"    14671 180000000000 rw-s   14671 lidar_driver own  ok        +_very_long_name\n"
"!   14671 180000000000 ?    4194304 b?ad         read EEXIST    +_very_long_name\n"
"\n"
"Graph\n"
"  TOPIC/PROCESS                                    HZ   B/S LAG   P99  DROP HELD\n"
"  /sensing/lidar/top/points_of_a_very_long_na+   10.0   40M   -  16us    41    2\n"
"   |- pub   14671 lidar_driver                   10.0   40M   -     -     -    -\n"
"   `- sub 4194304 b?ad            /perception+   10.0     -   3  16us    41    2\n"
"~ /map/?[31mvector_map                              -     -   -     -     0    0\n"
"   `- sub 4194304 b?ad                            0.0     -   -     -     0    0\n"
"\n"
"Fails\n"
"      TIME     PID COMM        CALL       ERROR    WHAT                    COUNT\n"
"! 22:13:20 4194304 b?ad        mmap       EEXIST   agnocast@14671 1800000+     3\n"
"    no file is in the way; do: another window base\n";
	char *out = text_of(make_model(), VIEW_ALL, 80);

	cr_expect_str_eq(out, golden, "got:\n%s\nwanted:\n%s", out, golden);
	free(out);
}

Test(text, never_exceeds_the_width)
{
	const struct model *model = make_model();

	for (size_t width = 1; width <= 200; width++) {
		char *out = text_of(model, VIEW_ALL, width), *rest = out, *line;

		while ((line = strsep(&rest, "\n")))
			cr_expect_leq(format_width(line), width, "width %zu: '%s'", width, line);
		free(out);
	}
}

Test(text, without_a_width_cuts_nothing)
{
	char *out = text_of(make_model(), VIEW_ALL, 0);

	cr_expect(strstr(out, "/sensing/lidar/top/points_of_a_very_long_name"), "%s", out);
	cr_expect(strstr(out, "agnocast@14671 180000000000+16G"), "%s", out);
	cr_expect_null(strchr(out, '\033'), "%s", out);
	free(out);
}

/* rows */

/* The rows of the topics view sorted by @column, as digits. */
static const char *sorted_by(const struct model *model, int column, bool invert)
{
	static char digits[16];
	const struct query query = { .order = { column, invert } };
	struct selection selection;

	rows_select(&selection, model, VIEW_TOPICS, &query);
	for (size_t i = 0; i < selection.count; i++)
		digits[i] = (char)('0' + selection.row[i]);
	digits[selection.count] = '\0';
	free(selection.row);
	return digits;
}

Test(rows, numbers_sort_the_largest_first_and_ties_keep_their_order)
{
	struct model now = { .mono_ns = SECOND };

	add_topic(&now, 1, "/b", 1, 2);
	add_topic(&now, 2, "/a", 1, 9);
	add_topic(&now, 3, "/c", 1, 2);
	cr_assert_str_eq(rows_title(VIEW_TOPICS, 2), "SUB");
	cr_expect_str_eq(sorted_by(&now, 2, false), "102");
	cr_expect_str_eq(sorted_by(&now, 2, true), "021");
	cr_expect_str_eq(sorted_by(&now, 0, false), "102");
	cr_expect_str_eq(sorted_by(&now, -1, false), "012");
	model_clear(&now);
}

Test(rows, a_topic_with_one_side_or_fresh_drops_is_marked)
{
	struct model now = { .mono_ns = SECOND };

	add_topic(&now, 1, "/a", 1, 1);
	add_topic(&now, 2, "/b", 1, 0);
	add_topic(&now, 3, "/c", 1, 1)->dropped_now = 1;
	add_topic(&now, 4, "/d", 1, 1)->refused = 1;
	now.topics[3].known = true;
	cr_expect_eq(rows_mark(&now, VIEW_TOPICS, 0), ' ');
	cr_expect_eq(rows_mark(&now, VIEW_TOPICS, 1), '~');
	cr_expect_eq(rows_mark(&now, VIEW_TOPICS, 2), '~');
	cr_expect_eq(rows_mark(&now, VIEW_TOPICS, 3), '!');
	model_clear(&now);
}
