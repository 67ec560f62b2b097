/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libagnocast - zero-copy publish/subscribe between the processes of one host
 *
 * A message is built once in the publisher's heap, which lies in shared memory
 * while libagnocast.so is loaded and MEMPOOL_SIZE is set; subscribers read it
 * in place, read-only, at the same address.
 *
 * Every function returns 0 (or a count) on success and -errno on failure, and
 * leaves errno alone. A call that fails has changed nothing. Unless its
 * comment says otherwise, a function may be called from any thread, on any
 * handle, at any time, but not on a handle that is being destroyed, not from
 * a signal handler, and not in a forked child before it execs (-ECHILD).
 *
 * What a message may not hold, since readers run other code: virtual
 * functions, function pointers, pointers to memory outside the heap.
 */
#ifndef AGNOCAST_AGNOCAST_H
#define AGNOCAST_AGNOCAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AGNOCAST_API __attribute__((visibility("default")))

/** What a publisher or subscription asks for (bits of .flags below). */
enum agnocast_flags {
	/**
	 * publisher: keep up to .depth messages for subscriptions that come later;
	 * subscription: start with up to its own .depth of what such publishers keep
	 */
	AGNOCAST_QOS_TRANSIENT_LOCAL = 1 << 0,
	/** subscription: do not deliver what this very process publishes */
	AGNOCAST_QOS_IGNORE_LOCAL = 1 << 1,
};

struct agnocast_publisher;
struct agnocast_subscription;

/**
 * struct agnocast_publisher_options - how to publish; zero is a good default
 * @size:	sizeof(struct agnocast_publisher_options)
 * @depth:	messages kept for subscriptions that have not read them yet,
 *		1..65536; 0 means 1
 * @flags:	AGNOCAST_QOS_TRANSIENT_LOCAL or 0
 * @node:	shown to observers, at most 63 bytes; NULL is allowed
 * @destroy:	called once for each message that nobody needs any more, in
 *		this process, from whichever thread published, closed the publisher or
 *		does the library's housekeeping, with no lock held; NULL means agnocast_free()
 * @arg:	passed to @destroy
 */
struct agnocast_publisher_options {
	size_t		size;
	uint32_t	depth;
	uint32_t	flags;
	const char	*node;
	void		(*destroy)(void *message, void *arg);
	void		*arg;
};

/**
 * struct agnocast_subscription_options - how to subscribe; zero is a good default
 * @size:	sizeof(struct agnocast_subscription_options)
 * @depth:	unread messages of one publisher that are worth reading,
 *		1..65536; older ones are counted as dropped; 0 means 1
 * @flags:	AGNOCAST_QOS_TRANSIENT_LOCAL, AGNOCAST_QOS_IGNORE_LOCAL or 0
 * @node:	shown to observers, at most 63 bytes; NULL is allowed
 */
struct agnocast_subscription_options {
	size_t		size;
	uint32_t	depth;
	uint32_t	flags;
	const char	*node;
};

/**
 * struct agnocast_message - a message on loan from its publisher
 * @data:	the object, read-only, at the address at which it was published
 * @bytes:	the size its publisher gave
 * @seq:	its number at its publisher; consecutive
 * @publish_ns:	when it was published, CLOCK_MONOTONIC nanoseconds
 * @publisher:	which publisher; never repeats on this host while the registry lives
 * @pid:	the publisher's process, as the registry sees it
 * @claim:	the library's
 * @subscription: the library's
 */
struct agnocast_message {
	const void	*data;
	uint64_t	bytes;
	uint64_t	seq;
	uint64_t	publish_ns;
	uint64_t	publisher;
	uint32_t	pid;
	uint32_t	claim;
	struct agnocast_subscription *subscription;
};

/** struct agnocast_publisher_stats - counters since the publisher was created */
struct agnocast_publisher_stats {
	uint64_t	published;	/* messages */
	uint64_t	bytes;		/* as given to publish */
	uint64_t	retained;	/* messages alive now: kept, or held by a reader */
	uint64_t	wakes;		/* system calls made to wake sleeping readers */
	uint64_t	refused;	/* publishes that failed with -ENOBUFS */
	uint32_t	subscriptions;	/* on the topic now */
	uint32_t	unmapped;	/* of these, not reachable yet */
};

/** struct agnocast_subscription_stats - counters since the subscription was created */
struct agnocast_subscription_stats {
	uint64_t	taken;		/* messages */
	uint64_t	dropped;	/* overwritten or beyond the depth, never read */
	uint64_t	skipped;	/* passed over by a take of the latest */
	uint64_t	sleeps;		/* times a take slept */
	uint32_t	held;		/* messages on loan now */
	uint32_t	publishers;	/* whose memory is mapped and read now */
	/** bucket i counts publish-to-take times of [2^i, 2^(i+1)) nanoseconds */
	uint64_t	latency[40];
};

/**
 * agnocast_status() - is this process part of Agnocast, and if not, why
 *
 * Return: 0 if it has shared memory and a session; else the -errno that every
 * call below will return, for which agnocast_reason() has the sentence. Never
 * blocks.
 */
AGNOCAST_API int agnocast_status(void);

/**
 * agnocast_reason() - why agnocast_status() is not 0, and the remedy
 *
 * Return: a sentence that names the value at fault; "" if all is well. With
 * status 0 a sentence means that malloc is not this library's (a program with a
 * malloc of its own, AddressSanitizer): the process can subscribe, and publish
 * what agnocast_alloc() gives. The string is constant from the first call on
 * and is never freed.
 */
AGNOCAST_API const char *agnocast_reason(void);

/**
 * agnocast_alloc() - memory that can be published, whosever malloc is
 * @size:	bytes; 0 gives a block of its own, too
 *
 * From this process's shared heap, aligned as malloc aligns. Where malloc is
 * this library's, the two are the same heap, and either free may follow.
 * Elsewhere the block must go back by agnocast_free(), and realloc() must not
 * see it. Works in a forked child, too, in its private copy of the heap.
 *
 * Return: NULL on failure, and then errno is ENOMEM or what agnocast_status()
 * says. Where it succeeds, errno is left alone.
 */
AGNOCAST_API void *agnocast_alloc(size_t size);

/**
 * agnocast_alloc_aligned() - as agnocast_alloc(), at a multiple of @alignment
 * @alignment:	a power of two, else NULL with errno EINVAL
 */
AGNOCAST_API void *agnocast_alloc_aligned(size_t alignment, size_t size);

/**
 * agnocast_free() - give back what agnocast_alloc() gave; NULL is allowed
 *
 * What lies outside of the shared heap goes to free(), so that code need not
 * know how a block was made.
 */
AGNOCAST_API void agnocast_free(void *p);

/**
 * agnocast_publisher_create() - announce a publisher on a topic
 * @topic:	"/name", at most 255 bytes
 * @options:	NULL for the defaults
 * @pub:	where to store the handle; NULL on failure
 *
 * The first endpoint of a process commits all of MEMPOOL_SIZE and starts the
 * library's thread. Subscriptions that exist are mapped before this returns.
 *
 * Return: 0; -EINVAL topic or options; -ENOSPC the topic or the registry is
 * full, or /dev/shm has less room than MEMPOOL_SIZE (the log names both); what
 * agnocast_status() says.
 */
AGNOCAST_API int agnocast_publisher_create(const char *topic,
		const struct agnocast_publisher_options *options,
		struct agnocast_publisher **pub);

/**
 * agnocast_publisher_publish() - hand a message over to the readers of the topic
 * @message:	an object in this process's shared heap (from malloc, new, ..., or
 *		from agnocast_alloc() where malloc is not this library's); it
 *		belongs to the library from now on, and must not change
 * @bytes:	its size, for statistics; readers get it as .bytes
 *
 * Makes no system call unless a reader sleeps, a subscription came or went, or
 * @destroy of an old message makes one. Messages that fell out of @depth and
 * that nobody holds are destroyed before this returns.
 *
 * Return: 0; -EFAULT @message is not in this process's shared heap: nothing
 * changed, the message is still the caller's, and the log hears once for each
 * publisher in whose memory it lies; -ENOBUFS readers hold too
 * many messages, or a new reader is not mapped yet: still the caller's;
 * -ECHILD in a forked child.
 */
AGNOCAST_API int agnocast_publisher_publish(struct agnocast_publisher *pub,
		void *message, uint64_t bytes);

/** agnocast_publisher_stats_get() - read the counters; @size is sizeof(*stats) */
AGNOCAST_API int agnocast_publisher_stats_get(struct agnocast_publisher *pub,
		struct agnocast_publisher_stats *stats, size_t size);

/**
 * agnocast_publisher_destroy() - withdraw a publisher; NULL is allowed
 *
 * Subscriptions that exist still read what was published; each message is
 * destroyed when they all have, from the library's thread.
 */
AGNOCAST_API void agnocast_publisher_destroy(struct agnocast_publisher *pub);

/**
 * agnocast_subscription_create() - subscribe to a topic
 * @topic:	"/name", at most 255 bytes
 * @options:	NULL for the defaults
 * @sub:	where to store the handle; NULL on failure
 *
 * Publishers that exist are mapped before this returns. A volatile
 * subscription gets what is published from now on; publishers that come later
 * are read from their first message.
 *
 * Return: 0; -EINVAL topic or options; -ENOSPC; -EADDRINUSE or another errno:
 * the memory of a publisher could not be mapped (the log names what is in the
 * way); what agnocast_status() says.
 */
AGNOCAST_API int agnocast_subscription_create(const char *topic,
		const struct agnocast_subscription_options *options,
		struct agnocast_subscription **sub);

/**
 * agnocast_subscription_take() - borrow the next message, oldest first
 * @timeout_ms:	how long to wait, in milliseconds; 0 polls, -1 waits for ever
 * @message:	where to store the loan; zeroed on failure
 *
 * The message cannot change or vanish before agnocast_message_release(), not
 * even if its publisher dies. One thread at a time is served; others wait.
 *
 * Return: 0; -EAGAIN nothing came in time; -EINTR a signal came first;
 * -EMFILE this subscription already holds 64 messages: release one.
 */
AGNOCAST_API int agnocast_subscription_take(struct agnocast_subscription *sub,
		int timeout_ms, struct agnocast_message *message);

/**
 * agnocast_subscription_take_latest() - borrow the newest message, skip the others
 *
 * As agnocast_subscription_take(), but older unread messages of all publishers
 * are passed over and counted as .skipped.
 */
AGNOCAST_API int agnocast_subscription_take_latest(struct agnocast_subscription *sub,
		int timeout_ms, struct agnocast_message *message);

/**
 * agnocast_message_release() - give a message back
 *
 * Zeroes *@message, so that a second call fails.
 *
 * Return: 0; -EINVAL: not a message on loan.
 */
AGNOCAST_API int agnocast_message_release(struct agnocast_message *message);

/** agnocast_subscription_stats_get() - read the counters; @size is sizeof(*stats) */
AGNOCAST_API int agnocast_subscription_stats_get(struct agnocast_subscription *sub,
		struct agnocast_subscription_stats *stats, size_t size);

/**
 * agnocast_subscription_destroy() - unsubscribe; NULL is allowed
 *
 * Return: 0; -EBUSY messages are on loan: release them first.
 */
AGNOCAST_API int agnocast_subscription_destroy(struct agnocast_subscription *sub);

/** How grave a line of the log is. */
enum agnocast_level { AGNOCAST_LOG_ERROR, AGNOCAST_LOG_WARNING, AGNOCAST_LOG_INFO };

/**
 * agnocast_log_set() - choose who hears of problems
 * @log:	called with one line, without newline, from any thread; it may
 *		not call the library. NULL restores the default: errors and warnings go
 *		to stderr, and only from processes that use the library
 */
AGNOCAST_API void agnocast_log_set(void (*log)(enum agnocast_level level,
		const char *line, void *arg), void *arg);

/** agnocast_version() - "0.1.0" */
AGNOCAST_API const char *agnocast_version(void);

#ifdef __cplusplus
}
#endif

#endif /* AGNOCAST_AGNOCAST_H */
