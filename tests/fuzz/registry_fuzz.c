/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_fuzz.c - bytes become commands, for the core and for the model
 *
 * After each command both must have said the same, written the same and hold
 * the same; so a command that fails has changed nothing. An input that ends
 * in the middle of a command is continued with zeros.
 *
 * FUZZ_TRACE=1 shows the commands of an input.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "compare.h"
#include "names.h"

#define HANDLES 12		/* sessions held at a time, ended ones included */
#define COMMANDS_MAX 300
#define FIRST 100		/* ids up to here are an earlier registry's */

bool (*agk_alloc_fails)(void);

/* A session as its home holds it, still after its end. */
static struct handle {
	struct agk_session *core;
	u64	id;
	u64	live;		/* .id until its end, then 0, which is no session's */
} handles[HANDLES];

static struct agk_world *world;
static struct model model;
static const uint8_t *input;
static size_t left;
static bool tracing;

/* The next command's allocation number .at fails; -1: none. */
static struct {
	int	at, seen;
	bool	hit;
} oom = { .at = -1 };


static void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void trace(const char *format, ...)
{
	va_list args;

	if (!tracing)
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void disagree(const char *format, ...)
{
	va_list args;

	fputs("DISAGREE: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void expect_result(const char *command, int got, int expected)
{
	if (got != expected)
		disagree("%s: core says %d, model says %d", command, got, expected);
}

static void expect_same(const char *command, const void *got, const void *expected, size_t len)
{
	if (memcmp(got, expected, len))
		disagree("%s: core and model wrote different results", command);
}

static uint8_t byte(void)
{
	if (!left)
		return 0;
	left--;
	return *input++;
}

static u64 number(u32 bytes)
{
	u64 value = 0;

	while (bytes--)
		value = value << 8 | byte();
	return value;
}

static bool allocation_fails(void)
{
	if (oom.at < 0 || oom.seen++ != oom.at)
		return false;
	oom.hit = true;
	return true;
}

/* The core runs between these two. */
static void core_begins(void)
{
	oom.hit = false;
	oom.seen = 0;
	agk_alloc_fails = allocation_fails;
}

static void core_ends(void)
{
	agk_alloc_fails = NULL;
	oom.at = -1;
}

static struct handle *some_handle(void)
{
	return &handles[byte() % HANDLES];
}

static struct handle *free_handle(void)
{
	for (u32 i = 0; i < HANDLES; i++)
		if (!handles[i].core)
			return &handles[i];
	return NULL;
}

static struct handle *handle_of(u64 session)
{
	for (u32 i = 0; i < HANDLES; i++)
		if (handles[i].core && handles[i].live == session)
			return &handles[i];
	disagree("no handle of session %llu", (unsigned long long)session);
}

static int join_as(struct handle *handle, u32 abi, const struct model_session *as)
{
	struct agk_who who = { .key = as->key, .pid = as->pid, .uid = as->uid };
	struct agk_session *session = NULL;
	int ret, want;

	memcpy(who.comm, as->comm, sizeof(who.comm));
	core_begins();
	ret = agk_session_join(world, abi, &who, as->mempool_size, &session);
	core_ends();
	want = model_join(&model, oom.hit, abi, as, ret ? 0 : session->id);
	trace("join key %llx pid %u uid %u = %d", (unsigned long long)as->key, as->pid,
	      as->uid, ret);
	expect_result("join", ret, want);
	if (ret) {
		if (session)
			disagree("join failed and returned a session");
		return ret;
	}
	if (agk_session_base(session) != model.base + session->slot * model.area_size)
		disagree("session's base is not its slot's");
	handle->core = session;
	handle->id = handle->live = session->id;
	return 0;
}

static void fill_who(struct model_session *who, uint8_t a, uint8_t b)
{
	static const u32 uids[] = { 0, 1000, 1001, 1000 };

	who->key = keys[a % KEYS];
	/* Pids of all lengths; keys and pids are not tied here. */
	who->pid = b & 0x80 ? 4194304U >> (b & 0xf) : 1U + (b & 0xf);
	who->uid = uids[b >> 4 & 3];
	who->mempool_size = (u64)a << (b & 31);
	memset(who->comm, 'a' + a % 26, a % AGNOCAST_COMM_MAX);
}

static void do_join(void)
{
	struct handle *handle = free_handle();
	struct model_session who = { 0 };
	uint8_t a = byte(), b = byte();

	fill_who(&who, a, b);
	if (handle)
		join_as(handle, a == 0xff ? AGNOCAST_ABI_VERSION + 1 : AGNOCAST_ABI_VERSION, &who);
}

static void do_rejoin(void)
{
	struct handle *handle = free_handle();
	struct model_session as = { 0 };
	uint8_t a = byte(), b = byte(), id = byte();
	struct agnocast_rejoin rejoin = {
		.session = id & 0x80 ? FIRST - 1U + (id & 3) : id & 7,
		.slot = id >> 3 & 15, .abi = AGNOCAST_ABI_VERSION + (a == 0xff),
	};
	struct agk_session *session = NULL;
	struct agk_who who = { 0 };
	int ret;

	fill_who(&as, a, b);
	rejoin.base = model.base + rejoin.slot * model.area_size + (id == 0x7f);
	rejoin.mempool_size = as.mempool_size;
	who.key = as.key;
	who.pid = as.pid;
	who.uid = as.uid;
	memcpy(who.comm, as.comm, sizeof(who.comm));
	if (!handle)
		return;
	core_begins();
	ret = agk_session_rejoin(world, &rejoin, &who, &session);
	core_ends();
	trace("rejoin %llu slot %u = %d", (unsigned long long)rejoin.session, rejoin.slot, ret);
	expect_result("rejoin", ret, model_rejoin(&model, oom.hit, &rejoin, &as));
	if (!ret)
		*handle = (struct handle){ session, session->id, session->id };
}

/* What a home does for those that it waits for. */
static void do_heir(void)
{
	uint8_t how = byte();
	u32 slot = how >> 4;
	int more = how & 4 ? 1 : -1;

	switch (how & 3) {
	case 0:
		expect_result("reserve", agk_slot_reserve(world, slot),
			      model_reserve(&model, slot));
		break;
	case 1:
		if (slot >= model.areas || !model.reserved[slot])
			return;
		agk_slot_unreserve(world, slot);
		model_unreserve(&model, slot);
		break;
	default:
		agk_world_awaits(world, more);
		model.awaited += more;
	}
	trace("heir %x", how);
}

static void do_ready(void)
{
	struct handle *handle = some_handle();
	int ret;

	if (!handle->core)
		return;
	core_begins();
	ret = agk_session_ready(handle->core);
	core_ends();
	trace("ready %llu = %d", (unsigned long long)handle->id, ret);
	expect_result("ready", ret, model_ready(&model, handle->live));
}

static void end(struct handle *handle, bool names_left)
{
	u64 serial = 0;

	core_begins();
	agk_session_end(handle->core, names_left);
	core_ends();
	if (!list_empty(&world->stale))
		serial = list_entry(world->stale.prev, struct agk_stale, link)->serial;
	model_end(&model, handle->live, names_left, serial);
	handle->live = 0;
}

static void release(struct handle *handle)
{
	agk_session_free(handle->core);
	*handle = (struct handle){ 0 };
}

/* Ends it, perhaps again; its handle may stay and be called on. */
static void do_end(void)
{
	struct handle *handle = some_handle();
	uint8_t how = byte();

	if (!handle->core)
		return;
	trace("end %llu%s%s", (unsigned long long)handle->id, how & 1 ? " names left" : "",
	      how & 2 ? " and free" : "");
	end(handle, how & 1);
	if (how & 2)
		release(handle);
}

static void fill_add(struct agnocast_endpoint_add *add)
{
	static const u32 depths[] = { 1, 10, AGNOCAST_DEPTH_MAX, 0, AGNOCAST_DEPTH_MAX + 1, U32_MAX };
	static const u64 blocks[] = { 64, 4096, (1U << 30) - 64, 0, 4100, 1U << 30, 1ULL << 32, 63 };
	uint8_t name = byte(), odd = byte();

	memcpy(add->topic, names[(name & 0x3f) % names_count], sizeof(add->topic));
	if (name & 0x40)	/* rubbish behind the end must not be kept */
		memset(add->topic + strnlen(add->topic, 255) + 1, 0xee,
		       255 - strnlen(add->topic, 255));
	if (name & 0x80)
		memset(add->node, 'n', 1 + name % AGNOCAST_NODE_MAX);
	add->depth = 1;
	add->block = 4096;
	add->flags = odd & 3;
	switch (odd >> 2 & 7) {
	case 1: add->depth = depths[(odd >> 5) % ARRAY_SIZE(depths)]; break;
	case 2: add->block = blocks[(odd >> 5) % ARRAY_SIZE(blocks)]; break;
	case 3: add->flags = 1U << (odd >> 5) << (odd & 3) * 8; break;
	case 4: add->block = 64 * number(3); break;
	}
	/* Out members that come in with something. */
	add->generation = 0xdead;
	add->peers_len = odd;
	if (odd >> 2 == 5 || odd >> 2 == 6)
		add->again = number(1) % (FIRST + 2);
}

static int add_to(struct handle *handle, u32 kind, const struct agnocast_endpoint_add *args,
		  u32 room)
{
	struct agnocast_endpoint_add got = *args, want = *args;
	/* Exactly as long as said, or one to point to that nobody may touch. */
	struct agnocast_peer *peers = calloc(room, sizeof(*peers));
	struct agnocast_peer *expected = calloc(room + 1, sizeof(*expected));
	int ret, ret_want;

	core_begins();
	ret = agk_endpoint_add(handle->core, kind, &got, peers, room);
	core_ends();
	ret_want = model_add(&model, oom.hit, handle->live, kind, &want, &got,
			     ret ? 0 : rosters_topic_at(got.roster));
	trace("add %llu %s %.8s room %u = %d", (unsigned long long)handle->id,
	      kind == AGNOCAST_PUBLISHER ? "pub" : "sub", args->topic, room, ret);
	expect_result("add", ret, ret_want);
	if (!ret)
		model_peers(&model, want.generation, expected, room);
	expect_same("add", &got, &want, sizeof(got));
	expect_same("add, peers", peers, expected, room * sizeof(*peers));
	free(peers);
	free(expected);
	return ret;
}

static void do_add(void)
{
	struct handle *handle = some_handle();
	struct agnocast_endpoint_add add = { 0 };
	uint8_t how = byte();

	fill_add(&add);
	if (handle->core)
		add_to(handle, how & 1 ? AGNOCAST_SUBSCRIPTION : AGNOCAST_PUBLISHER, &add, how >> 1);
}

/* Many at once: the limits of a topic are not met by short inputs else. */
static void do_add_many(void)
{
	struct handle *handle = some_handle();
	struct agnocast_endpoint_add add = { 0 };
	uint8_t count = byte();

	fill_add(&add);
	if (!handle->core)
		return;
	for (u32 i = 0; i < count; i++)
		if (add_to(handle, i % 3 ? AGNOCAST_SUBSCRIPTION : AGNOCAST_PUBLISHER, &add, 2))
			return;
}

static void do_remove(void)
{
	struct handle *handle = some_handle();
	uint8_t how = byte(), which = byte();
	u32 kind = how & 1 ? AGNOCAST_SUBSCRIPTION : AGNOCAST_PUBLISHER;
	u64 generation = model.last - which;
	int ret;

	if (!(how & 2) && model.endpoints) {
		const struct model_endpoint *endpoint = &model.endpoint[which % model.endpoints];

		generation = endpoint->generation;
		if (!(how & 4))
			kind = endpoint->kind;
		if (!(how & 8))
			handle = handle_of(endpoint->session);
	}
	if (!handle->core)
		return;
	core_begins();
	ret = agk_endpoint_remove(handle->core, kind, generation);
	core_ends();
	trace("remove %llu generation %llu = %d", (unsigned long long)handle->id,
	      (unsigned long long)generation, ret);
	expect_result("remove", ret, model_remove(&model, handle->live, kind, generation));
}

static void do_report(void)
{
	static const u32 errors[] = { 0, ENOMEM, 4095, 4096, U32_MAX };
	struct handle *handle = some_handle();
	uint8_t whose = byte(), how = byte();
	struct agnocast_map_report got = {
		.owner = model.last - whose, .state = how & 7, .parts = how >> 3 & 7,
		.error = how & 0x40 ? errors[whose % ARRAY_SIZE(errors)] : 0,
		.pid = 0xdead,
	}, want;
	u64 serial = 0;
	int ret;

	if (whose & 0x80)	/* or someone there is, or whose area somebody maps */
		got.owner = handles[(whose & 0x7f) % HANDLES].id;
	else if (whose & 0x40 && model.mappings)
		got.owner = model.mapping[(whose & 0x3f) % model.mappings].owner;
	if (!handle->core)
		return;
	want = got;
	core_begins();
	ret = agk_mapping_report(handle->core, &got);
	core_ends();
	if (!list_empty(&world->mappings))
		serial = list_entry(world->mappings.prev, struct agk_mapping, link)->serial;
	trace("report %llu owner %llu state %u parts %u error %u = %d",
	      (unsigned long long)handle->id, (unsigned long long)got.owner, got.state,
	      got.parts, got.error, ret);
	expect_result("report", ret, model_report(&model, oom.hit, handle->live, &want, serial));
	expect_same("report", &got, &want, sizeof(got));
}

static void do_acknowledge(void)
{
	struct handle *handle = some_handle();
	uint8_t whose = byte();
	u64 reader = whose & 1 && model.mappings ?
		     model.mapping[(whose >> 1) % model.mappings].reader :
		     handles[(whose >> 1) % HANDLES].id;
	int ret;

	if (!handle->core)
		return;
	core_begins();
	ret = agk_mapping_acknowledge(handle->core, reader);
	core_ends();
	trace("acknowledge %llu reader %llu = %d", (unsigned long long)handle->id,
	      (unsigned long long)reader, ret);
	expect_result("acknowledge", ret, model_acknowledge(&model, handle->live, reader));
}

static void do_list(void)
{
	uint8_t how = byte(), where = byte(), room = byte();
	struct agnocast_list got = { .what = how & 7, .next = 0xdead, .count = 0xdead };
	struct agnocast_list want;
	u32 size = agk_list_record_size(got.what);
	char *buf, *expected;
	int ret;

	switch (how >> 3 & 3) {
	case 0: got.cursor = where; break;
	case 1: got.cursor = model.last - where; break;
	case 2: got.cursor = model.last + where; break;
	case 3: got.cursor = ~0ULL >> (where & 63); break;
	}
	got.flags = how == 0xff;
	/* A few records, and a few bytes short of the next. */
	got.buf_len = (room & 0x1f) * (u64)size + (room >> 5) * (u64)size / 8;
	want = got;
	buf = malloc(got.buf_len);
	expected = calloc(1, got.buf_len + 1);
	core_begins();
	ret = agk_list(world, &got, buf);
	core_ends();
	trace("list %u cursor %llu room %llu = %d", got.what, (unsigned long long)got.cursor,
	      (unsigned long long)got.buf_len, ret);
	expect_result("list", ret, model_list(&model, &want, expected));
	expect_same("list", &got, &want, sizeof(got));
	if (!ret)
		expect_same("list, records", buf, expected, got.count * got.record_size);
	free(buf);
	free(expected);
}

static void do_cleaned(void)
{
	uint8_t how = byte(), which = byte();
	u64 session = how & 4 || !model.stales ? model.last - which :
		      model.stale[which % model.stales].session;
	u32 uid = how & 3 ? 998 + (how & 3) : 0;
	int ret;

	core_begins();
	ret = agk_stale_cleaned(world, session, uid);
	core_ends();
	trace("cleaned %llu by %u = %d", (unsigned long long)session, uid, ret);
	expect_result("cleaned", ret, model_cleaned(&model, session, uid));
}

/* What the core finds to ring: only told apart. */
static char bells[8];
static u32 holds;

static void hold(void *bell)
{
	(void)bell;
	holds++;
}

static void do_bell(void)
{
	struct handle *handle = some_handle();
	uint8_t how = byte(), whose = byte();
	void *got = &bells[0], *want = &bells[0];
	u32 which = how & 3;
	int ret, ret_want;

	if (!handle->core)
		return;
	if (how & 4) {
		u64 owner = handles[whose % HANDLES].id;

		ret = agk_bell_get(handle->core, owner, which, &got);
		ret_want = model_bell_get(&model, handle->live, owner, which, &want);
	} else {
		void *bell = how & 8 ? NULL : &bells[how >> 4 & 7];

		ret = agk_bell_set(handle->core, which, bell, &got);
		ret_want = model_bell_set(&model, handle->live, which, bell, &want);
	}
	trace("bell %u, %s = %d", which, how & 4 ? "get" : "set", ret);
	expect_result("bell", ret, ret_want);
	if (got != want)
		disagree("bell: another one");
}

static void do_wake(void)
{
	struct handle *handle = some_handle();
	struct agnocast_sleeper sleepers[16] = { 0 };
	void *found[ARRAY_SIZE(sleepers)], *want[ARRAY_SIZE(sleepers)];
	uint8_t how = byte(), which = byte();
	u32 count = how & 15, expected;
	u64 publisher = model.last - which;
	struct agk_wake wake;
	int ret;

	if (how & 16 && model.endpoints) {
		publisher = model.endpoint[which % model.endpoints].generation;
		handle = handle_of(model.endpoint[which % model.endpoints].session);
	}
	for (u32 i = 0; i < count; i++) {
		uint8_t whom = byte();

		sleepers[i].subscription = whom & 0x40 || !model.endpoints ? model.last - whom :
			model.endpoint[(whom & 0x3f) % model.endpoints].generation;
		sleepers[i].bell = whom == 0xff ? 2 : whom >> 7;
		sleepers[i].pad = whom == 0xfe;
	}
	if (!handle->core)
		return;
	holds = 0;
	wake = (struct agk_wake){ .publisher = publisher, .sleepers = sleepers,
				  .count = count, .bells = found };
	ret = agk_wake(handle->core, &wake, hold);
	trace("wake %llu by %llu = %d", (unsigned long long)publisher,
	      (unsigned long long)handle->id, ret);
	expect_result("wake", ret, model_wake(&model, handle->live, publisher, sleepers, count,
					      want, &expected));
	if (wake.held != expected || holds != expected ||
	    memcmp(found, want, expected * sizeof(*want)))
		disagree("wake: %u bells found, of %u", wake.held, expected);
}

/* Deaths enough to make the registry forget the oldest names. Slow: once an input. */
static void do_many_deaths(void)
{
	struct handle *handle = free_handle();
	struct model_session who = { .key = 1, .uid = 1000 };
	bool meant = number(2) == 0x6d61;	/* not by accident */

	if (!handle || !meant || model.stale_ever >= MODEL_STALE)
		return;
	for (u32 i = 0; i < MODEL_STALE + 3; i++) {
		who.pid = i + 1;
		if (join_as(handle, AGNOCAST_ABI_VERSION, &who))
			return;
		end(handle, true);
		release(handle);
	}
}

static void do_fail(void)
{
	oom.at = byte() % 8;
	trace("allocation %d of the next command fails", oom.at);
}

static void (*const commands[])(void) = {
	do_join, do_ready, do_end, do_add, do_add_many, do_remove, do_report, do_list,
	do_cleaned, do_many_deaths, do_fail, do_acknowledge, do_bell, do_rejoin, do_wake, do_heir,
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	tracing = getenv("FUZZ_TRACE");
	names_choose();
	return 0;
}

/* A world with a window of this input's choice; NULL if that cannot be. */
static struct agk_world *make_world(void)
{
	struct agk_window_params window = { AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE, 0 };
	struct agk_home home = { .roster_page = rosters_page, .first_serial = FIRST };
	uint8_t how = byte();
	struct agk_world *made;
	bool usable;
	int err;

	window.areas = 1 + how % MODEL_SESSIONS;
	if ((how & 0xf8) == 0xf8) {
		window.base = number(8);
		window.area_size = number(8);
		window.areas = (u32)number(2);
	}
	if ((how & 0xf8) == 0xf0)
		oom.at = byte() % 8;
	core_begins();
	made = agk_world_create(&window, &home, &err);
	core_ends();
	usable = model_window_is_usable(window.base, window.area_size, window.areas);
	trace("window of %u areas of %llx at %llx = %d", window.areas,
	      (unsigned long long)window.area_size, (unsigned long long)window.base, err);
	expect_result("create", err, oom.hit ? -ENOMEM : usable ? 0 : -EINVAL);
	if (!made != !!err)
		disagree("create: a world and %d", err);
	memset(&model, 0, offsetof(struct model, session));	/* all counts */
	model.base = window.base;
	model.area_size = window.area_size;
	model.areas = window.areas;
	model.first = FIRST;
	model.last = FIRST;
	return made;
}

static void end_all(void)
{
	for (u32 i = 0; i < HANDLES; i++) {
		if (!handles[i].core)
			continue;
		end(&handles[i], false);
		compare_all(world, &model);
		release(&handles[i]);
	}
	for (u32 i = 0; i < model.areas; i++)
		for (; model.reserved[i]; model_unreserve(&model, i))
			agk_slot_unreserve(world, i);
	if (world->window.taken || world->topics_count || !list_empty(&world->mappings))
		disagree("something is left after the last session's end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	input = data;
	left = size;
	world = make_world();
	if (world && model.areas <= MODEL_SESSIONS) {
		compare_all(world, &model);
		for (u32 i = 0; left && i < COMMANDS_MAX; i++) {
			commands[byte() % ARRAY_SIZE(commands)]();
			compare_all(world, &model);
		}
		oom.at = -1;
		end_all();
	}
	if (world)
		agk_world_destroy(world);
	rosters_free();
	return 0;
}
