// SPDX-License-Identifier: BSD-2-Clause
/* test_top_page.c - agnocast-top's pages and Prometheus text, from a model made by hand */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "page.h"
#include "top_models.h"
#include "view_prom.h"

TestSuite(page, .init = utf8);
TestSuite(prom, .init = utf8);

static char *page_text(const struct model *model, struct subject subject, size_t width)
{
	struct page page;
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	page_make(&page, model, &subject, width);
	for (size_t i = 0; i < page.count; i++)
		fprintf(file, "%s\n", page.line[i]);
	page_free(&page);
	fclose(file);
	return out;
}

#define EXPECT_PAGE(subject, golden) do {					\
	char *got = page_text(make_model(), subject, 80);			\
	cr_expect_str_eq(got, golden, "got:\n%s\nwanted:\n%s", got, golden);	\
	free(got);								\
} while (0)

Test(page, of_a_topic)
{
	EXPECT_PAGE(((struct subject){ .kind = PAGE_TOPIC, .id = 1 }),
" Topic /sensing/lidar/top/points_of_a_very_long_name\n"
" 10.0 Hz, 40M/s; 110 published, 440M; 6 alive\n"
" 41 dropped, 0 of them in the last interval; 0 skipped, 0 refused\n"
" 2 on loan, the oldest for 120ms\n"
" \n"
" PUBLISHERS                     HZ   B/S ALIVE  WAKES REFUSED  DEPTH\n"
"   14671 lidar_driver         10.0   40M     6     99       0  4 transient\n"
" \n"
" SUBSCRIPTIONS          HZ  LAG  DROP HELD   P50   P99   MAX  DEPTH\n"
"   4194304 b?ad /p+   10.0    3    41    2  12us  16us  16us  4 volatile\n"
" \n"
" ON LOAN TO                             FOR    MESSAGE  OF PUBLISHER\n"
"   4194304 b?ad                       120ms        107    14671 lidar_driver\n"
"   4194304 b?ad                        20ms        108    14671 lidar_driver\n"
" \n"
" LATENCY from publish to take, since the subscriptions exist\n"
"    8.2us |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 110\n"
"     16us |                                         0\n"
"     33us |                                         0\n"
"     66us |@@                                       3\n");
}

Test(page, of_a_process_that_reads)
{
	EXPECT_PAGE(((struct subject){ .kind = PAGE_PROCESS, .id = 2, .pid = 4194304 }),
" Process 4194304 b?ad, uid 0\n"
" area 180400000000-180400000000, MEMPOOL_SIZE 0\n"
"~its counters are not readable: EACCES\n"
" \n"
" PUBLISHES                      HZ   B/S ALIVE  WAKES REFUSED  DEPTH\n"
" \n"
" SUBSCRIBES             HZ  LAG  DROP HELD   P50   P99   MAX  DEPTH\n"
"   +_very_long_name   10.0    3    41    2  12us  16us  16us  4 volatile\n"
"   +?[31mvector_map    0.0    -     0    0     -     -     -  4 volatile -local\n"
" \n"
" ON LOAN                                FOR    MESSAGE  OF PUBLISHER\n"
"   +ar/top/points_of_a_very_long_name 120ms        107    14671 lidar_driver\n"
"   +ar/top/points_of_a_very_long_name  20ms        108    14671 lidar_driver\n"
" \n"
" LATENCY from publish to take, since the subscriptions exist\n"
"    8.2us |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 110\n"
"     16us |                                         0\n"
"     33us |                                         0\n"
"     66us |@@                                       3\n"
" \n"
" MAPS  OWNER  IN PROCESS               PERM  ROLE STATE\n"
"!      14671  4194304 b?ad             ?     read EEXIST\n"
" \n"
" FAILURES\n"
"!  mmap EEXIST agnocast@14671, 3 times\n"
"       no file is in the way; do: another window base\n");
}

Test(page, of_a_process_that_publishes)
{
	EXPECT_PAGE(((struct subject){ .kind = PAGE_PROCESS, .id = 1, .pid = 14671 }),
" Process 14671 lidar_driver, uid 0\n"
" area 180000000000-180000000000, MEMPOOL_SIZE 100M\n"
" heap 33M used of 104M, 0 resident; grew 0 times, 0 failed; forked 0 times\n"
" bystander; 0 areas of others mapped, 0 refused, 0 could not be mapped\n"
" \n"
" PUBLISHES                      HZ   B/S ALIVE  WAKES REFUSED  DEPTH\n"
"   +nts_of_a_very_long_name   10.0   40M     6     99       0  4 transient\n"
" \n"
" SUBSCRIBES             HZ  LAG  DROP HELD   P50   P99   MAX  DEPTH\n"
" \n"
" MAPS  OWNER  IN PROCESS               PERM  ROLE STATE\n"
"       14671    14671 lidar_driver     rw-s  own  ok\n"
"!      14671  4194304 b?ad             ?     read EEXIST\n"
" \n"
" CALLS         calls errors  again  mean   max\n"
"~  mmap           13      3      0 2.0us   0ns\n");
}

Test(page, of_what_is_gone_says_so)
{
	EXPECT_PAGE(((struct subject){ .kind = PAGE_TOPIC, .id = 77 }),
		    "xThis topic has gone: nobody publishes or subscribes any more.\n");
	EXPECT_PAGE(((struct subject){ .kind = PAGE_PROCESS, .id = 77, .pid = 5 }),
		    "xProcess 5 has ended.\n");
}

Test(page, fits_80_columns)
{
	const struct subject subjects[] = {
		{ .kind = PAGE_TOPIC, .id = 1 }, { .kind = PAGE_TOPIC, .id = 2 },
		{ .kind = PAGE_PROCESS, .id = 1, .pid = 14671 },
		{ .kind = PAGE_PROCESS, .id = 2, .pid = 4194304 },
	};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
		char *text = page_text(make_model(), subjects[i], 80), *rest = text, *line;

		while ((line = strsep(&rest, "\n")))
			cr_expect_leq(format_width(line), 80, "'%s'", line);
		free(text);
	}
}

static char *prom_text(const char *filter)
{
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	view_prom(file, make_model(), filter);
	fclose(file);
	return out;
}

static void expect_in(const char *text, const char *line)
{
	cr_expect(strstr(text, line), "no %s in:\n%s", line, text);
}

Test(prom, says_what_it_knows_and_escapes_what_it_was_told)
{
	char *text = prom_text(NULL);

	expect_in(text, "# TYPE agnocast_publisher_messages_total counter\n"
		  "agnocast_publisher_messages_total{topic=\"/sensing/lidar/top/points_of_a_very_long_name\","
		  "pid=\"14671\",comm=\"lidar_driver\",node=\"\",id=\"10\"} 110\n");
	expect_in(text, "node=\"/perception/\\\"b\\\"\",id=\"11\"} 41\n");
	expect_in(text, "agnocast_heap_used_bytes{pid=\"14671\",comm=\"lidar_driver\"} 34603008\n");
	cr_expect_null(strstr(text, "agnocast_heap_used_bytes{pid=\"4194304\""), "the unknown is left out");
	expect_in(text, "agnocast_latency_seconds_count{topic=\"/sensing/lidar/top/points_of_a_very_long_name\"} 113\n");
	expect_in(text, ",le=\"1.6384e-05\"} 110\n");
	expect_in(text, ",le=\"+Inf\"} 113\n");
	free(text);
}

Test(prom, is_filtered_by_topic_and_process)
{
	char *text = prom_text("topic:/map/*");

	cr_expect_null(strstr(text, "lidar"), "%s", text);
	expect_in(text, "node=\"\",id=\"12\"} 0\n");
	free(text);
}
