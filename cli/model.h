/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h - what agnocast-top knows at one moment, and nothing of how it is drawn
 *
 * source_*.c fill a model, rows.c turns it into tables, view_*.c draw those.
 * No I/O here, so that the unit tests need no terminal, no root, no registry.
 *
 * Names are raw: they may hold any byte but NUL. Unknown is unknown, never 0:
 * each group of numbers has a "known".
 */
#ifndef AGNOCAST_CLI_MODEL_H
#define AGNOCAST_CLI_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <agnocast/layout.h>
#include <uapi/agnocast.h>

#define MODEL_EXITED_NS		UINT64_C(5000000000)	/* how long an exited row stays */
#define MODEL_FAILURES_MAX	256			/* the newest are kept */
#define MODEL_SENTENCE		256			/* bytes of a message to the user */

enum model_call {
	MODEL_SHM_OPEN, MODEL_TRUNCATE, MODEL_FALLOCATE, MODEL_MMAP, MODEL_MUNMAP,
	MODEL_MQ_OPEN, MODEL_MQ_SEND, MODEL_MQ_RECEIVE, MODEL_IOCTL, MODEL_CALLS
};

/* Calls of one kind by one process, since the observer attached. */
struct call_row {
	uint64_t	calls, errors, again;
	uint64_t	sum_ns, max_ns;
};

/* Publish to take, of a subscription or of all of a topic. */
struct latency {
	bool		recent;		/* over the interval, not since creation */
	uint64_t	samples;	/* 0: no percentiles */
	double		p50_ns, p99_ns;
	double		max_ns;		/* the upper end of the last bucket that is not empty */
};

struct endpoint_row {
	uint64_t	generation, topic, session;
	uint32_t	pid, kind, flags, depth;
	uint64_t	block;		/* offset in the area of its process */
	char		node[AGNOCAST_NODE_MAX];
	bool		known;		/* the counters below were readable */
	uint64_t	messages;	/* published or taken, since creation */
	uint64_t	bytes;		/* published */
	uint64_t	retained, wakes;	/* publisher */
	uint64_t	dropped, skipped, sleeps, held;	/* subscription */
	uint64_t	oldest_claim_ns; /* CLOCK_MONOTONIC; 0: holds nothing */
	uint64_t	refused;	/* publishes or takes that failed at a limit */
	uint64_t	latency[AGNOCAST_LATENCY_BUCKETS];
	uint64_t	head;		/* publisher: seq of its next message; never in JSON */
	bool		lag_known;
	uint64_t	lag;		/* subscription: messages that wait for it */
	/* from the sample before, by model_sum_up() */
	bool		rates_known;
	double		hz, bytes_per_s;
	uint64_t	dropped_now;
	struct latency	late;		/* subscription */
};

/* A message on loan: subscription @subscription reads message @seq of @publisher. */
struct claim_row {
	uint64_t	subscription;	/* generation */
	uint32_t	publisher;	/* low half of its generation */
	uint32_t	seq;		/* low half */
	uint64_t	since_ns;	/* CLOCK_MONOTONIC */
};

struct topic_row {
	uint64_t	topic;
	char		name[AGNOCAST_TOPIC_MAX];
	uint32_t	publishers, subscriptions;
	uint32_t	depth;		/* the largest of its publishers, else subscriptions */
	/* from the endpoints, by model_finish() */
	bool		known;		/* the counters of all its endpoints were readable */
	bool		rates_known;	/* and there is an interval to compute them over */
	double		hz, bytes_per_s;
	uint64_t	messages, bytes, retained;
	uint64_t	dropped, dropped_now, skipped, held, refused;
	uint64_t	oldest_claim_ns;
	struct latency	late;
};

struct process_row {
	uint64_t	session;	/* 0: not in the registry, known to eBPF only */
	uint32_t	pid, uid;
	char		comm[AGNOCAST_COMM_MAX];
	uint64_t	base, size, mempool_size;
	bool		ready;
	uint32_t	publishers, subscriptions;
	uint32_t	maps_in, maps_refused;	/* as a reader, by the registry */
	bool		area_known;	/* the area's header was readable and right */
	char		area_why[32];	/* else why not, an errno name or a word */
	uint64_t	control_committed, heap_committed, heap_used, resident;
	uint64_t	grows, grow_failures, map_failures;
	uint32_t	forks;
	bool		participant;
	bool		calls_known;	/* eBPF saw or would have seen them */
	struct call_row	calls[MODEL_CALLS];
	bool		exited;
	uint64_t	exited_ns;	/* CLOCK_MONOTONIC, when it was missed first */
};

enum perm_state { PERM_NOT_READ, PERM_UNREADABLE, PERM_NONE, PERM_FOUND };

struct mapping_row {
	uint64_t	serial;		/* of the announcement; 0: the owner's own */
	uint64_t	owner, reader;	/* sessions */
	uint32_t	owner_pid, reader_pid;
	char		comm[AGNOCAST_COMM_MAX];	/* of the reader */
	uint64_t	base, size;
	uint32_t	state, parts, error;
	bool		own, owner_alive, ready;
	enum perm_state	perm_state;
	char		perm[8];	/* "rw-s"; "mixed" */
	uint64_t	perm_ns;	/* CLOCK_MONOTONIC, when that was read */
};

/* A call that failed, or a mapping that its reader refused. */
struct failure_row {
	uint64_t	time_ns;	/* CLOCK_REALTIME of the last one */
	uint32_t	pid;
	char		comm[AGNOCAST_COMM_MAX];
	const char	*call;		/* constant text */
	int		error;		/* errno; for a signal its number */
	bool		is_signal;
	bool		by_registry;
	uint64_t	address, length;
	char		name[48];	/* "agnocast@123" */
	uint32_t	odd;		/* AGNOCAST_MOVED, AGNOCAST_OVERWROTE of bpf/events.h */
	const char	*cause;		/* constant text; "" or NULL: not known */
	char		why[MODEL_SENTENCE], remedy[MODEL_SENTENCE];	/* cleaned; may be "" */
	uint64_t	count;
};

struct model {
	uint64_t	time_ns;	/* CLOCK_REALTIME */
	uint64_t	mono_ns;
	uint64_t	interval_ns;	/* since the sample before; 0: first one */
	double		delay_s;	/* as asked for */
	/* the registry */
	bool		registry_there;
	char		registry_why[MODEL_SENTENCE];	/* else */
	char		where[128];
	struct agnocast_version version;
	/* eBPF */
	bool		bpf_on;
	char		bpf_why[MODEL_SENTENCE];	/* else, or what is missing */
	uint64_t	lost;		/* events and counts that eBPF had no room for */
	/* /dev/shm */
	bool		shm_known;
	uint64_t	shm_bytes, shm_used;

	struct topic_row	*topics;
	struct process_row	*processes;
	struct endpoint_row	*endpoints;	/* sorted by generation after model_finish() */
	struct claim_row	*claims;	/* sorted by subscription, oldest first */
	struct mapping_row	*mappings;
	struct failure_row	*failures;	/* oldest first */
	/* endpoints by topic and by session, publishers first: model_of_...() */
	uint32_t		*by_topic, *by_session;
	size_t topics_count, processes_count, endpoints_count, claims_count, mappings_count,
	       failures_count;
};

/* Ends the program (status 70). */
void __attribute__((noreturn)) model_out_of_memory(void);

/* calloc() and realloc() that end the program (status 70) rather than fail. */
void *model_array(void *array, size_t count, size_t size);

/* Adds a zeroed record to model->LIST and points at it. */
#define MODEL_ADD(model, list) \
	((model)->list = model_array((model)->list, (model)->list##_count, \
				     sizeof(*(model)->list)), \
	 &(model)->list[(model)->list##_count++])

void model_clear(struct model *model);	/* frees the arrays; keeps nothing */

/* NULL: there is none. */
struct topic_row *model_topic(const struct model *model, uint64_t topic);
struct endpoint_row *model_endpoint(const struct model *model, uint64_t generation);
/* Indices of the endpoints of a topic or a session, publishers first; @count: how many. */
const uint32_t *model_of_topic(const struct model *model, uint64_t topic, size_t *count);
const uint32_t *model_of_session(const struct model *model, uint64_t session, size_t *count);
/* The claims of a subscription: the first of them, and through @count how many. */
struct claim_row *model_claims(const struct model *model, uint64_t subscription, size_t *count);
/* The publisher that a claim of @subscription is on. */
struct endpoint_row *model_claimed(const struct model *model, const struct claim_row *claim);
/* The live row of that session or pid, or NULL. */
struct process_row *model_session(const struct model *model, uint64_t session);
struct process_row *model_pid(const struct model *model, uint32_t pid);

/*
 * After the sources: sort, carry processes that exited over from @before
 * (NULL: the first sample), and sum the topics and rates up.
 */
void model_finish(struct model *model, const struct model *before);

/* model_finish() in its two steps: processes first, so that eBPF can join them. */
void model_carry_exited(struct model *model, const struct model *before);
void model_sum_up(struct model *model, const struct model *before);

/* Sort the lists, as the functions above want it; model_sum_up() does. */
void model_sort(struct model *model);

/*
 * The value below which @share (0..1) of the samples of a log2 histogram lie,
 * interpolated within its bucket; @total gets the samples. 0 if there are none.
 */
double model_percentile(const uint64_t *buckets, size_t count, double share,
			uint64_t *total);

/* How many addresses it takes: the control part, or all of the area. */
uint64_t model_mapping_bytes(const struct mapping_row *mapping);

/* Faults are seen at first sight: a reader with a writable mapping and the like. */
bool model_mapping_is_wrong(const struct mapping_row *mapping);

/* The topics for which a mapping is there; returns how many, the first @max of them in @topics. */
size_t model_mapping_topics(const struct model *model, const struct mapping_row *mapping,
			    const struct topic_row **topics, size_t max);

#endif /* AGNOCAST_CLI_MODEL_H */
