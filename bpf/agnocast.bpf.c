// SPDX-License-Identifier: GPL-2.0-only
/*
 * agnocast.bpf.c - counts and failures of the calls that carry Agnocast
 *
 * Attaches to tracepoints only: no kprobe, no fentry, which some kernels lack.
 * A call is recognised at its entry (by name, descriptor or address); one that
 * is not Agnocast's leaves there, and nothing is done at its exit but one
 * lookup. What exists in some kernels only is in programs of their own, of
 * which the loader takes those that load.
 *
 * Without BTF (has_btf = 0) no kernel structure is looked into: what a
 * descriptor leads to is remembered from its open, and what else there is to
 * know of a failure is left to /proc.
 *
 * Nothing here is on the message path: publish and take make no such call.
 */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "core_types.h"
#include "events.h"
#include "names.h"
#include "report.h"
#include "state.h"

char LICENSE[] SEC("license") = "GPL v2";

#define EINTR		4
#define EAGAIN		11
#define SIGBUS		7
#define SIGSEGV		11
#define MAP_SHARED	0x01
#define MAP_TYPE	0x0f
#define MAP_FIXED	0x10
#define MAP_ANONYMOUS	0x20
#define MAP_NORESERVE	0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define ERRNO_MAX	4095

/* Kernels from 6.7 on. An object that names them asks for BTF: there are two, see the Makefile. */
#ifdef WALK
extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task,
				 __u64 addr) __weak __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __weak __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __weak __ksym;
#endif

static __always_inline int is_in_window(__u64 address, __u64 length)
{
	return address < settings.window_end && address + length > settings.window_start;
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

/* A call on a descriptor: ours if the file is. */
static __always_inline void start_file(struct started *call)
{
	if (caller() && read_file_name(call))
		start(call);
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

/* The library maps over its own reservation, files of areas or nothing at all. */
static __always_inline int overwrites(const struct started *call, int area)
{
	const __u32 nothing = MAP_ANONYMOUS | MAP_NORESERVE;

	if (!(call->flags & MAP_FIXED) || (call->flags & MAP_FIXED_NOREPLACE) || area)
		return 0;
	return call->prot || (call->flags & nothing) != nothing;
}

/* 0: not ours. A mapping that does not overlap the window is ours only if its file is. */
static __always_inline int fill_mmap(struct started *call, const struct syscall_enter *ctx)
{
	int file, area = 0, inside;

	call->call = AGNOCAST_CALL_MMAP;
	call->address = ctx->args[0];
	call->length = ctx->args[1];
	call->prot = ctx->args[2];
	call->flags = ctx->args[3];
	call->fd = ctx->args[4];
	inside = is_in_window(call->address, call->length);
	file = !(call->flags & MAP_ANONYMOUS) && call->fd >= 0;
	if (!inside && !(file && (call->flags & MAP_TYPE & MAP_SHARED)))
		return 0;
	if (!caller())
		return 0;
	if (file)
		area = read_file_name(call);
	else
		call->fd = -1;
	if (inside && overwrites(call, area))
		call->odd = AGNOCAST_OVERWROTE;
	return area || inside;
}

SEC("tp/syscalls/sys_enter_mmap")
int enter_mmap(struct syscall_enter *ctx)
{
	struct started call = {};

	if (!fill_mmap(&call, ctx))
		return 0;
	call.odd = 0;		/* can't tell what was there before */
	start(&call);
	return 0;
}

static long take_vma(struct task_struct *task, struct vm_area_struct *vma, struct found *found)
{
	found->start = vma->vm_start;
	found->end = vma->vm_end;
	found->flags = vma->vm_flags;
	found->file = vma->vm_file;
	return 0;
}

/*
 * In the place of enter_mmap: from 5.17 on a program may find the mapping of an
 * address. Only who has the window reserved has something to be overwritten.
 */
SEC("tp/syscalls/sys_enter_mmap")
int enter_mmap_find(struct syscall_enter *ctx)
{
	struct started call = {};
	struct found found = {};

	if (!fill_mmap(&call, ctx))
		return 0;
	if (call.odd && bpf_find_vma(bpf_get_current_task_btf(), call.address, take_vma, &found, 0))
		call.odd = 0;
	start(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_munmap")
int enter_munmap(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_MUNMAP, .address = ctx->args[0], .length = ctx->args[1],
		.fd = -1,
	};

	if (is_in_window(call.address, call.length) && caller())
		start(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_ftruncate")
int enter_ftruncate(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_TRUNCATE, .fd = ctx->args[0], .length = ctx->args[1],
	};

	start_file(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_fallocate")
int enter_fallocate(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_FALLOCATE, .fd = ctx->args[0], .flags = ctx->args[1],
		.address = ctx->args[2], .length = ctx->args[3],
	};

	start_file(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_mq_timedsend")
int enter_mq_timedsend(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_MQ_SEND, .fd = ctx->args[0], .length = ctx->args[2],
	};

	start_file(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_mq_timedreceive")
int enter_mq_timedreceive(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_MQ_RECEIVE, .fd = ctx->args[0], .length = ctx->args[2],
	};

	start_file(&call);
	return 0;
}

SEC("tp/syscalls/sys_enter_ioctl")
int enter_ioctl(struct syscall_enter *ctx)
{
	struct started call = {
		.call = AGNOCAST_CALL_IOCTL, .fd = ctx->args[0], .length = (__u32)ctx->args[1],
	};

	if ((call.length >> 8 & 0xff) == DEVICE_MAGIC)
		start_file(&call);
	return 0;
}

/* What the mapping was put at although something else was asked for. */
static __always_inline int is_moved(const struct started *call, __s64 result)
{
	return call->call == AGNOCAST_CALL_MMAP && (call->flags & MAP_FIXED_NOREPLACE) &&
	       (__u64)result != call->address;
}

/* Not done, but nothing is wrong; in fallocate: a process that ends, or tries again. */
static __always_inline int is_again(__u32 call, __s64 result)
{
	switch (call) {
	case AGNOCAST_CALL_MQ_SEND:
	case AGNOCAST_CALL_MQ_RECEIVE:
		return result == -EAGAIN;
	case AGNOCAST_CALL_FALLOCATE:
		return result == -EINTR;
	default:
		return 0;
	}
}

/* All exits are alike: what @thread started tells what it was. */
static __always_inline int finish(const struct syscall_exit *ctx, const struct found *found)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct started *call = bpf_map_lookup_elem(&started, &thread);
	int failed, again;
	__u32 pid;

	if (!call)
		return 0;
	pid = caller();
	if (pid && (!call->user_name ||
		    read_user_name(call->name, call->user_name, call->call) > 0)) {
		failed = ctx->ret < 0 && ctx->ret >= -ERRNO_MAX;
		again = is_again(call->call, ctx->ret);
		if (failed)
			call->odd = 0;
		else if (is_moved(call, ctx->ret))
			call->odd = AGNOCAST_MOVED;
		count(call, pid, failed, again);
		if (!settings.has_btf && !failed && (call->call == AGNOCAST_CALL_SHM_OPEN ||
					    call->call == AGNOCAST_CALL_MQ_OPEN))
			remember(call, ctx->ret);
		if ((failed && !again) || call->odd)
			send_failure(call, pid, ctx->ret, found);
		else if (settings.all_events)
			send_event(call, pid, ctx->ret);
	}
	bpf_map_delete_elem(&started, &thread);
	return 0;
}

static __always_inline int finish_plain(const struct syscall_exit *ctx)
{
	const struct found nothing = {};

	return finish(ctx, &nothing);
}

#define EXIT(name)						\
	SEC("tp/syscalls/sys_exit_" #name)			\
	int exit_##name(struct syscall_exit *ctx)		\
	{							\
		return finish_plain(ctx);			\
	}

EXIT(openat)
EXIT(ftruncate)
EXIT(fallocate)
EXIT(mmap)
EXIT(munmap)
EXIT(mq_open)
EXIT(mq_timedsend)
EXIT(mq_timedreceive)
EXIT(ioctl)

/* The failed call of this thread, if it is one in whose way a mapping may lie. */
static __always_inline struct started *failed_mmap(const struct syscall_exit *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();

	if (ctx->ret >= 0 || ctx->ret < -ERRNO_MAX)
		return NULL;
	return bpf_map_lookup_elem(&started, &thread);
}

#ifdef WALK
/* In the place of exit_mmap: from 6.7 on a program may walk mappings from an address on. */
SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap_iter(struct syscall_exit *ctx)
{
	const struct started *call = failed_mmap(ctx);
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_iter_task_vma walk;
	struct vm_area_struct *vma;
	struct found found = {};

	if (!call)
		return finish(ctx, &found);
	bpf_iter_task_vma_new(&walk, task, call->address);
	vma = bpf_iter_task_vma_next(&walk);
	if (vma && vma->vm_start < call->address + call->length) {
		found.start = vma->vm_start;
		found.end = vma->vm_end;
		found.flags = vma->vm_flags;
		found.file = vma->vm_file;
	}
	bpf_iter_task_vma_destroy(&walk);
	return finish(ctx, &found);
}
#endif

/* In the place of exit_mmap, from 5.17 on: what lies at the start or the end. */
SEC("tp/syscalls/sys_exit_mmap")
int exit_mmap_find(struct syscall_exit *ctx)
{
	const struct started *call = failed_mmap(ctx);
	struct task_struct *task = bpf_get_current_task_btf();
	struct found found = {};

	if (!call)
		return finish(ctx, &found);
	if (bpf_find_vma(task, call->address, take_vma, &found, 0))
		bpf_find_vma(task, call->address + call->length - 1, take_vma, &found, 0);
	return finish(ctx, &found);
}

/* SIGBUS or SIGSEGV at an address of the window: its pid, or 0. The siginfo may be 0 or 1. */
static __always_inline __u32 start_fault(struct started *call, const __u64 *args)
{
	const void *info = (const void *)args[1];
	struct siginfo_fault known = {};
	int sig = args[0];

	if ((sig != SIGBUS && sig != SIGSEGV) || args[1] <= 1)
		return 0;
	bpf_probe_read_kernel(&known, sizeof(known), info);
	call->address = known.address;
	if (call->address < settings.window_start || call->address >= settings.window_end)
		return 0;
	call->flags = known.si_code;
	call->start_ns = bpf_ktime_get_ns();
	return (__s32)call->flags > 0 ? caller() : 0;	/* the kernel's, not from kill() */
}

SEC("raw_tp/signal_generate")
int on_signal(struct bpf_raw_tracepoint_args *ctx)
{
	struct started call = { .call = AGNOCAST_CALL_SIGNAL, .fd = -1 };
	const struct found nothing = {};
	__u32 pid = start_fault(&call, ctx->args);

	if (pid)
		send_failure(&call, pid, (int)ctx->args[0], &nothing);
	return 0;
}

/* In the place of on_signal: what is mapped there tells a write from a stray pointer. */
SEC("raw_tp/signal_generate")
int on_signal_find(struct bpf_raw_tracepoint_args *ctx)
{
	struct started call = { .call = AGNOCAST_CALL_SIGNAL, .fd = -1 };
	struct found found = {};
	__u32 pid = start_fault(&call, ctx->args);

	if (!pid)
		return 0;
	bpf_find_vma(bpf_get_current_task_btf(), call.address, take_vma, &found, 0);
	send_failure(&call, pid, (int)ctx->args[0], &found);
	return 0;
}

/* Children of wanted processes are wanted; in the first pid namespace only. */
SEC("tp/sched/sched_process_fork")
int on_fork(void *record)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, born = 0;
	const __u8 yes = 1;

	bpf_probe_read_kernel(&born, sizeof(born), record + settings.fork_child_at);
	if (born && !settings.pidns_dev && bpf_map_lookup_elem(&wanted, &pid))
		bpf_map_update_elem(&wanted, &born, &yes, BPF_ANY);
	return 0;
}

/* Without BTF only: see .opened. */
SEC("tp/syscalls/sys_enter_close")
int enter_close(struct syscall_enter *ctx)
{
	forget(ctx->args[0]);
	return 0;
}
