/* SPDX-License-Identifier: BSD-2-Clause */
/* host.c - the program that we run in: whose malloc is it, what watches it */

#define _GNU_SOURCE 1
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "heap.h"
#include "libc_heap.h"

#define WITH_ALLOC "it can subscribe, and publish what it gets from agnocast_alloc()"

/* Of the sanitizers' runtimes, wherever they are linked; absent: NULL. */
extern char __asan_init[] __attribute__((weak));
extern char __hwasan_init[] __attribute__((weak));
extern char __msan_init[] __attribute__((weak));
extern char __tsan_init[] __attribute__((weak));

int host_check(char *const *env, char *why, size_t len)
{
	const char *preload = config_get(env, "LD_PRELOAD"), *watcher = NULL, *reason = NULL;

	if (preload && strstr(preload, "/vgpreload_")) {
		watcher = "valgrind";
		reason = "replaces malloc and cannot follow memory of this size";
	} else if (__tsan_init) {
		watcher = "ThreadSanitizer";
		reason = "has no shadow for shared memory at these addresses and does not "
			 "see how processes synchronise";
	} else if (__msan_init) {
		watcher = "MemorySanitizer";
		reason = "takes what other processes and libraries write for uninitialised";
	} else if (__hwasan_init) {
		watcher = "HWAddressSanitizer";
		reason = "keeps tags in pointers that mean nothing to other processes";
	}
	if (!watcher)
		return 0;
	snprintf(why, len, "this program runs under %s, which %s: run it without "
		 "(AddressSanitizer works)", watcher, reason);
	return -ENOTSUP;
}

bool host_heap_is_ours(void)
{
	/* A sanitizer's runtime behind us gets what we are asked for. */
	return !libc_heap_is_sanitized() && heap_is_first();
}

const char *host_heap_reason(void)
{
	if (__asan_init)
		return "this program's malloc is AddressSanitizer's: " WITH_ALLOC;
	return "this program's malloc is not libagnocast's, since it brings its own, or "
	       "loaded the library too late (preload it): " WITH_ALLOC;
}
