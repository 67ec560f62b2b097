/* SPDX-License-Identifier: BSD-2-Clause */
/* harness.c - agents to command, and checks that count */

#include "harness.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGENTS_MAX 600
#define PATIENCE_S 10
#define FROM "--from"		/* NEXT GOOD BAD: see go_on_afresh() */

static struct agent agents[AGENTS_MAX];
static int agents_count;
static bool failed;
static const char *agent_path;

static void start_child(struct agent *agent, int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	closefrom(3);
	setenv("MEMPOOL_SIZE", "16M", 0);
	execl(agent_path, "agent", NULL);
	(void)agent;
	_exit(127);
}

struct agent *agent_start(void)
{
	struct agent *agent = &agents[agents_count++];
	int to[2], from[2];

	if (agents_count == AGENTS_MAX || pipe(to) || pipe(from)) {
		perror("agent_start");
		exit(1);
	}
	agent->pid = fork();
	if (!agent->pid)
		start_child(agent, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	agent->to = fdopen(to[1], "w");
	agent->from = fdopen(from[0], "r");
	return agent;
}

static void send_line(struct agent *agent, const char *format, va_list args)
{
	vfprintf(agent->to, format, args);
	fputc('\n', agent->to);
	fflush(agent->to);
}

void tell(struct agent *agent, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_line(agent, format, args);
	va_end(args);
}

const char *answer_of(struct agent *agent)
{
	static char answer[1024];

	if (!fgets(answer, sizeof(answer), agent->from))
		return "(dead)";
	answer[strcspn(answer, "\n")] = '\0';
	return answer;
}

const char *ask(struct agent *agent, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	send_line(agent, format, args);
	va_end(args);
	return answer_of(agent);
}

static int reap(struct agent *agent)
{
	int status = -1;

	waitpid(agent->pid, &status, 0);
	fclose(agent->to);
	fclose(agent->from);
	agent->pid = 0;
	return status;
}

int agent_quit(struct agent *agent)
{
	fputs("quit\n", agent->to);
	fflush(agent->to);
	return reap(agent);
}

int agent_kill(struct agent *agent, int signal)
{
	kill(agent->pid, signal);
	return reap(agent);
}

bool agent_stop(struct agent *agent)
{
	int status;

	return !kill(agent->pid, SIGSTOP) &&
	       waitpid(agent->pid, &status, WUNTRACED) == agent->pid && WIFSTOPPED(status);
}

void agent_continue(struct agent *agent)
{
	kill(agent->pid, SIGCONT);
}

void test_failed(const char *file, int line, const char *what, const char *got)
{
	printf("  %s:%d: %s%s%s\n", file, line, what, got ? ", got " : "", got ? got : "");
	failed = true;
}

bool answers_match(const char *file, int line, const char *got, const char *expected)
{
	if (!strcmp(got, expected))
		return true;
	test_failed(file, line, expected, got);
	return false;
}

const char *text(const char *format, ...)
{
	static char buf[128];
	va_list args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return buf;
}

static void doze(void)
{
	const struct timespec ms = { .tv_nsec = 5000000 };

	nanosleep(&ms, NULL);
}

static bool out_of_patience(time_t since)
{
	return time(NULL) - since > PATIENCE_S;
}

bool comes_true(const char *file, int line, struct agent *agent, const char *command,
		const char *expected)
{
	time_t since = time(NULL);
	const char *got;

	for (;;) {
		got = ask(agent, "%s", command);
		if (!strcmp(got, expected))
			return true;
		if (out_of_patience(since))
			return answers_match(file, line, got, expected);
		doze();
	}
}

bool wait_until(bool (*condition)(void *), void *arg)
{
	time_t since = time(NULL);

	while (!condition(arg)) {
		if (out_of_patience(since))
			return false;
		doze();
	}
	return true;
}

bool reached(struct agent *agent, unsigned int subscriptions, unsigned int unmapped)
{
	time_t since = time(NULL);
	unsigned int n, not_mapped;

	while (sscanf(ask(agent, "pub_stats 0"), "0 %*u %*u %u %u", &n, &not_mapped) != 2 ||
	       n != subscriptions || not_mapped != unmapped) {
		if (out_of_patience(since))
			return false;
		doze();
	}
	return true;
}

bool names_left(pid_t pid)
{
	char shm[64], queue[64];
	mqd_t fd;

	snprintf(shm, sizeof(shm), "/dev/shm/agnocast@%d", pid);
	snprintf(queue, sizeof(queue), "/new_publisher@%d", pid);
	fd = mq_open(queue, O_RDONLY);
	if (fd >= 0)
		mq_close(fd);
	return !access(shm, F_OK) || fd >= 0;
}

static void end_agents(void)
{
	for (int i = 0; i < agents_count; i++)
		if (agents[i].pid) {
			agent_continue(&agents[i]);	/* a test that failed may have left it stopped */
			agent_quit(&agents[i]);
		}
	agents_count = 0;
}

/*
 * A test that failed leaves what it had made, and the library has state that lasts
 * as long as the process: the others are run in a new one.
 */
static void go_on_afresh(const char *program, size_t next, int good, int bad)
{
	char counts[3][24];

	snprintf(counts[0], sizeof(counts[0]), "%zu", next);
	snprintf(counts[1], sizeof(counts[1]), "%d", good);
	snprintf(counts[2], sizeof(counts[2]), "%d", bad);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	execl("/proc/self/exe", program, FROM, counts[0], counts[1], counts[2], NULL);
	perror("harness: cannot run the tests that are left");
	exit(1);
}

int run_tests(const struct test *tests, size_t count, int argc, char **argv)
{
	const char *only = argc == 2 ? argv[1] : NULL;
	bool again = argc == 5 && !strcmp(argv[1], FROM);
	size_t first = again ? strtoul(argv[2], NULL, 10) : 0;
	int good = again ? atoi(argv[3]) : 0, bad = again ? atoi(argv[4]) : 0;

	agent_path = getenv("AGENT");
	if (!agent_path) {
		fprintf(stderr, "AGENT must name the agent program\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = first; i < count; i++) {
		if (only && strcmp(only, tests[i].name))
			continue;
		failed = false;
		tests[i].run();
		end_agents();
		printf("%s %s\n", failed ? "not ok" : "ok", tests[i].name);
		*(failed ? &bad : &good) += 1;
		if (failed && i + 1 < count && !only)
			go_on_afresh(argv[0], i + 1, good, bad);
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad ? 1 : 0;
}
