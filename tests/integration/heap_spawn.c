/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_spawn.c - children that share our memory until they exec
 *
 * vfork, posix_spawn, system and popen must work as ever, leave our bytes as
 * they are, and the programs they start join on their own.
 */

#include <spawn.h>

#include "heap_test.h"

#define BYTES (1 << 20)

static unsigned char *bytes;

static bool intact(void)
{
	for (int i = 0; i < BYTES; i++)
		if (bytes[i] != (unsigned char)(i * 13))
			return false;
	return true;
}

static void by_vfork(void)
{
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
		_exit(99);
	}
	check("vfork_and_exec", wait_status(pid) == 7 && intact(), "status or bytes");
	pid = vfork();
	if (!pid)
		_exit(8);
	check("vfork_and_exit", wait_status(pid) == 8 && intact(), "status or bytes");
}

static void by_spawn(void)
{
	char *argv[] = { "sh", "-c", "exit 9", NULL };
	pid_t pid;
	int ret = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ);

	check("posix_spawn", !ret && wait_status(pid) == 9 && intact(), "%d", ret);
}

static void by_system(void)
{
	int status = system("exit 5");

	check("system", WIFEXITED(status) && WEXITSTATUS(status) == 5 && intact(), "%x", status);
}

static void by_popen(void)
{
	FILE *f = popen("echo from the child", "r");
	char line[64] = "";

	if (!f || !fgets(line, sizeof(line), f))
		line[0] = 0;
	check("popen", !strcmp(line, "from the child\n") && intact(), "%s", line);
	if (f)
		pclose(f);
}

/* The program that we start is a member too, at another address. */
static void child_joins(const char *self)
{
	char command[512], line[256] = "";
	FILE *f;

	snprintf(command, sizeof(command), "%s join", self);
	f = popen(command, "r");
	if (!f || !fgets(line, sizeof(line), f))
		line[0] = 0;
	check("started_program_joins_anew", !strncmp(line, "0 ", 2), "%s", line);
	if (f)
		pclose(f);
}

/* fork, then exec: the new program joins although its parent's child could not. */
static void forked_child_execs(const char *self)
{
	pid_t pid = fork();

	if (!pid) {
		if (api_status() != -ECHILD)
			_exit(98);
		execl(self, self, "status", (char *)NULL);
		_exit(99);
	}
	check("forked_child_joins_by_exec", wait_status(pid) == 0 && intact(), "status or bytes");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	bytes = malloc(BYTES);
	for (int i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)(i * 13);
	if (!strcmp(what, "join")) {
		printf("%d %s\n", api_status(), api_reason());
		return 0;
	}
	if (!strcmp(what, "status"))
		return api_status() ? 1 : 0;
	by_vfork();
	by_spawn();
	by_system();
	by_popen();
	child_joins(argv[0]);
	forked_child_execs("/proc/self/exe");
	return failures != 0;
}
