// SPDX-License-Identifier: BSD-2-Clause
/*
 * cmd_trace.c - agnocast trace: failed calls and faults as they happen
 *
 * The registry is asked at each fault and once a second, for the names of
 * owners and topics; what it said last still names a process that has ended.
 * Without a registry the default window is watched.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "model.h"
#include "seen.h"
#include "source_registry.h"
#include "trace_line.h"
#include "tracer.h"

#define PIDS_MAX	64
#define SECOND		UINT64_C(1000000000)
#define NOT_FOUND	127		/* as shells say it of -c COMMAND */
#define NOT_RUN		126

static const char usage_text[] =
"usage: agnocast trace [-aTj] [-p PID[,PID]] [-t TOPIC] [-d SECS] [--hold]\n"
"                      [--btf FILE] [--registry WHERE] [-c COMMAND [ARGUMENT...]]\n"
"\n"
"Shows what fails while processes use Agnocast: shm_open, ftruncate, fallocate,\n"
"mmap, munmap, mq_open, mq_send, mq_receive, ioctl, and SIGSEGV and SIGBUS at\n"
"addresses of the window, each with its cause and what to do.\n"
"\n"
"  -a, --all            all such calls, not only faults\n"
"  -p, --pid PID[,PID]  of these processes only\n"
"  -t, --topic TOPIC    of processes with an endpoint on it only; * and ? match\n"
"  -T, --time           time of day; else seconds since the start\n"
"  -j, --json           one JSON object per line\n"
"  -d, --duration SECS  end after that time, fractions allowed\n"
"      --hold           stop a process (SIGSTOP) at its first failed call\n"
"      --btf FILE       BTF of this kernel, where it has none in /sys/kernel/btf\n"
"      --registry WHERE as in agnocast-top(8)\n"
"  -c, --command ...    run this, trace it and what it starts, end with it\n"
"  -h, --help           this;  -V, --version\n"
"\n"
"Exit status: 0 no fault; 1 faults seen; 64 wrong usage; 69 this kernel can't;\n"
"70 internal error; 77 not permitted; 126, 127 the COMMAND can't be run.\n"
"Ctrl-C ends it like -d.\n";

struct trace {
	/* options */
	bool			all, clock, json, hold;
	uint32_t		pids[PIDS_MAX];
	unsigned int		pids_count;
	const char		*topic, *registry, *btf;
	double			duration_s;
	char			**command;
	/* state */
	struct tracer		*tracer;
	struct source_registry	source;
	struct agnocast_version	version;
	bool			registry_there;
	struct model		models[2];	/* what the registry said last, and before */
	struct model		*now, *before;
	uint64_t		asked_ns, start_ns;
	uint64_t		events, faults;
	pid_t			child;
	bool			child_ended;
	int			child_status;
};

static struct trace trace;
static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Only to wake ppoll(). */
static void on_child(int signal)
{
	(void)signal;
}

static void ask_registry(void)
{
	struct model *oldest = trace.before;

	if (!trace.registry_there)
		return;
	model_clear(oldest);
	memset(oldest, 0, sizeof(*oldest));
	trace.before = trace.now;
	trace.now = oldest;
	source_registry_fill(&trace.source, trace.now);
	trace.asked_ns = clock_ns(CLOCK_MONOTONIC);
}

static bool knows(const struct model *model, uint32_t pid)
{
	for (size_t i = 0; i < model->processes_count; i++)
		if (model->processes[i].pid == pid)
			return true;
	return false;
}

/* The newest list that still has the process. */
static const struct model *model_for(uint32_t pid)
{
	return knows(trace.now, pid) || !knows(trace.before, pid) ? trace.now : trace.before;
}

static bool is_on_topic(const struct model *model, uint32_t pid)
{
	for (size_t i = 0; i < model->endpoints_count; i++) {
		const struct topic_row *topic;

		if (model->endpoints[i].pid != pid)
			continue;
		topic = model_topic((struct model *)model, model->endpoints[i].topic);
		if (topic && !fnmatch(trace.topic, topic->name, 0))
			return true;
	}
	return false;
}

/* A fault in a message of the topic counts, whoever made it. */
static bool is_wanted(const struct model *model, const struct agnocast_event *event,
		      const struct cause_place *place)
{
	if (!trace.topic)
		return true;
	return is_on_topic(model, event->pid) ||
	       (place->owner_pid && is_on_topic(model, place->owner_pid));
}

static void print_event(const struct trace_line *line)
{
	if (trace.json)
		trace_line_json(stdout, line);
	else
		trace_line_text(stdout, line);
	fflush(stdout);
	if (ferror(stdout))
		stopped = 1;		/* "| head" is a fine way to end */
}

static void format_time(char *text, size_t len, uint64_t mono_ns, uint64_t real_ns)
{
	time_t seconds = (time_t)(real_ns / SECOND);
	struct tm tm;
	char day[16];

	if (trace.clock) {
		localtime_r(&seconds, &tm);
		strftime(day, sizeof(day), "%H:%M:%S", &tm);
		snprintf(text, len, "%s.%06u", day, (unsigned int)(real_ns % SECOND / 1000));
	} else {
		snprintf(text, len, "%.6f", (double)(int64_t)(mono_ns - trace.start_ns) / 1e9);
	}
}

static void on_event(void *context, const struct agnocast_failure *failure)
{
	const struct agnocast_event *event = &failure->event;
	uint64_t age = clock_ns(CLOCK_MONOTONIC) - event->time_ns;
	bool fault = cause_is_fault(event);
	struct trace_line line = { .time_ns = clock_ns(CLOCK_REALTIME) - age };
	const struct model *model;
	struct cause cause;
	struct seen seen;
	char time[32];

	(void)context;
	if (fault || (trace.topic && !knows(trace.now, event->pid)))
		ask_registry();
	model = model_for(event->pid);
	seen_complete(&seen, failure, &trace.version, model);
	if (!is_wanted(model, event, &seen.place.is))
		return;
	cause_find(&cause, &seen.is);
	trace.events++;
	trace.faults += fault;
	format_time(time, sizeof(time), event->time_ns, line.time_ns);
	line.time = time;
	line.failure = &seen.failure;
	line.cause = fault ? &cause : NULL;
	line.place = &seen.place.is;
	print_event(&line);
}

/* The command waits until it is traced, then is on its own. */
static void exec_command(int wait_fd)
{
	char byte;
	int err;

	if (read(wait_fd, &byte, 1) != 1)
		_exit(EX_SOFTWARE);
	execvp(trace.command[0], trace.command);
	err = errno;
	fprintf(stderr, "agnocast trace: %s: %s\n", trace.command[0], strerror(err));
	_exit(err == ENOENT ? NOT_FOUND : NOT_RUN);
}

/* 0 or -errno; @go: write a byte there to let it run. */
static int start_command(int *go)
{
	int fds[2];

	if (pipe(fds))
		return -errno;
	trace.child = fork();
	if (!trace.child) {
		close(fds[1]);
		exec_command(fds[0]);
	}
	close(fds[0]);
	*go = fds[1];
	return trace.child < 0 ? -errno : 0;
}

static bool is_over(uint64_t deadline)
{
	if (trace.child > 0 && !trace.child_ended)
		trace.child_ended = waitpid(trace.child, &trace.child_status, WNOHANG) != 0;
	return stopped || trace.child_ended || clock_ns(CLOCK_MONOTONIC) >= deadline;
}

/* Wakes for events, signals (the child's end is one) and once a second. */
static void watch(const sigset_t *unblocked)
{
	struct pollfd fd = { .fd = tracer_fd(trace.tracer), .events = POLLIN };
	uint64_t deadline = trace.duration_s > 0
			    ? trace.start_ns + (uint64_t)(trace.duration_s * 1e9) : UINT64_MAX;

	while (!is_over(deadline)) {
		uint64_t left = deadline - clock_ns(CLOCK_MONOTONIC);
		struct timespec wait = { .tv_sec = 1 };

		if (left < SECOND)
			wait = (struct timespec){ .tv_nsec = (long)left };
		if (ppoll(&fd, 1, &wait, unblocked) > 0)
			tracer_collect(trace.tracer, on_event, NULL);
		if (clock_ns(CLOCK_MONOTONIC) - trace.asked_ns > SECOND)
			ask_registry();
	}
	tracer_collect(trace.tracer, on_event, NULL);
}

static void catch_signals(sigset_t *unblocked)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_stop };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaddset(&set, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	sigaddset(&set, SIGCHLD);
	action.sa_handler = on_child;
	sigaction(SIGCHLD, &action, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	sigprocmask(SIG_BLOCK, &set, unblocked);
}

/* Never NULL: without a registry the window that it would give by default. */
static void open_registry(void)
{
	char why[MODEL_SENTENCE];

	trace.version = (struct agnocast_version){
		.sessions_max = AGNOCAST_SESSIONS_MAX, .window_base = AGNOCAST_WINDOW_BASE,
		.area_size = AGNOCAST_AREA_SIZE,
	};
	trace.now = &trace.models[0];
	trace.before = &trace.models[1];
	if (source_registry_open(&trace.source, trace.registry, why, sizeof(why))) {
		fprintf(stderr, "agnocast trace: %s; watching the default window, without "
			"names of owners and topics\n", why);
		return;
	}
	trace.registry_there = true;
	trace.version = trace.source.version;
	ask_registry();
}

static int open_tracer(void)
{
	unsigned int flags = (trace.all ? TRACER_ALL : 0) | (trace.hold ? TRACER_HOLD : 0) |
			     (trace.pids_count || trace.command ? TRACER_WANTED : 0);
	char why[MODEL_SENTENCE];

	trace.tracer = tracer_open(&trace.version, flags, trace.btf, why, sizeof(why));
	if (!trace.tracer) {
		int err = errno;

		fprintf(stderr, "agnocast trace: eBPF: %s\n", why);
		return err == EPERM || err == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
	}
	if (why[0])
		fprintf(stderr, "agnocast trace: %s\n", why);
	for (unsigned int i = 0; i < trace.pids_count; i++)
		tracer_want(trace.tracer, trace.pids[i]);
	return 0;
}

/* From here on all is seen. */
static void print_start(void)
{
	if (trace.json)
		printf("{\"schema\":1,\"tool\":\"agnocast-trace\",\"start\":true,\"version\":\""
		       AGNOCAST_VERSION "\",\"time\":%llu}\n",
		       (unsigned long long)clock_ns(CLOCK_REALTIME));
	else
		trace_line_header(stdout);
	fflush(stdout);
}

static void print_end(void)
{
	uint64_t lost = tracer_lost(trace.tracer);

	if (trace.json)
		printf("{\"schema\":1,\"tool\":\"agnocast-trace\",\"end\":true,\"events\":%llu,"
		       "\"faults\":%llu,\"lost\":%llu}\n", (unsigned long long)trace.events,
		       (unsigned long long)trace.faults, (unsigned long long)lost);
	else
		fprintf(stderr, "%llu events, %llu faults, %llu lost\n",
			(unsigned long long)trace.events, (unsigned long long)trace.faults,
			(unsigned long long)lost);
	fflush(stdout);
}

/* As exec_command() leaves; a command of its own that does so says the same. */
static bool is_not_run(int status)
{
	return WIFEXITED(status) &&
	       (WEXITSTATUS(status) == NOT_FOUND || WEXITSTATUS(status) == NOT_RUN);
}

static int run(void)
{
	sigset_t unblocked;
	int go = -1, ret;

	open_registry();
	if (trace.command && start_command(&go) < 0) {
		perror("agnocast trace: fork");
		return EX_OSERR;
	}
	catch_signals(&unblocked);
	ret = open_tracer();
	if (ret)
		return ret;		/* a command that waits sees the pipe close, and ends */
	trace.start_ns = clock_ns(CLOCK_MONOTONIC);
	print_start();
	if (trace.command) {
		tracer_want(trace.tracer, (uint32_t)trace.child);
		if (write(go, "", 1) != 1)
			perror("agnocast trace: the command's pipe");
		close(go);
	}
	watch(&unblocked);
	print_end();
	if (trace.child_ended && is_not_run(trace.child_status))
		return WEXITSTATUS(trace.child_status);
	return trace.faults ? 1 : 0;
}

static double parse_duration(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0 && seconds <= 1e7))
		command_wrong("trace", "-d '%s' is no number of seconds above 0", text);
	return seconds;
}

static void parse(int argc, char **argv)
{
	enum { OPTION_HOLD = 256, OPTION_REGISTRY, OPTION_BTF };
	static const struct option table[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "pid", required_argument, NULL, 'p' },
		{ "topic", required_argument, NULL, 't' },
		{ "time", no_argument, NULL, 'T' },
		{ "json", no_argument, NULL, 'j' },
		{ "duration", required_argument, NULL, 'd' },
		{ "hold", no_argument, NULL, OPTION_HOLD },
		{ "btf", required_argument, NULL, OPTION_BTF },
		{ "registry", required_argument, NULL, OPTION_REGISTRY },
		{ "command", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	bool command = false;
	int c;

	trace.registry = command_registry();
	trace.btf = tracer_btf();
	while (!command && (c = getopt_long(argc, argv, "+ap:t:Tjd:chV", table, NULL)) != -1) {
		switch (c) {
		case 'a': trace.all = true; break;
		case 'p':
			trace.pids_count = command_pids("trace", optarg, trace.pids, PIDS_MAX);
			break;
		case 't': trace.topic = optarg; break;
		case 'T': trace.clock = true; break;
		case 'j': trace.json = true; break;
		case 'd': trace.duration_s = parse_duration(optarg); break;
		case OPTION_HOLD: trace.hold = true; break;
		case OPTION_BTF: trace.btf = optarg; break;
		case OPTION_REGISTRY: trace.registry = optarg; break;
		case 'c': command = true; break;
		case 'h': fputs(usage_text, stdout); exit(EX_OK);
		case 'V': command_version();
		default: exit(EX_USAGE);	/* getopt said what */
		}
	}
	if (command && optind == argc)
		command_wrong("trace", "-c names no command");
	if (!command && optind < argc)
		command_wrong("trace", "'%s' is not expected; a command comes after -c",
			      argv[optind]);
	trace.command = command ? argv + optind : NULL;
}

int cmd_trace(int argc, char **argv)
{
	int status;

	parse(argc, argv);
	status = run();
	tracer_close(trace.tracer);
	source_registry_close(&trace.source);
	model_clear(&trace.models[0]);
	model_clear(&trace.models[1]);
	return status;
}
