/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_test.h - what the heap's test programs share
 *
 * They run under LD_PRELOAD and print "ok NAME" or "not ok NAME: why".
 */
#ifndef HEAP_TEST_H
#define HEAP_TEST_H

#include <agnocast/agnocast.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures __attribute__((unused));

/* One line of result; @format says why, if it failed. */
__attribute__((format(printf, 3, 4), unused))
static bool check(const char *name, bool good, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = snprintf(line, sizeof(line), good ? "ok %s\n" : "not ok %s: ", name);
	if (!good) {
		n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
		strcat(line, "\n");
	}
	va_end(args);
	if (write(STDOUT_FILENO, line, strlen(line)) < 0 || !good)
		failures++;
	return good;
}

/* How often to do something that is done 100 times by default. */
__attribute__((unused))
static int scaled(int times)
{
	const char *scale = getenv("HEAP_TEST_SCALE");
	int percent = scale && *scale ? atoi(scale) : 100;

	times = (int)((long)times * percent / 100);
	return times > 0 ? times : 1;
}

/* This process's area, as the kernel has it mapped; 0, 0: none. */
static struct {
	uintptr_t from, to;
} area;

__attribute__((unused))
static void find_area(void)
{
	char line[512], name[64];
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	area.from = area.to = 0;
	while (maps && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, name) || sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		if (!area.from)
			area.from = from;
		area.to = to;
	}
	if (maps)
		fclose(maps);
}

__attribute__((unused))
static bool in_area(const void *p)
{
	return (uintptr_t)p >= area.from && (uintptr_t)p < area.to;
}

/* Bytes of /dev/shm that this process's area takes. */
__attribute__((unused))
static uint64_t area_bytes(void)
{
	struct stat st = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "/dev/shm/agnocast@%d", getpid());
	stat(name, &st);
	return (uint64_t)st.st_blocks * 512;
}

/* Makes a publisher, by the library that is preloaded. 0 or -errno. */
__attribute__((unused))
static int participate(const char *topic)
{
	typeof(&agnocast_publisher_create) create =
		(typeof(create))dlsym(RTLD_DEFAULT, "agnocast_publisher_create");
	struct agnocast_publisher *pub;

	return create ? create(topic, NULL, &pub) : -ENOSYS;
}

__attribute__((unused))
static int api_status(void)
{
	int (*status)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "agnocast_status");

	return status ? status() : -ENOSYS;
}

__attribute__((unused))
static const char *api_reason(void)
{
	const char *(*reason)(void) = (const char *(*)(void))dlsym(RTLD_DEFAULT, "agnocast_reason");

	return reason ? reason() : "libagnocast is not loaded";
}

/* Exit status, or 1000 + signal. */
__attribute__((unused))
static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#endif /* HEAP_TEST_H */
