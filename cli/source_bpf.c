// SPDX-License-Identifier: BSD-2-Clause
/* source_bpf.c - what eBPF counts */

#define _GNU_SOURCE
#include "source_bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../bpf/events.h"
#include "agnocast.skel.h"
#include "source_proc.h"
#include "tracefs.h"

#define FIRST_PIDNS_INO	0xEFFFFFFCU	/* PROC_PID_INIT_INO of the kernel */
#define TP_PREFIX	"tp/"
#define LINKS_MAX	32

_Static_assert((int)MODEL_CALLS == (int)AGNOCAST_CALL_COUNT, "one column for each call");

struct source_bpf {
	struct agnocast		*skeleton;
	struct ring_buffer	*ring;
	struct bpf_link		*link[LINKS_MAX];
	size_t			links;
	int			tracefs;
	struct failures		*failures;	/* while collecting */
};

static const char *const call_names[] = {
	[AGNOCAST_CALL_SHM_OPEN] = "shm_open",
	[AGNOCAST_CALL_MMAP] = "mmap",
	[AGNOCAST_CALL_MQ_OPEN] = "mq_open",
	[AGNOCAST_CALL_MQ_SEND] = "mq_send",
	[AGNOCAST_CALL_SIGNAL] = "(fault)",
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;	/* the screen may be curses'; errors come back as errno */
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fill_failure(struct failure_row *failure, const struct agnocast_event *event)
{
	uint64_t age = clock_ns(CLOCK_MONOTONIC) - event->time_ns;

	failure->time_ns = clock_ns(CLOCK_REALTIME) - age;
	failure->pid = event->pid;
	failure->call = call_names[event->call];
	failure->is_signal = event->call == AGNOCAST_CALL_SIGNAL;
	failure->error = (int)(failure->is_signal ? event->result : -event->result);
	failure->address = event->address;
	failure->length = event->call == AGNOCAST_CALL_MMAP ? event->length : 0;
	failure->count = 1;
	memcpy(failure->comm, event->comm, sizeof(failure->comm));
	failure->comm[sizeof(failure->comm) - 1] = '\0';
	snprintf(failure->name, sizeof(failure->name), "%.*s",
		 (int)strnlen(event->name, sizeof(event->name)), event->name);
}

static int on_event(void *context, void *data, size_t size)
{
	struct source_bpf *source = context;
	const struct agnocast_event *event = data;
	struct failure_row failure = { 0 }, *row;

	if (size < sizeof(*event) || event->call >= sizeof(call_names) / sizeof(call_names[0]))
		return 0;	/* a negative return would end the polling for good */
	fill_failure(&failure, event);
	row = failures_add(source->failures, &failure);
	if (event->call == AGNOCAST_CALL_MMAP && failure.error == EEXIST && !row->detail[0])
		source_proc_in_the_way(event->pid, event->address, event->length,
				       row->detail, sizeof(row->detail));
	return 0;
}

/* By descriptor, so that tracefs need not be mounted where libbpf looks for it. */
static struct bpf_link *attach_tracepoint(const struct source_bpf *source,
					  const struct bpf_program *program, const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
		.sample_period = 1, .wakeup_events = 1,
	};
	int id = tracefs_id(source->tracefs, name);
	struct bpf_link *link;
	int fd;

	if (id < 0) {
		errno = -id;
		return NULL;
	}
	attr.config = (uint64_t)id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return NULL;
	link = bpf_program__attach_perf_event(program, fd);
	if (!link)
		close(fd);
	return link;
}

static struct bpf_link *attach_one(const struct source_bpf *source,
				   const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	if (!strncmp(section, TP_PREFIX, strlen(TP_PREFIX)))
		return attach_tracepoint(source, program, section + strlen(TP_PREFIX));
	return bpf_program__attach(program);
}

/* Signals are a bonus; without the others the columns would lie. */
static int attach(struct source_bpf *source, char *why, size_t len)
{
	struct bpf_program *program;

	why[0] = '\0';
	bpf_object__for_each_program(program, source->skeleton->obj) {
		struct bpf_link *link;

		if (!bpf_program__autoload(program) || source->links == LINKS_MAX)
			continue;
		link = attach_one(source, program);
		if (link) {
			source->link[source->links++] = link;
		} else if (program == source->skeleton->progs.on_signal) {
			snprintf(why, len, "no faults: signal_generate can't be traced (%s)",
				 strerror(errno));
		} else {
			snprintf(why, len, "%s can't be attached (%s)",
				 bpf_program__name(program), strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* Pids as this process sees them, whatever namespace it is in. */
static void set_pid_namespace(struct source_bpf *source)
{
	struct stat st;

	source->skeleton->rodata->observer = (uint32_t)getpid();
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PIDNS_INO)
		return;
	source->skeleton->rodata->pidns_dev = st.st_dev;
	source->skeleton->rodata->pidns_ino = st.st_ino;
}

static void set_window(struct source_bpf *source, const struct agnocast_version *version)
{
	uint64_t base = version->window_base;
	uint64_t bytes = version->area_size * version->sessions_max;

	source->skeleton->rodata->window_start = base;
	source->skeleton->rodata->window_end = base + bytes;
}

static void explain_load(char *why, size_t len, int error)
{
	if (error == EPERM || error == EACCES)
		snprintf(why, len, "not permitted; run as root, or with CAP_BPF, CAP_PERFMON "
			 "and CAP_DAC_READ_SEARCH");
	else if (access("/sys/kernel/btf/vmlinux", R_OK))
		snprintf(why, len, "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
	else
		snprintf(why, len, "the kernel refused the programs (%s)", strerror(error));
}

static void explain_tracefs(char *why, size_t len, int error)
{
	if (error == EACCES)
		snprintf(why, len, "/sys/kernel/tracing is not readable; run as root, "
			 "or with CAP_DAC_READ_SEARCH as well");
	else
		snprintf(why, len, "no tracefs (%s); run as root, or mount it: "
			 "mount -t tracefs tracefs /sys/kernel/tracing", strerror(error));
}

static int load(struct source_bpf *source, const struct agnocast_version *version,
		char *why, size_t len)
{
	int err;

	source->skeleton = agnocast__open();
	if (!source->skeleton) {
		explain_load(why, len, errno);
		return -1;
	}
	set_pid_namespace(source);
	set_window(source, version);
	err = agnocast__load(source->skeleton);
	if (err) {
		explain_load(why, len, -err);
		return -1;
	}
	source->ring = ring_buffer__new(bpf_map__fd(source->skeleton->maps.events),
					on_event, source, NULL);
	if (source->ring)
		return 0;
	snprintf(why, len, "no ring buffer (%s)", strerror(errno));
	return -1;
}

struct source_bpf *source_bpf_open(const struct agnocast_version *version,
				   char *why, size_t len)
{
	struct source_bpf *source = calloc(1, sizeof(*source));

	if (!source)
		return NULL;
	libbpf_set_print(silent);
	source->tracefs = -1;
	if (load(source, version, why, len))
		goto err_close;
	source->tracefs = tracefs_open();
	if (source->tracefs < 0) {
		explain_tracefs(why, len, -source->tracefs);
		goto err_close;
	}
	if (attach(source, why, len))
		goto err_close;
	close(source->tracefs);
	source->tracefs = -1;
	return source;

err_close:
	source_bpf_close(source);
	return NULL;
}

void source_bpf_close(struct source_bpf *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->links; i++)
		bpf_link__destroy(source->link[i]);
	if (source->tracefs >= 0)
		close(source->tracefs);
	ring_buffer__free(source->ring);
	agnocast__destroy(source->skeleton);
	free(source);
}

int source_bpf_fd(const struct source_bpf *source)
{
	return source ? ring_buffer__epoll_fd(source->ring) : -1;
}

void source_bpf_collect(struct source_bpf *source, struct failures *failures)
{
	if (!source)
		return;
	source->failures = failures;
	ring_buffer__consume(source->ring);
}

static uint64_t count_lost(const struct source_bpf *source)
{
	int cpus = libbpf_num_possible_cpus();
	int fd = bpf_map__fd(source->skeleton->maps.lost);
	uint64_t *values = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*values));
	uint64_t sum = 0;

	for (uint32_t key = 0; values && key < AGNOCAST_LOST_COUNT; key++)
		for (int cpu = 0; !bpf_map_lookup_elem(fd, &key, values) && cpu < cpus; cpu++)
			sum += values[cpu];
	free(values);
	return sum;
}

/* The row for the caller of @key: the registry's, that of the sample before, or a new one. */
static struct process_row *row_of(struct model *model, const struct model *before,
				  const struct agnocast_call_key *key,
				  const struct agnocast_call_stat *stat)
{
	struct process_row *row = model_pid(model, key->pid);
	uint64_t exited_ns = model->mono_ns;
	bool alive;

	if (row)
		return row;
	alive = source_proc_is_alive(key->pid);
	for (size_t i = 0; before && i < before->processes_count; i++)
		if (before->processes[i].pid == key->pid && before->processes[i].exited)
			exited_ns = before->processes[i].exited_ns;
	if (!alive && model->mono_ns - exited_ns >= MODEL_EXITED_NS)
		return NULL;
	row = MODEL_ADD(model, processes);
	row->pid = key->pid;
	row->exited = !alive;
	row->exited_ns = alive ? 0 : exited_ns;
	row->calls_known = true;
	memcpy(row->comm, stat->comm, sizeof(row->comm));
	row->comm[sizeof(row->comm) - 1] = '\0';
	return row;
}

static void add_stat(struct process_row *row, uint32_t call,
		     const struct agnocast_call_stat *stat)
{
	row->calls[call] = (struct call_row){
		.calls = stat->calls, .errors = stat->errors, .again = stat->again,
		.sum_ns = stat->sum_ns, .max_ns = stat->max_ns,
	};
}

/* Exited rows carry what was counted before; the map says it again, or better. */
static void mark_known(struct model *model)
{
	for (size_t i = 0; i < model->processes_count; i++)
		model->processes[i].calls_known = true;
}

void source_bpf_fill(struct source_bpf *source, struct model *model,
		     const struct model *before)
{
	struct agnocast_call_key key, *previous = NULL, done;
	struct agnocast_call_stat stat;
	bool forget = false;
	int fd;

	if (!source)
		return;
	fd = bpf_map__fd(source->skeleton->maps.stats);
	mark_known(model);
	while (!bpf_map_get_next_key(fd, previous, &key)) {
		struct process_row *row = NULL;

		if (forget)	/* only now: the walk needed the key */
			bpf_map_delete_elem(fd, &done);
		forget = false;
		if (!bpf_map_lookup_elem(fd, &key, &stat) && key.call < MODEL_CALLS) {
			row = row_of(model, before, &key, &stat);
			forget = !row;
		}
		if (row)
			add_stat(row, key.call, &stat);
		done = key;
		previous = &done;
	}
	if (forget)
		bpf_map_delete_elem(fd, &done);
	model->lost = count_lost(source);
}
