/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - the tracepoints, word for word, of lives that are known
 *
 * Two processes do one thing after the other; what tracefs has of them in the
 * end must be that, in that order, and nothing else.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../integration/registry_member.h"

#define TRACING "/sys/kernel/tracing/"

/* Written by the processes, read by the test. */
static struct lives {
	struct agnocast_new_shm owner, reader;
	struct agnocast_endpoint_add publisher, sleeper, subscription;
	uint64_t topic;
} *lives;

static char expected[8192];

__attribute__((format(printf, 1, 2)))
static void expect(const char *format, ...)
{
	size_t at = strlen(expected);
	va_list args;

	va_start(args, format);
	vsnprintf(expected + at, sizeof(expected) - at, format, args);
	va_end(args);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void report(struct member *member, uint32_t state, uint32_t parts, uint32_t error, int ret)
{
	struct agnocast_map_report args = { .owner = lives->owner.session, .state = state,
					    .parts = parts, .error = error };

	CHECK(registry_client_call(&member->client, AGNOCAST_MAP_REPORT_CMD, &args) == ret);
}

/* Joins, reads the owner's area by all the states that there are, leaves. */
static void read_and_leave(void)
{
	struct member member;

	member_join(&member);
	lives->reader = member.shm;
	CHECK(!member_add(&member, AGNOCAST_SUBSCRIBER_ADD_CMD, "/trace", 2,
			  &lives->subscription));
	report(&member, AGNOCAST_MAPPED, 3, 0, -ENOENT);	/* not announced: no event */
	report(&member, AGNOCAST_WILL_MAP, 3, 0, 0);
	report(&member, AGNOCAST_MAPPED, 3, 0, 0);
	report(&member, AGNOCAST_UNMAPPED, 0, 0, 0);
	report(&member, AGNOCAST_WILL_MAP, 1, 0, 0);
	report(&member, AGNOCAST_REFUSED, 1, ENOMEM, 0);
	CHECK(!member_remove(&member, AGNOCAST_SUBSCRIBER_REMOVE_CMD,
			     lives->subscription.generation));
	member_leave(&member);
	_exit(0);
}

/* Itself, by its bell, and one that is not there. */
static void wake(struct member *member)
{
	struct agnocast_bell bell = { .bell = 1, .fd_in = eventfd(0, EFD_CLOEXEC), .fd_out = -1 };
	struct agnocast_sleeper sleepers[] = { { lives->sleeper.generation, 1, 0 },
					       { lives->sleeper.generation, 0, 0 },
					       { 7, 1, 0 } };
	struct agnocast_wake args = { .publisher = lives->publisher.generation,
				      .sleepers = (uintptr_t)sleepers,
				      .sleepers_len = sizeof(sleepers) };
	uint64_t rung;

	CHECK(!registry_client_call(&member->client, AGNOCAST_BELL_CMD, &bell));
	CHECK(!registry_client_call(&member->client, AGNOCAST_WAKE_CMD, &args));
	CHECK(read(bell.fd_in, &rung, sizeof(rung)) == sizeof(rung) && rung == 1);
	args.publisher = lives->sleeper.generation;
	CHECK(registry_client_call(&member->client, AGNOCAST_WAKE_CMD, &args) == -EBADF);
}

/* Joins, publishes, and is killed while it does. */
static void own_and_die(void)
{
	struct agnocast_new_shm second = { .abi = AGNOCAST_ABI_VERSION };
	struct agnocast_endpoint_add bad;
	struct records topics;
	struct member member;
	pid_t reader;

	member_join(&member);
	lives->owner = member.shm;
	CHECK(registry_client_call(&member.client, AGNOCAST_NEW_SHM_CMD, &second) == -EEXIST);
	CHECK(!member_add(&member, AGNOCAST_PUBLISHER_ADD_CMD, "/trace", 1, &lives->publisher));
	CHECK(!member_add(&member, AGNOCAST_SUBSCRIBER_ADD_CMD, "/trace", 3, &lives->sleeper));
	CHECK(member_add(&member, AGNOCAST_PUBLISHER_ADD_CMD, "no slash", 1, &bad) == -EINVAL);
	topics = list_all(&member.client, AGNOCAST_LIST_TOPICS, 10);
	CHECK(topics.count == 1);
	lives->topic = ((struct agnocast_topic_info *)topics.at)->topic;
	wake(&member);
	reader = fork();
	if (!reader)
		read_and_leave();
	CHECK(waitpid(reader, &(int){ 0 }, 0) == reader);
	kill(getpid(), SIGKILL);
}

static void expect_map(uint32_t state, uint32_t parts, uint32_t error)
{
	expect("agnocast_map: owner=%llu reader=%llu reader_pid=%u state=%u parts=%u error=%u\n",
	       lives->owner.session, lives->reader.session, lives->reader.pid, state, parts, error);
}

static void expect_join(const struct agnocast_new_shm *who)
{
	expect("agnocast_join: session=%llu pid=%u slot=%u base=%llx\n", who->session, who->pid,
	       who->slot, who->base);
}

static void expect_endpoint(const char *what, const struct agnocast_endpoint_add *add,
			    const struct agnocast_new_shm *who, uint32_t kind)
{
	expect("agnocast_endpoint_%s: generation=%llu topic=%llu session=%llu pid=%u kind=%u\n",
	       what, add->generation, (unsigned long long)lives->topic, who->session, who->pid, kind);
}

static void expect_all(void)
{
	const struct lives *l = lives;

	expect_join(&l->owner);
	expect_endpoint("add", &l->publisher, &l->owner, AGNOCAST_PUBLISHER);
	expect_endpoint("add", &l->sleeper, &l->owner, AGNOCAST_SUBSCRIPTION);
	expect("agnocast_wake: publisher=%llu session=%llu pid=%u sleepers=3 woken=1\n",
	       l->publisher.generation, l->owner.session, l->owner.pid);
	expect_join(&l->reader);
	expect_endpoint("add", &l->subscription, &l->reader, AGNOCAST_SUBSCRIPTION);
	expect_map(AGNOCAST_WILL_MAP, 3, 0);
	expect_map(AGNOCAST_MAPPED, 3, 0);
	expect_map(AGNOCAST_UNMAPPED, 0, 0);
	expect_map(AGNOCAST_WILL_MAP, 1, 0);
	expect_map(AGNOCAST_REFUSED, 1, ENOMEM);
	expect_endpoint("remove", &l->subscription, &l->reader, AGNOCAST_SUBSCRIPTION);
	expect("agnocast_leave: session=%llu pid=%u endpoints=0 names_left=0\n",
	       l->reader.session, l->reader.pid);
	/* What the reader had announced ends with it. */
	expect_map(AGNOCAST_UNMAPPED, 0, 0);
	expect("agnocast_leave: session=%llu pid=%u endpoints=2 names_left=1\n",
	       l->owner.session, l->owner.pid);
	expect_endpoint("remove", &l->publisher, &l->owner, AGNOCAST_PUBLISHER);
	expect_endpoint("remove", &l->sleeper, &l->owner, AGNOCAST_SUBSCRIPTION);
}

/* What follows the columns of task, processor, flags and time. */
static void read_trace(char *to, size_t size)
{
	FILE *trace = fopen(TRACING "trace", "r");
	char line[512], *event;

	CHECK(trace);
	*to = '\0';
	while (fgets(line, sizeof(line), trace)) {
		event = strstr(line, ": agnocast_");
		if (*line != '#' && event)
			strncat(to, event + 2, size - strlen(to) - 1);
	}
	fclose(trace);
}

static void tracepoints_tell_what_happens(void)
{
	static char seen[sizeof(expected)];
	struct registry_client observer;
	pid_t owner;

	observer_open(&observer);
	lives = mmap(NULL, sizeof(*lives), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	CHECK(lives != MAP_FAILED);
	write_file(TRACING "trace", " ");
	write_file(TRACING "events/agnocast/enable", "1");
	owner = fork();
	if (!owner)
		own_and_die();
	CHECK(waitpid(owner, &(int){ 0 }, 0) == owner);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_SESSIONS, 0));
	write_file(TRACING "events/agnocast/enable", "0");
	expect_all();
	read_trace(seen, sizeof(seen));
	if (strcmp(seen, expected))
		printf("--- expected\n%s--- seen\n%s", expected, seen);
	CHECK(!strcmp(seen, expected));
}

int main(void)
{
	pid_t pid;
	int status = -1;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(60);
		tracepoints_tell_what_happens();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("%s trace.tracepoints_tell_what_happens\n", status ? "not ok" : "ok");
	printf("%d passed, %d failed\n", !status, !!status);
	return !!status;
}
