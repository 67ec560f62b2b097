// SPDX-License-Identifier: GPL-2.0-only
/*
 * agnocast.bpf.c - counts and failures of the calls that carry Agnocast
 *
 * Attaches to system call tracepoints and to two BTF tracepoints only: no
 * kprobe, no fentry, which some kernels lack. A call is recognised at its
 * entry (by name, descriptor or address); one that is not Agnocast's leaves
 * there, and nothing is done at its exit but one lookup. What exists in some
 * kernels only is in programs of their own, of which the loader takes those
 * that load.
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
#define SIGSTOP		19
#define MAP_SHARED	0x01
#define MAP_TYPE	0x0f
#define MAP_FIXED	0x10
#define MAP_ANONYMOUS	0x20
#define MAP_NORESERVE	0x4000
#define MAP_FIXED_NOREPLACE 0x100000
#define VM_LOCKED	0x2000
#define X86_PF_WRITE	0x02
#define ESR_WNR		0x40	/* arm64: write, not read */
#define ERRNO_MAX	4095

#define RLIMIT_FSIZE	1
#define RLIMIT_NOFILE	7
#define RLIMIT_MEMLOCK	8
#define RLIMIT_AS	9
#define RLIMIT_MSGQUEUE	12

#define SHM_PREFIX	"/dev/shm/"
#define AREA_PREFIX	"agnocast@"
#define QUEUE_PREFIX	"new_publisher@"
#define DEVICE_NAME	"agnocast"
#define DEVICE_MAGIC	0xA6
#define LENGTH(prefix)	(sizeof(prefix) - 1)

/* Set before load. */
const volatile __u64 window_start;
const volatile __u64 window_end;
const volatile __u32 observer;		/* its calls are not counted */
const volatile __u64 pidns_dev;		/* 0: the observer is in the first pid namespace */
const volatile __u64 pidns_ino;
const volatile __u8 all_events;		/* 0: failures only */
const volatile __u8 only_wanted;	/* 1: processes in .wanted only */
const volatile __u8 hold;		/* 1: stop a process at its first failure */

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
	__u32	odd;
	__u32	pad;
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
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);			/* pid, as the observer sees it */
	__type(value, __u8);
} wanted SEC(".maps");

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

extern int bpf_iter_task_vma_new(struct bpf_iter_task_vma *it, struct task_struct *task,
				 __u64 addr) __weak __ksym;
extern struct vm_area_struct *bpf_iter_task_vma_next(struct bpf_iter_task_vma *it) __weak __ksym;
extern void bpf_iter_task_vma_destroy(struct bpf_iter_task_vma *it) __weak __ksym;

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
	if (only_wanted && !bpf_map_lookup_elem(&wanted, &pid))
		pid = 0;
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
	switch (call) {
	case AGNOCAST_CALL_MQ_OPEN:
	case AGNOCAST_CALL_MQ_SEND:
	case AGNOCAST_CALL_MQ_RECEIVE:
		return starts_with(text, QUEUE_PREFIX, LENGTH(QUEUE_PREFIX));
	case AGNOCAST_CALL_IOCTL:
		return starts_with(text, DEVICE_NAME, sizeof(DEVICE_NAME));
	default:
		return starts_with(text, AREA_PREFIX, LENGTH(AREA_PREFIX));
	}
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

static __always_inline struct file *file_of(int fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slots, *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slots = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), slots + fd);
	return file;
}

/* The last component of a file's name: all there is for /dev/shm, queues and the device. */
static __always_inline int read_name(char *name, struct file *file)
{
	const unsigned char *text = BPF_CORE_READ(file, f_path.dentry, d_name.name);

	return bpf_probe_read_kernel_str(name, AGNOCAST_NAME_LEN, text);
}

static __always_inline int read_file_name(char *name, int fd, __u32 call)
{
	struct file *file = file_of(fd);

	return file && read_name(name, file) > 0 && is_ours(name, call);
}

static __always_inline int is_in_window(__u64 address, __u64 length)
{
	return address < window_end && address + length > window_start;
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
	if (caller() && read_file_name(call->name, call->fd, call->call))
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
		area = read_file_name(call->name, call->fd, AGNOCAST_CALL_MMAP);
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

/* A mapping in the way, or under an address. */
struct found {
	__u64	start, end, flags;
	struct file *file;
};

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

static __always_inline void fill_event(struct agnocast_event *event, const struct started *call,
				       __u32 pid, __s64 result)
{
	event->time_ns = bpf_ktime_get_ns();
	event->duration_ns = event->time_ns - call->start_ns;
	event->address = call->address;
	event->length = call->length;
	event->result = result;
	event->pid = pid;
	event->tid = (__u32)bpf_get_current_pid_tgid();
	event->call = call->call;
	event->flags = call->flags;
	event->prot = call->prot;
	event->fd = call->fd;
	event->odd = call->odd;
	event->captured = 0;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	__builtin_memcpy(event->name, call->name, sizeof(event->name));
}

static __always_inline void send_event(const struct started *call, __u32 pid, __s64 result)
{
	struct agnocast_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_lost(AGNOCAST_LOST_EVENTS);
		return;
	}
	fill_event(event, call, pid, result);
	bpf_ringbuf_submit(event, 0);
}

static __always_inline __u64 limit(struct signal_struct *signal, int which)
{
	struct rlimit value = {};

	bpf_core_read(&value, sizeof(value), &signal->rlim[which]);
	return value.rlim_cur;
}

static __always_inline void capture_process(struct agnocast_failure *failure)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	failure->task_size = BPF_CORE_READ(mm, task_size);
	failure->total_pages = BPF_CORE_READ(mm, total_vm);
	failure->locked_pages = BPF_CORE_READ(mm, locked_vm);
	failure->map_count = BPF_CORE_READ(mm, map_count);
	failure->locks_future = !!(BPF_CORE_READ(mm, def_flags) & VM_LOCKED);
	failure->limit_as = limit(signal, RLIMIT_AS);
	failure->limit_memlock = limit(signal, RLIMIT_MEMLOCK);
	failure->limit_nofile = limit(signal, RLIMIT_NOFILE);
	failure->limit_msgqueue = limit(signal, RLIMIT_MSGQUEUE);
	failure->limit_fsize = limit(signal, RLIMIT_FSIZE);
	failure->next_fd = BPF_CORE_READ(task, files, next_fd);
}

/* What the faulting instruction did, as the processor said. */
static __always_inline __u64 access_of(const struct started *call)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (call->call != AGNOCAST_CALL_SIGNAL)
		return 0;
	if (bpf_core_field_exists(task->thread.error_code))
		return BPF_CORE_READ(task, thread.error_code) & X86_PF_WRITE
		       ? AGNOCAST_WRITES : AGNOCAST_READS;
	if (bpf_core_field_exists(task->thread.fault_code))
		return BPF_CORE_READ(task, thread.fault_code) & ESR_WNR
		       ? AGNOCAST_WRITES : AGNOCAST_READS;
	return 0;
}

static __always_inline void capture_file(struct agnocast_failure *failure, int fd)
{
	struct file *file = file_of(fd);

	failure->file_known = !!file;
	failure->file_size = file ? BPF_CORE_READ(file, f_inode, i_size) : 0;
	failure->file_magic = file ? BPF_CORE_READ(file, f_inode, i_sb, s_magic) : 0;
	failure->file_mode = file ? BPF_CORE_READ(file, f_mode) & 3 : 0;
}

static __always_inline void send_failure(const struct started *call, __u32 pid, __s64 result,
					 const struct found *found)
{
	struct agnocast_failure *failure = bpf_ringbuf_reserve(&events, sizeof(*failure), 0);

	if (!failure) {
		count_lost(AGNOCAST_LOST_EVENTS);
		return;
	}
	fill_event(&failure->event, call, pid, result);
	failure->event.captured = 1;
	capture_process(failure);
	failure->access = access_of(call);
	capture_file(failure, call->fd);
	failure->vma_start = found->start;
	failure->vma_end = found->end;
	failure->vma_flags = found->flags;
	__builtin_memset(failure->vma_name, 0, sizeof(failure->vma_name));
	if (found->file)
		read_name(failure->vma_name, found->file);
	bpf_ringbuf_submit(failure, 0);
	if (hold)
		bpf_send_signal(SIGSTOP);
}

static __always_inline void count(const struct started *call, __u32 pid, int failed, int again)
{
	struct agnocast_call_stat *stat = stat_of(pid, call->call);
	__u64 spent = bpf_ktime_get_ns() - call->start_ns;

	if (!stat)
		return;
	__sync_fetch_and_add(&stat->calls, 1);
	__sync_fetch_and_add(&stat->sum_ns, spent);
	if (again)
		__sync_fetch_and_add(&stat->again, 1);
	else if (failed)
		__sync_fetch_and_add(&stat->errors, 1);
	if (spent > stat->max_ns)	/* a race may lose one: it is a maximum, not a sum */
		stat->max_ns = spent;
}

/* What the mapping was put at although something else was asked for. */
static __always_inline int is_moved(const struct started *call, __s64 result)
{
	return call->call == AGNOCAST_CALL_MMAP && (call->flags & MAP_FIXED_NOREPLACE) &&
	       (__u64)result != call->address;
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
		again = ctx->ret == -EAGAIN && (call->call == AGNOCAST_CALL_MQ_SEND ||
						call->call == AGNOCAST_CALL_MQ_RECEIVE);
		if (failed)
			call->odd = 0;
		else if (is_moved(call, ctx->ret))
			call->odd = AGNOCAST_MOVED;
		count(call, pid, failed, again);
		if ((failed && !again) || call->odd)
			send_failure(call, pid, ctx->ret, found);
		else if (all_events)
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

/* SIGBUS or SIGSEGV at an address of the window: its pid, or 0. @info may be 0 or 1. */
static __always_inline __u32 start_fault(struct started *call, int sig,
					 struct kernel_siginfo *info)
{
	if ((sig != SIGBUS && sig != SIGSEGV) || (unsigned long)info <= 1)
		return 0;
	call->address = (__u64)BPF_CORE_READ(info, _sifields._sigfault._addr);
	if (call->address < window_start || call->address >= window_end)
		return 0;
	call->flags = BPF_CORE_READ(info, si_code);
	call->start_ns = bpf_ktime_get_ns();
	return (__s32)call->flags > 0 ? caller() : 0;	/* the kernel's, not from kill() */
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int sig, struct kernel_siginfo *info)
{
	struct started call = { .call = AGNOCAST_CALL_SIGNAL, .fd = -1 };
	const struct found nothing = {};
	__u32 pid = start_fault(&call, sig, info);

	if (pid)
		send_failure(&call, pid, sig, &nothing);
	return 0;
}

/* In the place of on_signal: what is mapped there tells a write from a stray pointer. */
SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal_find, int sig, struct kernel_siginfo *info)
{
	struct started call = { .call = AGNOCAST_CALL_SIGNAL, .fd = -1 };
	struct found found = {};
	__u32 pid = start_fault(&call, sig, info);

	if (!pid)
		return 0;
	bpf_find_vma(bpf_get_current_task_btf(), call.address, take_vma, &found, 0);
	send_failure(&call, pid, sig, &found);
	return 0;
}

/* Children of wanted processes are wanted; in the first pid namespace only. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 pid = BPF_CORE_READ(parent, tgid), born = BPF_CORE_READ(child, tgid);
	const __u8 yes = 1;

	if (only_wanted && !pidns_dev && pid != born && bpf_map_lookup_elem(&wanted, &pid))
		bpf_map_update_elem(&wanted, &born, &yes, BPF_ANY);
	return 0;
}
