// SPDX-License-Identifier: BSD-2-Clause
/* tracer.c - the eBPF programs, loaded and attached */

#define _GNU_SOURCE
#include "tracer.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agnocast.skel.h"
#include "tracefs.h"

#define FIRST_PIDNS_INO	0xEFFFFFFCU	/* PROC_PID_INIT_INO of the kernel */
#define TP_PREFIX	"tp/"
#define LINKS_MAX	32

struct tracer {
	struct agnocast		*skeleton;
	struct ring_buffer	*ring;
	struct bpf_link		*link[LINKS_MAX];
	size_t			links;
	int			tracefs;
	unsigned int		flags;
	enum tracer_level	level;
	bool			faults;
	tracer_take		take;		/* while collecting */
	void			*context;
};

/* What to try, the best first: by loading it, which no version number foretells. */
static const struct {
	enum tracer_level	level;
	bool			signals;
} attempts[] = {
	{ TRACER_WALK, true },
	{ TRACER_FIND, true },
	{ TRACER_PLAIN, true },
	{ TRACER_PLAIN, false },
};

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;	/* the screen may be curses'; errors come back as errno */
}

static int on_event(void *context, void *data, size_t size)
{
	struct tracer *tracer = context;
	struct agnocast_failure failure = { 0 };
	const struct agnocast_event *event = data;

	if (size < sizeof(*event) || event->call > AGNOCAST_CALL_SIGNAL ||
	    (event->captured && size < sizeof(failure)))
		return 0;	/* a negative return would end the polling for good */
	memcpy(&failure, data, event->captured ? sizeof(failure) : sizeof(*event));
	failure.event.comm[AGNOCAST_COMM_LEN - 1] = '\0';
	failure.event.name[AGNOCAST_NAME_LEN - 1] = '\0';
	failure.vma_name[AGNOCAST_NAME_LEN - 1] = '\0';
	tracer->take(tracer->context, &failure);
	return 0;
}

/* By descriptor, so that tracefs need not be mounted where libbpf looks for it. */
static struct bpf_link *attach_tracepoint(const struct tracer *tracer,
					  const struct bpf_program *program, const char *name)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
		.sample_period = 1, .wakeup_events = 1,
	};
	int id = tracefs_id(tracer->tracefs, name);
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

static struct bpf_link *attach_one(const struct tracer *tracer,
				   const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	if (!strncmp(section, TP_PREFIX, strlen(TP_PREFIX)))
		return attach_tracepoint(tracer, program, section + strlen(TP_PREFIX));
	return bpf_program__attach(program);
}

/* A kernel without POSIX queues has no such tracepoints, and no such calls to count. */
static bool may_be_missing(const struct bpf_program *program, int error)
{
	return error == ENOENT && strstr(bpf_program__name(program), "_mq_");
}

/* Signals are a bonus; without the others the columns would lie. */
static int attach(struct tracer *tracer, char *why, size_t len)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, tracer->skeleton->obj) {
		struct bpf_link *link;
		int err;

		if (!bpf_program__autoload(program) || tracer->links == LINKS_MAX)
			continue;
		link = attach_one(tracer, program);
		err = errno;
		if (link) {
			tracer->link[tracer->links++] = link;
		} else if (!strncmp(bpf_program__name(program), "on_signal", 9)) {
			tracer->faults = false;
		} else if (!may_be_missing(program, err)) {
			snprintf(why, len, "%s can't be attached (%s)",
				 bpf_program__name(program), strerror(err));
			errno = err;
			return -1;
		}
	}
	if (!tracer->faults)
		snprintf(why, len, "no faults: this kernel lets nobody trace signal_generate");
	return 0;
}

/* Pids as this process sees them, whatever namespace it is in. */
static void set_pid_namespace(struct agnocast *skeleton)
{
	struct stat st;

	skeleton->rodata->observer = (uint32_t)getpid();
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PIDNS_INO)
		return;
	skeleton->rodata->pidns_dev = st.st_dev;
	skeleton->rodata->pidns_ino = st.st_ino;
}

static void set_window(struct agnocast *skeleton, const struct agnocast_version *version)
{
	uint64_t base = version->window_base;
	uint64_t bytes = version->area_size * version->sessions_max;

	skeleton->rodata->window_start = base;
	skeleton->rodata->window_end = base + bytes;
}

static void set_flags(struct agnocast *skeleton, unsigned int flags)
{
	skeleton->rodata->all_events = !!(flags & TRACER_ALL);
	skeleton->rodata->only_wanted = !!(flags & TRACER_WANTED);
	skeleton->rodata->hold = !!(flags & TRACER_HOLD);
}

static void choose(struct agnocast *skeleton, enum tracer_level level, bool signals,
		   unsigned int flags)
{
	bpf_program__set_autoload(skeleton->progs.enter_mmap, level == TRACER_PLAIN);
	bpf_program__set_autoload(skeleton->progs.enter_mmap_find, level != TRACER_PLAIN);
	bpf_program__set_autoload(skeleton->progs.exit_mmap, level == TRACER_PLAIN);
	bpf_program__set_autoload(skeleton->progs.exit_mmap_find, level == TRACER_FIND);
	bpf_program__set_autoload(skeleton->progs.exit_mmap_iter, level == TRACER_WALK);
	bpf_program__set_autoload(skeleton->progs.on_signal, signals && level == TRACER_PLAIN);
	bpf_program__set_autoload(skeleton->progs.on_signal_find, signals && level != TRACER_PLAIN);
	bpf_program__set_autoload(skeleton->progs.on_fork, !!(flags & TRACER_WANTED));
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

static int try_load(struct tracer *tracer, const struct agnocast_version *version, size_t attempt)
{
	int err;

	tracer->skeleton = agnocast__open();
	if (!tracer->skeleton)
		return -errno;
	set_pid_namespace(tracer->skeleton);
	set_window(tracer->skeleton, version);
	set_flags(tracer->skeleton, tracer->flags);
	choose(tracer->skeleton, attempts[attempt].level, attempts[attempt].signals,
	       tracer->flags);
	err = agnocast__load(tracer->skeleton);
	if (err) {
		agnocast__destroy(tracer->skeleton);
		tracer->skeleton = NULL;
		return err;
	}
	tracer->level = attempts[attempt].level;
	tracer->faults = attempts[attempt].signals;
	return 0;
}

static bool is_hopeless(int err)
{
	return err == -EPERM || err == -ENOMEM;
}

static int load(struct tracer *tracer, const struct agnocast_version *version,
		char *why, size_t len)
{
	int err = -EINVAL, saved;

	for (size_t i = 0; err && !(i && is_hopeless(err)) &&
	     i < sizeof(attempts) / sizeof(attempts[0]); i++)
		err = try_load(tracer, version, i);
	if (err) {
		explain_load(why, len, -err);
		errno = -err;
		return -1;
	}
	tracer->ring = ring_buffer__new(bpf_map__fd(tracer->skeleton->maps.events),
					on_event, tracer, NULL);
	if (tracer->ring)
		return 0;
	saved = errno;
	snprintf(why, len, "no ring buffer (%s)", strerror(saved));
	errno = saved;
	return -1;
}

struct tracer *tracer_open(const struct agnocast_version *version, unsigned int flags,
			   char *why, size_t len)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int saved;

	if (!tracer)
		return NULL;
	why[0] = '\0';
	libbpf_set_print(silent);
	tracer->tracefs = -1;
	tracer->flags = flags;
	if (load(tracer, version, why, len))
		goto err_close;
	tracer->tracefs = tracefs_open();
	if (tracer->tracefs < 0) {
		explain_tracefs(why, len, -tracer->tracefs);
		errno = -tracer->tracefs;
		goto err_close;
	}
	if (attach(tracer, why, len))
		goto err_close;
	close(tracer->tracefs);
	tracer->tracefs = -1;
	return tracer;

err_close:
	saved = errno;
	tracer_close(tracer);
	errno = saved;
	return NULL;
}

void tracer_close(struct tracer *tracer)
{
	if (!tracer)
		return;
	for (size_t i = 0; i < tracer->links; i++)
		bpf_link__destroy(tracer->link[i]);
	if (tracer->tracefs >= 0)
		close(tracer->tracefs);
	ring_buffer__free(tracer->ring);
	agnocast__destroy(tracer->skeleton);
	free(tracer);
}

enum tracer_level tracer_level(const struct tracer *tracer)
{
	return tracer->level;
}

bool tracer_sees_faults(const struct tracer *tracer)
{
	return tracer->faults;
}

int tracer_want(struct tracer *tracer, uint32_t pid)
{
	const uint8_t yes = 1;

	return bpf_map_update_elem(bpf_map__fd(tracer->skeleton->maps.wanted), &pid, &yes,
				   BPF_ANY) ? -errno : 0;
}

int tracer_fd(const struct tracer *tracer)
{
	return tracer ? ring_buffer__epoll_fd(tracer->ring) : -1;
}

void tracer_collect(struct tracer *tracer, tracer_take take, void *context)
{
	if (!tracer)
		return;
	tracer->take = take;
	tracer->context = context;
	ring_buffer__consume(tracer->ring);
}

uint64_t tracer_lost(const struct tracer *tracer)
{
	int cpus = libbpf_num_possible_cpus();
	int fd = bpf_map__fd(tracer->skeleton->maps.lost);
	uint64_t *values = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof(*values));
	uint64_t sum = 0;

	for (uint32_t key = 0; values && key < AGNOCAST_LOST_COUNT; key++)
		for (int cpu = 0; !bpf_map_lookup_elem(fd, &key, values) && cpu < cpus; cpu++)
			sum += values[cpu];
	free(values);
	return sum;
}

int tracer_stats(const struct tracer *tracer)
{
	return bpf_map__fd(tracer->skeleton->maps.stats);
}
