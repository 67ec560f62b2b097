/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_join.c - did this process join, and what does it say if not
 *
 * Prints "STATUS REASON". Its heap must work either way. With arguments, in
 * that order: "take" first puts a page into the window; "exec N" executes
 * itself N times more, each under the same pid; "pause" waits for a line on
 * stdin before it ends; "closed" closes all descriptors before that; "early"
 * puts others in their place as soon as it has joined.
 */

#include "heap_test.h"

#define WINDOW UINT64_C(0x180000000000)

/* In an executable that is not PIE, free is the address of a stub of its own. */
__attribute__((noinline)) static void give_back(void (*how)(void *), void *block)
{
	how(block);
}

static void use_heap(void)
{
	char *blocks[100];

	for (int i = 0; i < 100; i++) {
		blocks[i] = malloc((size_t)i * 1000 + 1);
		memset(blocks[i], i, (size_t)i * 1000 + 1);
	}
	for (int i = 0; i < 100; i++)
		give_back(free, blocks[i]);
}

static void exec_again(char **argv)
{
	char count[16];
	int n = atoi(argv[2]);

	if (!n)
		return;
	snprintf(count, sizeof(count), "%d", n - 1);
	execl("/proc/self/exe", argv[0], "exec", count, (char *)NULL);
	perror("exec");
	_exit(1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "take") &&
	    mmap((void *)WINDOW, 4096, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		return 2;
	use_heap();
	for (int fd = 3; !strcmp(what, "early") && fd < 1100; fd++)
		dup2(STDIN_FILENO, fd);
	printf("%d %s\n", api_status(), api_reason());
	fflush(stdout);
	if (!strcmp(what, "exec"))
		exec_again(argv);
	if (!strcmp(what, "closed"))
		close_range(3, ~0U, 0);
	if (!strcmp(what, "pause"))
		getchar();
	return 0;
}
