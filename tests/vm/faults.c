/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.c - every allocation behind every call fails
 *
 * First one after the other: the first allocation of a call, then the second,
 * until none is left to fail. Then several at once, by chance: what falls back
 * to a second allocation (kvmalloc) fails only so. A call that fails must have
 * changed nothing, and must work when memory is back. Wants a kernel with
 * CONFIG_FAILSLAB and CONFIG_FAIL_PAGE_ALLOC; leaks are the runner's to find.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../integration/registry_member.h"

#define PAGE 4096
#define PER_PAGE (AGNOCAST_ROSTER_PAGE / sizeof(struct agnocast_roster_entry))

/* What the calls work on. */
static struct {
	int	fd;			/* of the device */
	void	*token;
	int	area, bell, out;
	struct agnocast_new_shm shm;
	struct agnocast_endpoint_add add;
	uint64_t peer;			/* another session */
	char	peers[AGNOCAST_ENDPOINTS_MAX * sizeof(struct agnocast_peer)];
	char	records[32768];
} own;

static struct registry_client observer;
static int fail_nth = -1, make_it_fail = -1;

static void write_to(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void set(const char *where, const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", where, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	write_to(fd, value);
	close(fd);
}

/* Every allocation of a task that asks for it, whatever its kind, silently. */
static void prepare_injection(void)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc" };

	for (int i = 0; i < 2; i++) {
		set(kinds[i], "ignore-gfp-wait", "N");
		set(kinds[i], "verbose", "0");
		set(kinds[i], "task-filter", "Y");
		set(kinds[i], "times", "-1");
		set(kinds[i], "probability", "0");
	}
	set("fail_page_alloc", "ignore-gfp-highmem", "N");
	set("fail_page_alloc", "min-order", "0");
}

static void open_switches(void)
{
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	make_it_fail = open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC);
	CHECK(fail_nth >= 0 && make_it_fail >= 0);
}

static void arm(unsigned int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	write_to(fail_nth, text);
}

/* True if an allocation has failed since arm(). */
static bool disarm(void)
{
	char text[16] = "";

	CHECK(pread(fail_nth, text, sizeof(text) - 1, 0) > 0);
	write_to(fail_nth, "0");
	return atoi(text) == 0;
}

static int lowest_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* --- the calls: 0 or -errno; and what takes them back */

static int done(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int call(unsigned int cmd, void *args)
{
	return done(ioctl(own.fd, cmd, args));
}

static int do_open(void)
{
	own.fd = open(AGNOCAST_DEVICE, O_RDWR | O_CLOEXEC);
	return done(own.fd);
}

static void undo_open(void)
{
	close(own.fd);
}

static int do_map(void)
{
	own.token = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, own.fd, 0);
	return own.token == MAP_FAILED ? -errno : 0;
}

static int do_end(void)
{
	return done(munmap(own.token, PAGE));
}

static void undo_map(void)
{
	CHECK(!do_end());
}

static int do_join(void)
{
	own.shm = (struct agnocast_new_shm){ .abi = AGNOCAST_ABI_VERSION };
	return call(AGNOCAST_NEW_SHM_CMD, &own.shm);
}

/* One who left cannot join again without a new token. */
static void undo_join(void)
{
	CHECK(!do_end() && !do_map());
}

static int do_ready(void)
{
	struct agnocast_fd args = { .fd_in = own.area, .fd_out = -1 };

	return call(AGNOCAST_AREA_READY_CMD, &args);
}

static void undo_ready(void)
{
	undo_join();
	CHECK(!do_join());
}

static void undo_end(void)
{
	CHECK(!do_map() && !do_join() && !do_ready());
}

static int do_leave(void)
{
	struct agnocast_leave args = { 0 };

	return call(AGNOCAST_LEAVE_CMD, &args);
}

static void undo_leave(void)
{
	CHECK(!do_end());
	undo_end();
}

static int open_file(unsigned int cmd, uint64_t session)
{
	struct agnocast_fd args = { .session = session, .fd_in = -1, .fd_out = -1 };
	int ret = call(cmd, &args);

	own.out = args.fd_out;
	return ret;
}

static int do_open_area(void)
{
	return open_file(AGNOCAST_OPEN_AREA_CMD, own.peer);
}

static int do_open_rosters(void)
{
	return open_file(AGNOCAST_OPEN_ROSTERS_CMD, 0);
}

static void undo_open_file(void)
{
	close(own.out);
}

static int add(unsigned int cmd, const char *topic)
{
	memset(&own.add, 0, sizeof(own.add));
	snprintf(own.add.topic, sizeof(own.add.topic), "%s", topic);
	own.add.depth = 1;
	own.add.block = 64;
	own.add.peers = (uintptr_t)own.peers;
	own.add.peers_len = sizeof(own.peers);
	return call(cmd, &own.add);
}

/* Each time another topic, so that its roster has no pages yet. */
static int do_add_topic(void)
{
	static unsigned int n;
	char topic[32];

	snprintf(topic, sizeof(topic), "/faults%u", n++);
	return add(AGNOCAST_SUBSCRIBER_ADD_CMD, topic);
}

static void undo_add_topic(void)
{
	CHECK(!call(AGNOCAST_SUBSCRIBER_REMOVE_CMD, &own.add.generation));
}

/* The one with which the list of the topic becomes longer than its pages. */
static int do_add_page(void)
{
	return add(AGNOCAST_PUBLISHER_ADD_CMD, "/page");
}

static int do_remove(void)
{
	return call(AGNOCAST_PUBLISHER_REMOVE_CMD, &own.add.generation);
}

static void undo_add_page(void)
{
	CHECK(!do_remove());
}

static void undo_remove(void)
{
	CHECK(!do_add_page());
}

static int report(uint32_t state, uint32_t parts)
{
	struct agnocast_map_report args = { .owner = own.peer, .state = state, .parts = parts };

	return call(AGNOCAST_MAP_REPORT_CMD, &args);
}

static int do_announce(void)
{
	return report(AGNOCAST_WILL_MAP, 1);
}

static int do_unmap(void)
{
	return report(AGNOCAST_UNMAPPED, 0);
}

static void undo_announce(void)
{
	CHECK(!do_unmap());
}

static void undo_unmap(void)
{
	CHECK(!do_announce());
}

static int do_bell(void)
{
	struct agnocast_bell args = { .fd_in = own.bell, .fd_out = -1 };

	return call(AGNOCAST_BELL_CMD, &args);
}

static int do_wake(void)
{
	struct agnocast_wake args = { .publisher = own.add.generation,
				      .sleepers = (uintptr_t)own.records,
				      .sleepers_len = 100 * sizeof(struct agnocast_sleeper) };

	memset(own.records, 0, args.sleepers_len);
	return call(AGNOCAST_WAKE_CMD, &args);
}

static int do_list(void)
{
	struct agnocast_list list = { .what = AGNOCAST_LIST_ENDPOINTS,
				      .buf = (uintptr_t)own.records,
				      .buf_len = sizeof(own.records) };

	return call(AGNOCAST_LIST_CMD, &list);
}

static int do_version(void)
{
	struct agnocast_version version;

	return call(AGNOCAST_VERSION_CMD, &version);
}

static void undo_nothing(void)
{
}

/* --- one after the other */

struct step {
	const char *name;
	int	(*call)(void);
	void	(*undo)(void);
	bool	allocates;		/* must, or must not */
};

/* Lists and descriptors as they were. Without an observer: descriptors. */
struct before {
	struct snapshot lists;
	int	fds;
};

static struct before look(void)
{
	struct before before = { .fds = lowest_free_fd() };

	if (observer.fd > 0)
		before.lists = snapshot_take(&observer);
	return before;
}

static void check_unchanged(const struct step *step, struct before *before)
{
	struct snapshot after;

	if (lowest_free_fd() != before->fds) {
		printf("  %s left a descriptor\n", step->name);
		_exit(1);
	}
	if (observer.fd <= 0)
		return;
	after = snapshot_take(&observer);
	if (snapshots_are_equal(&before->lists, &after))
		return;
	printf("  %s failed and changed something\n", step->name);
	_exit(1);
}

static void check_result(const struct step *step, int ret, struct before *before)
{
	if (!ret) {
		step->undo();
		if (observer.fd > 0)
			snapshot_free(&before->lists);
		return;
	}
	if (ret != -ENOMEM) {
		printf("  %s: %s\n", step->name, strerrorname_np(-ret));
		_exit(1);
	}
	check_unchanged(step, before);
}

static void fail_each_allocation(const struct step *step)
{
	unsigned int nth = 0, failures = 0;
	bool injected;
	int ret;

	do {
		struct before before = look();

		arm(++nth);
		ret = step->call();
		injected = disarm();
		failures += !!ret;
		if (ret && !injected) {
			printf("  %s: %s without a fault\n", step->name, strerrorname_np(-ret));
			_exit(1);
		}
		check_result(step, ret, &before);
	} while (injected);
	printf("# %-14s %3u allocations failed, and %3u calls with them\n", step->name, nth - 1,
	       failures);
	CHECK(step->allocates == (nth > 1));
}

/* --- several at once */

static void set_probability(const char *percent)
{
	set("failslab", "probability", percent);
	set("fail_page_alloc", "probability", percent);
}

static unsigned int fail_by_chance(const struct step *step, unsigned int rounds)
{
	unsigned int failures = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		struct before before = look();
		int ret;

		write_to(make_it_fail, "1");
		ret = step->call();
		write_to(make_it_fail, "0");
		failures += !!ret;
		check_result(step, ret, &before);
	}
	printf("# %-14s %3u of %u calls failed\n", step->name, failures, rounds);
	return failures;
}

/* --- the tests */

static const struct step opening[] = { { "open", do_open, undo_open, true } };

static void in_every_way(const struct step *steps, size_t count)
{
	static const char *const percents[] = { "10", "30", "60" };
	unsigned int failures[16] = { 0 };

	for (size_t i = 0; i < count; i++)
		fail_each_allocation(&steps[i]);
	for (int p = 0; p < 3; p++) {
		set_probability(percents[p]);
		for (size_t i = 0; i < count; i++)
			failures[i] += fail_by_chance(&steps[i], 60);
		set_probability("0");
	}
	for (size_t i = 0; i < count; i++)
		CHECK(steps[i].allocates == (failures[i] > 0));
}

#define IN_EVERY_WAY(steps) in_every_way(steps, sizeof(steps) / sizeof(*(steps)))

/* Each open makes a world, and each close destroys it. */
static void a_world_that_cannot_be_made(void)
{
	CHECK(!unshare(CLONE_NEWIPC));
	open_switches();
	IN_EVERY_WAY(opening);
}

static void start(void)
{
	observer_open(&observer);
	open_switches();
	own.area = memfd_create("area", MFD_CLOEXEC);
	own.bell = eventfd(0, EFD_CLOEXEC);
	CHECK(own.area >= 0 && own.bell >= 0 && !do_open());
}

static const struct step mapping[] = { { "mmap", do_map, undo_map, true } };
static const struct step joining[] = { { "NEW_SHM", do_join, undo_join, true } };
static const struct step being_ready[] = { { "AREA_READY", do_ready, undo_ready, true } };

static void a_member_that_cannot_be_made(void)
{
	start();
	IN_EVERY_WAY(mapping);
	CHECK(do_join() == -EINVAL);	/* none of the failed ones left a token */
	CHECK(!do_map());
	IN_EVERY_WAY(joining);
	CHECK(!do_join());
	IN_EVERY_WAY(being_ready);
}

static void what_a_member_cannot_do(void)
{
	static const struct step adding[] = {
		{ "OPEN_AREA", do_open_area, undo_open_file, true },
		{ "OPEN_ROSTERS", do_open_rosters, undo_open_file, true },
		{ "WILL_MAP", do_announce, undo_announce, true },
		{ "ADD, topic", do_add_topic, undo_add_topic, true },
		{ "ADD, page", do_add_page, undo_add_page, true },
		{ "LIST", do_list, undo_nothing, true },
		{ "BELL", do_bell, undo_nothing, true },
	};
	static const struct step waking[] = { { "WAKE", do_wake, undo_nothing, true } };
	struct crowd *crowd;

	start();
	crowd = crowd_start(1, NULL);
	own.peer = crowd->mate[0].shm.session;
	CHECK(!do_map() && !do_join() && !do_ready());
	for (unsigned int i = 0; i < PER_PAGE; i++)
		CHECK(!add(AGNOCAST_SUBSCRIBER_ADD_CMD, "/page"));
	IN_EVERY_WAY(adding);
	CHECK(!do_add_page());
	IN_EVERY_WAY(waking);
	crowd_end(crowd, 0);
}

static void what_a_member_can_do_without_memory(void)
{
	static const struct step removing[] = {
		{ "REMOVE", do_remove, undo_remove, false },
		{ "UNMAPPED", do_unmap, undo_unmap, false },
		{ "VERSION", do_version, undo_nothing, false },
		{ "LEAVE", do_leave, undo_leave, false },
	};
	struct crowd *crowd;

	start();
	crowd = crowd_start(1, NULL);
	own.peer = crowd->mate[0].shm.session;
	for (size_t i = 0; i < sizeof(removing) / sizeof(*removing); i++) {
		if (!i)
			undo_end();
		if (removing[i].call == do_remove)
			CHECK(!do_add_page());
		if (removing[i].call == do_unmap)
			CHECK(!do_announce());
		in_every_way(&removing[i], 1);
	}
	crowd_end(crowd, 0);
}

/* The address space goes while each allocation of its exit fails. */
static void die_with_fault(unsigned int nth)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct member member;

		member_join(&member);
		CHECK(!member_add(&member, AGNOCAST_PUBLISHER_ADD_CMD, "/faults", 1, NULL));
		open_switches();
		arm(nth);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(list_count(&observer, AGNOCAST_LIST_SESSIONS) == 0);
	CHECK(list_count(&observer, AGNOCAST_LIST_ENDPOINTS) == 0);
}

static void an_end_that_needs_no_memory(void)
{
	observer_open(&observer);
	for (unsigned int nth = 1; nth <= 20; nth++)
		die_with_fault(nth);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "a_world_that_cannot_be_made", a_world_that_cannot_be_made },
	{ "a_member_that_cannot_be_made", a_member_that_cannot_be_made },
	{ "what_a_member_cannot_do", what_a_member_cannot_do },
	{ "what_a_member_can_do_without_memory", what_a_member_can_do_without_memory },
	{ "an_end_that_needs_no_memory", an_end_that_needs_no_memory },
};

int main(void)
{
	int good = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare_injection();
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		int status = -1;
		pid_t pid = fork();

		if (!pid) {
			tests[i].run();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		set_probability("0");
		printf("%s faults.%s\n", status ? "not ok" : "ok", tests[i].name);
		*(status ? &bad : &good) += 1;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad ? 1 : 0;
}
