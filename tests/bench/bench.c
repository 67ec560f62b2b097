// SPDX-License-Identifier: BSD-2-Clause
/* bench.c - the command line, meeting the other processes, giving up */

#include "bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct args args = {
	.bytes = 64, .depth = BENCH_DEPTH, .processes = 2, .seconds = 0.3, .warmup = 0.05,
	.topics = 1, .subs = 1, .flight = 1, .hz = 100, .variant = "", .dir = "/tmp",
};

void die(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "%s %s %s: ", peer_name, args.scenario, args.role);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(1);
}

void unsupported(const char *what)
{
	fprintf(stderr, "%s: %s: not supported\n", peer_name, what);
	exit(3);
}

bool role_is(const char *role)
{
	return !strcmp(args.role, role);
}

void sleep_us(uint64_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

void meet(_Atomic uint32_t *counter, uint32_t count)
{
	atomic_fetch_add(counter, 1);
	while (atomic_load(counter) < count)
		sleep_us(200);
}

static enum how how_of(const char *text)
{
	static const char *const names[] = { "poll", "sleep", "fd", "spin-sleep" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], text))
			return (enum how)i;
	die("how=%s: not one of poll, sleep, fd, spin-sleep", text);
}

static void read_efds(const char *text)
{
	char *end;

	for (; *text && args.efds < BENCH_READERS; text = *end ? end + 1 : end)
		args.efd[args.efds++] = (int)strtol(text, &end, 10);
}

static void map_meeting(int fd)
{
	args.meeting = mmap(NULL, sizeof(struct meeting), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, 0);
	if (args.meeting == MAP_FAILED)
		die("meet=%d: not a descriptor of shared memory", fd);
}

static void read_argument(const char *key, const char *value)
{
	struct {
		const char *key;
		uint32_t *to;
	} numbers[] = {
		{ "bytes", &args.bytes }, { "depth", &args.depth },
		{ "processes", &args.processes }, { "index", &args.index },
		{ "topics", &args.topics }, { "subs", &args.subs },
		{ "flight", &args.flight }, { "hz", &args.hz }, { "steps", &args.steps },
	};

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(numbers[i].key, key)) {
			*numbers[i].to = (uint32_t)strtoul(value, NULL, 10);
			return;
		}
	if (!strcmp(key, "how"))
		args.how = how_of(value);
	else if (!strcmp(key, "seconds"))
		args.seconds = strtod(value, NULL);
	else if (!strcmp(key, "warmup"))
		args.warmup = strtod(value, NULL);
	else if (!strcmp(key, "dir"))
		args.dir = value;
	else if (!strcmp(key, "variant"))
		args.variant = value;
	else if (!strcmp(key, "efds"))
		read_efds(value);
	else if (!strcmp(key, "sys_enter"))
		args.sys_enter = atoi(value);
	else if (!strcmp(key, "meet"))
		map_meeting(atoi(value));
	else
		die("%s=%s: no such argument", key, value);
}

static void read_arguments(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: %s SCENARIO ROLE meet=FD [KEY=VALUE]...\n"
				"Started by tests/bench/run.py.\n", argv[0]);
		exit(2);
	}
	args.scenario = argv[1];
	args.role = argv[2];
	for (int i = 3; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (!equals)
			die("%s: not KEY=VALUE", argv[i]);
		*equals = '\0';
		read_argument(argv[i], equals + 1);
	}
	if (!args.meeting)
		die("meet=FD is missing");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} scenarios[] = {
		{ "latency", latency }, { "throughput", throughput }, { "fanout", fanout },
		{ "many", many }, { "clouds", clouds }, { "batch", batch },
	};

	read_arguments(argc, argv);
	for (unsigned int i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
		if (strcmp(scenarios[i].name, args.scenario))
			continue;
		usage_start();
		peer_start();
		scenarios[i].run();
		peer_stop();
		return 0;
	}
	die("no such scenario");
}
