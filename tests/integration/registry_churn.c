/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registry_churn.c - many joins, adds, exits and looks at the same time
 *
 * The endpoints of these tests describe themselves: member_add() makes block
 * and node from the depth, the kind follows from the depth's lowest bit. So a
 * record that was put together from two shows.
 */

#include "registry_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PUB AGNOCAST_PUBLISHER_ADD_CMD
#define SUB AGNOCAST_SUBSCRIBER_ADD_CMD
#define UNPUB AGNOCAST_PUBLISHER_REMOVE_CMD
#define UNSUB AGNOCAST_SUBSCRIBER_REMOVE_CMD
#define MATES_MAX 64

static int add_by_depth(struct member *member, const char *topic, unsigned int depth,
			struct agnocast_endpoint_add *add)
{
	return member_add(member, depth % 2 ? PUB : SUB, topic, depth, add);
}

static const char *map_rosters(struct member *member)
{
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
	void *map;

	CHECK(!registry_client_call(&member->client, AGNOCAST_OPEN_ROSTERS_CMD, &args));
	CHECK(args.size == AGNOCAST_ROSTERS_SIZE);
	map = mmap(NULL, args.size, PROT_READ, MAP_SHARED, args.fd_out, 0);
	CHECK(map != MAP_FAILED);
	close(args.fd_out);
	return map;
}

static int add_and_remove(struct member *member, struct crowd *crowd, unsigned int i)
{
	unsigned int cycles = scaled(50000, 1500);
	struct agnocast_endpoint_add add;
	uint64_t last = 0;
	int ret = 0;

	(void)crowd;
	for (unsigned int k = 0; k < cycles && !ret; k++) {
		ret = add_by_depth(member, "/busy", 1 + (k + i) % 2, &add);
		if (!ret && (add.generation <= last || add.endpoint > 2))
			return 1;
		last = add.generation;
		if (!ret)
			ret = member_remove(member, (k + i) % 2 ? UNSUB : UNPUB, add.generation);
	}
	return ret;
}

void adds_and_removes_leave_nothing(void)
{
	const struct agnocast_roster *roster;
	struct agnocast_endpoint_add add;
	struct registry_client observer;
	struct snapshot before;
	struct crowd *crowd;
	struct member member;
	uint32_t generation;

	observer_open(&observer);
	member_join(&member);
	CHECK(!member_add(&member, SUB, "/busy", 2, &add));
	before = snapshot_take(&observer);
	roster = (const void *)(map_rosters(&member) + add.roster);
	generation = roster->generation;
	crowd = crowd_start(2, add_and_remove);
	CHECK(!crowd->mate[0].result && !crowd->mate[1].result);
	crowd_end(crowd, 0);
	CHECK(becomes(&observer, &before));
	/* Each change was published, once. */
	CHECK(roster->generation - generation == 4 * scaled(50000, 1500));
	CHECK(roster->count[roster->generation & 1] == 1);
}

/* The daemon's open descriptors and memory, or zeros. */
struct daemon_size {
	unsigned long fds, pages;
};

static struct daemon_size measure(const struct registry_client *client)
{
	struct daemon_size size = { 0, 0 };
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;
	char command[64];
	FILE *in;

	if (!client->daemon || getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return size;
	snprintf(command, sizeof(command), "ls /proc/%d/fd | wc -l; cat /proc/%d/statm",
		 cred.pid, cred.pid);
	in = popen(command, "r");
	CHECK(in && fscanf(in, "%lu %*u %lu", &size.fds, &size.pages) == 2);
	pclose(in);
	return size;
}

static void join_and_exit(unsigned int how)
{
	struct member member;

	member_join(&member);
	if (how % 3 == 0)
		member_leave(&member);
	if (how % 3 == 1)
		kill(getpid(), SIGKILL);
	_exit(0);
}

void joins_and_exits_leave_nothing(void)
{
	unsigned int count = scaled(10000, 300);
	struct daemon_size before, after;
	struct registry_client observer;
	struct snapshot empty;
	int status;

	observer_open(&observer);
	empty = snapshot_take(&observer);
	before = measure(&observer);
	for (unsigned int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid)
			join_and_exit(i);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !status);
	}
	CHECK(becomes(&observer, &empty));
	after = measure(&observer);
	CHECK(after.fds <= before.fds);
	CHECK(after.pages <= before.pages + 64);
}

static uint64_t survivor;	/* session */

static int add_and_map(struct member *member, struct crowd *crowd, unsigned int i)
{
	struct agnocast_map_report report = { .owner = survivor, .state = AGNOCAST_WILL_MAP,
					      .parts = AGNOCAST_MAP_CONTROL };
	char own[32];
	int ret;

	(void)crowd;
	snprintf(own, sizeof(own), "/gone/%u", i);
	ret = add_by_depth(member, "/gone", 1 + i % 100, NULL);
	ret = ret ? ret : add_by_depth(member, own, 1, NULL);
	return ret ? ret : registry_client_call(&member->client, AGNOCAST_MAP_REPORT_CMD,
						&report);
}

void exits_at_once_leave_an_exact_list(void)
{
	unsigned int count = scaled(500, 60);
	const struct agnocast_roster *roster;
	struct registry_client observer;
	struct agnocast_endpoint_add add;
	struct snapshot before;
	struct crowd *crowd;
	struct member member;

	observer_open(&observer);
	member_join(&member);
	survivor = member.shm.session;
	CHECK(!add_by_depth(&member, "/gone", 2, &add));
	CHECK(!add_by_depth(&member, "/stays", 2, NULL));
	roster = (const void *)(map_rosters(&member) + add.roster);
	before = snapshot_take(&observer);
	crowd = crowd_start(count, add_and_map);
	for (unsigned int i = 0; i < count; i++)
		CHECK(!crowd->mate[i].result);
	CHECK(list_count(&observer, AGNOCAST_LIST_SESSIONS) == count + 1);
	CHECK(list_count(&observer, AGNOCAST_LIST_ENDPOINTS) == 2 * count + 2);
	CHECK(list_count(&observer, AGNOCAST_LIST_TOPICS) == count + 2);
	CHECK(list_count(&observer, AGNOCAST_LIST_MAPPINGS) == count);
	CHECK(roster->count[roster->generation & 1] == count + 1);
	crowd_end(crowd, SIGKILL);
	CHECK(becomes(&observer, &before));
	CHECK(roster->count[roster->generation & 1] == 1);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Four endpoints of topics that are there all the time. */
static int settle(struct member *member, struct crowd *crowd, unsigned int i)
{
	struct agnocast_endpoint_add add;
	char topic[32];
	int ret = 0;

	for (unsigned int k = 0; k < 4 && !ret; k++) {
		snprintf(topic, sizeof(topic), "/settled/%u", k);
		ret = add_by_depth(member, topic, 1 + i * 4 + k, &add);
		crowd->mate[i].value[k] = add.generation;
	}
	return ret;
}

/* Comes and goes: endpoints, topics; every other mate also sessions. */
static int bustle(struct member *member, struct crowd *crowd, unsigned int i)
{
	struct agnocast_endpoint_add add;
	char topic[32];
	int ret = 0;

	for (unsigned int k = 0; !ret && !crowd_was_told_to_end(crowd); k++) {
		unsigned int depth = 1 + (k * 7 + i) % 1000;

		snprintf(topic, sizeof(topic), k % 3 ? "/settled/%u" : "/bustle/%u", k % 4);
		ret = add_by_depth(member, topic, depth, &add);
		if (!ret && k % 5)
			ret = member_remove(member, depth % 2 ? UNPUB : UNSUB, add.generation);
		if (!ret && i % 2 && k % 20 == 19) {
			member_leave(member);
			member_join(member);
		} else if (!ret && k % 100 == 99) {
			member_leave(member);
			member_join(member);
		}
	}
	return ret;
}

static void check_endpoint(const struct agnocast_endpoint_info *e)
{
	char node[AGNOCAST_NODE_MAX];

	snprintf(node, sizeof(node), "%u of %u", e->depth, e->pid);
	CHECK(!strcmp(node, e->node));
	CHECK(e->block == 64 * (uint64_t)e->depth);
	CHECK(e->kind == (e->depth % 2 ? AGNOCAST_PUBLISHER : AGNOCAST_SUBSCRIPTION));
	CHECK(e->endpoint < AGNOCAST_ENDPOINTS_MAX && !e->flags && !e->pad);
}

static void check_session(const struct agnocast_session_info *s)
{
	char name[AGNOCAST_SHM_NAME_MAX];

	snprintf(name, sizeof(name), "/agnocast@%u", s->pid);
	CHECK(!strcmp(name, s->shm_name));
	CHECK(s->base == version.window_base + s->slot * version.area_size);
	CHECK(s->size == version.area_size && s->mempool_size == 4096 && !s->pad);
}

/* Walks the lists; each settled record must be there, once (list_all() sees to that). */
static void look(struct registry_client *observer, const struct crowd *settled,
		 unsigned int page)
{
	struct records all = list_all(observer, AGNOCAST_LIST_SESSIONS, page);
	unsigned int seen = 0, topics = 0;

	for (size_t k = 0; k < all.count; k++) {
		const struct agnocast_session_info *s = (void *)(all.at + k * all.size);

		check_session(s);
		for (unsigned int i = 0; i < settled->count; i++)
			seen += s->session == settled->mate[i].shm.session && s->endpoints == 4;
	}
	CHECK(seen == settled->count);
	free(all.at);

	all = list_all(observer, AGNOCAST_LIST_ENDPOINTS, page);
	for (size_t k = 0; k < all.count; k++) {
		const struct agnocast_endpoint_info *e = (void *)(all.at + k * all.size);

		check_endpoint(e);
		for (unsigned int i = 0; i < 4 * settled->count; i++)
			seen += e->generation == settled->mate[i / 4].value[i % 4];
	}
	CHECK(seen == 5 * settled->count);
	free(all.at);

	all = list_all(observer, AGNOCAST_LIST_TOPICS, page);
	for (size_t k = 0; k < all.count; k++) {
		const struct agnocast_topic_info *t = (void *)(all.at + k * all.size);

		CHECK(t->publishers + t->subscriptions);
		topics += !strncmp(t->name, "/settled/", 9);
	}
	CHECK(topics == 4);
	free(all.at);
}

void lists_are_complete_under_churn(void)
{
	struct crowd *settled = crowd_start(20, settle);
	struct crowd *busy = crowd_start_busy(4, bustle);
	uint64_t until = now_ms() + 3000;
	struct registry_client observer;
	unsigned int looks = 0;

	observer_open(&observer);
	for (unsigned int i = 0; i < settled->count; i++)
		CHECK(!settled->mate[i].result);
	while (now_ms() < until)
		look(&observer, settled, looks++ % 3 ? 100 : 3);
	CHECK(looks > 5);
	crowd_end(busy, 0);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_ENDPOINTS, 4 * settled->count));
	look(&observer, settled, 1);
	crowd_end(settled, 0);
}

static void check_entry(const struct agnocast_roster_entry *e)
{
	CHECK(e->block == 64 * (uint64_t)e->depth);
	CHECK(e->kind == (e->depth % 2 ? AGNOCAST_PUBLISHER : AGNOCAST_SUBSCRIPTION));
	CHECK(e->area_base == version.window_base + e->slot * version.area_size);
	CHECK(e->endpoint < AGNOCAST_ENDPOINTS_MAX && !e->flags && !e->blind && !e->pad);
}

/* As uapi/agnocast.h says. Returns how many of the settled ones it holds, or -1: moved. */
static int read_roster(const struct agnocast_roster *roster, const struct crowd *settled)
{
	static struct agnocast_roster_entry entry[AGNOCAST_ENDPOINTS_MAX];
	uint32_t generation = __atomic_load_n(&roster->generation, __ATOMIC_ACQUIRE);
	uint32_t copy = generation & 1, count = roster->count[copy];
	uint64_t last = 0;
	int seen = 0;

	CHECK(count <= AGNOCAST_ENDPOINTS_MAX);
	memcpy(entry, (const char *)roster + AGNOCAST_ROSTER_PAGE + copy * AGNOCAST_ROSTER_COPY,
	       count * sizeof(entry[0]));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&roster->generation, __ATOMIC_RELAXED) != generation)
		return -1;
	for (uint32_t k = 0; k < count; k++) {
		check_entry(&entry[k]);
		CHECK(entry[k].generation > last);
		last = entry[k].generation;
		for (unsigned int i = 0; i < settled->count; i++)
			seen += last == settled->mate[i].value[1];
	}
	return seen;
}

void rosters_are_never_torn(void)
{
	struct crowd *settled = crowd_start(20, settle), *busy;
	uint64_t until = now_ms() + 3000;
	const struct agnocast_roster *roster;
	struct agnocast_endpoint_add add;
	unsigned int good = 0;
	struct member member;
	int seen;

	member_join(&member);
	CHECK(!add_by_depth(&member, "/settled/1", 1, &add));
	roster = (const void *)(map_rosters(&member) + add.roster);
	CHECK(!strcmp(roster->name, "/settled/1") && roster->topic);
	busy = crowd_start_busy(3, bustle);
	while (now_ms() < until) {
		seen = read_roster(roster, settled);
		CHECK(seen < 0 || seen == (int)settled->count);
		good += seen >= 0;
	}
	CHECK(good > 100);
	crowd_end(busy, 0);
	crowd_end(settled, 0);
}
