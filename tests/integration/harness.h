/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness.h - agents to command, and checks that count
 *
 * Each test is a function that starts agents (agent.c), tells them what to do
 * and compares their answers. A test that fails says where, and the program goes
 * on with the next one.
 */
#ifndef AGNOCAST_TEST_HARNESS_H
#define AGNOCAST_TEST_HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct agent {
	pid_t	pid;
	FILE	*to, *from;
};

struct test {
	const char *name;
	void	(*run)(void);
};

/* Starts an agent with MEMPOOL_SIZE=16M. Ended by the harness after the test. */
struct agent *agent_start(void);
/* One command, printf-like; the answer, valid until the next one to this agent. */
const char *ask(struct agent *agent, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The two halves of ask(), for commands that block. */
void tell(struct agent *agent, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *answer_of(struct agent *agent);
/* Ends it: by "quit", or by a signal. Returns its wait status. */
int agent_quit(struct agent *agent);
int agent_kill(struct agent *agent, int signal);
/* Returns when all of its threads stand still. agent_continue(): they go on. */
bool agent_stop(struct agent *agent);
void agent_continue(struct agent *agent);

/* Fails the test, names the place, and leaves the function. */
#define CHECK(condition) do {						\
	if (!(condition)) {						\
		test_failed(__FILE__, __LINE__, #condition, NULL);	\
		return;							\
	}								\
} while (0)
/* The answer to a command must be exactly this. */
#define EXPECT(answer, expected) do {					\
	if (!answers_match(__FILE__, __LINE__, answer, expected))	\
		return;							\
} while (0)

void test_failed(const char *file, int line, const char *what, const char *got);
bool answers_match(const char *file, int line, const char *got, const char *expected);

/* printf-like, for the expected answer; valid until the next call. */
const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Asks again until the answer is the expected one, for at most 10 s. */
#define EVENTUALLY(agent, command, expected) do {			\
	if (!comes_true(__FILE__, __LINE__, agent, command, expected))	\
		return;							\
} while (0)
bool comes_true(const char *file, int line, struct agent *agent, const char *command,
		const char *expected);

/*
 * Waits until publisher 0 of the agent knows of that many subscriptions, and
 * has mapped all but @unmapped of them, for at most 10 s.
 */
bool reached(struct agent *agent, unsigned int subscriptions, unsigned int unmapped);

/* Is there a shared memory or a message queue of this pid? */
bool names_left(pid_t pid);
/* Waits until a condition holds, for at most 10 s. */
bool wait_until(bool (*condition)(void *), void *arg);

/*
 * Runs all, or the one that is named; prints "ok NAME" or "not ok NAME" and the sum.
 * Returns the exit status. Those behind one that failed are run in a new process.
 */
int run_tests(const struct test *tests, size_t count, int argc, char **argv);

#endif /* AGNOCAST_TEST_HARNESS_H */
