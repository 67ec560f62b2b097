/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * core_types.h - the few kernel structures that agnocast.bpf.c looks into
 *
 * Only the members that are used, in any order: the loader finds their real
 * offsets in the running kernel's BTF (CO-RE). Names must match the kernel's.
 * The tracepoint contexts are ABI (events/syscalls/.../format) and are not
 * relocated.
 */
#ifndef AGNOCAST_CORE_TYPES_H
#define AGNOCAST_CORE_TYPES_H

#define CORE __attribute__((preserve_access_index))

struct qstr {
	const unsigned char *name;
} CORE;

struct dentry {
	struct qstr d_name;
} CORE;

struct path {
	struct dentry *dentry;
} CORE;

struct super_block {
	unsigned long s_magic;
} CORE;

struct inode {
	struct super_block *i_sb;
	long long i_size;
} CORE;

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_mode;
} CORE;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CORE;

struct files_struct {
	struct fdtable *fdt;
	unsigned int next_fd;
} CORE;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
	struct file *vm_file;
} CORE;

struct mm_struct {
	unsigned long task_size;
	unsigned long total_vm;
	unsigned long locked_vm;
	unsigned long def_flags;
	int map_count;
} CORE;

struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};

struct signal_struct {
	struct rlimit rlim[16];
} CORE;

/* Of the last fault: x86 has the one, arm64 the other. */
struct thread_struct {
	unsigned long error_code;
	unsigned long fault_code;
} CORE;

struct task_struct {
	struct files_struct *files;
	struct mm_struct *mm;
	struct signal_struct *signal;
	int tgid;
	struct thread_struct thread;
} CORE;

/* The start of a siginfo_t, which is ABI. */
struct siginfo_fault {
	int si_signo;
	int si_errno;
	int si_code;
	int pad;
	__u64 address;
};

/* An iterator's state is the kernel's; only its size counts. */
struct bpf_iter_task_vma {
	__u64 opaque[1];
};

#undef CORE

struct syscall_enter {
	__u64 common;
	__s64 nr;
	__u64 args[6];
};

struct syscall_exit {
	__u64 common;
	__s64 nr;
	__s64 ret;
};

#endif /* AGNOCAST_CORE_TYPES_H */
