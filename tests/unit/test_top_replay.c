// SPDX-License-Identifier: BSD-2-Clause
/* test_top_replay.c - what agnocast-top wrote, it reads back; other text it refuses */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"
#include "rows.h"
#include "top_models.h"
#include "view_json.h"
#include "view_prom.h"
#include "view_text.h"

TestSuite(replay, .init = utf8);

static char path[] = "/tmp/test_top_replay.XXXXXX";

static void write_file(const char *text)
{
	FILE *file;
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	file = fdopen(fd, "w");
	cr_assert(file);
	fputs(text, file);
	fclose(file);
}

static char *json_of(const struct model *model)
{
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	view_json(file, model, VIEW_ALL, NULL);
	fclose(file);
	return out;
}

static char *text_of(const struct model *model)
{
	struct query queries[VIEW_COUNT];
	char *out;
	size_t len;
	FILE *file = open_memstream(&out, &len);

	for (enum view view = 0; view < VIEW_COUNT; view++)
		queries[view] = (struct query){ .order.column = -1 };
	view_text(file, model, VIEW_ALL, queries, 200);
	view_prom(file, model, NULL);
	fclose(file);
	return out;
}

Test(replay, nothing_is_lost_between_writing_and_reading)
{
	const struct model *model = make_model();
	char *json = json_of(model), *text = text_of(model), *json_again, *text_again, why[256];
	struct replay replay;
	struct model again = { .mono_ns = 0 };

	write_file(json);
	cr_assert_eq(replay_open(&replay, path, why, sizeof(why)), 0, "%s", why);
	unlink(path);
	cr_assert_eq(replay.lines, 1);
	cr_assert_eq(replay_load(&replay, 0, &again, why, sizeof(why)), 0, "%s", why);
	json_again = json_of(&again);
	text_again = text_of(&again);
	cr_expect_str_eq(json_again, json);
	cr_expect_str_eq(text_again, text, "got:\n%s\nwanted:\n%s", text_again, text);
	model_clear(&again);
	replay_close(&replay);
	free(json);
	free(text);
	free(json_again);
	free(text_again);
}

/* Counters are other processes' words: no number there may make a recording unreadable. */
Test(replay, the_largest_numbers_and_ids_can_be_read_back)
{
	struct model model = { .mono_ns = SECOND }, again = { .mono_ns = 0 };
	struct endpoint_row *endpoint;
	struct replay replay;
	char why[256], *json;

	add_topic(&model, UINT64_MAX, "/a", 1, 0);
	endpoint = add_endpoint(&model, UINT64_MAX - 1, UINT64_MAX, AGNOCAST_PUBLISHER, UINT64_MAX);
	endpoint->bytes = endpoint->retained = UINT64_MAX;
	model_finish(&model, NULL);
	json = json_of(&model);
	write_file(json);
	cr_assert_eq(replay_open(&replay, path, why, sizeof(why)), 0);
	unlink(path);
	cr_assert_eq(replay_load(&replay, 0, &again, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(again.topics[0].topic, UINT64_MAX);
	cr_expect_eq(again.endpoints[0].generation, UINT64_MAX - 1);
	cr_expect_eq(again.endpoints[0].messages, INT64_MAX);
	free(json);
	replay_close(&replay);
	model_clear(&again);
	model_clear(&model);
}

Test(replay, what_is_no_recording_is_refused_with_its_place)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{\n", "no JSON" },
		{ "hello\n", "no JSON" },
		{ "[]\n", "not written by agnocast-top" },
		{ "{\"schema\":1}\n", "not written by agnocast-top" },
		{ "{\"schema\":7,\"tool\":\"agnocast-top\"}\n", "schema 7" },
		{ "{\"schema\":\"1\",\"tool\":\"agnocast-top\"}\n", "schema 0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model model = { .mono_ns = 0 };
		struct replay replay;
		char why[256] = "";

		write_file(rows[i].text);
		cr_assert_eq(replay_open(&replay, path, why, sizeof(why)), 0, "%s", why);
		unlink(path);
		cr_expect_eq(replay_load(&replay, 0, &model, why, sizeof(why)), -EINVAL, "row %zu", i);
		cr_expect(strstr(why, rows[i].why), "row %zu: %s", i, why);
		cr_expect(strstr(why, "object 1"), "row %zu: %s", i, why);
		cr_expect_eq(model.topics_count, 0);
		replay_close(&replay);
	}
}

Test(replay, an_empty_or_missing_file_is_refused)
{
	struct replay replay;
	char why[256];

	cr_expect_eq(replay_open(&replay, "/nowhere/at/all", why, sizeof(why)), -ENOENT);
	cr_expect(strstr(why, "/nowhere/at/all"), "%s", why);
	write_file("\n\n");
	cr_expect_eq(replay_open(&replay, path, why, sizeof(why)), -EINVAL);
	unlink(path);
}

/* Members of a wrong kind are unknown, too long names are cut, nothing is out of bounds. */
Test(replay, members_of_the_wrong_kind_do_no_harm)
{
	char text[8192], name[2000], why[256], *out;
	struct model model = { .mono_ns = 0 };
	struct replay replay;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"schema\":1,\"tool\":\"agnocast-top\",\"time\":-5,"
		 "\"registry\":[],\"ebpf\":3,\"topics\":[7,null,{\"topic\":\"/%s\",\"id\":\"x\","
		 "\"endpoints\":[[],{\"node\":\"%s\",\"latency_buckets\":[1,-2,\"x\",1e9],"
		 "\"claims\":{}}]}],\"procs\":[{\"calls\":[]},{\"pid\":99999999999999}],"
		 "\"maps\":[{\"start\":\"zz\",\"report\":\"?\"}],\"fails\":[{\"call\":5,"
		 "\"errno\":123456789012}]}\n", name, name);
	write_file(text);
	cr_assert_eq(replay_open(&replay, path, why, sizeof(why)), 0);
	unlink(path);
	cr_assert_eq(replay_load(&replay, 0, &model, why, sizeof(why)), 0, "%s", why);
	cr_expect_eq(model.topics_count, 3);
	cr_expect_eq(strlen(model.topics[2].name), AGNOCAST_TOPIC_MAX - 1);
	cr_expect_not(model.topics[2].known);
	out = text_of(&model);
	cr_expect(strstr(out, "/nnn"));
	free(out);
	model_clear(&model);
	replay_close(&replay);
}
