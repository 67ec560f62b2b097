/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - what a benchmark program is made of
 *
 * A program is one peer (peer_*.c implements the peer_ functions below over
 * one transport) and all the scenarios (latency.c, throughput.c, ...), which
 * know no transport. run.py starts one process per role, each with a fresh
 * process image, and gives all of a run one page of memory to meet on.
 */
#ifndef BENCH_H
#define BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
#define BENCH_ATOMIC(type) type
#define BENCH_ALIGNED(bytes) alignas(bytes)
extern "C" {
#else
#include <stdatomic.h>
#define BENCH_ATOMIC(type) _Atomic type
#define BENCH_ALIGNED(bytes) _Alignas(bytes)
#endif

#define BENCH_READERS	128	/* of one run */
#define BENCH_DEPTH	16	/* of every queue, unless a scenario says otherwise */

/* How a take waits. */
enum how {
	HOW_POLL,	/* not at all: the caller spins */
	HOW_SLEEP,	/* in the blocking call that the transport has */
	HOW_FD,		/* in epoll_wait() on a descriptor */
	HOW_SPIN_SLEEP,	/* spins for a while, then sleeps */
};

/* One reader's place, alone on its lines. */
struct place {
	BENCH_ALIGNED(128) BENCH_ATOMIC(uint64_t) received;
	BENCH_ATOMIC(uint64_t) stamp_ns;
};

/* The page that the processes of a run share; zero at first. */
struct meeting {
	BENCH_ATOMIC(uint32_t) ready;	/* processes that have all their endpoints */
	BENCH_ATOMIC(uint32_t) matched;	/* bit per role: a probe of the other side came */
	BENCH_ATOMIC(uint32_t) quiet;	/* processes that have drained the probes */
	BENCH_ATOMIC(uint32_t) stop;
	BENCH_ATOMIC(uint32_t) readers;	/* floor: descriptors given out */
	BENCH_ATOMIC(uint32_t) go;
	struct place place[BENCH_READERS];
};

/* The command line: program SCENARIO ROLE key=value... */
struct args {
	const char *scenario, *role;
	enum how how;
	uint32_t bytes;		/* of a message */
	uint32_t depth;
	uint32_t processes;	/* in this run */
	uint32_t index;		/* of this one among those of its role */
	uint32_t topics, subs, flight, hz;
	uint32_t steps;		/* stop at the marks, for step */
	double	seconds, warmup;
	const char *dir;	/* of this run's files */
	const char *variant;	/* of the peer */
	int	efd[BENCH_READERS];	/* floor: eventfds that all processes have */
	uint32_t efds;
	int	sys_enter;	/* id of the tracepoint, 0: not there */
	struct meeting *meeting;
};
extern struct args args;

/* A message on loan to a reader; .priv is the peer's. */
struct message {
	const void *data;
	size_t	bytes;
	uint64_t priv[12];
};

/* What a PointCloud2 says, whatever holds it. Strings end with a NUL. */
struct field {
	const char *name;
	uint32_t offset, count;
	uint8_t	datatype;
};

struct cloud {
	int32_t	sec;
	uint32_t nanosec;
	const char *frame_id;
	uint32_t height, width, point_step, row_step, fields_count;
	uint8_t	is_bigendian, is_dense;
	const struct field *fields;
	uint8_t	*data;
	uint64_t data_bytes;
};

/*
 * The peer. What it cannot do ends the program with status 3 (unsupported()).
 * A failure ends it with status 1 and a line that says which call failed.
 */
extern const char peer_name[];
/* Does it work in threads of its own, which need the processor while we wait? */
extern const bool peer_has_threads;
void peer_start(void);
/* When messages pass: until nothing is left to be done in the background. */
void peer_settle(void);
/* Before the end: what others would have to clean up. */
void peer_stop(void);
void *peer_publisher(const char *topic);
void *peer_subscription(const char *topic, enum how how);
/* A message to write, of @bytes; then peer_publish() takes it over. */
void *peer_loan(void *pub, size_t bytes);
void peer_publish(void *pub, void *message, size_t bytes);
/* False: there is none (HOW_POLL), or look again. */
bool peer_take(void *sub, struct message *message);
void peer_release(void *sub, struct message *message);
/* A message of any of @subs, waiting for it; *@index: of which. */
void *peer_set(void **subs, unsigned int count);
bool peer_set_take(void *set, struct message *message, unsigned int *index);
/* Clouds, which are not flat. A reader may keep them until the release. */
void *peer_cloud_publisher(const char *topic);
void *peer_cloud_subscription(const char *topic, enum how how);
void peer_cloud_publish(void *pub, struct cloud *cloud);
bool peer_cloud_take(void *sub, struct message *message, struct cloud *cloud);
void peer_cloud_release(void *sub, struct message *message, struct cloud *cloud);
/* Memory in which peer_cloud_publish() wants the points; it frees them. */
void *peer_cloud_alloc(size_t bytes);

/* Scenarios; each prints its line of JSON. */
void latency(void);
void throughput(void);
void fanout(void);
void many(void);
void clouds(void);
void batch(void);

/* bench.c */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void unsupported(const char *what) __attribute__((noreturn));
bool role_is(const char *role);
/* Counts this process in, and waits until all are. */
void meet(BENCH_ATOMIC(uint32_t) *counter, uint32_t count);
void sleep_us(uint64_t us);

static inline uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Inside a loop that waits for another process. */
static inline void wait_turn(void)
{
	if (peer_has_threads)
		sched_yield();
	else
		pause_cpu();
}

/* The first 16 and the last 8 bytes of a payload are written and checked. */
static inline void payload_write(void *data, size_t bytes, uint64_t seq)
{
	((uint64_t *)data)[1] = seq;
	*(uint64_t *)((char *)data + bytes - 8) = ~seq;
}

static inline void payload_stamp(void *data)
{
	*(uint64_t *)data = now_ns();
}

static inline uint64_t payload_stamp_of(const void *data)
{
	return *(const uint64_t *)data;
}

static inline uint64_t payload_seq(const void *data)
{
	return ((const uint64_t *)data)[1];
}

static inline bool payload_good(const void *data, size_t bytes)
{
	return *(const uint64_t *)((const char *)data + bytes - 8) == ~payload_seq(data);
}

#define SEQ_PROBE	UINT64_C(0)
#define SEQ_IS_STOP(seq) ((seq) >> 63)
#define SEQ_STOPPED	(UINT64_C(1) << 63)

/* samples.c */
struct samples {
	uint32_t *ns;		/* mapped and touched in advance */
	uint64_t count, room, bad, lost;
	uint64_t sum;
};
void samples_init(struct samples *samples, uint64_t room);
static inline void samples_add(struct samples *samples, uint64_t ns)
{
	if (samples->count < samples->room)
		samples->ns[samples->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
	samples->sum += ns;
}
/* Prints "NAME":{"count":..,"p50":..,...} without a line end. */
void samples_print(const char *name, struct samples *samples);

/* usage.c: what this process used between two looks. */
struct usage {
	uint64_t user_ns, system_ns, switches, faults;
	int64_t	calls;		/* system calls of all threads; -1: not counted */
	int64_t	instructions;	/* in user space; -1: no such counter */
};
void usage_start(void);		/* before the first thread */
struct usage usage_now(void);
void usage_print(const struct usage *from, const struct usage *to, uint64_t messages);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
