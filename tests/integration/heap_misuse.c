/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_misuse.c - one mistake, which AGNOCAST_HEAP_CHECK=1 must find
 *
 * Prints where the block is; heap.sh compares that with what the library says.
 */

#include <malloc.h>
#include <pthread.h>

#include "heap_test.h"

static void *(*volatile allocate)(size_t) = malloc;
static void *(*volatile resize)(void *, size_t) = realloc;
static void (*volatile release)(void *) = free;

static void *noop(void *arg)
{
	static pthread_key_t keys[40];

	for (int i = 0; i < 40; i++) {		/* the second level is libc's own block */
		pthread_key_create(&keys[i], NULL);
		pthread_setspecific(keys[i], arg);
	}
	return NULL;
}

/* All that is right must pass, also what is odd. */
static void nothing_wrong(const char *what)
{
	pthread_t thread;
	char *p = NULL;

	for (size_t size = 0; size < 20000; size = size * 2 + 1) {
		p = resize(p, size + 1);
		memset(p, 1, malloc_usable_size(p));
	}
	release(p);
	for (int i = 0; i < 20000; i++)
		release(allocate((size_t)i % 300));
	p = aligned_alloc(4096, 100);
	release(p);
	release(calloc(7, 1000000));
	pthread_create(&thread, NULL, noop, (void *)what);
	pthread_join(thread, NULL);
	if (!fork()) {
		release(allocate(10));
		_exit(0);
	}
	wait_status(-1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	char *p = allocate(100), on_stack[64];

	memset(p, 7, 100);
	printf("%p\n", (void *)(strcmp(what, "stack") ? p : on_stack + 16));
	fflush(stdout);
	if (!strcmp(what, "overrun")) {
		p[100] = 0;
		release(p);
	} else if (!strcmp(what, "exit")) {
		p[115] = 0;
	} else if (!strcmp(what, "resize")) {
		p[100] = 0;
		p = resize(p, 200);
	} else if (!strcmp(what, "twice")) {
		release(p);
		release(p);
	} else if (!strcmp(what, "late")) {
		release(p);
		p[3] = 0;
	} else if (!strcmp(what, "inside")) {
		release(p + 32);
	} else if (!strcmp(what, "wild")) {
		release(p + (5 << 20));
	} else if (!strcmp(what, "stack")) {
		release(on_stack + 16);
	} else {
		nothing_wrong(what);
		release(p);
	}
	return 0;
}
