/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon_garbage.c SOCKET PID - throws garbage at agnocastd, which must not care
 *
 * After each attack: the daemon lives, holds as many descriptors and sessions
 * as before, and a good client was served meanwhile. After all of them, thrice:
 * it has not grown, and was never much larger.
 */

#include <errno.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon_attacks.h"
#include "daemon_talk.h"

#define ROUNDS 3
#define GROWTH_KB 512
#define PEAK_KB 4096		/* with a thousand connections, ten of which never read */
#define SLOWEST_MS 5000

/* What the good client says of itself; written by it alone. */
static struct good {
	_Atomic int served, slowest_ms, failed;
	_Atomic int second;		/* 1: open a second connection; 2: close it */
} *good;

static pid_t daemon_pid, good_pid;
static int passed, failed, skipped;

static void result(const char *name, const char *problem)
{
	if (!problem) {
		printf("ok %s\n", name);
		passed++;
	} else if (!strncmp(problem, DAEMON_SKIP, strlen(DAEMON_SKIP))) {
		printf("skip %s: %s\n", name, problem + strlen(DAEMON_SKIP));
		skipped++;
	} else {
		printf("not ok %s: %s\n", name, problem);
		failed++;
	}
	fflush(stdout);
}

/* Joins once, then comes and goes with an endpoint for as long as it lives. */
static void be_good(void)
{
	struct agnocast_new_shm shm;
	uint64_t generation;
	int conn = dial(), second = -1, ret = join(conn, &shm);

	unlink_area();
	while (!ret) {
		int64_t began = now_ms();
		int took;

		ret = add_publisher(conn, "/good", &generation);
		if (!ret)
			ret = call(conn, AGNOCAST_PUBLISHER_REMOVE_CMD, &generation, -1, 0);
		took = (int)(now_ms() - began);
		if (took > good->slowest_ms)
			good->slowest_ms = took;
		if (!ret)
			good->served++;
		if (good->second == 1 && second < 0)
			second = dial();
		if (good->second == 2 && second >= 0) {
			close(second);
			second = -1;
			good->second = 0;
		}
		usleep(500);
	}
	fprintf(stderr, "# good client: %d\n", ret);
	good->failed = ret;
	_exit(1);
}

static int descriptors_of_daemon(void)
{
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", daemon_pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* A number of /proc/PID/status. */
static int status_of_daemon(const char *field)
{
	char path[64], line[256];
	int value = -1;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", daemon_pid);
	status = fopen(path, "re");
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, field, strlen(field)))
			value = atoi(line + strlen(field) + 1);
	if (status)
		fclose(status);
	return value;
}

/* Clock ticks of processor time. */
static long ticks_of_daemon(void)
{
	char path[64], text[1024];
	long user = 0, kernel = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", daemon_pid);
	stat = fopen(path, "re");
	if (stat && fgets(text, sizeof(text), stat))
		sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
		       &user, &kernel);
	if (stat)
		fclose(stat);
	return user + kernel;
}

static int sessions_now(void)
{
	static struct agnocast_session_info info[64];
	int conn = dial(), n = conn < 0 ? conn : list_of(conn, AGNOCAST_LIST_SESSIONS, info, sizeof(info));

	if (conn >= 0)
		close(conn);
	return n;
}

/* Hang-ups and exits are noticed soon, not at once. */
static const char *comes_back_to(int descriptors)
{
	static char problem[160];
	int64_t deadline = now_ms() + 3000;
	int sessions, now;

	do {
		sessions = sessions_now();
		usleep(5000);
		now = descriptors_of_daemon();
		if (sessions == 1 && now == descriptors)
			return NULL;
		usleep(20000);
	} while (now_ms() < deadline);
	snprintf(problem, sizeof(problem), "%d sessions, must be 1; %d descriptors, were %d",
		 sessions, now, descriptors);
	return problem;
}

static const char *good_was_served(int before)
{
	int64_t deadline = now_ms() + SLOWEST_MS;

	while (good->served < before + 3 && !good->failed && now_ms() < deadline)
		usleep(1000);
	if (good->failed)
		return "the good client was refused";
	if (good->slowest_ms >= SLOWEST_MS || good->served < before + 3)
		return "the good client had to wait";
	return NULL;
}

/* In a process of its own. NULL, or what is wrong. */
static const char *run_attack(const struct attack *attack)
{
	static char problem[160];
	int out[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(out))
		return "no pipe";
	pid = fork();
	if (!pid) {
		const char *said;

		close(out[0]);
		alarm(30);
		srandom(getpid());
		said = attack->run();
		_exit(said && write(out[1], said, strlen(said)) ? 1 : 0);
	}
	close(out[1]);
	n = read(out[0], problem, sizeof(problem) - 1);
	problem[n > 0 ? n : 0] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
	if (!status)
		return NULL;
	return n > 0 ? problem : "the attacker was cut short";
}

static const char *attack_and_look(const struct attack *attack)
{
	int before = good->served, descriptors = descriptors_of_daemon();
	const char *problem = run_attack(attack);

	if (kill(daemon_pid, 0))
		return "agnocastd died";
	if (!problem)
		problem = good_was_served(before);
	if (!problem)
		problem = comes_back_to(descriptors);
	return problem;
}

static void run_attacks(void)
{
	const char *problem[64] = { NULL };
	static char growth[80];
	int cold = status_of_daemon("VmRSS:"), warm = 0, now;

	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < daemon_attacks_count; i++) {
			const char *said = problem[i] ? NULL :
					   attack_and_look(&daemon_attacks[i]);

			if (said)
				problem[i] = strdup(said);
		}
		if (!round)
			warm = status_of_daemon("VmRSS:");
	}
	for (unsigned int i = 0; i < daemon_attacks_count; i++)
		result(daemon_attacks[i].name, problem[i]);
	now = status_of_daemon("VmRSS:");
	snprintf(growth, sizeof(growth), "%d kB after the first round, %d kB now", warm, now);
	result("does_not_grow", warm < 0 || now > warm + GROWTH_KB ? growth : NULL);
	now = status_of_daemon("VmHWM:");
	snprintf(growth, sizeof(growth), "%d kB at the start, at most %d kB since", cold, now);
	result("was_never_much_larger", now > cold + PEAK_KB ? growth : NULL);
	printf("# agnocastd's memory: %s\n", growth);
}

static void wait_for_second(int value)
{
	good->second = value;
	for (int i = 0; i < 200 && good->second == 2; i++)
		usleep(5000);
	usleep(20000);
}

/*
 * No descriptor left: newcomers are turned away at once, nobody loses a
 * session, and the daemon does not spin.
 */
static const char *no_descriptors_left(void)
{
	int descriptors = descriptors_of_daemon();
	struct rlimit was, few = { 8, 0 };
	const char *problem = NULL;
	int before, conn, ret;
	long ticks;

	wait_for_second(1);
	if (prlimit(daemon_pid, RLIMIT_NOFILE, NULL, &was))
		return "prlimit";
	few.rlim_max = was.rlim_max;
	prlimit(daemon_pid, RLIMIT_NOFILE, &few, NULL);
	/* The good client's second connection goes while /proc cannot be opened. */
	wait_for_second(2);
	before = good->served;
	ticks = ticks_of_daemon();
	conn = dial();
	ret = conn < 0 ? conn : list_of(conn, AGNOCAST_LIST_SESSIONS, NULL, 0);
	usleep(500000);
	ticks = ticks_of_daemon() - ticks;
	if (ret != -ECONNRESET && ret != -EPIPE && ret != NO_REPLY)
		problem = "a newcomer was not turned away";
	if (!problem && ticks > sysconf(_SC_CLK_TCK) / 5)
		problem = "the daemon spins";
	prlimit(daemon_pid, RLIMIT_NOFILE, &was, NULL);
	close(conn);
	if (!problem)
		problem = good_was_served(before);
	return problem ? problem : comes_back_to(descriptors);
}

int main(int argc, char **argv)
{
	int descriptors;

	if (argc != 3) {
		fputs("usage: daemon_garbage SOCKET PID\n", stderr);
		return 64;
	}
	daemon_socket = argv[1];
	daemon_pid = atoi(argv[2]);
	signal(SIGPIPE, SIG_IGN);
	good = mmap(NULL, sizeof(*good), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	good_pid = fork();
	if (!good_pid)
		be_good();
	result("a_good_client_is_served", good_was_served(0));
	descriptors = descriptors_of_daemon();
	run_attacks();
	result("no_descriptors_left", no_descriptors_left());
	result("as_many_descriptors_as_at_the_start", comes_back_to(descriptors));
	kill(good_pid, SIGKILL);
	waitpid(good_pid, NULL, 0);
	printf("# the good client was served %d times, in %d ms at most\n",
	       good->served, good->slowest_ms);
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}
