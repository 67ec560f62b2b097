/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent.c - a process that does what it is told, for integration tests
 *
 * Reads one command per line from stdin, answers with one line on stdout. The
 * messages are on the heap, with a pointer inside, so that a reader follows
 * memory of the publisher's.
 */

#include <agnocast/agnocast.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <uapi/agnocast.h>
#include <unistd.h>

#define HANDLES 1100
#define HELD 128
#define POISON 0x5a

struct payload {
	unsigned long value;
	unsigned long *echo;	/* also in the publisher's heap */
	const void *self;	/* where it was published */
};

static struct agnocast_publisher *pubs[HANDLES];
static struct agnocast_subscription *subs[HANDLES];
static struct agnocast_message held[HELD];
static unsigned int held_count;
/* By this thread and the library's, at once. */
static _Atomic unsigned long destroyed, destroyed_sum;

static void answer(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static void destroy(void *message, void *arg)
{
	struct payload *payload = message;

	(void)arg;
	destroyed++;
	destroyed_sum += payload->value;
	/* Whoever still reads it finds no sense in it. */
	memset(payload->echo, POISON, sizeof(*payload->echo));
	free(payload->echo);
	memset(payload, POISON, sizeof(*payload));
	free(payload);
}

static struct payload *make(unsigned long value)
{
	struct payload *payload = malloc(sizeof(*payload));

	payload->value = value;
	payload->echo = malloc(sizeof(*payload->echo));
	*payload->echo = value;
	payload->self = payload;
	return payload;
}

static int is_intact(const struct payload *payload)
{
	return payload->self == payload && *payload->echo == payload->value;
}

static void do_pub(const char *args)
{
	struct agnocast_publisher_options options = { .size = sizeof(options),
						      .destroy = destroy };
	char topic[300] = "";
	unsigned int i;

	sscanf(args, "%u %299s %u %u", &i, topic, &options.depth, &options.flags);
	answer("%d", agnocast_publisher_create(topic, &options, &pubs[i]));
}

static void do_sub(const char *args)
{
	struct agnocast_subscription_options options = { .size = sizeof(options) };
	char topic[300] = "";
	unsigned int i;

	sscanf(args, "%u %299s %u %u", &i, topic, &options.depth, &options.flags);
	answer("%d", agnocast_subscription_create(topic, &options, &subs[i]));
}

/* publish INDEX FIRST COUNT */
static void do_publish(const char *args)
{
	unsigned int i, n;
	unsigned long first;

	sscanf(args, "%u %lu %u", &i, &first, &n);
	for (unsigned int k = 0; k < n; k++) {
		struct payload *payload = make(first + k);
		int ret = agnocast_publisher_publish(pubs[i], payload, sizeof(*payload));

		if (ret) {
			free(payload->echo);
			free(payload);
			answer("%d after %u", ret, k);
			return;
		}
	}
	answer("0");
}

static void do_publish_foreign(const char *args)
{
	unsigned int i = (unsigned int)atoi(args);
	static long outside;
	long stack;
	int a = agnocast_publisher_publish(pubs[i], &stack, sizeof(stack));
	int b = agnocast_publisher_publish(pubs[i], &outside, sizeof(outside));
	int c = agnocast_publisher_publish(pubs[i], NULL, 0);

	answer("%d %d %d", a, b, c);
}

/* take INDEX TIMEOUT_MS LATEST: "VALUE SEQ", or a negative errno */
static void do_take(const char *args)
{
	unsigned int i, latest;
	struct agnocast_message *message = &held[held_count];
	const struct payload *payload;
	int timeout, ret;

	sscanf(args, "%u %d %u", &i, &timeout, &latest);
	ret = latest ? agnocast_subscription_take_latest(subs[i], timeout, message)
		     : agnocast_subscription_take(subs[i], timeout, message);
	if (ret) {
		answer("%d", ret);
		return;
	}
	held_count++;
	payload = message->data;
	if (!is_intact(payload))
		answer("broken %p %p", (void *)payload, payload->self);
	else
		answer("%lu %lu", payload->value, message->seq);
}

/* drain INDEX: takes and releases until empty; "COUNT FIRST LAST IN_ORDER" */
static void do_drain(const char *args)
{
	unsigned int i = (unsigned int)atoi(args), n = 0;
	unsigned long first = 0, last = 0, next = 0;
	struct agnocast_message message;
	int in_order = 1;

	while (!agnocast_subscription_take(subs[i], 0, &message)) {
		const struct payload *payload = message.data;

		if (!is_intact(payload))
			in_order = -1;
		if (n && payload->value != next)
			in_order = in_order < 0 ? in_order : 0;
		if (!n)
			first = payload->value;
		last = payload->value;
		next = last + 1;
		n++;
		agnocast_message_release(&message);
	}
	answer("%u %lu %lu %d", n, first, last, in_order);
}

/* hold_check: how many of the held messages are intact */
static void do_hold_check(void)
{
	unsigned int good = 0;

	for (unsigned int k = 0; k < held_count; k++)
		good += is_intact(held[k].data);
	answer("%u of %u", good, held_count);
}

static void do_release(void)
{
	struct agnocast_message again;
	int first, second;

	if (!held_count) {
		answer("none");
		return;
	}
	held_count--;
	again = held[held_count];
	first = agnocast_message_release(&held[held_count]);
	second = agnocast_message_release(&again);
	answer("%d %d", first, second);
}

static void do_release_all(void)
{
	while (held_count)
		agnocast_message_release(&held[--held_count]);
	answer("0");
}

static void do_stats(const char *args)
{
	unsigned int i = (unsigned int)atoi(args);
	struct agnocast_subscription_stats s;
	int ret = agnocast_subscription_stats_get(subs[i], &s, sizeof(s));

	answer("%d %lu %lu %lu %u %u", ret, s.taken, s.dropped, s.skipped, s.held,
	       s.publishers);
}

static void do_barred(const char *args)
{
	struct agnocast_subscription_stats s;

	agnocast_subscription_stats_get(subs[atoi(args)], &s, sizeof(s));
	answer("%u", s.barred);
}

/* ready INDEX TIMEOUT_MS: what a wait-set of that subscription reports */
static void do_ready(const char *args)
{
	struct agnocast_event event = { .fd = -1 };
	struct agnocast_waitset *ws;
	unsigned int i;
	int timeout, ret;

	sscanf(args, "%u %d", &i, &timeout);
	ret = agnocast_waitset_create(NULL, &ws);
	if (!ret)
		ret = agnocast_waitset_add(ws, subs[i], NULL);
	if (!ret)
		ret = agnocast_waitset_wait(ws, timeout, &event, 1);
	answer("%d", ret);
	agnocast_waitset_destroy(ws);
}

/* poll TIMEOUT_MS: is the process's descriptor readable? */
static void do_poll(const char *args)
{
	struct pollfd fd = { .fd = agnocast_fd(), .events = POLLIN };

	answer("%d", poll(&fd, 1, atoi(args)));
}

/* nofile N: descriptors from N on cannot be made any more. */
static void do_nofile(const char *args)
{
	struct rlimit limit;
	int ret = getrlimit(RLIMIT_NOFILE, &limit);

	limit.rlim_cur = strtoul(args, NULL, 10);
	answer("%d", ret ? ret : setrlimit(RLIMIT_NOFILE, &limit));
}

/* obstruct PID: something of ours lies where that process's area begins. */
static void do_obstruct(const char *args)
{
	char path[64], line[512];
	unsigned long base = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", atoi(args));
	maps = fopen(path, "r");
	while (maps && !base && fgets(line, sizeof(line), maps))
		if (strstr(line, "/agnocast@"))
			base = strtoul(line, NULL, 16);
	if (maps)
		fclose(maps);
	answer("%d", !base || mmap((void *)base, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
				   MAP_FIXED_NOREPLACE, -1, 0) != (void *)base ? -errno : 0);
}

static void do_pub_stats(const char *args)
{
	unsigned int i = (unsigned int)atoi(args);
	struct agnocast_publisher_stats s;
	int ret = agnocast_publisher_stats_get(pubs[i], &s, sizeof(s));

	answer("%d %lu %lu %u %u %lu", ret, s.published, s.retained, s.subscriptions,
	       s.unmapped, s.wakes);
}

/* Writes into a held message: must die of SIGSEGV. */
static void do_scribble(void)
{
	struct payload *payload = (struct payload *)held[0].data;

	payload->value = 0;
	answer("survived");
}

static void *exit_leader_thread(void *arg)
{
	(void)arg;
	return NULL;
}

/* A forked child reads what its parent had, and is no participant. */
static void do_fork(void)
{
	struct payload *mine = make(42);
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		int ok = is_intact(mine) &&
			 agnocast_publisher_publish(pubs[0], mine, 8) == -ECHILD;

		*mine->echo = 7;
		mine->value = 8;
		_exit(ok ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	answer("%d %d", status, is_intact(mine));
	destroyed--;
	destroyed_sum -= mine->value;
	destroy(mine, NULL);
}

/*
 * From now on dies of SIGSYS at its first try to wake somebody: FUTEX_WAKE that
 * is not private, a write of eight bytes, the module's call.
 */
static void do_die_at_wake(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 4, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAKE, 4, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 8, 2, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)AGNOCAST_WAKE_CMD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* Of all threads: the library's may wake for this one. */
	answer("%d", (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				  SECCOMP_FILTER_FLAG_TSYNC, &program));
}

static void run(char *line)
{
	char *args = strchr(line, ' ');

	if (args)
		*args++ = '\0';
	else
		args = line + strlen(line);
	if (!strcmp(line, "pub"))
		do_pub(args);
	else if (!strcmp(line, "sub"))
		do_sub(args);
	else if (!strcmp(line, "publish"))
		do_publish(args);
	else if (!strcmp(line, "publish_foreign"))
		do_publish_foreign(args);
	else if (!strcmp(line, "take"))
		do_take(args);
	else if (!strcmp(line, "drain"))
		do_drain(args);
	else if (!strcmp(line, "hold_check"))
		do_hold_check();
	else if (!strcmp(line, "release"))
		do_release();
	else if (!strcmp(line, "release_all"))
		do_release_all();
	else if (!strcmp(line, "stats"))
		do_stats(args);
	else if (!strcmp(line, "barred"))
		do_barred(args);
	else if (!strcmp(line, "ready"))
		do_ready(args);
	else if (!strcmp(line, "poll"))
		do_poll(args);
	else if (!strcmp(line, "nofile"))
		do_nofile(args);
	else if (!strcmp(line, "obstruct"))
		do_obstruct(args);
	else if (!strcmp(line, "pub_stats"))
		do_pub_stats(args);
	else if (!strcmp(line, "destroyed"))
		answer("%lu %lu", destroyed, destroyed_sum);
	else if (!strcmp(line, "unpub")) {
		agnocast_publisher_destroy(pubs[atoi(args)]);
		answer("0");
	} else if (!strcmp(line, "unsub"))
		answer("%d", agnocast_subscription_destroy(subs[atoi(args)]));
	else if (!strcmp(line, "status"))
		answer("%d %s", agnocast_status(), agnocast_reason());
	else if (!strcmp(line, "closefds"))
		answer("%d", close_range(3, ~0U, 0));
	else if (!strcmp(line, "scribble"))
		do_scribble();
	else if (!strcmp(line, "die_at_wake"))
		do_die_at_wake();
	else if (!strcmp(line, "fork"))
		do_fork();
	else if (!strcmp(line, "threads"))
		do_hold_check();
	else
		answer("unknown command %s", line);
}

static void say_nothing(enum agnocast_level level, const char *line, void *arg)
{
	(void)level;
	(void)line;
	(void)arg;
}

int main(void)
{
	char line[512];
	pthread_t thread;

	if (!getenv("AGENT_LOG"))
		agnocast_log_set(say_nothing, NULL);
	if (!pthread_create(&thread, NULL, exit_leader_thread, NULL))
		pthread_join(thread, NULL);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "quit"))
			return 0;
		if (!strcmp(line, "exec"))
			execl("/bin/cat", "cat", NULL);
		run(line);
	}
	return 0;
}
