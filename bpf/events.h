/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h - what agnocast.bpf.c hands to the observers
 *
 * Included by both sides: fixed-size members, no holes, units in comments.
 */
#ifndef AGNOCAST_EVENTS_H
#define AGNOCAST_EVENTS_H

/* What the programs are told before they are loaded. */
struct agnocast_settings {
	__u64	window_start;
	__u64	window_end;
	__u64	pidns_dev;		/* 0: the observer is in the first pid namespace */
	__u64	pidns_ino;
	__u32	observer;		/* pid: its calls are not counted */
	__u32	fork_child_at;		/* offset of child_pid in sched_process_fork's record */
	__u32	all_events;		/* 0: failures only */
	__u32	only_wanted;		/* 1: processes in .wanted only */
	__u32	hold;			/* 1: stop a process at its first failure */
	__u32	has_btf;		/* 0: where the kernel keeps things is not known */
};

/* Which call; those that are counted in the order of enum model_call of cli/model.h. */
enum agnocast_call {
	AGNOCAST_CALL_SHM_OPEN,		/* openat("/dev/shm/agnocast@...") */
	AGNOCAST_CALL_TRUNCATE,		/* ftruncate() of an agnocast@ file */
	AGNOCAST_CALL_FALLOCATE,	/* fallocate() of one */
	AGNOCAST_CALL_MMAP,		/* in the window, or of an agnocast@ file */
	AGNOCAST_CALL_MUNMAP,		/* in the window */
	AGNOCAST_CALL_MQ_OPEN,		/* mq_open("new_publisher@...") */
	AGNOCAST_CALL_MQ_SEND,		/* mq_timedsend() to such a queue */
	AGNOCAST_CALL_MQ_RECEIVE,	/* mq_timedreceive() from one */
	AGNOCAST_CALL_IOCTL,		/* of /dev/agnocast */
	AGNOCAST_CALL_COUNT,
	AGNOCAST_CALL_SIGNAL = AGNOCAST_CALL_COUNT, /* SIGBUS, SIGSEGV in the window */
	AGNOCAST_CALL_REPORT,		/* not from eBPF: a reader told the registry */
	AGNOCAST_CALLS_ALL,
};

#define AGNOCAST_COMM_LEN	16	/* bytes, with the final NUL */
#define AGNOCAST_NAME_LEN	40	/* bytes, with the final NUL */

struct agnocast_call_key {
	__u32	pid;			/* as the observer's pid namespace sees it */
	__u32	call;			/* enum agnocast_call */
};

/* Since the programs were attached. */
struct agnocast_call_stat {
	__u64	calls;
	__u64	errors;			/* without .again */
	__u64	again;			/* EAGAIN of mq_send: a wake-up is already pending; of mq_receive:
				   none; EINTR of fallocate: it is tried again */
	__u64	sum_ns;			/* time inside the call */
	__u64	max_ns;
	char	comm[AGNOCAST_COMM_LEN]; /* when first seen */
};

/* What makes a call a fault although it gave no errno. */
#define AGNOCAST_MOVED		(1U << 0)	/* mmap: not where it was asked for */
#define AGNOCAST_OVERWROTE	(1U << 1)	/* mmap: MAP_FIXED in the window, not one of the library's */

/* Every call. */
struct agnocast_event {
	__u64	time_ns;		/* CLOCK_MONOTONIC, at the return */
	__u64	duration_ns;
	__u64	address;		/* mmap: asked for; munmap; signal: that faulted; truncate, fallocate: offset */
	__u64	length;			/* mmap, munmap, mq_send, mq_receive, fallocate: bytes; ioctl: command */
	__s64	result;			/* of the call: negative errno on failure; signal: its number */
	__u32	pid;
	__u32	tid;
	__u32	call;			/* enum agnocast_call */
	__u32	flags;			/* openat, mq_open: flags; mmap: flags; fallocate: mode; signal: si_code */
	__u32	prot;			/* mmap */
	__s32	fd;			/* -1: none */
	__u32	odd;			/* AGNOCAST_MOVED, AGNOCAST_OVERWROTE */
	__u32	captured;		/* 1: it is a struct agnocast_failure */
	char	comm[AGNOCAST_COMM_LEN];
	char	name[AGNOCAST_NAME_LEN]; /* without the leading "/"; "" if there is none */
};

#define AGNOCAST_READS		1U
#define AGNOCAST_WRITES		2U

/* A failed call, and what the kernel's checks looked at. */
struct agnocast_failure {
	struct agnocast_event event;
	/* the process; without BTF: not known */
	__u64	process_known;
	__u64	task_size;		/* bytes of its address space */
	__u64	total_pages;
	__u64	locked_pages;
	__u64	map_count;
	__u64	locks_future;		/* 1: after mlockall(MCL_FUTURE) */
	__u64	limit_as;		/* RLIMIT_..., the soft ones */
	__u64	limit_memlock;
	__u64	limit_nofile;
	__u64	limit_msgqueue;
	__u64	limit_fsize;
	__u64	next_fd;		/* the lowest descriptor that may be free */
	__u64	access;			/* signal: AGNOCAST_READS, AGNOCAST_WRITES; 0: not known */
	/* the file behind .fd, for mmap and calls on descriptors; without BTF: .file_mode only */
	__u64	file_known;
	__u64	file_size;
	__u64	file_magic;		/* of its file system */
	__u64	file_mode;		/* bit 0: readable, bit 1: writable */
	/* the mapping that lies at the lowest address of those asked for */
	__u64	vma_start;
	__u64	vma_end;		/* 0: none found, or this kernel can't tell */
	__u64	vma_flags;		/* VM_READ 1, VM_WRITE 2, VM_EXEC 4, VM_SHARED 8 */
	__u64	vma_file_size;		/* bytes of the file mapped there; 0: none, or not known */
	char	vma_name[AGNOCAST_NAME_LEN]; /* last component; "" without a file */
};

/* Indices of the per-CPU map .lost: nothing is dropped silently. */
enum agnocast_lost {
	AGNOCAST_LOST_EVENTS,		/* no room in the ring buffer */
	AGNOCAST_LOST_STATS,		/* no room in .stats */
	AGNOCAST_LOST_CALLS,		/* no room in .started */
	AGNOCAST_LOST_COUNT,
};

#endif /* AGNOCAST_EVENTS_H */
