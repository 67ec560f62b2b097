/* SPDX-License-Identifier: BSD-2-Clause */
/* test_registry.c - the registry core, as agnocastd and the module run it */

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "registry.h"

bool (*agk_alloc_fails)(void);

static const struct agk_window_params small_window = {
	.base = AGNOCAST_WINDOW_BASE, .area_size = AGNOCAST_AREA_SIZE, .areas = 8,
};

static char *rosters;
static struct agk_world *world;

static void *page_of(void *home, u64 index)
{
	(void)home;
	return rosters + index * AGNOCAST_ROSTER_PAGE;
}

static struct agk_world *make_world(const struct agk_window_params *params)
{
	struct agk_home home = { .roster_page = page_of, .first_serial = 1000 };
	int err;
	struct agk_world *made;

	rosters = mmap(NULL, AGNOCAST_ROSTERS_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(rosters, MAP_FAILED);
	made = agk_world_create(params, &home, &err);
	cr_assert(made, "%d", err);
	return made;
}

static void setup(void)
{
	world = make_world(&small_window);
}

static struct agk_session *join(u32 pid)
{
	struct agk_who who = { .key = pid, .pid = pid, .uid = 1000, .comm = "test" };
	struct agk_session *session = NULL;

	cr_assert_eq(agk_session_join(world, AGNOCAST_ABI_VERSION, &who, 1 << 20, &session), 0);
	cr_assert_eq(agk_session_ready(session), 0);
	return session;
}

static void leave(struct agk_session *session)
{
	agk_session_end(session, false);
	agk_session_free(session);
}

static int add_as(struct agk_session *session, u32 kind, const char *topic,
		  struct agnocast_endpoint_add *add)
{
	memset(add, 0, sizeof(*add));
	strcpy(add->topic, topic);
	add->depth = 1;
	add->block = 4096;
	return agk_endpoint_add(session, kind, add, NULL, 0);
}

static u64 add(struct agk_session *session, u32 kind, const char *topic)
{
	struct agnocast_endpoint_add args;

	cr_assert_eq(add_as(session, kind, topic, &args), 0);
	return args.generation;
}

static const struct agnocast_roster *roster_of(u64 offset)
{
	return (const void *)(rosters + offset);
}

static const struct agnocast_roster_entry *entries_of(u64 offset)
{
	const struct agnocast_roster *roster = roster_of(offset);

	return (const void *)(rosters + offset + AGNOCAST_ROSTER_PAGE +
			      (roster->generation & 1) * AGNOCAST_ROSTER_COPY);
}

static u32 count_of(u64 offset)
{
	return roster_of(offset)->count[roster_of(offset)->generation & 1];
}

static u32 list_all(u32 what, void *buf, u64 len)
{
	struct agnocast_list list = { .what = what, .buf_len = len };

	cr_assert_eq(agk_list(world, &list, buf), 0);
	return list.count;
}

TestSuite(registry, .init = setup, .timeout = 60);

Test(registry, an_address_space_joins_once)
{
	struct agk_who who = { .key = 1, .pid = 1 };
	struct agk_session *one = join(1), *two = NULL;

	cr_expect_eq(agk_session_join(world, AGNOCAST_ABI_VERSION, &who, 0, &two), -EEXIST);
	cr_expect_eq(world->sessions_count, 1);
	leave(one);
	cr_expect_eq(agk_session_join(world, AGNOCAST_ABI_VERSION, &who, 0, &two), 0);
	leave(two);
}

Test(registry, another_abi_is_refused)
{
	struct agk_who who = { .key = 1 };
	struct agk_session *session = NULL;

	cr_expect_eq(agk_session_join(world, AGNOCAST_ABI_VERSION + 1, &who, 0, &session),
		     -EPROTO);
	cr_expect_null(session);
}

Test(registry, a_full_window_refuses_and_a_freed_slot_is_used_again)
{
	struct agk_who who = { .key = 100, .pid = 100 };
	struct agk_session *session[8], *more = NULL;

	for (u32 i = 0; i < 8; i++)
		session[i] = join(i + 1);
	cr_expect_eq(agk_session_join(world, AGNOCAST_ABI_VERSION, &who, 0, &more), -ENOSPC);
	for (u32 i = 0; i < 8; i++)
		for (u32 j = 0; j < i; j++)
			cr_expect_neq(session[i]->slot, session[j]->slot);
	leave(session[3]);
	more = join(100);
	cr_expect_eq(more->slot, 3);
	cr_expect_gt(more->id, session[7]->id, "ids never repeat");
}

Test(registry, all_1024_areas_can_be_had)
{
	struct agk_window_params params = { AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE, 1024 };
	struct agk_who who = { .key = 5000, .pid = 5000 };
	struct agk_session *more = NULL;

	world = make_world(&params);
	for (u32 i = 0; i < 1024; i++)
		join(i + 1);
	cr_expect_eq(agk_session_join(world, AGNOCAST_ABI_VERSION, &who, 0, &more), -ENOSPC);
	cr_expect_eq(world->sessions_count, 1024);
}

Test(registry, a_mapped_slot_is_not_used_again_before_it_is_unmapped)
{
	struct agk_session *owner = join(1), *reader = join(2);
	struct agnocast_map_report report = {
		.owner = owner->id, .state = AGNOCAST_WILL_MAP, .parts = AGNOCAST_MAP_CONTROL,
	};
	u32 slot = owner->slot;
	bool found = false;

	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	cr_expect_eq(report.base, agk_session_base(owner));
	cr_expect_str_eq(report.shm_name, "/agnocast@1");
	leave(owner);
	for (u32 i = 0; i < 20; i++) {
		struct agk_session *other = join(10 + i);

		cr_expect_neq(other->slot, slot);
		leave(other);
	}
	report = (struct agnocast_map_report){
		.owner = report.owner, .state = AGNOCAST_UNMAPPED,
	};
	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	cr_expect_eq(world->window.taken, 1);
	for (u32 i = 0; i < 7; i++)
		found = found || join(100 + i)->slot == slot;
	cr_expect(found);
}

Test(registry, a_readers_end_drops_its_pins)
{
	struct agk_session *owner = join(1), *reader = join(2);
	struct agnocast_map_report report = {
		.owner = owner->id, .state = AGNOCAST_WILL_MAP, .parts = AGNOCAST_MAP_PARTS,
	};

	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	leave(owner);
	leave(reader);
	cr_expect_eq(world->window.taken, 0);
	cr_expect(list_empty(&world->mappings));
}

/* @reader reports on @owner's area; returns the report as answered. */
static struct agnocast_map_report report_of(struct agk_session *reader,
					    struct agk_session *owner, u32 state, u32 parts)
{
	struct agnocast_map_report report = {
		.owner = owner->id, .state = state, .parts = parts,
		.error = state == AGNOCAST_REFUSED ? ENOMEM : 0,
	};

	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	return report;
}

static u32 blind_of(const struct agnocast_endpoint_add *args)
{
	return entries_of(args->roster)[0].blind;
}

Test(registry, the_blind_show_in_the_owners_roster_entries)
{
	struct agk_session *owner = join(1), *reader = join(2);
	struct agnocast_endpoint_add args;

	cr_assert_eq(add_as(owner, AGNOCAST_SUBSCRIPTION, "/a", &args), 0);
	report_of(reader, owner, AGNOCAST_WILL_MAP, AGNOCAST_MAP_CONTROL);
	cr_expect_eq(blind_of(&args), 0);
	report_of(reader, owner, AGNOCAST_REFUSED, AGNOCAST_MAP_CONTROL);
	cr_expect_eq(blind_of(&args), 1);
	report_of(reader, owner, AGNOCAST_WILL_MAP, AGNOCAST_MAP_CONTROL);
	cr_expect_eq(blind_of(&args), 1, "an attempt is no success");
	report_of(reader, owner, AGNOCAST_REFUSED, AGNOCAST_MAP_CONTROL);
	cr_expect_eq(blind_of(&args), 1, "counted once");
	leave(reader);
	cr_expect_eq(blind_of(&args), 0);
}

Test(registry, who_has_the_control_part_is_not_blind_without_the_heap)
{
	struct agk_session *owner = join(1), *reader = join(2);
	struct agnocast_endpoint_add args;

	cr_assert_eq(add_as(owner, AGNOCAST_SUBSCRIPTION, "/a", &args), 0);
	report_of(reader, owner, AGNOCAST_WILL_MAP, AGNOCAST_MAP_CONTROL);
	report_of(reader, owner, AGNOCAST_MAPPED, AGNOCAST_MAP_CONTROL);
	report_of(reader, owner, AGNOCAST_WILL_MAP, AGNOCAST_MAP_PARTS);
	report_of(reader, owner, AGNOCAST_REFUSED, AGNOCAST_MAP_PARTS);
	cr_expect_eq(blind_of(&args), 0);
	cr_expect_eq(agk_mapping_acknowledge(owner, reader->id), -ENOENT);
}

Test(registry, an_acknowledgement_stands_until_the_reader_sees)
{
	struct agk_session *owner = join(1), *reader = join(2);
	struct agnocast_endpoint_add args;
	const u32 part = AGNOCAST_MAP_CONTROL;

	cr_assert_eq(add_as(owner, AGNOCAST_SUBSCRIPTION, "/a", &args), 0);
	report_of(reader, owner, AGNOCAST_WILL_MAP, part);
	cr_expect_eq(agk_mapping_acknowledge(owner, reader->id), -ENOENT, "not refused yet");
	cr_expect_eq(report_of(reader, owner, AGNOCAST_REFUSED, part).acknowledged, 0);
	cr_expect_eq(agk_mapping_acknowledge(reader, owner->id), -ENOENT, "the wrong way round");
	cr_expect_eq(agk_mapping_acknowledge(owner, reader->id), 0);
	cr_expect_eq(report_of(reader, owner, AGNOCAST_REFUSED, part).acknowledged, 1);
	cr_expect_eq(report_of(reader, owner, AGNOCAST_WILL_MAP, part).acknowledged, 1);
	cr_expect_eq(report_of(reader, owner, AGNOCAST_MAPPED, part).acknowledged, 0);
	cr_expect_eq(blind_of(&args), 0);
	cr_expect_eq(agk_mapping_acknowledge(owner, reader->id), -ENOENT);
	report_of(reader, owner, AGNOCAST_UNMAPPED, 0);
	report_of(reader, owner, AGNOCAST_WILL_MAP, part);
	cr_expect_eq(report_of(reader, owner, AGNOCAST_REFUSED, part).acknowledged, 0);
}

Test(registry, bad_mapping_reports_change_nothing)
{
	struct agk_session *owner = join(1), *reader = join(2);
	const u64 id = owner->id;
	const struct {
		const char *what;
		struct agnocast_map_report report;
		int err;
	} rows[] = {
		{ "no state", { .owner = id, .parts = 1 }, -EINVAL },
		{ "unknown state", { .owner = id, .state = 5, .parts = 1 }, -EINVAL },
		{ "unknown part", { .owner = id, .state = 1, .parts = 4 }, -EINVAL },
		{ "no part", { .owner = id, .state = 1 }, -EINVAL },
		{ "parts of nothing", { .owner = id, .state = 4, .parts = 1 }, -EINVAL },
		{ "refused without errno", { .owner = id, .state = 3, .parts = 1 }, -EINVAL },
		{ "mapped with errno", { .owner = id, .state = 2, .parts = 1, .error = 1 }, -EINVAL },
		{ "no such owner", { .owner = 999, .state = 1, .parts = 1 }, -ENOENT },
		{ "not announced", { .owner = id, .state = 2, .parts = 1 }, -ENOENT },
		{ "itself", { .owner = reader->id, .state = 1, .parts = 1 }, -ENOENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct agnocast_map_report report = rows[i].report;

		cr_expect_eq(agk_mapping_report(reader, &report), rows[i].err, "%s", rows[i].what);
		cr_expect_eq(memcmp(&report, &rows[i].report, sizeof(report)), 0, "%s", rows[i].what);
		cr_expect(list_empty(&world->mappings), "%s", rows[i].what);
	}
}

Test(registry, a_topic_comes_and_goes_with_its_endpoints)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	u64 one, two;

	cr_assert_eq(add_as(session, AGNOCAST_PUBLISHER, "/a", &args), 0);
	one = args.generation;
	two = add(session, AGNOCAST_SUBSCRIPTION, "/a");
	cr_expect_eq(world->topics_count, 1);
	cr_expect_str_eq(roster_of(args.roster)->name, "/a");
	cr_expect_eq(count_of(args.roster), 2);
	cr_expect_eq(agk_endpoint_remove(session, AGNOCAST_PUBLISHER, one), 0);
	cr_expect_eq(count_of(args.roster), 1);
	cr_expect_eq(entries_of(args.roster)[0].generation, two);
	cr_expect_eq(agk_endpoint_remove(session, AGNOCAST_SUBSCRIPTION, two), 0);
	cr_expect_eq(world->topics_count, 0);
	cr_expect_eq(count_of(args.roster), 0);
	cr_expect_eq(roster_of(args.roster)->topic, 0);
}

Test(registry, names_that_are_no_topics_are_refused)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;

	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "", &args), -EINVAL);
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "a", &args), -EINVAL);
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "/", &args), -EINVAL);
	add_as(session, AGNOCAST_PUBLISHER, "a", &args);
	memset(args.topic, 'a', sizeof(args.topic));
	args.topic[0] = '/';
	cr_expect_eq(agk_endpoint_add(session, AGNOCAST_PUBLISHER, &args, NULL, 0), -EINVAL,
		     "unterminated");
	args.topic[255] = '\0';
	cr_expect_eq(agk_endpoint_add(session, AGNOCAST_PUBLISHER, &args, NULL, 0), 0,
		     "255 bytes are fine");
	cr_expect_eq(world->topics_count, 1);
}

Test(registry, bad_adds_change_nothing)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	const struct { const char *what; u32 depth, flags; u64 block; } rows[] = {
		{ "no depth", 0, 0, 4096 },
		{ "too deep", AGNOCAST_DEPTH_MAX + 1, 0, 4096 },
		{ "unknown flag", 1, 1U << 31, 4096 },
		{ "block in the header's place", 1, 0, 0 },
		{ "block beyond the control part", 1, 0, 1U << 30 },
		{ "block off its line", 1, 0, 4100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(&args, 0, sizeof(args));
		strcpy(args.topic, "/a");
		args.depth = rows[i].depth;
		args.flags = rows[i].flags;
		args.block = rows[i].block;
		cr_expect_eq(agk_endpoint_add(session, AGNOCAST_PUBLISHER, &args, NULL, 0),
			     -EINVAL, "%s", rows[i].what);
		cr_expect_eq(world->topics_count, 0, "%s", rows[i].what);
	}
}

Test(registry, a_prefix_of_a_topic_is_another_topic)
{
	struct agk_session *session = join(1);

	add(session, AGNOCAST_PUBLISHER, "/points");
	add(session, AGNOCAST_PUBLISHER, "/point");
	add(session, AGNOCAST_PUBLISHER, "/points/raw");
	cr_expect_eq(world->topics_count, 3);
}

Test(registry, an_add_returns_the_endpoints_of_the_other_kind)
{
	struct agk_session *pub = join(1), *sub = join(2);
	struct agnocast_endpoint_add args;
	struct agnocast_peer peers[2];

	add(pub, AGNOCAST_PUBLISHER, "/a");
	add(pub, AGNOCAST_PUBLISHER, "/a");
	add(pub, AGNOCAST_PUBLISHER, "/b");
	add_as(sub, AGNOCAST_SUBSCRIPTION, "/x", &args);
	strcpy(args.topic, "/a");
	cr_assert_eq(agk_endpoint_add(sub, AGNOCAST_SUBSCRIPTION, &args, peers, 1), 0);
	cr_expect_eq(args.peers_count, 2, "says how many there are");
	cr_expect_eq(peers[0].pid, 1);
	cr_expect_eq(peers[0].session, pub->id);
	cr_expect_eq(peers[0].area_base, agk_session_base(pub));
	cr_expect_str_eq(peers[0].shm_name, "/agnocast@1");
}

Test(registry, a_topic_takes_512_endpoints_and_ids_are_used_again)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	u64 first = 0;

	for (u32 i = 0; i < AGNOCAST_ENDPOINTS_MAX; i++) {
		cr_assert_eq(add_as(session, i % 2 ? AGNOCAST_PUBLISHER : AGNOCAST_SUBSCRIPTION,
				    "/a", &args), 0, "%u", i);
		cr_assert_eq(args.endpoint, i);
		first = first ? first : args.generation;
	}
	cr_expect_eq(count_of(args.roster), 512);
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "/a", &args), -ENOSPC);
	cr_expect_eq(agk_endpoint_remove(session, AGNOCAST_SUBSCRIPTION, first), 0);
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "/a", &args), 0);
	cr_expect_eq(args.endpoint, 0);
	cr_expect_gt(args.generation, first);
}

Test(registry, a_hundred_thousand_endpoints_leave_room_for_the_next)
{
	struct agk_session *session = join(1);

	add(session, AGNOCAST_SUBSCRIPTION, "/a");
	for (u32 i = 0; i < 100000; i++)
		cr_assert_eq(agk_endpoint_remove(session, AGNOCAST_PUBLISHER,
						 add(session, AGNOCAST_PUBLISHER, "/a")), 0);
	cr_expect_eq(world->topics_count, 1);
	add(session, AGNOCAST_PUBLISHER, "/a");
}

Test(registry, all_4096_topics_can_be_had)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	char name[32];

	for (u32 i = 0; i < AGNOCAST_TOPICS_MAX; i++) {
		snprintf(name, sizeof(name), "/topic%u", i);
		add(session, AGNOCAST_PUBLISHER, name);
	}
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "/more", &args), -ENOSPC);
	cr_expect_eq(add_as(session, AGNOCAST_PUBLISHER, "/topic7", &args), 0);
	leave(session);
	cr_expect_eq(world->topics_count, 0);
	cr_expect_eq(world->free_rosters, AGNOCAST_TOPICS_MAX);
}

Test(registry, nobody_removes_anothers_endpoint)
{
	struct agk_session *one = join(1), *two = join(2);
	u64 generation = add(one, AGNOCAST_PUBLISHER, "/a");

	cr_expect_eq(agk_endpoint_remove(two, AGNOCAST_PUBLISHER, generation), -EBADF);
	cr_expect_eq(agk_endpoint_remove(one, AGNOCAST_SUBSCRIPTION, generation), -EBADF);
	cr_expect_eq(agk_endpoint_remove(one, AGNOCAST_PUBLISHER, generation + 1), -EBADF);
	cr_expect_eq(agk_endpoint_remove(one, AGNOCAST_PUBLISHER, generation), 0);
	cr_expect_eq(agk_endpoint_remove(one, AGNOCAST_PUBLISHER, generation), -EBADF);
}

Test(registry, a_death_takes_the_endpoints_out_of_the_rosters_at_once)
{
	struct agk_session *one = join(1), *two = join(2);
	struct agnocast_endpoint_add args;
	u32 before;

	cr_assert_eq(add_as(one, AGNOCAST_PUBLISHER, "/a", &args), 0);
	add(two, AGNOCAST_SUBSCRIPTION, "/a");
	before = roster_of(args.roster)->generation;
	agk_session_end(two, true);
	cr_expect_eq(count_of(args.roster), 1);
	cr_expect_gt(roster_of(args.roster)->generation, before);
	cr_expect_eq(agk_endpoint_remove(two, AGNOCAST_SUBSCRIPTION, 1), -ENOTCONN);
	cr_expect_eq(add_as(two, AGNOCAST_PUBLISHER, "/a", &args), -ENOTCONN);
	agk_session_end(two, true);
	agk_session_free(two);
	cr_expect_eq(world->stale_count, 1, "ending twice is ending once");
}

Test(registry, names_of_the_dead_are_listed_until_they_are_cleaned)
{
	struct agk_session *one = join(1), *two = join(2);
	struct agnocast_stale_info stale[4];
	u64 id = one->id;

	agk_session_end(one, true);
	agk_session_end(two, false);
	cr_assert_eq(list_all(AGNOCAST_LIST_STALE, stale, sizeof(stale)), 1);
	cr_expect_eq(stale[0].session, id);
	cr_expect_str_eq(stale[0].shm_name, "/agnocast@1");
	cr_expect_eq(agk_stale_cleaned(world, id, 1001), -EPERM);
	cr_expect_eq(agk_stale_cleaned(world, id, 1000), 0);
	cr_expect_eq(agk_stale_cleaned(world, id, 1000), -ENOENT);
	cr_expect_eq(world->stale_count, 0);
}

Test(registry, a_listing_under_churn_sees_what_stays_exactly_once)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_info page[3];
	struct agnocast_list list = {
		.what = AGNOCAST_LIST_ENDPOINTS, .buf_len = sizeof(page),
	};
	u64 stays[10], seen[10] = { 0 };

	for (u32 i = 0; i < 10; i++) {
		stays[i] = add(session, AGNOCAST_PUBLISHER, "/a");
		add(session, AGNOCAST_SUBSCRIPTION, "/b");
	}
	for (;;) {
		u64 extra = add(session, AGNOCAST_PUBLISHER, "/c");

		cr_assert_eq(agk_list(world, &list, page), 0);
		agk_endpoint_remove(session, AGNOCAST_PUBLISHER, extra);
		for (u32 i = 0; i < list.count; i++)
			for (u32 j = 0; j < 10; j++)
				seen[j] += page[i].generation == stays[j];
		if (list.count < 3)
			break;
		list.cursor = list.next;
	}
	for (u32 j = 0; j < 10; j++)
		cr_expect_eq(seen[j], 1);
}

Test(registry, listings_say_what_is_there)
{
	struct agk_session *session = join(7);
	struct agnocast_session_info sessions[2];
	struct agnocast_topic_info topics[2];
	struct agnocast_list list = { .what = 99, .buf_len = 4096 };

	add(session, AGNOCAST_PUBLISHER, "/a");
	cr_assert_eq(list_all(AGNOCAST_LIST_SESSIONS, sessions, sizeof(sessions)), 1);
	cr_expect_eq(sessions[0].pid, 7);
	cr_expect_eq(sessions[0].endpoints, 1);
	cr_expect_eq(sessions[0].ready, 1);
	cr_assert_eq(list_all(AGNOCAST_LIST_TOPICS, topics, sizeof(topics)), 1);
	cr_expect_str_eq(topics[0].name, "/a");
	cr_expect_eq(topics[0].publishers, 1);
	cr_expect_eq(agk_list(world, &list, topics), -EINVAL);
	list.what = AGNOCAST_LIST_TOPICS;
	list.buf_len = sizeof(topics[0]) - 1;
	cr_expect_eq(agk_list(world, &list, topics), -EINVAL);
}

static int allocations_until_failure;

static bool fail_in_turn(void)
{
	return allocations_until_failure-- == 0;
}

Test(registry, an_add_that_runs_out_of_memory_changes_nothing)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	int ret = -ENOMEM;

	agk_alloc_fails = fail_in_turn;
	for (int n = 0; ret; n++) {
		allocations_until_failure = n;
		ret = add_as(session, AGNOCAST_PUBLISHER, "/a", &args);
		cr_assert(ret == 0 || ret == -ENOMEM);
		if (ret) {
			cr_expect_eq(world->topics_count, 0);
			cr_expect_eq(world->free_rosters, AGNOCAST_TOPICS_MAX);
			cr_expect(list_empty(&session->endpoints));
		}
		cr_assert_lt(n, 10);
	}
	agk_alloc_fails = NULL;
}

/* Else its readers' old mappings would count as ones of its new area. */
Test(registry, a_session_does_not_come_back_while_its_last_life_is_mapped)
{
	const struct agk_who who = { .key = 9, .pid = 9, .uid = 1000 };
	struct agk_session *reader = join(1), *back = NULL, *again = NULL;
	struct agnocast_rejoin rejoin = {
		.session = 7, .slot = 5, .abi = AGNOCAST_ABI_VERSION,
		.base = AGNOCAST_WINDOW_BASE + 5 * AGNOCAST_AREA_SIZE,
	};
	struct agnocast_map_report report = {
		.owner = 7, .state = AGNOCAST_WILL_MAP, .parts = AGNOCAST_MAP_CONTROL,
	};

	cr_assert_eq(agk_session_rejoin(world, &rejoin, &who, &back), 0);
	cr_assert_eq(agk_session_ready(back), 0);
	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	leave(back);
	rejoin.slot = 6;
	rejoin.base += AGNOCAST_AREA_SIZE;
	cr_expect_eq(agk_session_rejoin(world, &rejoin, &who, &again), -EBUSY);
	cr_expect_null(again);
	cr_expect_eq(world->window.taken, 2, "its reader's and the pinned one");
	report = (struct agnocast_map_report){ .owner = 7, .state = AGNOCAST_UNMAPPED };
	cr_assert_eq(agk_mapping_report(reader, &report), 0);
	cr_expect_eq(agk_session_rejoin(world, &rejoin, &who, &again), 0);
}

Test(registry, windows_that_cannot_be_are_refused)
{
	const struct agk_window_params rows[] = {
		{ 0, AGNOCAST_AREA_SIZE, 8 },
		{ AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE, 0 },
		{ AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE, 1025 },
		{ AGNOCAST_WINDOW_BASE, 1ULL << 30, 8 },
		{ AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE + 4096, 8 },
		{ AGNOCAST_WINDOW_BASE + 4096, AGNOCAST_AREA_SIZE, 8 },
		{ 1ULL << 47, AGNOCAST_AREA_SIZE, 8 },
		{ AGNOCAST_WINDOW_BASE, 1ULL << 46, 1024 },
	};
	struct agk_window window;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_eq(agk_window_init(&window, &rows[i]), -EINVAL, "row %zu", i);
}

/* A reader that follows the protocol of uapi/agnocast.h, beside a writer. */
static _Atomic bool roster_done;

static void *read_roster(void *arg)
{
	u64 offset = *(u64 *)arg, good = 0;
	const struct agnocast_roster *roster = roster_of(offset);

	while (!roster_done) {
		u32 seen = __atomic_load_n(&roster->generation, __ATOMIC_ACQUIRE);
		const struct agnocast_roster_entry *list = (const void *)
			(rosters + offset + AGNOCAST_ROSTER_PAGE + (seen & 1) * AGNOCAST_ROSTER_COPY);
		u32 n = __atomic_load_n(&roster->count[seen & 1], __ATOMIC_RELAXED), i;
		u64 last = 0;
		bool ordered = n >= 1 && n <= 3;

		for (i = 0; i < n && i < 3; i++) {
			u64 at = __atomic_load_n(&list[i].generation, __ATOMIC_RELAXED);

			ordered = ordered && at > last;
			last = at;
		}
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&roster->generation, __ATOMIC_RELAXED) != seen)
			continue;
		if (!ordered)
			return (void *)1;
		good++;
	}
	return good ? NULL : (void *)2;
}

Test(registry, a_roster_that_did_not_move_was_read_whole)
{
	struct agk_session *session = join(1);
	struct agnocast_endpoint_add args;
	pthread_t thread;
	void *verdict;

	cr_assert_eq(add_as(session, AGNOCAST_SUBSCRIPTION, "/a", &args), 0);
	pthread_create(&thread, NULL, read_roster, &args.roster);
	for (u32 i = 0; i < 200000; i++) {
		u64 one = add(session, AGNOCAST_PUBLISHER, "/a");
		u64 two = add(session, AGNOCAST_PUBLISHER, "/a");

		agk_endpoint_remove(session, AGNOCAST_PUBLISHER, one);
		agk_endpoint_remove(session, AGNOCAST_PUBLISHER, two);
	}
	roster_done = true;
	pthread_join(thread, &verdict);
	cr_expect_null(verdict, "1: torn list accepted; 2: never read");
}
