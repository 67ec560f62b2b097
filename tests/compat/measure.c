/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.c - measure FILE COMMAND...: what a command and its children cost
 *
 * Writes "CPU-milliseconds peak-KiB" to FILE: the time of all that were waited
 * for, the largest resident set of any one. Ends with the command's status.
 */

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long long ms(struct timeval t)
{
	return t.tv_sec * 1000LL + t.tv_usec / 1000;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		return 2;
	out = fopen(argv[1], "w");
	if (!out)
		return 2;
	fprintf(out, "%lld %ld\n", ms(usage.ru_utime) + ms(usage.ru_stime), usage.ru_maxrss);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
