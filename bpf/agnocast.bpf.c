// SPDX-License-Identifier: GPL-2.0-only
/*
 * agnocast.bpf.c - counts and failures of the calls that carry Agnocast
 *
 * Attaches to system call tracepoints and to tp_btf/signal_generate only: no
 * kprobe, no fentry, which some kernels lack. A call is recognised at its
 * entry (by name, descriptor or address); one that is not Agnocast's leaves
 * there, and nothing is done at its exit but one lookup.
 *
 * Nothing here is on the message path: publish and take make no such call.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "core_types.h"
#include "events.h"

char LICENSE[] SEC("license") = "GPL v2";

#define EAGAIN		11
#define SIGBUS		7
#define SIGSEGV		11
#define MAP_SHARED	0x01
#define MAP_TYPE	0x0f
#define MAP_ANONYMOUS	0x20
#define ERRNO_MAX	4095

#define SHM_PREFIX	"/dev/shm/"
#define AREA_PREFIX	"agnocast@"
#define QUEUE_PREFIX	"new_publisher@"
#define LENGTH(prefix)	(sizeof(prefix) - 1)

/* Set before load. */
const volatile __u64 window_start;
const volatile __u64 window_end;
const volatile __u32 observer;		/* its calls are not counted */
const volatile __u64 pidns_dev;		/* 0: the observer is in the first pid namespace */
const volatile __u64 pidns_ino;
const volatile __u8 all_events;		/* 0: failures only */

/* A call on its way, from entry to exit. */
struct started {
	__u64	start_ns;
	__u64	address;
	__u64	length;
	__u64	user_name;	/* not read yet: the page was not in memory; else 0 */
	__u32	call;
	__u32	flags;
	__u32	prot;
	__s32	fd;
	char	name[AGNOCAST_NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);			/* thread */
	__type(value, struct started);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct agnocast_call_key);
	__type(value, struct agnocast_call_stat);
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, AGNOCAST_LOST_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count_lost(__u32 what)
{
	__u64 *count = bpf_map_lookup_elem(&lost, &what);

	if (count)
		(*count)++;
}

/* The caller's pid as the observer would name it; 0: not to be counted. */
static __always_inline __u32 caller(void)
{
	struct bpf_pidns_info ns = {};
	__u32 pid;

	if (!pidns_dev)
		pid = bpf_get_current_pid_tgid() >> 32;
	else if (bpf_get_ns_current_pid_tgid(pidns_dev, pidns_ino, &ns, sizeof(ns)))
		pid = 0;
	else
		pid = ns.tgid;
	return pid == observer ? 0 : pid;
}

static __always_inline int starts_with(const char *text, const char *prefix, int length)
{
	for (int i = 0; i < length; i++)
		if (text[i] != prefix[i])
			return 0;
	return 1;
}

/* 1: @text (AGNOCAST_NAME_LEN bytes) names something of ours. */
static __always_inline int is_ours(const char *text, __u32 call)
{
	if (call == AGNOCAST_CALL_MQ_OPEN || call == AGNOCAST_CALL_MQ_SEND)
		return starts_with(text, QUEUE_PREFIX, LENGTH(QUEUE_PREFIX));
	return starts_with(text, AREA_PREFIX, LENGTH(AREA_PREFIX));
}

/*
 * Read the name that the caller passed. 1: ours; 0: not ours; -1: not readable
 * now. shm_open() is openat() with a fixed directory, which is checked and cut.
 */
static __always_inline int read_user_name(char *name, __u64 user, __u32 call)
{
	char path[LENGTH(SHM_PREFIX) + 1] = {};
	int err;

	if (call == AGNOCAST_CALL_SHM_OPEN) {
		err = bpf_probe_read_user_str(path, sizeof(path), (void *)user);
		if (err < 0)
			return -1;
		if (!starts_with(path, SHM_PREFIX, LENGTH(SHM_PREFIX)))
			return 0;
		user += LENGTH(SHM_PREFIX);
	}
	err = bpf_probe_read_user_str(name, AGNOCAST_NAME_LEN, (void *)user);
	return err < 0 ? -1 : is_ours(name, call);
}

/* The last component of the name of an open file: all there is for /dev/shm and queues. */
static __always_inline int read_file_name(char *name, int fd, __u32 call)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	const unsigned char *text;
	struct file **slots, *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	text = BPF_CORE_READ(file, f_path.dentry, d_name.name);
	if (bpf_probe_read_kernel_str(name, AGNOCAST_NAME_LEN, text) < 0)
		return 0;
	return is_ours(name, call);
}

static __always_inline void start(struct started *call)
{
	__u64 thread = bpf_get_current_pid_tgid();

	call->start_ns = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&started, &thread, call, BPF_ANY))
		count_lost(AGNOCAST_LOST_CALLS);
}

static __always_inline void start_named(__u64 user, __u32 flags, __u32 kind)
{
	struct started call = { .call = kind, .flags = flags, .fd = -1 };
	int ours;

	if (!caller())
		return;
	ours = read_user_name(call.name, user, kind);
	if (!ours)
		return;
	call.user_name = ours < 0 ? user : 0;
	start(&call);
}

SEC("tp/syscalls/sys_enter_openat")
int enter_openat(struct syscall_enter *ctx)
{
	start_named(ctx->args[1], ctx->args[2], AGNOCAST_CALL_SHM_OPEN);
	return 0;
}

SEC("tp/syscalls/sys_enter_mq_open")
int enter_mq_open(struct syscall_enter *ctx)
{
	start_named(ctx->args[0], ctx->args[1], AGNOCAST_CALL_MQ_OPEN);
	return 0;
}

/* A mapping that does not overlap the window is ours only if its file is. */
SEC("tp/syscalls/sys_enter_mmap")
int enter_mmap(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_MMAP, .address = ctx->args[0], .length = ctx->args[1],
		.prot = ctx->args[2], .flags = ctx->args[3], .fd = ctx->args[4],
	};
	int inside = call.address < window_end &&
		     call.address + call.length > window_start;
	int file = !(call.flags & MAP_ANONYMOUS) && call.fd >= 0;

	if (!inside && !(file && (call.flags & MAP_TYPE & MAP_SHARED)))
		return 0;
	if (!caller())
		return 0;
	if (!file)
		call.fd = -1;
	else if (!read_file_name(call.name, call.fd, AGNOCAST_CALL_MMAP) && !inside)
		return 0;
	start(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_mq_timedsend")
int enter_mq_timedsend(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_MQ_SEND, .fd = ctx->args[0], .length = ctx->args[2],
	};

	if (!caller() || !read_file_name(call.name, call.fd, AGNOCAST_CALL_MQ_SEND))
		return 0;
	start(&call);
	return 0;
}

/* The entry of this process and call, made if needed; NULL: counted as lost. */
static __always_inline struct agnocast_call_stat *stat_of(__u32 pid, __u32 call)
{
	const struct agnocast_call_key key = { .pid = pid, .call = call };
	struct agnocast_call_stat *stat = bpf_map_lookup_elem(&stats, &key);
	struct agnocast_call_stat fresh = {};

	if (stat)
		return stat;
	bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
	bpf_map_update_elem(&stats, &key, &fresh, BPF_NOEXIST);
	stat = bpf_map_lookup_elem(&stats, &key);
	if (!stat)
		count_lost(AGNOCAST_LOST_STATS);
	return stat;
}

static __always_inline void send_event(const struct started *call, __u32 pid,
				       __s64 result, __u64 now)
{
	struct agnocast_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_lost(AGNOCAST_LOST_EVENTS);
		return;
	}
	event->time_ns = now;
	event->duration_ns = now - call->start_ns;
	event->address = call->address;
	event->length = call->length;
	event->result = result;
	event->pid = pid;
	event->tid = (__u32)bpf_get_current_pid_tgid();
	event->call = call->call;
	event->flags = call->flags;
	event->prot = call->prot;
	event->fd = call->fd;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	__builtin_memcpy(event->name, call->name, sizeof(event->name));
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void count(const struct started *call, __u32 pid, __s64 result)
{
	struct agnocast_call_stat *stat = stat_of(pid, call->call);
	int failed = result < 0 && result >= -ERRNO_MAX;
	int again = result == -EAGAIN && call->call == AGNOCAST_CALL_MQ_SEND;
	__u64 now = bpf_ktime_get_ns();
	__u64 spent = now - call->start_ns;

	if (stat) {
		__sync_fetch_and_add(&stat->calls, 1);
		__sync_fetch_and_add(&stat->sum_ns, spent);
		if (again)
			__sync_fetch_and_add(&stat->again, 1);
		else if (failed)
			__sync_fetch_and_add(&stat->errors, 1);
		if (spent > stat->max_ns)	/* a race may lose one: it is a maximum, not a sum */
			stat->max_ns = spent;
	}
	if (all_events || (failed && !again))
		send_event(call, pid, result, now);
}

/* All exits are alike: what @thread started tells what it was. */
static __always_inline int finish(const struct syscall_exit *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct started *call = bpf_map_lookup_elem(&started, &thread);
	__u32 pid;

	if (!call)
		return 0;
	pid = caller();
	if (pid && (!call->user_name ||
		    read_user_name(call->name, call->user_name, call->call) > 0))
		count(call, pid, ctx->ret);
	bpf_map_delete_elem(&started, &thread);
	return 0;
}

SEC("tp/syscalls/sys_exit_openat")
int exit_openat(struct syscall_exit *ctx)
{
	return finish(ctx);
}

SEC("tp/syscalls/sys_exit_mq_open")
int exit_mq_open(struct syscall_exit *ctx)
{
	return finish(ctx);
}

SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap(struct syscall_exit *ctx)
{
	return finish(ctx);
}

SEC("tp/syscalls/sys_exit_mq_timedsend")
int exit_mq_timedsend(struct syscall_exit *ctx)
{
	return finish(ctx);
}

/* SIGBUS or SIGSEGV at an address of the window; the pointer may be 0 or 1. */
SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info)
{
	struct started call = { .call = AGNOCAST_CALL_SIGNAL, .fd = -1 };
	__u64 now;
	__u32 pid;

	if ((sig != SIGBUS && sig != SIGSEGV) || (unsigned long)info <= 1)
		return 0;
	call.address = (__u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
	if (call.address < window_start || call.address >= window_end)
		return 0;
	call.flags = BPF_CORE_READ(info, si_code);
	pid = caller();
	now = bpf_ktime_get_ns();
	call.start_ns = now;
	if (pid && (__s32)call.flags > 0)	/* the kernel's, not from kill() */
		send_event(&call, pid, sig, now);
	return 0;
}
