/* SPDX-License-Identifier: BSD-2-Clause */
/* registry_member.c - processes that join by protocol alone */

#include "registry_member.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096U
#define PATIENCE_S 20

void check_failed(const char *file, int line, const char *what)
{
	printf("  %s:%d: %s (errno %s)\n", file, line, what, strerrorname_np(errno));
	fflush(stdout);
	_exit(1);
}

int member_open(struct member *member)
{
	char why[256];
	int ret;

	memset(member, 0, sizeof(*member));
	ret = registry_client_open(&member->client, getenv("AGNOCAST_REGISTRY"), why,
				   sizeof(why));
	return ret ? ret : registry_client_arm(&member->client);
}

static int make_area(struct member *member)
{
	struct agnocast_fd ready = { .fd_out = -1 };
	int ret;

	shm_unlink(member->shm.shm_name);
	ready.fd_in = shm_open(member->shm.shm_name, O_RDWR | O_CREAT | O_EXCL, 0640);
	if (ready.fd_in < 0)
		return -errno;
	ret = ftruncate(ready.fd_in, PAGE) ? -errno : 0;
	member->area = mmap((void *)(uintptr_t)member->shm.base, PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED_NOREPLACE, ready.fd_in, 0);
	if (!ret && member->area == MAP_FAILED)
		ret = -errno;
	if (!ret)
		ret = registry_client_call(&member->client, AGNOCAST_AREA_READY_CMD, &ready);
	shm_unlink(member->shm.shm_name);
	close(ready.fd_in);
	return ret;
}

int member_enter(struct member *member)
{
	int ret;

	member->shm = (struct agnocast_new_shm){ .abi = AGNOCAST_ABI_VERSION,
						 .mempool_size = PAGE };
	ret = registry_client_call(&member->client, AGNOCAST_NEW_SHM_CMD, &member->shm);
	return ret ? ret : make_area(member);
}

void member_join(struct member *member)
{
	CHECK(!member_open(member));
	CHECK(!member_enter(member));
}

void member_leave(struct member *member)
{
	struct agnocast_leave leave = { 0 };

	CHECK(!registry_client_call(&member->client, AGNOCAST_LEAVE_CMD, &leave));
	munmap(member->area, PAGE);
	registry_client_close(&member->client);
}

int member_add(struct member *member, unsigned int cmd, const char *topic,
	       unsigned int depth, struct agnocast_endpoint_add *add)
{
	struct agnocast_endpoint_add local;

	if (!add)
		add = &local;
	memset(add, 0, sizeof(*add));
	snprintf(add->topic, sizeof(add->topic), "%s", topic);
	snprintf(add->node, sizeof(add->node), "%u of %u", depth, member->shm.pid);
	add->depth = depth;
	add->block = 64 * (uint64_t)depth;
	return registry_client_call(&member->client, cmd, add);
}

int member_remove(struct member *member, unsigned int cmd, uint64_t generation)
{
	struct agnocast_endpoint_remove args = { .generation = generation };

	return registry_client_call(&member->client, cmd, &args);
}

void observer_open(struct registry_client *client)
{
	char why[256] = "";

	if (!registry_client_open(client, getenv("AGNOCAST_REGISTRY"), why, sizeof(why)))
		return;
	printf("  %s\n", why);
	check_failed(__FILE__, __LINE__, "registry_client_open()");
}

static size_t record_size(unsigned int what)
{
	static const size_t size[] = {
		[AGNOCAST_LIST_SESSIONS] = sizeof(struct agnocast_session_info),
		[AGNOCAST_LIST_TOPICS] = sizeof(struct agnocast_topic_info),
		[AGNOCAST_LIST_ENDPOINTS] = sizeof(struct agnocast_endpoint_info),
		[AGNOCAST_LIST_MAPPINGS] = sizeof(struct agnocast_mapping_info),
		[AGNOCAST_LIST_STALE] = sizeof(struct agnocast_stale_info),
	};

	return size[what];
}

/* Each record begins with its serial, but for the stale ones. */
static void check_order(const struct records *all, unsigned int what)
{
	uint64_t last = 0, serial;

	for (size_t i = 0; what != AGNOCAST_LIST_STALE && i < all->count; i++) {
		memcpy(&serial, all->at + i * all->size, sizeof(serial));
		CHECK(serial > last);
		last = serial;
	}
}

struct records list_all(struct registry_client *client, unsigned int what, unsigned int page)
{
	struct records all = { .size = record_size(what) };
	struct agnocast_list list = { .what = what, .buf_len = page * all.size };

	do {
		all.at = realloc(all.at, (all.count + page) * all.size);
		list.cursor = list.next;
		list.buf = (uintptr_t)(all.at + all.count * all.size);
		CHECK(!registry_client_call(client, AGNOCAST_LIST_CMD, &list));
		CHECK(list.record_size == all.size && list.count <= page);
		all.count += list.count;
	} while (list.count);
	check_order(&all, what);
	return all;
}

size_t list_count(struct registry_client *client, unsigned int what)
{
	struct records all = list_all(client, what, 100);

	free(all.at);
	return all.count;
}

struct snapshot snapshot_take(struct registry_client *client)
{
	struct snapshot snapshot;

	for (unsigned int i = 0; i < 4; i++)
		snapshot.list[i] = list_all(client, AGNOCAST_LIST_SESSIONS + i, 100);
	return snapshot;
}

static bool are_equal(const struct snapshot *a, const struct snapshot *b)
{
	for (int i = 0; i < 4; i++)
		if (a->list[i].count != b->list[i].count ||
		    memcmp(a->list[i].at, b->list[i].at, a->list[i].count * a->list[i].size))
			return false;
	return true;
}

void snapshot_free(struct snapshot *snapshot)
{
	for (int i = 0; i < 4; i++)
		free(snapshot->list[i].at);
}

bool snapshots_are_equal(struct snapshot *a, struct snapshot *b)
{
	bool equal = are_equal(a, b);

	snapshot_free(a);
	snapshot_free(b);
	return equal;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

bool becomes(struct registry_client *client, struct snapshot *expected)
{
	time_t until = now() + PATIENCE_S;
	bool equal;

	do {
		struct snapshot seen = snapshot_take(client);

		equal = are_equal(&seen, expected);
		snapshot_free(&seen);
	} while (!equal && now() < until && !usleep(5000));
	snapshot_free(expected);
	return equal;
}

bool count_becomes(struct registry_client *client, unsigned int what, size_t count)
{
	time_t until = now() + PATIENCE_S;

	while (list_count(client, what) != count) {
		if (now() > until)
			return false;
		usleep(5000);
	}
	return true;
}

static void wait_while(uint32_t *word, uint32_t value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void tell(uint32_t *word, uint32_t more)
{
	__atomic_add_fetch(word, more, __ATOMIC_RELEASE);
	syscall(SYS_futex, word, FUTEX_WAKE, 1 << 30, NULL, NULL, 0);
}

static void be_a_mate(struct crowd *crowd, unsigned int i, crowd_work work, bool busy)
{
	struct mate *mate = &crowd->mate[i];
	struct member member;
	bool joined;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mate->pid = getpid();
	mate->result = member_open(&member);
	if (!mate->result)
		mate->result = member_enter(&member);
	joined = !mate->result;
	mate->shm = member.shm;
	if (busy)
		tell(&crowd->ready, 1);
	if (joined && work)
		mate->result = work(&member, crowd, i);
	if (!busy)
		tell(&crowd->ready, 1);
	wait_while(&crowd->go, 0);
	if (joined)
		member_leave(&member);
	_exit(0);
}

static struct crowd *start(unsigned int count, crowd_work work, bool busy)
{
	struct crowd *crowd = mmap(NULL, sizeof(*crowd) + count * sizeof(struct mate),
				   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t ready;

	CHECK(crowd != MAP_FAILED);
	crowd->count = count;
	fflush(stdout);
	for (unsigned int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid)
			be_a_mate(crowd, i, work, busy);
		CHECK(pid > 0);
		crowd->mate[i].pid = pid;
	}
	while ((ready = __atomic_load_n(&crowd->ready, __ATOMIC_ACQUIRE)) < count)
		wait_while(&crowd->ready, ready);
	return crowd;
}

struct crowd *crowd_start(unsigned int count, crowd_work work)
{
	return start(count, work, false);
}

struct crowd *crowd_start_busy(unsigned int count, crowd_work work)
{
	return start(count, work, true);
}

bool crowd_was_told_to_end(const struct crowd *crowd)
{
	return __atomic_load_n(&crowd->go, __ATOMIC_ACQUIRE);
}

void crowd_end(struct crowd *crowd, int signal)
{
	if (signal)
		for (unsigned int i = 0; i < crowd->count; i++)
			kill(crowd->mate[i].pid, signal);
	else
		tell(&crowd->go, 1);
	for (unsigned int i = 0; i < crowd->count; i++)
		waitpid(crowd->mate[i].pid, NULL, 0);
	munmap(crowd, sizeof(*crowd) + crowd->count * sizeof(struct mate));
}
