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
 * Pointers may be NULL where the comment says so; a handle is destroyed once.
 *
 * Structures of options begin with their size, so that they can grow: members
 * that a caller does not know are 0, which is what it would have got before;
 * members that the library does not know must be 0 (-EINVAL).
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
	/**
	 * subscription: agnocast_fd() tells of its messages; it can be in no wait-set.
	 * A take that finds nothing makes a system call now and then
	 */
	AGNOCAST_POLLABLE = 1 << 2,
};

struct agnocast_publisher;
struct agnocast_subscription;
struct agnocast_waitset;

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
 * @flags:	AGNOCAST_QOS_TRANSIENT_LOCAL, AGNOCAST_QOS_IGNORE_LOCAL,
 *		AGNOCAST_POLLABLE, or 0
 * @node:	shown to observers, at most 63 bytes; NULL is allowed
 * @spin_us:	a take that may wait looks again and again for this long,
 *		0..1000000 microseconds, before it sleeps: saves the wake-up, costs a CPU
 * @pad:	0
 */
struct agnocast_subscription_options {
	size_t		size;
	uint32_t	depth;
	uint32_t	flags;
	const char	*node;
	uint32_t	spin_us;
	uint32_t	pad;
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
	uint32_t	unmapped;	/* of these, not reachable (yet) */
};

/** struct agnocast_subscription_stats - counters since the subscription was created */
struct agnocast_subscription_stats {
	uint64_t	taken;		/* messages */
	uint64_t	dropped;	/* overwritten or beyond the depth, never read */
	uint64_t	skipped;	/* passed over by a take of the latest */
	uint64_t	sleeps;		/* times a take slept */
	uint32_t	held;		/* messages on loan now */
	uint32_t	publishers;	/* whose memory is mapped and read now */
	uint32_t	barred;		/* not read: they or we cannot map the other's memory */
	uint32_t	pad;
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
 * library's thread, which inherits scheduling and processors of the caller's,
 * unless AGNOCAST_THREAD_SCHED says otherwise (fifo:N, rr:N, other). Subscriptions that exist are mapped before this returns.
 *
 * Return: 0; -EINVAL topic or options; -ENOSPC the topic or the registry is
 * full, or /dev/shm has less room than MEMPOOL_SIZE; -ENOMEM so has a memory
 * cgroup of this process (the log names both sizes); what agnocast_status() says.
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
 * that nobody holds are destroyed before this returns; with a @depth beyond 1
 * up to half of @depth of them, 8 at most, wait for the next publishes, or for
 * the library's thread if none follows within half a second. Nobody reads them.
 *
 * Return: 0; -EFAULT @message is not in this process's shared heap: nothing
 * changed, the message is still the caller's, and the log hears once for each
 * publisher in whose memory it lies; -ENOBUFS readers hold too
 * many messages, or a new reader is not mapped yet: still the caller's;
 * -ECHILD in a forked child.
 */
AGNOCAST_API int agnocast_publisher_publish(struct agnocast_publisher *pub,
		void *message, uint64_t bytes);

/**
 * agnocast_publisher_stats_get() - read the counters
 * @size:	sizeof(*stats); members that the library does not know become 0
 *
 * Return: 0; -EINVAL @size is 0 or absurd; -ECHILD.
 */
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
 * -EMFILE this subscription already holds 64 messages: release one;
 * -ECONNREFUSED a publisher cannot be read, because it cannot map this
 * process's memory or this process not its (the log says why). Said once for
 * each such publisher, at once, also to those who wait; then the others are
 * read as before, and this one too as soon as the mapping succeeds.
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

/**
 * agnocast_subscription_update() - exchange a loan for the newest message
 * @message:	a loan of this subscription, or zeroed: none yet
 *
 * As agnocast_subscription_take_latest() if there is an unread message; the
 * old loan is then given back. If there is none, the old loan stays: that is
 * how to use the same message again without holding it twice.
 *
 * Return: 1 *@message is new; 0 it is the same as before; -EAGAIN none yet and
 * nothing came in time; -EINVAL not a loan of this subscription; as take.
 */
AGNOCAST_API int agnocast_subscription_update(struct agnocast_subscription *sub,
		int timeout_ms, struct agnocast_message *message);

/** agnocast_subscription_stats_get() - as agnocast_publisher_stats_get() */
AGNOCAST_API int agnocast_subscription_stats_get(struct agnocast_subscription *sub,
		struct agnocast_subscription_stats *stats, size_t size);

/**
 * agnocast_subscription_destroy() - unsubscribe; NULL is allowed
 *
 * Return: 0; -EBUSY messages are on loan, or it is in a wait-set: release them,
 * remove it first.
 */
AGNOCAST_API int agnocast_subscription_destroy(struct agnocast_subscription *sub);

/*
 * Waiting for many. Three ways, all level-triggered: what is unread is reported
 * until it is taken.
 *
 *  - agnocast_subscription_take() with a timeout: one subscription.
 *  - a wait-set: any number of subscriptions, and descriptors of others.
 *  - agnocast_fd(): a descriptor for a foreign event loop.
 *
 * Publishers wake sleepers only, with one system call for all that sleep in a
 * take or in a wait-set without descriptors, whatever their number. Those that
 * sleep in epoll_wait() (agnocast_fd(), a wait-set with descriptors or with
 * many publishers) are woken once or twice for each time that they went to sleep: with
 * the module by one further call for all processes together, with agnocastd by
 * one call for each process.
 */

/**
 * struct agnocast_waitset_options - zero is a good default
 * @size:	sizeof(struct agnocast_waitset_options)
 * @spin_us:	look again and again for this long, 0..1000000 microseconds,
 *		before sleeping
 * @flags:	0
 */
struct agnocast_waitset_options {
	size_t		size;
	uint32_t	spin_us;
	uint32_t	flags;
};

/**
 * struct agnocast_event - an entry of a wait-set that is ready
 * @subscription: it has an unread message; NULL: a descriptor is ready
 * @fd:		that descriptor, or -1
 * @events:	what epoll says of it (EPOLLIN, ...); 0 for a subscription
 * @arg:	as given when the entry was added
 */
struct agnocast_event {
	struct agnocast_subscription *subscription;
	void		*arg;
	int		fd;
	uint32_t	events;
};

/**
 * agnocast_waitset_create() - make an empty wait-set
 * @options:	NULL for the defaults
 * @ws:		where to store the handle; NULL on failure
 *
 * A wait-set needs no descriptor unless one is added to it, or its
 * subscriptions have more than 64 publishers in all; then it takes three.
 *
 * Return: 0; -EINVAL options; -ENOMEM; what agnocast_status() says.
 */
AGNOCAST_API int agnocast_waitset_create(const struct agnocast_waitset_options *options,
		struct agnocast_waitset **ws);

/**
 * agnocast_waitset_add() - watch a subscription
 * @arg:	comes back in its events
 *
 * A wait under way takes notice of it. A subscription is in one wait-set at
 * most.
 *
 * Return: 0; -EBUSY it is in this or another wait-set, or AGNOCAST_POLLABLE;
 * -ENOMEM.
 */
AGNOCAST_API int agnocast_waitset_add(struct agnocast_waitset *ws,
		struct agnocast_subscription *sub, void *arg);

/**
 * agnocast_waitset_remove() - watch it no longer
 *
 * When this returns no wait reports it any more. Not while holding a lock that
 * a thread in agnocast_waitset_wait() could need to return: there is none of
 * the library's.
 *
 * Return: 0; -ENOENT it is not in @ws.
 */
AGNOCAST_API int agnocast_waitset_remove(struct agnocast_waitset *ws,
		struct agnocast_subscription *sub);

/**
 * agnocast_waitset_add_fd() - watch a descriptor of the caller's too
 * @fd:		anything that epoll takes; stays the caller's, who removes it
 *		before closing it
 * @events:	EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP (level-triggered)
 * @arg:	comes back in its events
 *
 * Return: 0; -EINVAL other @events; -EEXIST @fd is in @ws; -EPERM @fd cannot be
 * waited for (a file); -EBADF; -EMFILE, -ENOMEM.
 */
AGNOCAST_API int agnocast_waitset_add_fd(struct agnocast_waitset *ws, int fd,
		uint32_t events, void *arg);

/** agnocast_waitset_remove_fd() - watch it no longer. Return: 0; -ENOENT. */
AGNOCAST_API int agnocast_waitset_remove_fd(struct agnocast_waitset *ws, int fd);

/**
 * agnocast_waitset_wait() - wait until something is ready
 * @timeout_ms:	milliseconds; 0 only looks, -1 waits for ever
 * @events:	where to store what is ready
 * @max:	room there, at least 1
 *
 * Fair: of more than @max that are ready, the next call begins behind the last
 * one reported. Any number of threads may wait; each is told what is ready, so
 * that two of them may hear of the same entry, and one finds it taken.
 *
 * Return: how many events; 0: the time is up, or agnocast_waitset_wake();
 * -EINTR a signal came first; -EINVAL @max.
 */
AGNOCAST_API int agnocast_waitset_wait(struct agnocast_waitset *ws, int timeout_ms,
		struct agnocast_event *events, int max);

/**
 * agnocast_waitset_wait_until() - the same, until a point in time
 * @deadline_ns: CLOCK_MONOTONIC nanoseconds; 0 only looks, UINT64_MAX waits for
 *		ever
 */
AGNOCAST_API int agnocast_waitset_wait_until(struct agnocast_waitset *ws,
		uint64_t deadline_ns, struct agnocast_event *events, int max);

/**
 * agnocast_waitset_wake() - make the wait under way return, or else the next one
 *
 * That wait returns what is ready, which may be nothing. Of several waits
 * under way one returns. May be called from a signal handler.
 *
 * Return: 0; -ECHILD in a forked child.
 */
AGNOCAST_API int agnocast_waitset_wake(struct agnocast_waitset *ws);

/**
 * agnocast_waitset_destroy() - also removes what is in it; NULL is allowed
 *
 * Not while a thread waits.
 */
AGNOCAST_API void agnocast_waitset_destroy(struct agnocast_waitset *ws);

/**
 * agnocast_fd() - this process's descriptor for a foreign event loop
 *
 * Readable (EPOLLIN, level-triggered) while a subscription with
 * AGNOCAST_POLLABLE may have an unread message. When it is, take from each of
 * them with a timeout of 0 until -EAGAIN; such an empty take is what makes it
 * unreadable again. It may be readable for nothing. Do not read or close it.
 *
 * Return: the descriptor, the same each time, unless somebody closed it: then
 * another one, to be added to the loop anew; -EMFILE, ...: there can be none;
 * what agnocast_status() says.
 */
AGNOCAST_API int agnocast_fd(void);

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
