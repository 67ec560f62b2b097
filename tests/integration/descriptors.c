/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptors.c - a host that closes all descriptors and opens its own
 *
 * They get the numbers of the library's. Messages go on in each way to wait,
 * and nothing of the host's was written, read, moved or closed. Two processes:
 * the host, and "--echo MODE", which sends back what it gets. "--trips MODE" is
 * for restart.sh: such a host that closes nothing, until a line comes from stdin.
 */

#include <agnocast/agnocast.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"

#define LAST_FD 970	/* the library's begin at 900 */
#define PATIENCE_S 30

enum mode { TAKE, DESCRIPTOR, WAITSET };

static const char *const mode_name[] = { "take", "descriptor", "waitset" };

struct end {
	enum mode mode;
	struct agnocast_publisher *pub;
	struct agnocast_subscription *sub;
	struct agnocast_waitset *ws;
	int	foreign;	/* in .ws */
};

static int failed;

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		printf("# %s:%d: %s (errno %d)\n", __FILE__, __LINE__,		\
		       #condition, errno);					\
		failed = 1;							\
		return;								\
	}									\
} while (0)

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Topics of each mode's own; @host is where the round trips begin. */
static bool end_open(struct end *end, enum mode mode, bool host)
{
	char to[64], from[64];
	struct agnocast_publisher_options pub = { .size = sizeof(pub), .depth = 16 };
	struct agnocast_subscription_options sub = {
		.size = sizeof(sub), .depth = 16,
		.flags = mode == DESCRIPTOR ? AGNOCAST_POLLABLE : 0,
	};

	snprintf(to, sizeof(to), "/descriptors/%s/%s", mode_name[mode], host ? "to" : "back");
	snprintf(from, sizeof(from), "/descriptors/%s/%s", mode_name[mode], host ? "back" : "to");
	*end = (struct end){ .mode = mode, .foreign = -1 };
	if (agnocast_publisher_create(to, &pub, &end->pub) ||
	    agnocast_subscription_create(from, &sub, &end->sub))
		return false;
	if (mode != WAITSET)
		return true;
	end->foreign = eventfd(0, 0);
	return !agnocast_waitset_create(NULL, &end->ws) &&
	       !agnocast_waitset_add(end->ws, end->sub, NULL) &&
	       !agnocast_waitset_add_fd(end->ws, end->foreign, EPOLLIN, NULL);
}

static void end_close(struct end *end)
{
	if (end->ws)
		agnocast_waitset_destroy(end->ws);
	if (end->foreign >= 0)
		close(end->foreign);
	agnocast_subscription_destroy(end->sub);
	agnocast_publisher_destroy(end->pub);
}

/* Sleeps in its way for at most @timeout_ms. */
static void end_wait(struct end *end, int timeout_ms)
{
	struct agnocast_event event;
	struct pollfd pollfd = { .events = POLLIN };

	switch (end->mode) {
	case TAKE:
		break;
	case DESCRIPTOR:
		pollfd.fd = agnocast_fd();
		poll(&pollfd, 1, timeout_ms);
		break;
	case WAITSET:
		agnocast_waitset_wait(end->ws, timeout_ms, &event, 1);
		break;
	}
}

/* The next message's number, or 0. */
static uint64_t end_take(struct end *end, double seconds)
{
	struct agnocast_message m;
	double until = now() + seconds;
	uint64_t got;
	int ret;

	do {
		ret = agnocast_subscription_take(end->sub, end->mode == TAKE ? 5000 : 0, &m);
		if (!ret) {
			got = *(const uint64_t *)m.data;
			agnocast_message_release(&m);
			return got;
		}
		end_wait(end, 5000);
	} while (now() < until);
	return 0;
}

static int end_publish(struct end *end, uint64_t number)
{
	uint64_t *m = agnocast_alloc(sizeof(*m));
	int ret;

	*m = number;
	ret = agnocast_publisher_publish(end->pub, m, sizeof(*m));
	if (ret)
		agnocast_free(m);
	return ret;
}

static int echo(enum mode mode)
{
	struct end end;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!end_open(&end, mode, false))
		return 1;
	for (;;) {
		uint64_t got = end_take(&end, 1);

		/* To be asleep when the next one comes, most of the time. */
		if (got)
			end_publish(&end, got);
	}
}

static pid_t echo_start(enum mode mode)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	execl("/proc/self/exe", "descriptors", "--echo", mode_name[mode], NULL);
	_exit(127);
}

static bool both_reach(struct end *end)
{
	struct agnocast_subscription_stats sub;
	struct agnocast_publisher_stats pub;
	double until = now() + PATIENCE_S;

	do {
		if (!agnocast_publisher_stats_get(end->pub, &pub, sizeof(pub)) &&
		    !agnocast_subscription_stats_get(end->sub, &sub, sizeof(sub)) &&
		    pub.subscriptions == 1 && !pub.unmapped && sub.publishers == 1)
			return true;
		usleep(5000);
	} while (now() < until);
	return false;
}

/* @count messages there and back, one after the other; the slowest, in seconds. */
static double round_trips(struct end *end, uint64_t first, uint64_t count)
{
	double slowest = 0;

	for (uint64_t i = first; i < first + count; i++) {
		double began = now();

		if (i % 3 == 0)
			usleep(2000);	/* both asleep */
		if (end_publish(end, i) || end_take(end, PATIENCE_S) != i)
			return -1;
		if (now() - began > slowest)
			slowest = now() - began;
	}
	return slowest;
}

static int trips(enum mode mode)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	double slowest = 0, took;
	uint64_t count = 0;
	struct end end;

	if (!end_open(&end, mode, true) || !both_reach(&end)) {
		printf("no peer\n");
		return 1;
	}
	do {
		took = round_trips(&end, count + 1, 10);
		count += 10;
		usleep(20000);	/* leaves the machine to what goes on beside */
		if (took > slowest)
			slowest = took;
	} while (took >= 0 && !poll(&input, 1, 0));
	printf("%s: %lu round trips, the slowest took %.0f ms\n", mode_name[mode],
	       (unsigned long)count, slowest * 1e3);
	end_close(&end);
	return took < 0;
}

/* ---- the host's own ---- */

struct files {
	int	file, event, epoll, pipe[2], pair[2];
};

#define CONTENT "what the host wrote into its own file"
#define OFFSET 7

static void files_open(struct files *f)
{
	int all[7];

	f->file = memfd_create("the host's", 0);
	CHECK(write(f->file, CONTENT, sizeof(CONTENT)) == sizeof(CONTENT));
	CHECK(lseek(f->file, OFFSET, SEEK_SET) == OFFSET);
	f->event = eventfd(7, EFD_NONBLOCK);
	f->epoll = epoll_create1(0);
	CHECK(!pipe(f->pipe) && write(f->pipe[1], "hello", 5) == 5);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, f->pair) && write(f->pair[0], "hello", 5) == 5);
	memcpy(all, f, sizeof(all));
	for (int i = 0; i < 7; i++)
		CHECK(all[i] >= 0);
	/* Each number in turn another kind. */
	for (int fd = 3, i = 0; fd <= LAST_FD; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			CHECK(dup2(all[i++ % 7], fd) == fd);
}

static void files_check(const struct files *f)
{
	char text[100] = "";
	uint64_t count = 0;
	struct stat st;
	int n = -1;

	for (int fd = 3; fd <= LAST_FD; fd++)
		CHECK(fcntl(fd, F_GETFD) >= 0);
	CHECK(lseek(f->file, 0, SEEK_CUR) == OFFSET);
	CHECK(!fstat(f->file, &st) && st.st_size == sizeof(CONTENT));
	CHECK(pread(f->file, text, sizeof(text), 0) == sizeof(CONTENT) && !strcmp(text, CONTENT));
	CHECK(!ioctl(f->pipe[0], FIONREAD, &n) && n == 5);
	CHECK(!ioctl(f->pair[1], FIONREAD, &n) && n == 5);
	CHECK(!ioctl(f->pair[0], FIONREAD, &n) && n == 0);
	CHECK(read(f->event, &count, sizeof(count)) == sizeof(count) && count == 7);
}

static void files_close(void)
{
	close_range(3, LAST_FD, 0);
}

/* The queue of names is the library's thread's alone: it has made another one. */
static bool has_queue(void)
{
	char path[64], link[64];

	for (int fd = 3; fd < 1024; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, link, sizeof(link));
		if (n > 0 && memmem(link, (size_t)n, "new_publisher@", 14))
			return true;
	}
	return false;
}

static bool library_looked(void)
{
	double until = now() + PATIENCE_S;

	while (!has_queue()) {
		if (now() > until)
			return false;
		usleep(5000);
	}
	return true;
}

/*
 * Woken, and not found by chance at the next look, which comes after a second at
 * most: twenty times in a row that is no chance. A busy machine has another try.
 */
static bool are_woken(struct end *end)
{
	double until = now() + PATIENCE_S, slowest;
	uint64_t first = 301;

	do {
		slowest = round_trips(end, first, 20);
		first += 20;
	} while (slowest > 0.45 && now() < until);
	return slowest >= 0 && slowest <= 0.45;
}

static void host_closes_all(enum mode mode)
{
	pid_t pid = echo_start(mode);
	struct files files;
	struct end end;
	double slowest;

	CHECK(end_open(&end, mode, true));
	CHECK(both_reach(&end));
	CHECK(round_trips(&end, 1, 20) >= 0);
	if (end.ws)
		CHECK(!agnocast_waitset_remove_fd(end.ws, end.foreign));
	close_range(3, ~0U, 0);
	files_open(&files);
	if (end.ws)
		CHECK(!agnocast_waitset_add_fd(end.ws, files.epoll, EPOLLIN, NULL));
	slowest = round_trips(&end, 101, 20);
	CHECK(slowest >= 0);
	printf("# %s: the slowest after the descriptors went took %.0f ms\n", mode_name[mode],
	       slowest * 1e3);
	CHECK(library_looked());
	CHECK(round_trips(&end, 201, 20) >= 0);
	CHECK(are_woken(&end));
	files_check(&files);
	if (end.ws)
		CHECK(!agnocast_waitset_remove_fd(end.ws, files.epoll));
	end.foreign = -1;
	/* New endpoints, too. */
	end_close(&end);
	CHECK(end_open(&end, mode, true));
	CHECK(both_reach(&end));
	CHECK(round_trips(&end, 5001, 5) >= 0);
	end_close(&end);
	files_close();
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void who_takes_goes_on(void) { host_closes_all(TAKE); }
static void who_polls_goes_on(void) { host_closes_all(DESCRIPTOR); }
static void who_waits_in_a_waitset_goes_on(void) { host_closes_all(WAITSET); }

struct sleeper {
	_Atomic pid_t tid;
	struct end *end;
	uint64_t got;
};

static void *take_one(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->tid = gettid();
	sleeper->got = end_take(sleeper->end, PATIENCE_S);
	return NULL;
}

/*
 * The thread sleeps in epoll_wait() while its epoll and all that it hears go; in
 * the second round there is another bell before the message comes.
 */
static void a_sleeper_is_woken(void)
{
	pid_t pid = echo_start(WAITSET);
	struct end end;
	struct sleeper sleeper = { .end = &end };
	pthread_t thread;

	CHECK(end_open(&end, WAITSET, true));
	CHECK(both_reach(&end) && round_trips(&end, 1, 5) >= 0);
	CHECK(dup2(end.foreign, 3) == 3 || end.foreign == 3);
	for (int round = 0; round < 2; round++) {
		sleeper.tid = 0;
		CHECK(!pthread_create(&thread, NULL, take_one, &sleeper));
		CHECK(falls_asleep(&sleeper.tid, IN_EPOLL));
		close_range(4, ~0U, 0);
		CHECK(!round || library_looked());
		CHECK(falls_asleep(&sleeper.tid, IN_EPOLL));
		CHECK(!end_publish(&end, 77 + round));
		pthread_join(thread, NULL);
		CHECK(sleeper.got == 77u + round);
	}
	CHECK(round_trips(&end, 101, 5) >= 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "who_takes_goes_on", who_takes_goes_on },
		{ "who_polls_goes_on", who_polls_goes_on },
		{ "who_waits_in_a_waitset_goes_on", who_waits_in_a_waitset_goes_on },
		{ "a_sleeper_is_woken", a_sleeper_is_woken },
	};
	int passed = 0, lost = 0;

	if (argc == 3)
		for (int mode = TAKE; mode <= WAITSET; mode++)
			if (!strcmp(argv[2], mode_name[mode]))
				return strcmp(argv[1], "--echo") ? trips(mode) : echo(mode);
	/* A process for each: descriptors and endpoints of one are not the next one's. */
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		int status = -1;
		pid_t pid;

		if (argc == 2 && strcmp(argv[1], tests[i].name))
			continue;
		if (argc == 2 && !strcmp(argv[1], tests[i].name)) {
			alarm(150);
			tests[i].run();
			return failed;
		}
		fflush(stdout);
		pid = fork();
		if (!pid) {
			execl("/proc/self/exe", "descriptors", tests[i].name, NULL);
			_exit(127);
		}
		waitpid(pid, &status, 0);
		printf("%s %s\n", status ? "not ok" : "ok", tests[i].name);
		passed += !status;
		lost += !!status;
	}
	printf("%d passed, %d failed\n", passed, lost);
	return lost != 0;
}
