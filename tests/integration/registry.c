/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry.c - what the registry promises, agnocastd and the module alike
 *
 * Each test is a process of its own; after it the registry must be empty. In
 * the VM (AGNOCAST_VM) the numbers are smaller. Limits that only a crowd of
 * 1,024 reaches are tested there if the window has 128 areas or fewer.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "registry_test.h"

#define PUB AGNOCAST_PUBLISHER_ADD_CMD
#define SUB AGNOCAST_SUBSCRIBER_ADD_CMD
#define UNPUB AGNOCAST_PUBLISHER_REMOVE_CMD
#define UNSUB AGNOCAST_SUBSCRIBER_REMOVE_CMD

struct agnocast_version version;

unsigned int scaled(unsigned int native, unsigned int vm)
{
	return getenv("AGNOCAST_VM") ? vm : native;
}

static int call(struct member *member, unsigned int cmd, void *args)
{
	return registry_client_call(&member->client, cmd, args);
}

static void a_second_join_is_refused(void)
{
	struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION }, before = args;
	struct registry_client observer;
	struct member member, other = { 0 };
	struct snapshot snapshot;

	member_join(&member);
	observer_open(&observer);
	snapshot = snapshot_take(&observer);
	CHECK(call(&member, AGNOCAST_NEW_SHM_CMD, &args) == -EEXIST);
	/* Nor over another connection, whose token page is one too many. */
	CHECK(member_open(&other) == (other.client.daemon ? 0 : -EEXIST));
	CHECK(call(&other, AGNOCAST_NEW_SHM_CMD, &args) == -EEXIST);
	CHECK(!memcmp(&args, &before, sizeof(args)));
	CHECK(becomes(&observer, &snapshot));
}

static void check_areas(const struct crowd *crowd)
{
	static bool slot_is_taken[AGNOCAST_SESSIONS_MAX];

	for (unsigned int i = 0; i < crowd->count; i++) {
		const struct mate *mate = &crowd->mate[i];
		char name[AGNOCAST_SHM_NAME_MAX];

		CHECK(!mate->result);
		CHECK(mate->shm.slot < version.sessions_max && !slot_is_taken[mate->shm.slot]);
		slot_is_taken[mate->shm.slot] = true;
		CHECK(mate->shm.base == version.window_base + mate->shm.slot * version.area_size);
		CHECK(mate->shm.pid == (unsigned int)mate->pid);
		snprintf(name, sizeof(name), "/agnocast@%d", mate->pid);
		CHECK(!strcmp(mate->shm.shm_name, name));
	}
}

static void nobody_else_fits(struct registry_client *observer)
{
	struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION }, before = args;
	struct snapshot snapshot = snapshot_take(observer);
	struct member late;

	CHECK(!member_open(&late));
	for (int i = 0; i < 20; i++)
		CHECK(call(&late, AGNOCAST_NEW_SHM_CMD, &args) == -ENOSPC);
	CHECK(!memcmp(&args, &before, sizeof(args)));
	CHECK(becomes(observer, &snapshot));
	registry_client_close(&late.client);
}

static void each_process_has_an_area_of_its_own(void)
{
	bool full = version.sessions_max <= scaled(AGNOCAST_SESSIONS_MAX, 128);
	struct registry_client observer;
	struct crowd *crowd;
	struct member late;
	uint32_t slot;

	crowd = crowd_start(full ? version.sessions_max : 128, NULL);
	check_areas(crowd);
	observer_open(&observer);
	CHECK(list_count(&observer, AGNOCAST_LIST_SESSIONS) == crowd->count);
	if (full)
		nobody_else_fits(&observer);
	slot = crowd->mate[17].shm.slot;
	kill(crowd->mate[17].pid, SIGKILL);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_SESSIONS, crowd->count - 1));
	member_join(&late);
	/* The only free one; or, while there are others, the one freed longest ago. */
	CHECK(full == (late.shm.slot == slot));
	crowd_end(crowd, 0);
}

static int add_25(struct member *member, struct crowd *crowd, unsigned int i)
{
	struct agnocast_endpoint_add add;
	int ret = 0;

	(void)i;
	for (unsigned int k = 0; k < 25 && !ret; k++) {
		ret = member_add(member, k % 2 ? PUB : SUB, "/many", k + 1, &add);
		crowd->mate[i].value[k] = add.generation;
	}
	return ret;
}

/* 130 subscriptions, 120 publishers: what one more publisher is told. */
static uint64_t add_one_more(struct member *member)
{
	static struct agnocast_peer peers[512];
	struct agnocast_endpoint_add add = { .topic = "/many", .block = 64, .depth = 1,
					     .peers = (uintptr_t)peers,
					     .peers_len = sizeof(peers) };

	CHECK(!call(member, PUB, &add));
	CHECK(add.peers_count == 130);
	for (int i = 0; i < 130; i++) {
		CHECK(peers[i].session && peers[i].session != member->shm.session);
		CHECK((peers[i].area_base - version.window_base) % version.area_size == 0);
		CHECK(peers[i].area_size == version.area_size);
		CHECK(i == 0 || peers[i].generation > peers[i - 1].generation);
	}
	CHECK(!peers[130].session);
	CHECK(!member_remove(member, UNPUB, add.generation));
	memset(peers, 0, sizeof(peers));
	add.peers_len = 10 * sizeof(peers[0]) + 1;
	CHECK(!call(member, PUB, &add));
	CHECK(add.peers_count == 130 && peers[9].session && !peers[10].session);
	return add.generation;
}

/* Up to 512, and no further. */
static void fill_the_topic(struct member *member, struct registry_client *observer)
{
	struct agnocast_endpoint_add add, before;
	struct snapshot snapshot;
	int ret;

	do {
		ret = member_add(member, SUB, "/many", 3, &add);
	} while (!ret);
	CHECK(ret == -ENOSPC);
	CHECK(list_count(observer, AGNOCAST_LIST_ENDPOINTS) == AGNOCAST_ENDPOINTS_MAX);
	before = add;
	snapshot = snapshot_take(observer);
	CHECK(call(member, SUB, &add) == -ENOSPC);
	CHECK(call(member, PUB, &add) == -ENOSPC);
	CHECK(!memcmp(&add, &before, sizeof(add)));
	CHECK(becomes(observer, &snapshot));
}

static void a_topic_has_room_for_512_endpoints_of_many_processes(void)
{
	struct crowd *crowd = crowd_start(10, add_25);
	struct registry_client observer;
	struct snapshot before;
	struct member member;
	uint64_t generation;

	observer_open(&observer);
	for (int i = 0; i < 10; i++)
		CHECK(!crowd->mate[i].result);
	CHECK(list_count(&observer, AGNOCAST_LIST_ENDPOINTS) == 250);
	CHECK(list_count(&observer, AGNOCAST_LIST_TOPICS) == 1);
	member_join(&member);
	before = snapshot_take(&observer);
	generation = add_one_more(&member);
	CHECK(!member_remove(&member, UNPUB, generation));
	CHECK(becomes(&observer, &before));
	fill_the_topic(&member, &observer);
	/* Five processes' places are free for others. */
	for (int i = 0; i < 5; i++)
		kill(crowd->mate[i].pid, SIGKILL);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_ENDPOINTS, 512 - 125));
	for (int i = 0; i < 125; i++)
		CHECK(!member_add(&member, PUB, "/many", 1, NULL));
	CHECK(member_add(&member, PUB, "/many", 1, NULL) == -ENOSPC);
	crowd_end(crowd, 0);
}

static int add_1024_topics(struct member *member, struct crowd *crowd, unsigned int i)
{
	char topic[AGNOCAST_TOPIC_MAX];
	int ret = 0;

	(void)crowd;
	for (unsigned int k = 0; k < 1024 && !ret; k++) {
		/* As long as a name may be, alike but for its end. */
		snprintf(topic, sizeof(topic), "/%0*u", AGNOCAST_TOPIC_MAX - 2, i * 1024 + k);
		ret = member_add(member, k % 2 ? PUB : SUB, topic, 1, NULL);
	}
	return ret;
}

static void check_topics(struct registry_client *observer)
{
	struct records all = list_all(observer, AGNOCAST_LIST_TOPICS, 100);
	const struct agnocast_topic_info *topic = (void *)all.at;
	static bool seen[AGNOCAST_TOPICS_MAX], roster_seen[AGNOCAST_TOPICS_MAX];

	CHECK(all.count == AGNOCAST_TOPICS_MAX);
	for (size_t i = 0; i < all.count; i++) {
		unsigned long number = strtoul(topic[i].name + 1, NULL, 10);
		uint64_t roster = (topic[i].roster - AGNOCAST_ROSTER_PAGE) / AGNOCAST_ROSTER_STRIDE;

		CHECK(strlen(topic[i].name) == AGNOCAST_TOPIC_MAX - 1);
		CHECK(number < AGNOCAST_TOPICS_MAX && !seen[number]);
		CHECK(roster < AGNOCAST_TOPICS_MAX && !roster_seen[roster]);
		CHECK(topic[i].publishers + topic[i].subscriptions == 1);
		seen[number] = roster_seen[roster] = true;
	}
	free(all.at);
}

static void there_is_room_for_4096_topics(void)
{
	struct crowd *crowd = crowd_start(4, add_1024_topics);
	struct registry_client observer;
	struct agnocast_endpoint_add add;
	struct snapshot snapshot;
	struct member member;
	char first[AGNOCAST_TOPIC_MAX];

	observer_open(&observer);
	for (int i = 0; i < 4; i++)
		CHECK(!crowd->mate[i].result);
	check_topics(&observer);
	member_join(&member);
	snapshot = snapshot_take(&observer);
	CHECK(member_add(&member, PUB, "/one_more", 1, NULL) == -ENOSPC);
	CHECK(becomes(&observer, &snapshot));
	/* One that is there has room for others. */
	snprintf(first, sizeof(first), "/%0*u", AGNOCAST_TOPIC_MAX - 2, 0);
	CHECK(!member_add(&member, PUB, first, 1, &add));
	CHECK(add.peers_count == 1);
	kill(crowd->mate[3].pid, SIGKILL);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_TOPICS, AGNOCAST_TOPICS_MAX - 1024));
	CHECK(!member_add(&member, PUB, "/one_more", 1, NULL));
	crowd_end(crowd, 0);
}

static int add_two(struct member *member, struct crowd *crowd, unsigned int i)
{
	struct agnocast_endpoint_add add;
	int ret = member_add(member, PUB, "/theirs", 1, &add);

	crowd->mate[i].value[0] = add.generation;
	ret = ret ? ret : member_add(member, SUB, "/theirs", 2, &add);
	crowd->mate[i].value[1] = add.generation;
	return ret;
}

static int report(struct member *member, uint64_t owner, uint32_t state)
{
	struct agnocast_map_report args = { .owner = owner, .state = state };

	if (state != AGNOCAST_UNMAPPED)
		args.parts = AGNOCAST_MAP_CONTROL;
	return call(member, AGNOCAST_MAP_REPORT_CMD, &args);
}

static int open_area(struct member *member, uint64_t session)
{
	struct agnocast_fd args = { .session = session, .fd_in = -1, .fd_out = -1 };
	int ret = call(member, AGNOCAST_OPEN_AREA_CMD, &args);

	return ret ? ret : args.fd_out;
}

static void what_is_anothers_stays_anothers(void)
{
	struct crowd *crowd = crowd_start(1, add_two);
	struct agnocast_cleaned cleaned = { .session = crowd->mate[0].shm.session };
	const uint64_t theirs[2] = { crowd->mate[0].value[0], crowd->mate[0].value[1] };
	uint64_t owner = crowd->mate[0].shm.session;
	struct registry_client observer;
	struct snapshot snapshot;
	struct member member;

	CHECK(!crowd->mate[0].result);
	member_join(&member);
	observer_open(&observer);
	snapshot = snapshot_take(&observer);
	CHECK(member_remove(&member, UNPUB, theirs[0]) == -EBADF);
	CHECK(member_remove(&member, UNSUB, theirs[1]) == -EBADF);
	CHECK(member_remove(&member, UNSUB, theirs[0]) == -EBADF);
	CHECK(member_remove(&member, UNPUB, 0) == -EBADF);
	CHECK(member_remove(&member, UNPUB, ~0ULL) == -EBADF);
	CHECK(report(&member, owner, AGNOCAST_MAPPED) == -ENOENT);
	CHECK(report(&member, owner, AGNOCAST_UNMAPPED) == -ENOENT);
	CHECK(report(&member, owner + 1000, AGNOCAST_WILL_MAP) == -ENOENT);
	CHECK(report(&member, member.shm.session, AGNOCAST_WILL_MAP) == -ENOENT);
	CHECK(open_area(&member, owner + 1000) == -ENOENT);
	CHECK(open_area(&member, 0) == -ENOENT);
	CHECK(call(&member, AGNOCAST_CLEANED_CMD, &cleaned) == -ENOENT);
	CHECK(becomes(&observer, &snapshot));
	CHECK(open_area(&member, owner) >= 0);
	crowd_end(crowd, 0);
	/* Over, and not come back as somebody else's. */
	CHECK(member_remove(&member, UNPUB, theirs[0]) == -EBADF);
	CHECK(report(&member, owner, AGNOCAST_WILL_MAP) == -ENOENT);
	CHECK(open_area(&member, owner) == -ENOENT);
}

static int expect_all(struct member *member, int err)
{
	struct agnocast_fd rosters = { .fd_in = -1, .fd_out = -1 };
	struct agnocast_fd ready = { .fd_in = -1, .fd_out = -1 };
	struct agnocast_cleaned cleaned = { .session = 1 };
	struct agnocast_leave leave = { 0 };

	return member_add(member, PUB, "/a", 1, NULL) == err &&
	       member_add(member, SUB, "/a", 1, NULL) == err &&
	       member_remove(member, UNPUB, 1) == err &&
	       member_remove(member, UNSUB, 1) == err &&
	       report(member, 1, AGNOCAST_WILL_MAP) == err &&
	       open_area(member, 1) == err &&
	       call(member, AGNOCAST_OPEN_ROSTERS_CMD, &rosters) == err &&
	       call(member, AGNOCAST_AREA_READY_CMD, &ready) == err &&
	       call(member, AGNOCAST_CLEANED_CMD, &cleaned) == err &&
	       call(member, AGNOCAST_LEAVE_CMD, &leave) == err;
}

static void a_child_does_not_speak_for_its_parent(void)
{
	struct registry_client observer;
	struct member member, own;
	struct snapshot snapshot;
	int status;
	pid_t pid;

	member_join(&member);
	observer_open(&observer);
	snapshot = snapshot_take(&observer);
	pid = fork();
	if (!pid) {
		struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION };

		CHECK(expect_all(&member, -EPERM));
		CHECK(call(&member, AGNOCAST_NEW_SHM_CMD, &args) == -EPERM);
		CHECK(!member_open(&own));
		CHECK(expect_all(&own, -ENOTCONN));
		CHECK(!member_enter(&own));
		CHECK(own.shm.session != member.shm.session && own.shm.slot != member.shm.slot);
		member_leave(&own);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(becomes(&observer, &snapshot));
	CHECK(!member_add(&member, PUB, "/a", 1, NULL));
	member_leave(&member);
}

static void after_leaving_one_is_a_stranger(void)
{
	struct agnocast_leave leave = { 0 };
	struct registry_client observer;
	struct member member;

	observer_open(&observer);
	member_join(&member);
	CHECK(!member_add(&member, PUB, "/a", 1, NULL));
	CHECK(!call(&member, AGNOCAST_LEAVE_CMD, &leave));
	CHECK(!list_count(&observer, AGNOCAST_LIST_SESSIONS));
	CHECK(!list_count(&observer, AGNOCAST_LIST_TOPICS));
	CHECK(call(&member, AGNOCAST_LEAVE_CMD, &leave) == -ENOTCONN);
	CHECK(member_add(&member, PUB, "/a", 1, NULL) == -ENOTCONN);
	CHECK(member_remove(&member, UNPUB, 1) == -ENOTCONN);
	CHECK(report(&member, 1, AGNOCAST_WILL_MAP) == -ENOTCONN);
	/* It may join anew, over a new connection. */
	munmap(member.area, 4096);
	registry_client_close(&member.client);
	member_join(&member);
	CHECK(!member_add(&member, PUB, "/a", 1, NULL));
	member_leave(&member);
}

static void unknown_commands_are_enotty(void)
{
	static const unsigned int unknown[] = {
		_IOWR(AGNOCAST_IOC_MAGIC, 0x7f, struct agnocast_fd),
		_IOWR(AGNOCAST_IOC_MAGIC, 0x30, struct agnocast_fd),	/* LIST, wrong size */
		_IOR(AGNOCAST_IOC_MAGIC, 0x01, struct agnocast_new_shm),	/* wrong direction */
		_IOWR('T', 0x01, struct agnocast_new_shm),
		_IO(AGNOCAST_IOC_MAGIC, 0x01),
	};
	char args[1024] = "untouched", before[1024] = "untouched";
	struct member member;

	CHECK(!member_open(&member));
	for (int joined = 0; joined < 2; joined++) {
		for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
			CHECK(call(&member, unknown[i], args) == -ENOTTY);
		CHECK(joined || !member_enter(&member));
	}
	CHECK(!memcmp(args, before, sizeof(args)));
	member_leave(&member);
}

static void refused(struct member *member, unsigned int cmd, void *args, int err)
{
	char before[1024];

	memcpy(before, args, _IOC_SIZE(cmd));
	if (call(member, cmd, args) != err || memcmp(before, args, _IOC_SIZE(cmd))) {
		printf("  command 0x%x: not refused with %s, or changed\n", _IOC_NR(cmd),
		       strerrorname_np(-err));
		check_failed(__FILE__, __LINE__, "refused()");
	}
}

static void bad_adds_are_refused(struct member *member)
{
	const struct agnocast_endpoint_add good = { .topic = "/a", .depth = 1, .block = 64 };
	struct agnocast_endpoint_add row[11];
	size_t rows = sizeof(row) / sizeof(row[0]);

	for (size_t i = 0; i < rows; i++)
		row[i] = good;
	row[0].topic[0] = '\0';
	strcpy(row[1].topic, "a/b");
	strcpy(row[2].topic, "/");
	memset(row[3].topic, '/', sizeof(row[3].topic));
	memset(row[4].node, 'n', sizeof(row[4].node));
	row[5].depth = 0;
	row[6].depth = AGNOCAST_DEPTH_MAX + 1;
	row[7].flags = AGNOCAST_ENDPOINT_FLAGS + 1;
	row[8].block = 0;
	row[9].block = 63;
	row[10].block = 1 << 30;
	for (size_t i = 0; i < rows; i++) {
		refused(member, PUB, &row[i], -EINVAL);
		refused(member, SUB, &row[i], -EINVAL);
	}
}

static void bad_reports_are_refused(struct member *member, uint64_t owner)
{
	struct agnocast_map_report row[] = {
		{ .owner = owner, .state = 0, .parts = 1 },
		{ .owner = owner, .state = 5, .parts = 1 },
		{ .owner = owner, .state = AGNOCAST_WILL_MAP },
		{ .owner = owner, .state = AGNOCAST_WILL_MAP, .parts = 4 },
		{ .owner = owner, .state = AGNOCAST_WILL_MAP, .parts = 1, .error = 1 },
		{ .owner = owner, .state = AGNOCAST_UNMAPPED, .parts = 1 },
		{ .owner = owner, .state = AGNOCAST_REFUSED, .parts = 1 },
		{ .owner = owner, .state = AGNOCAST_REFUSED, .parts = 1, .error = 4096 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		refused(member, AGNOCAST_MAP_REPORT_CMD, &row[i], -EINVAL);
}

static void bad_descriptors_are_refused(struct member *member, uint64_t owner)
{
	struct agnocast_fd ready[] = {
		{ .fd_in = -1, .fd_out = -1 },
		{ .fd_in = open("/dev/null", O_RDONLY), .fd_out = -1 },
		{ .fd_in = open("/dev/null", O_RDWR), .fd_out = -1 },
		{ .session = 1, .fd_in = memfd_create("area", 0), .fd_out = -1 },
	};
	static const int err[] = { -EBADF, -EBADF, -EINVAL, -EINVAL };
	struct agnocast_fd in = { .session = owner, .fd_in = 0, .fd_out = -1 };
	struct agnocast_fd rosters = { .session = owner, .fd_in = -1, .fd_out = -1 };

	for (int i = 0; i < 4; i++)
		refused(member, AGNOCAST_AREA_READY_CMD, &ready[i], err[i]);
	refused(member, AGNOCAST_OPEN_AREA_CMD, &in, -EINVAL);
	refused(member, AGNOCAST_OPEN_ROSTERS_CMD, &in, -EINVAL);
	refused(member, AGNOCAST_OPEN_ROSTERS_CMD, &rosters, -EINVAL);
}

static void bad_lists_are_refused(struct member *member)
{
	static char buf[4096];
	struct agnocast_list row[] = {
		{ .what = 0, .buf_len = sizeof(buf) },
		{ .what = AGNOCAST_LIST_STALE + 1, .buf_len = sizeof(buf) },
		{ .what = AGNOCAST_LIST_SESSIONS, .flags = 1, .buf_len = sizeof(buf) },
		{ .what = AGNOCAST_LIST_SESSIONS, .buf_len = 0 },
		{ .what = AGNOCAST_LIST_SESSIONS,
		  .buf_len = sizeof(struct agnocast_session_info) - 1 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		row[i].buf = (uintptr_t)buf;
		refused(member, AGNOCAST_LIST_CMD, &row[i], -EINVAL);
	}
}

static void bad_arguments_change_nothing(void)
{
	struct agnocast_new_shm flags = { .abi = AGNOCAST_ABI_VERSION, .flags = 1 };
	struct agnocast_new_shm abi = { .abi = AGNOCAST_ABI_VERSION + 1 };
	struct agnocast_leave leave[2] = { { .flags = 1 }, { .pad = 1 } };
	struct crowd *crowd = crowd_start(1, add_two);
	struct agnocast_endpoint_add add;
	struct registry_client observer;
	struct snapshot snapshot;
	struct member member;

	observer_open(&observer);
	CHECK(!member_open(&member));
	refused(&member, AGNOCAST_NEW_SHM_CMD, &flags, -EINVAL);
	refused(&member, AGNOCAST_NEW_SHM_CMD, &abi, -EPROTO);
	CHECK(list_count(&observer, AGNOCAST_LIST_SESSIONS) == 1);
	CHECK(!member_enter(&member));
	snapshot = snapshot_take(&observer);
	bad_adds_are_refused(&member);
	bad_reports_are_refused(&member, crowd->mate[0].shm.session);
	bad_descriptors_are_refused(&member, crowd->mate[0].shm.session);
	bad_lists_are_refused(&member);
	refused(&member, AGNOCAST_LEAVE_CMD, &leave[0], -EINVAL);
	refused(&member, AGNOCAST_LEAVE_CMD, &leave[1], -EINVAL);
	CHECK(becomes(&observer, &snapshot));
	CHECK(!member_add(&member, PUB, "/a", 1, &add) && add.endpoint == 0);
	crowd_end(crowd, 0);
}

/* One packet to agnocastd, as it is; the result in its reply. */
static int raw(int sock, const void *packet, size_t len)
{
	struct agnocast_reply reply = { .result = 1 };

	CHECK(send(sock, packet, len, MSG_NOSIGNAL) == (ssize_t)len);
	CHECK(recv(sock, &reply, sizeof(reply), 0) >= (ssize_t)sizeof(reply));
	return reply.result;
}

static void bad_lengths_are_refused(void)
{
	struct {
		struct agnocast_request head;
		char	body[4096];
	} packet = { .head = { .cmd = AGNOCAST_LEAVE_CMD, .len = sizeof(struct agnocast_leave) } };
	struct registry_client observer;
	struct snapshot snapshot;
	struct member member;

	member_join(&member);
	observer_open(&observer);
	snapshot = snapshot_take(&observer);
	for (size_t n = 1; member.client.daemon && n < sizeof(packet); n = n < 40 ? n + 1 : n * 2)
		if (n != sizeof(packet.head) + packet.head.len)
			CHECK(raw(member.client.fd, &packet, n) == -EINVAL);
	packet.head.len = 0xffffffff;
	if (member.client.daemon)
		CHECK(raw(member.client.fd, &packet, sizeof(packet.head)) == -EINVAL);
	/* A device knows a length by the command that it is part of. */
	for (unsigned int n = 0; !member.client.daemon && n < 4096; n++)
		if (n != sizeof(struct agnocast_leave))
			CHECK(call(&member, _IOC(_IOC_WRITE, AGNOCAST_IOC_MAGIC,
						 _IOC_NR(AGNOCAST_LEAVE_CMD), n),
				   packet.body) == -ENOTTY);
	CHECK(becomes(&observer, &snapshot));
	CHECK(!member_add(&member, PUB, "/a", 1, NULL));
}

static const struct agnocast_mapping_info *the_mapping(struct registry_client *observer)
{
	struct records all = list_all(observer, AGNOCAST_LIST_MAPPINGS, 10);

	CHECK(all.count == 1);
	return (void *)all.at;
}

static void a_mapping_outlives_its_owner(void)
{
	struct crowd *crowd = crowd_start(1, add_two);
	uint64_t owner = crowd->mate[0].shm.session, base = crowd->mate[0].shm.base;
	const struct agnocast_mapping_info *mapping;
	struct registry_client observer;
	struct member member;

	observer_open(&observer);
	member_join(&member);
	CHECK(!report(&member, owner, AGNOCAST_WILL_MAP));
	CHECK(!report(&member, owner, AGNOCAST_MAPPED));
	mapping = the_mapping(&observer);
	CHECK(mapping->owner == owner && mapping->reader == member.shm.session);
	CHECK(mapping->base == base && mapping->state == AGNOCAST_MAPPED && mapping->owner_alive);
	crowd_end(crowd, SIGKILL);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_SESSIONS, 1));
	mapping = the_mapping(&observer);
	CHECK(mapping->owner == owner && mapping->base == base && !mapping->owner_alive);
	CHECK(report(&member, owner, AGNOCAST_WILL_MAP) == -ENOENT);
	CHECK(!report(&member, owner, AGNOCAST_UNMAPPED));
	CHECK(!list_count(&observer, AGNOCAST_LIST_MAPPINGS));
	CHECK(report(&member, owner, AGNOCAST_UNMAPPED) == -ENOENT);
}

/* Names of the dead: only the module lists them; what the tests left is removed. */
static void stale_names_are_removed_by_their_user_only(void)
{
	struct crowd *crowd = crowd_start(1, add_two);
	struct agnocast_cleaned cleaned = { .session = crowd->mate[0].shm.session };
	struct registry_client observer;
	struct records all;
	struct member member;
	int status;
	pid_t pid;

	crowd_end(crowd, SIGKILL);
	observer_open(&observer);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_SESSIONS, 0));
	all = list_all(&observer, AGNOCAST_LIST_STALE, 50);
	CHECK(!observer.daemon == !!all.count);
	pid = fork();
	if (!pid) {
		CHECK(!member_open(&member));
		CHECK(!setuid(12345));
		if (!member_enter(&member))
			CHECK(call(&member, AGNOCAST_CLEANED_CMD, &cleaned) ==
			      (observer.daemon ? -ENOENT : -EPERM));
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	member_join(&member);
	for (size_t i = 0; i < all.count; i++) {
		cleaned.session = ((struct agnocast_stale_info *)all.at)[i].session;
		CHECK(!call(&member, AGNOCAST_CLEANED_CMD, &cleaned));
		CHECK(call(&member, AGNOCAST_CLEANED_CMD, &cleaned) == -ENOENT);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "a_second_join_is_refused", a_second_join_is_refused },
	{ "each_process_has_an_area_of_its_own", each_process_has_an_area_of_its_own },
	{ "a_topic_has_room_for_512_endpoints_of_many_processes",
	  a_topic_has_room_for_512_endpoints_of_many_processes },
	{ "there_is_room_for_4096_topics", there_is_room_for_4096_topics },
	{ "what_is_anothers_stays_anothers", what_is_anothers_stays_anothers },
	{ "a_child_does_not_speak_for_its_parent", a_child_does_not_speak_for_its_parent },
	{ "after_leaving_one_is_a_stranger", after_leaving_one_is_a_stranger },
	{ "unknown_commands_are_enotty", unknown_commands_are_enotty },
	{ "bad_arguments_change_nothing", bad_arguments_change_nothing },
	{ "bad_lengths_are_refused", bad_lengths_are_refused },
	{ "a_mapping_outlives_its_owner", a_mapping_outlives_its_owner },
	{ "adds_and_removes_leave_nothing", adds_and_removes_leave_nothing },
	{ "joins_and_exits_leave_nothing", joins_and_exits_leave_nothing },
	{ "exits_at_once_leave_an_exact_list", exits_at_once_leave_an_exact_list },
	{ "lists_are_complete_under_churn", lists_are_complete_under_churn },
	{ "rosters_are_never_torn", rosters_are_never_torn },
	/* Last: it takes away what the others left. */
	{ "stale_names_are_removed_by_their_user_only",
	  stale_names_are_removed_by_their_user_only },
};

/* A test that has ended must have left no session, topic, endpoint or mapping. */
static bool nothing_is_left(struct registry_client *observer)
{
	for (unsigned int what = AGNOCAST_LIST_SESSIONS; what < AGNOCAST_LIST_STALE; what++) {
		if (count_becomes(observer, what, 0))
			continue;
		printf("  the test left records of list %u\n", what);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct registry_client observer;
	int good = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	observer_open(&observer);
	CHECK(!registry_client_call(&observer, AGNOCAST_VERSION_CMD, &version));
	CHECK(nothing_is_left(&observer));
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		int status = -1;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		pid = fork();
		if (!pid) {
			alarm(100);
			tests[i].run();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		status = nothing_is_left(&observer) ? status : 1;
		printf("%s registry.%s\n", status ? "not ok" : "ok", tests[i].name);
		*(status ? &bad : &good) += 1;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad ? 1 : 0;
}
