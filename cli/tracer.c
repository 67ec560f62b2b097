// SPDX-License-Identifier: BSD-2-Clause
/* tracer.c - the eBPF programs, loaded and attached */

#define _GNU_SOURCE
#include "tracer.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agnocast.skel.h"
#include "agnocast_walk.skel.h"
#include "tracefs.h"

#define FIRST_PIDNS_INO	0xEFFFFFFCU	/* PROC_PID_INIT_INO of the kernel */
#define TP_PREFIX	"tp/"
#define LINKS_MAX	32

#define TRIED		4

struct tracer {
	struct bpf_object	*object;
	struct ring_buffer	*ring;
	struct bpf_link		*link[LINKS_MAX];
	size_t			links;
	int			tracefs;	/* -errno: none */
	unsigned int		flags;
	const char		*btf;
	enum tracer_level	level;
	bool			faults;
	tracer_take		take;		/* while collecting */
	void			*context;
};

/* What to try, the best first: by loading it, which no version number foretells. */
static const enum tracer_level attempts[TRIED] = {
	TRACER_WALK, TRACER_FIND, TRACER_PLAIN, TRACER_ARGUMENTS,
};

#define AT(level)	(1U << TRACER_##level)

/* Programs of some levels only; all others are loaded always. */
static const struct {
	const char	*name;
	unsigned int	levels;
} choice[] = {
	{ "enter_close", AT(ARGUMENTS) },
	{ "enter_mmap", AT(ARGUMENTS) | AT(PLAIN) },
	{ "enter_mmap_find", AT(FIND) | AT(WALK) },
	{ "exit_mmap", AT(ARGUMENTS) | AT(PLAIN) },
	{ "exit_mmap_find", AT(FIND) },
	{ "exit_mmap_iter", AT(WALK) },
	{ "on_signal", AT(ARGUMENTS) | AT(PLAIN) },
	{ "on_signal_find", AT(FIND) | AT(WALK) },
};

static int tracer_map(const struct tracer *tracer, const char *name)
{
	return bpf_map__fd(bpf_object__find_map_by_name(tracer->object, name));
}

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

	bpf_object__for_each_program(program, tracer->object) {
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
	else if (tracer->level == TRACER_ARGUMENTS)
		snprintf(why, len, "no BTF: causes are less exact (see --btf)");
	return 0;
}

/* Pids as this process sees them, whatever namespace it is in. */
static void set_pid_namespace(struct agnocast_settings *settings)
{
	struct stat st;

	settings->observer = (uint32_t)getpid();
	if (stat("/proc/self/ns/pid", &st) || st.st_ino == FIRST_PIDNS_INO)
		return;
	settings->pidns_dev = st.st_dev;
	settings->pidns_ino = st.st_ino;
}

/* 0 or -errno. */
static int set(const struct tracer *tracer, const struct agnocast_version *version,
	       enum tracer_level level)
{
	struct bpf_map *map = bpf_object__find_map_by_name(tracer->object, ".rodata");
	int child_at = tracefs_offset(tracer->tracefs, "sched/sched_process_fork", "child_pid");
	struct agnocast_settings settings = {
		.window_start = version->window_base,
		.window_end = version->window_base + version->area_size * version->sessions_max,
		.fork_child_at = child_at > 0 ? (uint32_t)child_at : 0,
		.all_events = !!(tracer->flags & TRACER_ALL),
		.only_wanted = !!(tracer->flags & TRACER_WANTED),
		.hold = !!(tracer->flags & TRACER_HOLD),
		.has_btf = level != TRACER_ARGUMENTS,
	};

	set_pid_namespace(&settings);
	return map ? bpf_map__set_initial_value(map, &settings, sizeof(settings)) : -EINVAL;
}

static bool is_chosen(const struct tracer *tracer, const char *name, enum tracer_level level)
{
	if (!strcmp(name, "on_fork"))
		return tracer->flags & TRACER_WANTED;
	for (size_t i = 0; i < sizeof(choice) / sizeof(choice[0]); i++)
		if (!strcmp(choice[i].name, name))
			return choice[i].levels & 1U << level;
	return true;
}

/*
 * A BTF with no kernel type in it: accesses to kernel structures become what no
 * verifier takes, in code that has_btf = 0 leaves out. A descriptor or -errno.
 */
static int blank_btf(void)
{
	struct btf *btf = btf__new_empty();
	const void *bytes = NULL;
	uint32_t size = 0;
	int fd = -ENOMEM;

	if (btf && btf__add_int(btf, "int", 4, BTF_INT_SIGNED) > 0)
		bytes = btf__raw_data(btf, &size);
	if (bytes)
		fd = memfd_create("agnocast-btf", MFD_CLOEXEC);
	if (fd >= 0 && write(fd, bytes, size) != (ssize_t)size) {
		close(fd);
		fd = -EIO;
	}
	btf__free(btf);
	return fd;
}

static void explain_load(char *why, size_t len, int error)
{
	if (error == EPERM || error == EACCES)
		snprintf(why, len, "not permitted; run as root, or with CAP_BPF, CAP_PERFMON "
			 "and CAP_DAC_READ_SEARCH");
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

static struct bpf_object *open_object(enum tracer_level level, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "agnocast",
		    .btf_custom_path = btf);
	const void *bytes;
	size_t size;

	if (level == TRACER_WALK)
		bytes = agnocast_walk__elf_bytes(&size);
	else
		bytes = agnocast__elf_bytes(&size);
	return bpf_object__open_mem(bytes, size, &options);
}

static int load_object(struct tracer *tracer, const struct agnocast_version *version,
		       enum tracer_level level, const char *btf)
{
	struct bpf_program *program;
	int err;

	tracer->object = open_object(level, btf);
	if (!tracer->object)
		return -errno;
	bpf_object__for_each_program(program, tracer->object)
		bpf_program__set_autoload(program, is_chosen(tracer, bpf_program__name(program),
							      level));
	err = set(tracer, version, level);
	if (!err)
		err = bpf_object__load(tracer->object);
	if (!err)
		return 0;
	bpf_object__close(tracer->object);
	tracer->object = NULL;
	return err;
}

static int try_load(struct tracer *tracer, const struct agnocast_version *version,
		    enum tracer_level level)
{
	const char *btf = tracer->btf;
	char path[32];
	int blank = -1, err;

	if (level == TRACER_WALK && btf)
		return -ENOTSUP;	/* kernel functions are looked up in the kernel's own */
	if (level == TRACER_ARGUMENTS) {
		blank = blank_btf();
		if (blank < 0)
			return blank;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", blank);
		btf = path;
	}
	err = load_object(tracer, version, level, btf);
	if (blank >= 0)
		close(blank);
	tracer->level = level;
	tracer->faults = true;
	return err;
}

static bool is_hopeless(int err)
{
	return err == -EPERM || err == -ENOMEM;
}

static int load(struct tracer *tracer, const struct agnocast_version *version,
		char *why, size_t len)
{
	int err = -EINVAL, saved;

	for (size_t i = 0; err && !(i && is_hopeless(err)) && i < TRIED; i++)
		err = try_load(tracer, version, attempts[i]);
	if (err) {
		explain_load(why, len, -err);
		errno = -err;
		return -1;
	}
	tracer->ring = ring_buffer__new(tracer_map(tracer, "events"), on_event, tracer, NULL);
	if (tracer->ring)
		return 0;
	saved = errno;
	snprintf(why, len, "no ring buffer (%s)", strerror(saved));
	errno = saved;
	return -1;
}

/* A file that is none must not pass for a kernel without BTF. */
static int check_btf(const char *path, char *why, size_t len)
{
	struct btf *btf = path ? btf__parse(path, NULL) : NULL;
	int err = errno;

	if (!path || btf) {
		btf__free(btf);
		return 0;
	}
	snprintf(why, len, "%s: no BTF file (%s)", path, strerror(err));
	errno = err == EPERM || err == EACCES ? ENOENT : err;	/* not the kernel's refusal */
	return -1;
}

/* All of it, in this order; errno and a sentence if not. */
static int set_up(struct tracer *tracer, const struct agnocast_version *version,
		  char *why, size_t len)
{
	if (check_btf(tracer->btf, why, len) || load(tracer, version, why, len))
		return -1;
	if (tracer->tracefs < 0) {
		explain_tracefs(why, len, -tracer->tracefs);
		errno = -tracer->tracefs;
		return -1;
	}
	return attach(tracer, why, len);
}

const char *tracer_btf(void)
{
	const char *path = getenv("AGNOCAST_BTF");

	return path && *path ? path : NULL;
}

struct tracer *tracer_open(const struct agnocast_version *version, unsigned int flags,
			   const char *btf, char *why, size_t len)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int ret, saved;

	if (!tracer)
		return NULL;
	why[0] = '\0';
	libbpf_set_print(silent);
	tracer->flags = flags;
	tracer->btf = btf;
	tracer->tracefs = tracefs_open();
	ret = set_up(tracer, version, why, len);
	saved = errno;
	if (tracer->tracefs >= 0)
		close(tracer->tracefs);
	if (!ret)
		return tracer;
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
	ring_buffer__free(tracer->ring);
	bpf_object__close(tracer->object);
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

	return bpf_map_update_elem(tracer_map(tracer, "wanted"), &pid, &yes,
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
	int fd = tracer_map(tracer, "lost");
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
	return tracer_map(tracer, "stats");
}
