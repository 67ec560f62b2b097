/* SPDX-License-Identifier: GPL-2.0-only */
/* names.h - which files are Agnocast's, by the name that was passed or behind a descriptor */
#ifndef AGNOCAST_BPF_NAMES_H
#define AGNOCAST_BPF_NAMES_H

#include "state.h"

#define SHM_PREFIX	"/dev/shm/"
#define AREA_PREFIX	"agnocast@"
#define QUEUE_PREFIX	"new_publisher@"
#define DEVICE_NAME	"agnocast"
#define DEVICE_MAGIC	0xA6
#define LENGTH(prefix)	(sizeof(prefix) - 1)

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

/* O_RDONLY, O_WRONLY, O_RDWR as bits of reading and writing. */
static __always_inline __u32 mode_of(__u32 flags)
{
	return ((flags & 3) + 1) & 3;
}

static __always_inline void remember(const struct started *call, __s64 fd)
{
	const struct opened key = { .pid = bpf_get_current_pid_tgid() >> 32, .fd = fd };
	struct opened_file file = { .mode = mode_of(call->flags) };

	__builtin_memcpy(file.name, call->name, sizeof(file.name));
	bpf_map_update_elem(&opened, &key, &file, BPF_ANY);
}

static __always_inline void forget(int fd)
{
	const struct opened key = { .pid = bpf_get_current_pid_tgid() >> 32, .fd = fd };

	bpf_map_delete_elem(&opened, &key);
}

/* The device is opened by no name that is watched; its commands are unmistakable. */
static __always_inline int recall(struct started *call)
{
	const struct opened key = { .pid = bpf_get_current_pid_tgid() >> 32, .fd = call->fd };
	const struct opened_file *file = bpf_map_lookup_elem(&opened, &key);

	if (call->call == AGNOCAST_CALL_IOCTL)
		return 1;
	if (!file)
		return 0;
	__builtin_memcpy(call->name, file->name, sizeof(call->name));
	call->file_mode = file->mode;
	return is_ours(call->name, call->call);
}

/* 1, and its name: the file behind the call's descriptor is ours. */
static __always_inline int read_file_name(struct started *call)
{
	struct file *file;

	if (!settings.has_btf)
		return recall(call);
	file = file_of(call->fd);
	return file && read_name(call->name, file) > 0 && is_ours(call->name, call->call);
}

#endif /* AGNOCAST_BPF_NAMES_H */
