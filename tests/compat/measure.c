/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * measure.c - measure FILE COMMAND...: what a command and its children cost
 *
 * Writes to FILE: CPU time in us of all processes that were waited for, wall
 * time in us, the largest resident set of any one process in KiB, and the most
 * that was seen to be in use of /dev/shm meanwhile, in KiB, beyond what was
 * there before. Ends with the command's status.
 */

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS	2000000		/* how often /dev/shm is looked at */

static long long us(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

static long long wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static long long shm_kib(void)
{
	struct statvfs fs;

	if (statvfs("/dev/shm", &fs))
		return 0;
	return (long long)(fs.f_blocks - fs.f_bfree) * (long long)fs.f_frsize / 1024;
}

static pid_t start(char **argv, const sigset_t *mask)
{
	pid_t pid = fork();

	if (!pid) {
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	long long began = wall_us(), before = shm_kib(), most = before, now;
	struct rusage usage;
	sigset_t ended, old;
	pid_t pid, got;
	int status;
	FILE *out;

	if (argc < 3)
		return 2;
	sigemptyset(&ended);
	sigaddset(&ended, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ended, &old);
	pid = start(argv + 2, &old);
	while (!(got = wait4(pid, &status, WNOHANG, &usage))) {
		sigtimedwait(&ended, NULL, &look);
		now = shm_kib();
		most = now > most ? now : most;
	}
	if (got != pid)
		return 2;
	out = fopen(argv[1], "w");
	if (!out)
		return 2;
	fprintf(out, "%lld %lld %ld %lld\n", us(usage.ru_utime) + us(usage.ru_stime),
		wall_us() - began, usage.ru_maxrss, most - before);
	fclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
