/* SPDX-License-Identifier: GPL-2.0-only */
/* report.h - counting a call, and telling of one with what the kernel's checks looked at */
#ifndef AGNOCAST_BPF_REPORT_H
#define AGNOCAST_BPF_REPORT_H

#include "state.h"
#include "names.h"

#define SIGSTOP		19
#define VM_LOCKED	0x2000
#define X86_PF_WRITE	0x02
#define ESR_WNR		0x40	/* arm64: write, not read */
#define RLIMIT_FSIZE	1
#define RLIMIT_NOFILE	7
#define RLIMIT_MEMLOCK	8
#define RLIMIT_AS	9
#define RLIMIT_MSGQUEUE	12

/* A mapping in the way, or under an address. */
struct found {
	__u64	start, end, flags;
	struct file *file;
};

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

static __always_inline void capture(struct agnocast_failure *failure, const struct started *call,
				    const struct found *found)
{
	struct file *file = found->file;

	failure->process_known = 1;
	capture_process(failure);
	failure->access = access_of(call);
	capture_file(failure, call->fd);
	failure->vma_start = found->start;
	failure->vma_end = found->end;
	failure->vma_flags = found->flags;
	__builtin_memset(failure->vma_name, 0, sizeof(failure->vma_name));
	failure->vma_file_size = file ? BPF_CORE_READ(file, f_inode, i_size) : 0;
	if (file)
		read_name(failure->vma_name, file);
}

static __always_inline void capture_nothing(struct agnocast_failure *failure,
					    const struct started *call)
{
	__builtin_memset(&failure->process_known, 0,
			 sizeof(*failure) - offsetof(struct agnocast_failure, process_known));
	failure->file_known = !!call->file_mode;
	failure->file_mode = call->file_mode;
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
	if (settings.has_btf)
		capture(failure, call, found);
	else
		capture_nothing(failure, call);
	bpf_ringbuf_submit(failure, 0);
	if (settings.hold)
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

#endif /* AGNOCAST_BPF_REPORT_H */
