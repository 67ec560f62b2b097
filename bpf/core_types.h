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

struct file {
	struct path f_path;
} CORE;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} CORE;

struct files_struct {
	struct fdtable *fdt;
} CORE;

struct task_struct {
	struct files_struct *files;
} CORE;

struct sigfault {
	void *_addr;
} CORE;

union sifields {
	struct {
		void *_addr;
	} _sigfault;
} CORE;

struct kernel_siginfo {
	int si_code;
	union sifields _sifields;
} CORE;

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
