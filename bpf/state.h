/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * state.h - what agnocast.bpf.c is told before it is loaded, and its maps
 *
 * The programs are one object: this and the other headers are included once.
 */
#ifndef AGNOCAST_BPF_STATE_H
#define AGNOCAST_BPF_STATE_H

/* Set before the load, so that what it turns off is not even there. */
const volatile struct agnocast_settings settings;

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
	__u32	file_mode;	/* without BTF: how it was opened, as in agnocast_failure; or 0 */
	char	name[AGNOCAST_NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);			/* thread */
	__type(value, struct started);
} started SEC(".maps");

/* Without BTF: files of ours that were opened, since a descriptor leads to no name then. */
struct opened {
	__u32	pid;			/* in the first namespace */
	__s32	fd;
};

struct opened_file {
	__u32	mode;			/* bit 0: readable, bit 1: writable */
	char	name[AGNOCAST_NAME_LEN];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct opened);
	__type(value, struct opened_file);
} opened SEC(".maps");

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

	if (!settings.pidns_dev)
		pid = bpf_get_current_pid_tgid() >> 32;
	else if (bpf_get_ns_current_pid_tgid(settings.pidns_dev, settings.pidns_ino, &ns, sizeof(ns)))
		pid = 0;
	else
		pid = ns.tgid;
	if (settings.only_wanted && !bpf_map_lookup_elem(&wanted, &pid))
		pid = 0;
	return pid == settings.observer ? 0 : pid;
}

#endif /* AGNOCAST_BPF_STATE_H */
