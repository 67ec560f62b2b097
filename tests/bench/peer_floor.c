// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_floor.c - the least that any transport over shared memory must do
 *
 * A ring with one producer, whose slots hold {sequence, place of the payload}
 * in one cache line and whose readers poll the next slot. Payloads lie in a
 * pool of twice as many chunks as there are slots. Nothing is checked, claimed
 * or reclaimed, nobody may join late, die or lag. A sleeper says so, fences
 * and looks again; only it lowers its flag. Who reads many rings has one futex
 * word for all of them.
 */

#include "bench.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS		64u	/* > BENCH_DEPTH */
#define READERS		16u
#define SPIN_NS		50000u	/* of HOW_SPIN_SLEEP */

const char peer_name[] = "floor";
const bool peer_has_threads = false;

struct slot {
	_Alignas(64) _Atomic uint64_t seq;
	uint64_t offset, bytes;
};

struct ring {
	/* written when somebody comes, or sleeps */
	_Alignas(64) _Atomic uint32_t readers;
	_Atomic uint32_t bell;		/* futex word of all readers */
	_Atomic uint32_t asleep;	/* on the bell */
	struct {
		_Atomic uint32_t asleep;	/* on its eventfd */
		uint32_t efd;			/* index into args.efd */
	} reader[READERS];
	struct slot slot[SLOTS];
	_Alignas(4096) char pool[];
};

/* What a process that reads many rings sleeps on. */
struct bed {
	_Alignas(64) _Atomic uint32_t bell;	/* futex word */
	_Atomic uint32_t asleep;
};

static struct bed *beds;	/* of args.meeting->readers; none: each ring has its own */

struct floor_pub {
	struct ring *ring;
	uint64_t seq, chunk;
	size_t	chunk_bytes;
};

struct floor_sub {
	struct ring *ring;
	uint64_t next;
	uint32_t index;		/* of the reader in the ring */
	enum how how;
	int	epoll, efd;
};

/* Whole lines, side by side. */
static size_t chunk_bytes(void)
{
	return (args.bytes + 63ul) / 64 * 64;
}

/* Whoever comes first makes the file; it is full of zeros, as all in it begins. */
static void *map_file(const char *name, size_t size)
{
	char path[256];
	void *start;
	int fd;

	snprintf(path, sizeof(path), "%s%s", args.dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size))
		die("%s: %m", path);
	start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start == MAP_FAILED)
		die("%s: %m", path);
	close(fd);
	return start;
}

static struct ring *map_ring(const char *topic)
{
	/* "/bench/ping" in DIR/ping */
	return map_file(strrchr(topic, '/'), sizeof(struct ring) + 2 * SLOTS * chunk_bytes());
}

void peer_start(void)
{
	if (args.topics > 1)
		beds = map_file("/beds", READERS * sizeof(*beds));
}

void peer_stop(void)
{
}

void peer_settle(void)
{
}

void *peer_publisher(const char *topic)
{
	struct floor_pub *pub = calloc(1, sizeof(*pub));

	pub->ring = map_ring(topic);
	pub->chunk_bytes = chunk_bytes();
	return pub;
}

static void watch_efd(struct floor_sub *sub)
{
	uint32_t index = atomic_fetch_add(&args.meeting->readers, 1);
	struct epoll_event event = { .events = EPOLLIN };

	if (index >= args.efds)
		die("%u eventfds are too few", args.efds);
	sub->efd = args.efd[index];
	sub->ring->reader[sub->index].efd = index;
	sub->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_ctl(sub->epoll, EPOLL_CTL_ADD, sub->efd, &event))
		die("epoll_ctl: %m");
}

void *peer_subscription(const char *topic, enum how how)
{
	struct floor_sub *sub = calloc(1, sizeof(*sub));

	sub->ring = map_ring(topic);
	sub->next = 1;
	sub->how = how;
	sub->index = atomic_load(&sub->ring->readers);
	if (how == HOW_FD)
		watch_efd(sub);
	sub->index = atomic_fetch_add(&sub->ring->readers, 1);
	if (sub->index >= READERS)
		die("more than %u readers", READERS);
	return sub;
}

void *peer_loan(void *p, size_t bytes)
{
	struct floor_pub *pub = p;

	(void)bytes;
	return pub->ring->pool + pub->chunk++ % (2 * SLOTS) * pub->chunk_bytes;
}

static void wake_sleepers(_Atomic uint32_t *asleep, _Atomic uint32_t *bell)
{
	if (!atomic_load_explicit(asleep, memory_order_relaxed))
		return;
	atomic_fetch_add_explicit(bell, 1, memory_order_relaxed);
	syscall(SYS_futex, bell, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static void wake_beds(void)
{
	uint32_t n = atomic_load_explicit(&args.meeting->readers, memory_order_relaxed);

	for (uint32_t i = 0; i < n; i++)
		wake_sleepers(&beds[i].asleep, &beds[i].bell);
}

static void wake(struct ring *ring)
{
	uint32_t readers = atomic_load_explicit(&ring->readers, memory_order_relaxed);

	wake_sleepers(&ring->asleep, &ring->bell);
	for (uint32_t i = 0; i < readers; i++)
		if (atomic_load_explicit(&ring->reader[i].asleep, memory_order_relaxed)) {
			uint64_t one = 1;

			if (write(args.efd[ring->reader[i].efd], &one, sizeof(one)) < 0)
				die("eventfd: %m");
		}
}

void peer_publish(void *p, void *message, size_t bytes)
{
	struct floor_pub *pub = p;
	uint64_t seq = ++pub->seq;
	struct slot *slot = &pub->ring->slot[seq % SLOTS];

	slot->offset = (uint64_t)((char *)message - pub->ring->pool);
	slot->bytes = bytes;
	/* Release: who sees the seq sees the slot and the payload. */
	atomic_store_explicit(&slot->seq, seq, memory_order_release);
	if (args.how == HOW_POLL)
		return;
	/* The slot before the sleepers' flags; a sleeper does it the other way. */
	atomic_thread_fence(memory_order_seq_cst);
	if (beds)
		wake_beds();
	else
		wake(pub->ring);
}

static bool look(struct floor_sub *sub)
{
	return atomic_load_explicit(&sub->ring->slot[sub->next % SLOTS].seq,
				    memory_order_acquire) >= sub->next;
}

static void sleep_on_bell(struct floor_sub *sub)
{
	struct ring *ring = sub->ring;
	uint32_t bell = atomic_load_explicit(&ring->bell, memory_order_relaxed);

	atomic_fetch_add_explicit(&ring->asleep, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!look(sub))
		syscall(SYS_futex, &ring->bell, FUTEX_WAIT, bell, NULL, NULL, 0);
	atomic_fetch_sub_explicit(&ring->asleep, 1, memory_order_relaxed);
}

static void sleep_on_efd(struct floor_sub *sub)
{
	_Atomic uint32_t *asleep = &sub->ring->reader[sub->index].asleep;
	struct epoll_event event;
	uint64_t count;

	atomic_store_explicit(asleep, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!look(sub)) {
		epoll_wait(sub->epoll, &event, 1, -1);
		if (read(sub->efd, &count, sizeof(count)) < 0)
			die("eventfd: %m");
	}
	atomic_store_explicit(asleep, 0, memory_order_relaxed);
}

static void spin_then_sleep(struct floor_sub *sub)
{
	uint64_t end = now_ns() + SPIN_NS;

	while (now_ns() < end)
		for (int i = 0; i < 32; i++) {
			if (look(sub))
				return;
			pause_cpu();
		}
	sleep_on_bell(sub);
}

bool peer_take(void *p, struct message *message)
{
	struct floor_sub *sub = p;
	struct slot *slot = &sub->ring->slot[sub->next % SLOTS];

	if (!look(sub)) {
		switch (sub->how) {
		case HOW_POLL:
			return false;
		case HOW_SLEEP:
			sleep_on_bell(sub);
			break;
		case HOW_FD:
			sleep_on_efd(sub);
			break;
		case HOW_SPIN_SLEEP:
			spin_then_sleep(sub);
			break;
		}
		if (!look(sub))
			return false;
	}
	message->data = sub->ring->pool + slot->offset;
	message->bytes = slot->bytes;
	sub->next++;
	return true;
}

void peer_release(void *sub, struct message *message)
{
	(void)sub;
	(void)message;
}

/* What a look needs, side by side. */
struct floor_set {
	struct floor_sub **subs;
	struct bed *bed;
	unsigned int count, at;
	struct {
		const _Atomic uint64_t *seq;
		uint64_t next;
	} look[];
};

static void look_at_next(struct floor_set *set, unsigned int i)
{
	struct floor_sub *sub = set->subs[i];

	set->look[i].seq = &sub->ring->slot[sub->next % SLOTS].seq;
	set->look[i].next = sub->next;
}

void *peer_set(void **subs, unsigned int count)
{
	struct floor_set *set = calloc(1, sizeof(*set) + count * sizeof(set->look[0]));
	uint32_t index = atomic_fetch_add(&args.meeting->readers, 1);

	if (!beds || index >= READERS)
		die("a set is for the readers of many topics, of which there are %u", READERS);
	set->subs = (struct floor_sub **)subs;
	set->bed = &beds[index];
	set->count = count;
	for (unsigned int i = 0; i < count; i++)
		look_at_next(set, i);
	return set;
}

/* Beginning behind the last one. */
static bool look_at_all(struct floor_set *set)
{
	for (unsigned int n = 0; n < set->count; n++) {
		if (atomic_load_explicit(set->look[set->at].seq, memory_order_acquire) >=
		    set->look[set->at].next)
			return true;
		set->at = set->at + 1 < set->count ? set->at + 1 : 0;
	}
	return false;
}

bool peer_set_take(void *p, struct message *message, unsigned int *index)
{
	struct floor_set *set = p;
	bool found = false;

	while (!found) {
		uint32_t bell = atomic_load_explicit(&set->bed->bell, memory_order_relaxed);

		/* Said before it is looked, so that one look at all is enough. */
		atomic_store_explicit(&set->bed->asleep, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		found = look_at_all(set);
		if (!found)
			syscall(SYS_futex, &set->bed->bell, FUTEX_WAIT, bell, NULL, NULL, 0);
		atomic_store_explicit(&set->bed->asleep, 0, memory_order_relaxed);
	}
	*index = set->at;
	if (!peer_take(set->subs[*index], message))
		return false;
	look_at_next(set, *index);
	return true;
}

/* Nothing here knows what a cloud is: the floor is for flat messages. */
void *peer_cloud_publisher(const char *topic)
{
	(void)topic;
	unsupported("clouds");
}

void *peer_cloud_subscription(const char *topic, enum how how)
{
	(void)topic;
	(void)how;
	unsupported("clouds");
}

void *peer_cloud_alloc(size_t bytes)
{
	(void)bytes;
	return NULL;
}

void peer_cloud_publish(void *pub, struct cloud *cloud)
{
	(void)pub;
	(void)cloud;
}

bool peer_cloud_take(void *sub, struct message *message, struct cloud *cloud)
{
	(void)sub;
	(void)message;
	(void)cloud;
	return false;
}

void peer_cloud_release(void *sub, struct message *message, struct cloud *cloud)
{
	(void)sub;
	(void)message;
	(void)cloud;
}
