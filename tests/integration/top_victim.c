// SPDX-License-Identifier: BSD-2-Clause
/*
 * top_victim.c - makes known numbers for agnocast-top to find
 *
 *	top_victim calls BASE		a prime number of each traced call, in the window
 *					from BASE on; says "ready PID", waits for stdin's end
 *	top_victim flood N		N calls of mq_open that fail
 *	top_victim crash ADDRESS	reads where nothing is mapped
 *	top_victim lie REGISTRY		as talk, but the area's header names another session
 *	top_victim talk REGISTRY [TOPIC] a session with an area written by hand: publishes
 *					100 times a second on TOPIC ("/victim/talk")
 *	top_victim hear REGISTRY PID SESSION BASE
 *					a session that subscribes to it, maps that area, and
 *					reports the mapping of a made-up failure
 *
 * The sessions need no libagnocast: what is tested is the observer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <agnocast/layout.h>

#include "../../lib/registry_client.h"

#define BLOCK	8192		/* where our endpoint's block lies */
#define HEAP	(64 << 10)

static struct registry_client registry;
static struct agnocast_new_shm joined = { .abi = AGNOCAST_ABI_VERSION, .mempool_size = 1 << 20 };

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "top_victim: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void call(unsigned int cmd, void *arg, const char *what)
{
	int ret = registry_client_call(&registry, cmd, arg);

	errno = -ret;
	need(!ret, what);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* True after @ms milliseconds; false at stdin's end. */
static int wait_ms(int ms)
{
	struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	return poll(&fd, 1, ms) <= 0 || read(STDIN_FILENO, &byte, 1) > 0;
}

/*
 * 5 shm_open, 2 of them fail; 3 ftruncate, 1 fails; 2 fallocate, 1 fails; 13 mmap, 3 fail;
 * 11 munmap, 1 fails; 7 mq_open, 2 fail; 17 mq_send, 6 would block, 8 fail; 7 mq_receive,
 * 3 would block, 1 fails.
 */
static void make_calls(char *base)
{
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 8 };
	char name[32], queue[32], message[8];
	mqd_t mq = -1;
	int fd = -1;

	snprintf(name, sizeof(name), "/agnocast@%d", getpid());
	snprintf(queue, sizeof(queue), "/new_publisher@%d", getpid());
	for (int i = 0; i < 3; i++)
		need((fd = shm_open(name, O_CREAT | O_RDWR, 0600)) >= 0, "shm_open");
	for (int i = 0; i < 2; i++)
		need(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600) < 0, "shm_open, twice");
	need(!ftruncate(fd, 4096) && !ftruncate(fd, 8192) && ftruncate(fd, -1), "ftruncate");
	need(!fallocate(fd, 0, 0, 4096) && fallocate(fd, 0, 0, 0), "fallocate");
	for (int i = 0; i < 10; i++)
		need(mmap(base + i * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_FIXED_NOREPLACE, -1, 0) == base + i * 4096, "mmap");
	for (int i = 0; i < 3; i++)
		need(mmap(base, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS |
			  MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED, "mmap, twice");
	need(munmap(base + 1, 4096), "munmap of half a page");
	for (int i = 0; i < 10; i++)
		need(!munmap(base + i * 4096, 4096), "munmap");
	for (int i = 0; i < 5; i++)
		need((mq = mq_open(queue, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr)) >= 0,
		     "mq_open");
	for (int i = 0; i < 2; i++)
		need(mq_open("/new_publisher@0", O_WRONLY) < 0, "mq_open of none");
	for (int i = 0; i < 9; i++)
		mq_send(mq, "x", 1, 0);
	for (int i = 0; i < 8; i++)
		need(mq_send(mq, "123456789", 9, 0) < 0, "mq_send, too long");
	need(mq_receive(mq, message, 7, NULL) < 0, "mq_receive, too short");
	for (int i = 0; i < 6; i++)
		mq_receive(mq, message, sizeof(message), NULL);
	shm_unlink(name);
	mq_unlink(queue);
	/* None of ours: to be ignored. */
	shm_open("/other", O_RDONLY, 0);
	mq_open("/other", O_RDONLY);
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int run_calls(const char *base)
{
	make_calls((char *)strtoull(base, NULL, 0));
	printf("ready %d\n", getpid());
	fflush(stdout);
	while (wait_ms(-1))
		;
	return 0;
}

static int run_flood(const char *count)
{
	for (long i = strtol(count, NULL, 10); i > 0; i--)
		mq_open("/new_publisher@0", O_WRONLY);
	return 0;
}

static struct agnocast_area *join(const char *where)
{
	char why[256];
	struct agnocast_fd ready = { .fd_out = -1 };
	struct agnocast_area *area;
	int fd;

	if (registry_client_open(&registry, where, why, sizeof(why))) {
		fprintf(stderr, "top_victim: %s\n", why);
		exit(1);
	}
	need(!registry_client_arm(&registry), "arm");
	call(AGNOCAST_NEW_SHM_CMD, &joined, "join");
	shm_unlink(joined.shm_name);
	fd = shm_open(joined.shm_name, O_CREAT | O_EXCL | O_RDWR, 0640);
	need(fd >= 0, joined.shm_name);
	need(!posix_fallocate(fd, 0, HEAP), "fallocate");
	area = mmap((void *)joined.base, HEAP, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
	need(area != MAP_FAILED, "mmap of the area");
	*area = (struct agnocast_area){
		.magic = AGNOCAST_AREA_MAGIC, .version = AGNOCAST_LAYOUT_VERSION,
		.pid = joined.pid, .session = joined.session, .base = joined.base,
		.size = AGNOCAST_AREA_SIZE, .heap = AGNOCAST_CONTROL_SIZE,
		.mempool_size = joined.mempool_size, .heap_committed = 1 << 20,
		.heap_used = 300 << 10, .grows = 2, .participant = 1,
	};
	ready.fd_in = fd;
	call(AGNOCAST_AREA_READY_CMD, &ready, "area ready");
	return area;
}

static void leave(void)
{
	struct agnocast_leave left = { 0 };

	shm_unlink(joined.shm_name);
	registry_client_call(&registry, AGNOCAST_LEAVE_CMD, &left);
}

static int run_talk(const char *where, const char *topic, uint64_t lie)
{
	struct agnocast_area *area = join(where);
	struct agnocast_ring *ring = (void *)((char *)area + BLOCK);
	struct agnocast_endpoint_add add = {
		.node = "talk", .block = BLOCK, .depth = 4,
	};
	uint64_t start = now_ns();

	snprintf(add.topic, sizeof(add.topic), "%s", topic);
	area->session += lie;
	call(AGNOCAST_PUBLISHER_ADD_CMD, &add, "publisher");
	ring->first = 1000;
	ring->head = 1000;
	ring->instance = add.generation;
	printf("ready %d %llu %llx\n", getpid(), (unsigned long long)joined.session,
	       (unsigned long long)joined.base);
	fflush(stdout);
	while (wait_ms(2)) {
		uint64_t due = (now_ns() - start) / 10000000;

		ring->published_bytes = due * 1000;
		ring->head = 1000 + due;
	}
	leave();
	return 0;
}

static void fill_sub(struct agnocast_sub *sub, uint64_t generation)
{
	sub->taken = 1000;
	sub->dropped = 7;
	sub->skipped = 3;
	sub->latency[12] = 990;		/* 4.1 to 8.2 us */
	sub->latency[20] = 10;		/* 1.0 to 2.1 ms */
	sub->claimed = 0x15;
	sub->claimed_ns[0] = now_ns();
	sub->instance = generation;
}

static void map_talker(char **argv)
{
	struct agnocast_map_report report = {
		.owner = strtoull(argv[1], NULL, 10), .state = AGNOCAST_WILL_MAP,
		.parts = AGNOCAST_MAP_PARTS,
	};
	void *base = (void *)strtoull(argv[2], NULL, 16);
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/agnocast@%s", argv[0]);
	call(AGNOCAST_MAP_REPORT_CMD, &report, "will map");
	fd = shm_open(name, O_RDONLY, 0);
	need(fd >= 0, name);
	need(mmap(base, HEAP, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0) == base,
	     "mmap of the talker");
	report.state = AGNOCAST_MAPPED;
	call(AGNOCAST_MAP_REPORT_CMD, &report, "mapped");
	while (wait_ms(-1))	/* one line on stdin: now refuse it */
		if (report.state == AGNOCAST_MAPPED) {
			report.state = AGNOCAST_REFUSED;
			report.error = EEXIST;
			call(AGNOCAST_MAP_REPORT_CMD, &report, "refused");
		}
}

static int run_hear(const char *where, char **talker)
{
	struct agnocast_area *area = join(where);
	struct agnocast_endpoint_add add = {
		.topic = "/victim/talk", .node = "hear", .block = BLOCK, .depth = 2,
	};

	call(AGNOCAST_SUBSCRIBER_ADD_CMD, &add, "subscription");
	fill_sub((void *)((char *)area + BLOCK), add.generation);
	printf("ready %d\n", getpid());
	fflush(stdout);
	map_talker(talker);
	leave();
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "calls"))
		return run_calls(argv[2]);
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "talk"))
		return run_talk(argv[2], argc == 4 ? argv[3] : "/victim/talk", 0);
	if (argc == 3 && !strcmp(argv[1], "lie"))
		return run_talk(argv[2], "/victim/talk", 1);
	if (argc == 3 && !strcmp(argv[1], "crash"))
		return *(volatile char *)strtoull(argv[2], NULL, 0);
	if (argc == 3 && !strcmp(argv[1], "flood"))
		return run_flood(argv[2]);
	if (argc == 6 && !strcmp(argv[1], "hear"))
		return run_hear(argv[2], argv + 3);
	fputs("usage: top_victim calls BASE | crash ADDRESS | flood N | lie REGISTRY |"
	      " talk REGISTRY [TOPIC] | hear REGISTRY PID SESSION BASE\n",
	      stderr);
	return 64;
}
