/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * ABI of the Agnocast registry: /dev/agnocast and agnocastd.
 *
 * A session starts with AGNOCAST_NEW_SHM_CMD and ends with the address space
 * that started it; everything it owned goes with it.
 *
 *  - Integers are host-endian and fixed-size; user addresses travel as __u64,
 *    never without a length.
 *  - Each structure says which members go in and which come out; none does both.
 *  - Every "pad" must be zero and every unknown flag is refused (EINVAL), so
 *    both can be given a meaning later.
 *  - A command that fails has changed nothing.
 *  - An unknown command fails with ENOTTY: that is how a new one is probed.
 *  - Commands other than VERSION and LIST need a session: ENOTCONN without one,
 *    EPERM from an address space that is not the session's, EBADF over a
 *    descriptor of the device that is not open for reading and writing.
 *
 * agnocastd speaks the same commands and structures over a SOCK_SEQPACKET
 * socket: see the end of this file.
 */
#ifndef _UAPI_LINUX_AGNOCAST_H
#define _UAPI_LINUX_AGNOCAST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define AGNOCAST_ABI_VERSION	1
#define AGNOCAST_VERSION	"0.1.0"
#define AGNOCAST_DEVICE		"/dev/agnocast"
#define AGNOCAST_SOCKET		"/run/agnocast/agnocastd.sock"

#define AGNOCAST_TOPIC_MAX	256	/* bytes, with the final NUL */
#define AGNOCAST_NODE_MAX	64	/* bytes, with the final NUL */
#define AGNOCAST_COMM_MAX	16	/* bytes, with the final NUL */
#define AGNOCAST_SHM_NAME_MAX	32	/* bytes, with the final NUL: "/agnocast@PID" */

#define AGNOCAST_SESSIONS_MAX	1024
#define AGNOCAST_TOPICS_MAX	4096
#define AGNOCAST_ENDPOINTS_MAX	512	/* of one topic, publishers and subscriptions */
#define AGNOCAST_DEPTH_MAX	65536

/* The default address window (module parameters, agnocastd options). */
#define AGNOCAST_WINDOW_BASE	0x180000000000ULL
#define AGNOCAST_AREA_SIZE	(16ULL << 30)

/* Endpoint kinds. */
#define AGNOCAST_PUBLISHER	1U
#define AGNOCAST_SUBSCRIPTION	2U

/* Endpoint flags. */
#define AGNOCAST_TRANSIENT_LOCAL	(1U << 0)
#define AGNOCAST_IGNORE_LOCAL		(1U << 1)
#define AGNOCAST_ENDPOINT_FLAGS	(AGNOCAST_TRANSIENT_LOCAL | AGNOCAST_IGNORE_LOCAL)

/* States of a mapping, as its reader reports it. */
#define AGNOCAST_WILL_MAP	1U	/* announced; the owner's slot is now pinned */
#define AGNOCAST_MAPPED		2U	/* mapped and identity checked */
#define AGNOCAST_REFUSED	3U	/* mmap or the check failed; error says how */
#define AGNOCAST_UNMAPPED	4U	/* gone; the pin is dropped */

/* What of an area is mapped. */
#define AGNOCAST_MAP_CONTROL	(1U << 0)	/* the control part only */
#define AGNOCAST_MAP_HEAP	(1U << 1)	/* the heap as well */
#define AGNOCAST_MAP_PARTS	(AGNOCAST_MAP_CONTROL | AGNOCAST_MAP_HEAP)

/**
 * struct agnocast_version - AGNOCAST_VERSION_CMD: who is there
 * @abi:	out: AGNOCAST_ABI_VERSION of the registry
 * @sessions_max: out: how many areas the window has
 * @window_base: out: first address of the window
 * @area_size:	out: bytes of address space of one area
 * @version:	out: release of the registry, NUL-terminated
 * @home:	out: "kernel" or "daemon", NUL-terminated
 */
struct agnocast_version {
	__u32	abi;
	__u32	sessions_max;
	__u64	window_base;
	__u64	area_size;
	char	version[16];
	char	home[16];
};

/**
 * struct agnocast_new_shm - AGNOCAST_NEW_SHM_CMD: join, and get an area
 * @abi:	in: AGNOCAST_ABI_VERSION the caller was built with
 * @flags:	in: 0
 * @mempool_size: in: bytes of MEMPOOL_SIZE, rounded; only shown to observers
 * @session:	out: id of the session; never repeats
 * @base:	out: first address of the area
 * @slot:	out: index of the area in the window
 * @pid:	out: the caller, as the registry sees it
 * @shm_name:	out: name to create, "/agnocast@<pid>"
 *
 * Errors: EEXIST this address space has a session; ENOSPC all areas are taken;
 * EPROTO @abi is not the registry's; EINVAL flags, or (device) the token page
 * is not mapped yet.
 */
struct agnocast_new_shm {
	__u32	abi;
	__u32	flags;
	__u64	mempool_size;
	__u64	session;
	__u64	base;
	__u32	slot;
	__u32	pid;
	char	shm_name[AGNOCAST_SHM_NAME_MAX];
};

/**
 * struct agnocast_rejoin - AGNOCAST_REJOIN_CMD: go on with a session of an earlier agnocastd
 * @session:	in: its id
 * @base:	in: first address of its area
 * @mempool_size: in: as in NEW_SHM
 * @slot:	in: index of its area
 * @abi:	in: AGNOCAST_ABI_VERSION the caller was built with
 *
 * Then come AREA_READY, the adds with their @again, the mapping reports, and
 * AGNOCAST_REJOINED_CMD. Ids and generations of one agnocastd are all greater
 * than those of its predecessors.
 *
 * Errors: EOPNOTSUPP the module: a session cannot outlive it; EPERM the caller
 * never was that session, or the registry has no word of it; EEXIST this
 * address space has a session, or @session is one already; EBUSY the slot is
 * another's, or @session came back before, ended, and is still mapped; EINVAL no
 * earlier registry gave that session or that area; EPROTO @abi.
 */
struct agnocast_rejoin {
	__u64	session;
	__u64	base;
	__u64	mempool_size;
	__u32	slot;
	__u32	abi;
};

/**
 * struct agnocast_fd - a descriptor that goes in or out
 * @session:	in: OPEN_AREA: whose area; else 0
 * @fd_in:	in: AREA_READY: the shared memory, open for reading and writing; else -1
 * @fd_out:	out: OPEN_AREA, OPEN_ROSTERS: a read-only descriptor, close-on-exec
 * @size:	out: OPEN_ROSTERS: bytes to map
 *
 * AGNOCAST_AREA_READY_CMD: the area named by the session exists and has its
 * header; the registry keeps a reference so that a crash leaks no memory.
 * AGNOCAST_OPEN_AREA_CMD: for readers whose /dev/shm is another one.
 * AGNOCAST_OPEN_ROSTERS_CMD: the rosters of the caller's IPC namespace.
 *
 * Errors: EBADF @fd_in is no writable descriptor; EALREADY a second AREA_READY;
 * EINVAL @fd_in is no shared memory; ENOENT @session is no live session with a
 * ready area; EACCES the caller may not read that area's file.
 */
struct agnocast_fd {
	__u64	session;
	__u64	size;
	__s32	fd_in;
	__s32	fd_out;
};

/**
 * struct agnocast_peer - an endpoint of the other kind that was there already
 * @session:	its owner
 * @generation:	the endpoint; never repeats
 * @area_base:	first address of the owner's area
 * @area_size:	bytes of address space of that area
 * @block:	offset of the endpoint's block in that area
 * @pid:	the owner, as the registry sees it
 * @endpoint:	index of the endpoint within the topic
 * @shm_name:	the owner's shared memory
 */
struct agnocast_peer {
	__u64	session;
	__u64	generation;
	__u64	area_base;
	__u64	area_size;
	__u64	block;
	__u32	pid;
	__u32	endpoint;
	char	shm_name[AGNOCAST_SHM_NAME_MAX];
};

/**
 * struct agnocast_endpoint_add - AGNOCAST_PUBLISHER_ADD_CMD, AGNOCAST_SUBSCRIBER_ADD_CMD
 * @topic:	in: "/name", NUL-terminated
 * @node:	in: shown to observers, may be empty, NUL-terminated
 * @block:	in: offset of the ring or subscription block in the caller's area
 * @depth:	in: 1..AGNOCAST_DEPTH_MAX
 * @flags:	in: AGNOCAST_TRANSIENT_LOCAL, AGNOCAST_IGNORE_LOCAL
 * @peers:	in: address of an array of struct agnocast_peer
 * @peers_len:	in: bytes of that array
 * @again:	in: 0; or the generation that an earlier agnocastd gave it
 * @generation:	out: names the endpoint from now on; grows with each registration
 * @roster:	out: offset of the topic's roster in the roster file
 * @endpoint:	out: index within the topic, reused after removal
 * @peers_count: out: how many peers there are; the first peers_len / sizeof
 *		of them were stored
 *
 * A publisher gets the subscriptions of the topic, a subscription its publishers.
 *
 * Errors: EINVAL topic (empty, no leading "/", unterminated, 256 bytes), node,
 * depth, flags, block or again; EPERM @again was never an endpoint of the
 * session; EEXIST @again is registered; ENOSPC the topic has AGNOCAST_ENDPOINTS_MAX endpoints
 * or there are AGNOCAST_TOPICS_MAX topics; ENOMEM; ENOTCONN area not ready.
 */
struct agnocast_endpoint_add {
	char	topic[AGNOCAST_TOPIC_MAX];
	char	node[AGNOCAST_NODE_MAX];
	__u64	block;
	__u32	depth;
	__u32	flags;
	__u64	peers;
	__u64	peers_len;
	__u64	again;
	__u64	generation;
	__u64	roster;
	__u32	endpoint;
	__u32	peers_count;
};

/**
 * struct agnocast_endpoint_remove - AGNOCAST_PUBLISHER_REMOVE_CMD, AGNOCAST_SUBSCRIBER_REMOVE_CMD
 * @generation:	in: from the add
 *
 * Errors: EBADF not an endpoint of that kind of this session.
 */
struct agnocast_endpoint_remove {
	__u64	generation;
};

/**
 * struct agnocast_map_report - AGNOCAST_MAP_REPORT_CMD: what the caller does with an area
 * @owner:	in: session that owns the area
 * @state:	in: AGNOCAST_WILL_MAP first, then the others
 * @parts:	in: AGNOCAST_MAP_CONTROL, AGNOCAST_MAP_HEAP; 0 with UNMAPPED
 * @error:	in: REFUSED: a positive errno; else 0
 * @pid:	out: the owner, as the registry sees it
 * @base:	out: first address of the area
 * @size:	out: bytes of address space of the area
 * @acknowledged: out: 1: the caller is blind, and @owner has acknowledged it
 * @pad:	out: 0
 * @shm_name:	out: name to open
 *
 * A caller that reports REFUSED without having the control part mapped is blind
 * there: its publishers see nothing of what @owner's subscriptions hold. It is
 * so until it reports MAPPED or UNMAPPED; a WILL_MAP in between is an attempt.
 *
 * Errors: ENOENT @owner has ended (WILL_MAP) or was never announced (others);
 * EINVAL; ENOMEM.
 */
struct agnocast_map_report {
	__u64	owner;
	__u32	state;
	__u32	parts;
	__u32	error;
	__u32	pid;
	__u64	base;
	__u64	size;
	__u32	acknowledged;
	__u32	pad;
	char	shm_name[AGNOCAST_SHM_NAME_MAX];
};

/**
 * struct agnocast_acknowledge - AGNOCAST_ACKNOWLEDGE_CMD: a reader is blind here, and the
 *	caller holds no message of its, nor will it while that is so
 * @reader:	in: session that reported REFUSED for the caller's area
 *
 * Readers and their state are in AGNOCAST_LIST_MAPPINGS; how many are blind, in
 * the roster entries of the caller's endpoints.
 *
 * Errors: ENOENT @reader is not blind there (any more).
 */
struct agnocast_acknowledge {
	__u64	reader;
};

/**
 * struct agnocast_leave - AGNOCAST_LEAVE_CMD: end the caller's session in good order;
 *	AGNOCAST_REJOINED_CMD: all endpoints have been added again
 * @flags:	in: 0
 * @pad:	in: 0
 *
 * The caller has unlinked its names; the registry will not list them as stale.
 */
struct agnocast_leave {
	__u32	flags;
	__u32	pad;
};

/**
 * struct agnocast_cleaned - AGNOCAST_CLEANED_CMD: the names of a dead session are gone
 * @session:	in: as listed by AGNOCAST_LIST_STALE
 *
 * Errors: ENOENT not listed as stale; EPERM another user's.
 */
struct agnocast_cleaned {
	__u64	session;
};

#define AGNOCAST_BELLS_MAX	2U	/* eventfds of one session */

/**
 * struct agnocast_bell - an eventfd by which a session is woken
 * @session:	in: OPEN_BELL: whose; else 0
 * @bell:	in: which, 0..AGNOCAST_BELLS_MAX - 1
 * @pad:	in: 0
 * @fd_in:	in: BELL: the eventfd; else -1
 * @fd_out:	out: OPEN_BELL: the eventfd, close-on-exec
 *
 * AGNOCAST_BELL_CMD: the caller's publishers-to-be may ring this. Again: another one.
 * AGNOCAST_OPEN_BELL_CMD: for a publisher of a topic on which @session subscribes,
 * and for @session itself, whose host may have closed it.
 *
 * Errors: EINVAL @bell, @pad, @session or @fd_in that must be 0 or -1, @fd_in is
 * no eventfd; EBADF @fd_in is not open; ENOENT @session has none; EPERM it does
 * not subscribe to what the caller publishes; EOPNOTSUPP (OPEN_BELL, module) use
 * AGNOCAST_WAKE_CMD.
 */
struct agnocast_bell {
	__u64	session;
	__u32	bell;
	__u32	pad;
	__s32	fd_in;
	__s32	fd_out;
};

/* Whom AGNOCAST_WAKE_CMD wakes: the process with this subscription. */
struct agnocast_sleeper {
	__u64	subscription;	/* generation */
	__u32	bell;
	__u32	pad;		/* 0 */
};

/**
 * struct agnocast_wake - AGNOCAST_WAKE_CMD: ring the bells of sleeping subscribers
 * @publisher:	in: generation of a publisher of the caller
 * @sleepers:	in: address of an array of struct agnocast_sleeper
 * @sleepers_len: in: bytes of that array, at most AGNOCAST_ENDPOINTS_MAX records
 *
 * Subscriptions that are gone, of another topic, or without that bell are passed
 * over.
 *
 * Errors: EBADF @publisher is not the caller's; EINVAL; EOPNOTSUPP (agnocastd)
 * use AGNOCAST_OPEN_BELL_CMD.
 */
struct agnocast_wake {
	__u64	publisher;
	__u64	sleepers;
	__u64	sleepers_len;
};

/* What AGNOCAST_LIST_CMD lists. */
#define AGNOCAST_LIST_SESSIONS	1U	/* struct agnocast_session_info */
#define AGNOCAST_LIST_TOPICS	2U	/* struct agnocast_topic_info */
#define AGNOCAST_LIST_ENDPOINTS	3U	/* struct agnocast_endpoint_info */
#define AGNOCAST_LIST_MAPPINGS	4U	/* struct agnocast_mapping_info */
#define AGNOCAST_LIST_STALE	5U	/* struct agnocast_stale_info */

/**
 * struct agnocast_list - AGNOCAST_LIST_CMD: read one page of a list
 * @what:	in: AGNOCAST_LIST_...
 * @flags:	in: 0
 * @cursor:	in: 0 to start, then @next of the page before
 * @buf:	in: address of an array of the records that @what names
 * @buf_len:	in: bytes of that array
 * @next:	out: cursor of the next page
 * @count:	out: records stored; 0 is the end
 * @record_size: out: bytes of one record
 *
 * Records come in the order in which they were made. One that exists during
 * the whole walk is seen exactly once, however much else comes and goes.
 *
 * Errors: EINVAL @what, flags, or room for less than one record.
 */
struct agnocast_list {
	__u32	what;
	__u32	flags;
	__u64	cursor;
	__u64	buf;
	__u64	buf_len;
	__u64	next;
	__u32	count;
	__u32	record_size;
};

struct agnocast_session_info {
	__u64	session;
	__u64	base;
	__u64	size;
	__u64	mempool_size;
	__u32	slot;
	__u32	pid;
	__u32	uid;
	__u32	endpoints;
	__u32	ready;		/* 1 after AGNOCAST_AREA_READY_CMD */
	__u32	pad;
	char	comm[AGNOCAST_COMM_MAX];
	char	shm_name[AGNOCAST_SHM_NAME_MAX];
};

struct agnocast_topic_info {
	__u64	topic;		/* id; never repeats */
	__u64	roster;		/* offset in the roster file */
	__u32	publishers;
	__u32	subscriptions;
	char	name[AGNOCAST_TOPIC_MAX];
};

struct agnocast_endpoint_info {
	__u64	generation;
	__u64	topic;
	__u64	session;
	__u64	block;
	__u32	endpoint;
	__u32	kind;
	__u32	flags;
	__u32	depth;
	__u32	pid;
	__u32	pad;
	char	node[AGNOCAST_NODE_MAX];
};

struct agnocast_mapping_info {
	__u64	serial;		/* of the announcement; never repeats */
	__u64	owner;		/* session, perhaps ended */
	__u64	reader;		/* session */
	__u64	base;
	__u64	size;
	__u32	owner_pid;
	__u32	reader_pid;
	__u32	state;
	__u32	parts;
	__u32	error;
	__u32	owner_alive;	/* 0 or 1 */
	__u32	blind;		/* 0 or 1: see struct agnocast_map_report */
	__u32	acknowledged;	/* 0 or 1: the owner knows */
};

struct agnocast_stale_info {
	__u64	session;
	__u32	pid;
	__u32	uid;
	char	shm_name[AGNOCAST_SHM_NAME_MAX];
};

#define AGNOCAST_IOC_MAGIC	0xA6
#define AGNOCAST_VERSION_CMD	_IOR(AGNOCAST_IOC_MAGIC, 0x00, struct agnocast_version)
#define AGNOCAST_NEW_SHM_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x01, struct agnocast_new_shm)
#define AGNOCAST_AREA_READY_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x02, struct agnocast_fd)
#define AGNOCAST_OPEN_AREA_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x03, struct agnocast_fd)
#define AGNOCAST_OPEN_ROSTERS_CMD _IOWR(AGNOCAST_IOC_MAGIC, 0x04, struct agnocast_fd)
#define AGNOCAST_LEAVE_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x05, struct agnocast_leave)
#define AGNOCAST_REJOIN_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x06, struct agnocast_rejoin)
#define AGNOCAST_REJOINED_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x07, struct agnocast_leave)
#define AGNOCAST_PUBLISHER_ADD_CMD _IOWR(AGNOCAST_IOC_MAGIC, 0x10, struct agnocast_endpoint_add)
#define AGNOCAST_SUBSCRIBER_ADD_CMD _IOWR(AGNOCAST_IOC_MAGIC, 0x11, struct agnocast_endpoint_add)
#define AGNOCAST_PUBLISHER_REMOVE_CMD \
	_IOW(AGNOCAST_IOC_MAGIC, 0x12, struct agnocast_endpoint_remove)
#define AGNOCAST_SUBSCRIBER_REMOVE_CMD \
	_IOW(AGNOCAST_IOC_MAGIC, 0x13, struct agnocast_endpoint_remove)
#define AGNOCAST_MAP_REPORT_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x20, struct agnocast_map_report)
#define AGNOCAST_CLEANED_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x21, struct agnocast_cleaned)
#define AGNOCAST_BELL_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x22, struct agnocast_bell)
#define AGNOCAST_OPEN_BELL_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x23, struct agnocast_bell)
#define AGNOCAST_WAKE_CMD	_IOW(AGNOCAST_IOC_MAGIC, 0x24, struct agnocast_wake)
#define AGNOCAST_ACKNOWLEDGE_CMD _IOW(AGNOCAST_IOC_MAGIC, 0x25, struct agnocast_acknowledge)
#define AGNOCAST_LIST_CMD	_IOWR(AGNOCAST_IOC_MAGIC, 0x30, struct agnocast_list)

/*
 * Rosters: one read-only file per IPC namespace, written by the registry alone.
 *
 * The first page is struct agnocast_rosters. A topic's roster lies at the
 * offset that the add returned: a page of struct agnocast_roster, then two
 * copies of the list of its endpoints.
 *
 * A writer fills the copy that is not published, then publishes it by storing
 * the next generation (release). A reader loads the generation (acquire),
 * reads copy[generation & 1], and loads the generation again after an acquire
 * fence: if it moved, the copy may have been rewritten meanwhile.
 */
#define AGNOCAST_ROSTERS_MAGIC	0x736f52636f6e6741ULL	/* "AgnocRos" */
#define AGNOCAST_ROSTER_PAGE	4096U

struct agnocast_roster_entry {
	__u64	generation;	/* of the endpoint */
	__u64	session;
	__u64	area_base;
	__u64	block;		/* offset in the area */
	__u32	endpoint;
	__u32	kind;
	__u32	flags;
	__u32	depth;
	__u32	pid;
	__u32	slot;
	__u32	blind;		/* peers that cannot map this endpoint's control part */
	__u32	pad;
};

struct agnocast_roster {
	__u32	generation;	/* futex word; +1 at each change; bit 0 chooses the copy */
	__u32	pad;
	__u64	topic;		/* id of the topic that uses this roster; 0: none */
	__u32	count[2];	/* entries in each copy */
	char	name[AGNOCAST_TOPIC_MAX];
};

struct agnocast_rosters {
	__u64	magic;
	__u32	abi;
	__u32	topics_max;
	__u64	stride;		/* bytes from one roster to the next */
	__u32	stale;		/* bumped when a session's names became stale */
	__u32	sessions;	/* bumped at each join and end */
	/*
	 * Participants of an earlier agnocastd that live and have not come back
	 * yet. While there are any, who is missing from a roster is not gone.
	 */
	__u32	awaited;
	__u32	pad;
};

#define AGNOCAST_ROSTER_COPY	(AGNOCAST_ENDPOINTS_MAX * 64U)
#define AGNOCAST_ROSTER_STRIDE	(AGNOCAST_ROSTER_PAGE + 2U * AGNOCAST_ROSTER_COPY)
#define AGNOCAST_ROSTERS_SIZE \
	(AGNOCAST_ROSTER_PAGE + (__u64)AGNOCAST_TOPICS_MAX * AGNOCAST_ROSTER_STRIDE)

/*
 * agnocastd: each request is one packet, struct agnocast_request followed by
 * the command's structure; each reply is one packet, struct agnocast_reply
 * followed by the command's structure and then, for an add or a list, by the
 * array (the address in the request is not used, its length is). Descriptors
 * travel as SCM_RIGHTS. A process is who SO_PEERCRED says it is.
 */
struct agnocast_request {
	__u32	cmd;
	__u32	len;		/* bytes that follow */
};

struct agnocast_reply {
	__s32	result;		/* 0 or -errno; nothing follows an error */
	__u32	len;		/* bytes that follow */
};

#define AGNOCAST_PACKET_MAX	65536U

#endif /* _UAPI_LINUX_AGNOCAST_H */
