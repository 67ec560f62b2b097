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
#include "view_json.h"
#include "view_text.h"

#define SECOND UINT64_C(1000000000)

static void utf8(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		cr_skip("no C.UTF-8 locale");
}

static struct topic_row *add_topic(struct model *model, uint64_t id, const char *name,
				   uint32_t publishers, uint32_t subscriptions)
{
	struct topic_row *topic = MODEL_ADD(model, topics);

	topic->topic = id;
	topic->publishers = publishers;
	topic->subscriptions = subscriptions;
	snprintf(topic->name, sizeof(topic->name), "%s", name);
	return topic;
}

static struct endpoint_row *add_endpoint(struct model *model, uint64_t generation,
					 uint64_t topic, uint32_t kind, uint64_t messages)
{
	struct endpoint_row *endpoint = MODEL_ADD(model, endpoints);

	endpoint->generation = generation;
	endpoint->topic = topic;
	endpoint->kind = kind;
	endpoint->depth = 4;
	endpoint->known = true;
	endpoint->messages = messages;
	return endpoint;
}

static struct process_row *add_process(struct model *model, uint64_t session, uint32_t pid,
				       const char *comm)
{
	struct process_row *process = MODEL_ADD(model, processes);

	process->session = session;
	process->pid = pid;
	snprintf(process->comm, sizeof(process->comm), "%s", comm);
	return process;
}

/* json */

static char *json_of_model(const struct model *model, unsigned int views)
{
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	view_json(file, model, views);
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

/* text */

static void add_lidar(struct model *model, uint64_t messages)
{
	struct endpoint_row *sub;

	add_topic(model, 1, "/sensing/lidar/top/points_of_a_very_long_name", 1, 2);
	add_topic(model, 2, "/map/\033[31mvector_map", 0, 1);
	add_endpoint(model, 10, 1, AGNOCAST_PUBLISHER, messages)->bytes = messages * 4194304;
	sub = add_endpoint(model, 11, 1, AGNOCAST_SUBSCRIPTION, messages);
	sub->latency[13] = messages;	/* 8 to 16 us */
	sub->held = 2;
	sub->dropped = 41;
	add_endpoint(model, 12, 2, AGNOCAST_SUBSCRIPTION, 0);
}

static void add_processes(struct model *model)
{
	struct process_row *process = add_process(model, 1, 14671, "lidar_driver");

	process->publishers = 1;
	process->base = 0x180000000000;
	process->mempool_size = 100 << 20;
	process->ready = process->area_known = process->calls_known = true;
	process->heap_committed = 104 << 20;
	process->heap_used = 33 << 20;
	process->calls[MODEL_MMAP] = (struct call_row){ .calls = 13, .errors = 3, .sum_ns = 26000 };
	process = add_process(model, 2, 4194304, "b\033ad");
	process->ready = true;
	process->subscriptions = 2;
	process->base = 0x180400000000;
	process->maps_in = 1;
}

static void add_mappings(struct model *model)
{
	struct mapping_row *mapping = MODEL_ADD(model, mappings);

	*mapping = (struct mapping_row){
		.owner_pid = 14671, .reader_pid = 14671, .comm = "lidar_driver", .own = true,
		.base = 0x180000000000, .size = 16ULL << 30, .ready = true,
		.perm_state = PERM_FOUND, .perm = "rw-s",
	};
	mapping = MODEL_ADD(model, mappings);
	*mapping = (struct mapping_row){
		.serial = 5, .owner_pid = 14671, .reader_pid = 4194304, .comm = "b\033ad",
		.base = 0x180000000000, .size = 16ULL << 30, .state = AGNOCAST_REFUSED,
		.error = EEXIST, .parts = AGNOCAST_MAP_PARTS, .owner_alive = true,
		.perm_state = PERM_UNREADABLE,
	};
}

static void add_failure(struct model *model)
{
	struct failure_row *failure = MODEL_ADD(model, failures);

	*failure = (struct failure_row){
		.why = "no file is in the way", .remedy = "another window base",
		.time_ns = 1700000000 * SECOND, .pid = 4194304, .comm = "b\033ad", .call = "mmap",
		.error = EEXIST, .address = 0x180000000000, .length = 16ULL << 30,
		.name = "agnocast@14671", .count = 3,
	};
}

static struct model *make_model(void)
{
	static struct model then = { .mono_ns = SECOND }, now = { .mono_ns = 2 * SECOND };

	setenv("TZ", "UTC", 1);
	add_lidar(&then, 100);
	model_finish(&then, NULL);
	add_lidar(&now, 110);
	add_processes(&now);
	add_mappings(&now);
	add_failure(&now);
	now.delay_s = 1;
	now.registry_there = true;
	snprintf(now.where, sizeof(now.where), "/run/a");
	snprintf(now.version.home, sizeof(now.version.home), "kernel");
	snprintf(now.version.version, sizeof(now.version.version), "9.9");
	snprintf(now.bpf_why, sizeof(now.bpf_why), "not permitted");
	model_finish(&now, &then);
	return &now;
}

static char *text_of(const struct model *model, unsigned int views, size_t width)
{
	struct order orders[VIEW_COUNT];
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	for (enum view view = 0; view < VIEW_COUNT; view++)
		orders[view] = (struct order){ .column = -1 };
	view_text(file, model, views, orders, width);
	fclose(file);
	return out;
}

TestSuite(text, .init = utf8);

Test(text, is_this_at_80_columns)
{
	static const char golden[] =
"agnocast-top " AGNOCAST_VERSION "  every 1s  lost 0  registry: kernel 9.9 at /run/a\n"
"Procs 2  Topics 2  Pub 1  Sub 3  Maps 0/1 ok  Heap 33M of 104M (not all readabl+\n"
"eBPF off: not permitted\n"
"\n"
"Topics\n"
"  TOPIC                        PUB SUB     HZ   B/S   P50   P99  DROP HELD DEPTH\n"
"  +/points_of_a_very_long_name   1   2   10.0   40M  12us  16us    41    2     4\n"
"~ /map/?[31mvector_map           0   1      -     -     -     -     0    0     4\n"
"\n"
"Procs\n"
"      PID COMM         PUB SUB  USED COMMT MPOOL  IN SHM MMAP MQO  MQS ERR  MEAN\n"
"~   14671 lidar_driver   1   0   33M  104M  100M   0   0   13   0    0   3 2.0us\n"
"  4194304 b?ad           0   2     ?     ?     0   1   ?    ?   ?    ?   ?     ?\n"
"\n"
"Maps\n"
"    OWNER                 START-END PERM      PID COMM           ROLE STATE\n"
"    14671 180000000000-180400000000 rw-s    14671 lidar_driver   own  ok\n"
"!   14671 180000000000-180400000000 ?     4194304 b?ad           read EEXIST\n"
"\n"
"Fails\n"
"      TIME     PID COMM        CALL     ERROR    WHAT                      COUNT\n"
"! 22:13:20 4194304 b?ad        mmap     EEXIST   agnocast@14671 180000000+     3\n"
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

Test(rows, numbers_sort_the_largest_first_and_ties_keep_their_order)
{
	struct model now = { .mono_ns = SECOND };
	struct order by_subs = { .column = 2 };
	size_t *rows;

	add_topic(&now, 1, "/b", 1, 2);
	add_topic(&now, 2, "/a", 1, 9);
	add_topic(&now, 3, "/c", 1, 2);
	cr_assert_str_eq(rows_title(VIEW_TOPICS, 2), "SUB");
	rows = rows_sorted(&now, VIEW_TOPICS, by_subs);
	cr_expect_eq(rows[0], 1);
	cr_expect_eq(rows[1], 0);
	cr_expect_eq(rows[2], 2);
	free(rows);
	by_subs.invert = true;
	rows = rows_sorted(&now, VIEW_TOPICS, by_subs);
	cr_expect_eq(rows[0], 0);
	cr_expect_eq(rows[2], 1);
	free(rows);
	rows = rows_sorted(&now, VIEW_TOPICS, (struct order){ .column = 0 });
	cr_expect_eq(rows[0], 1);
	free(rows);
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
