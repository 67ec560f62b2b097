/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_race.c - ends, deaths and removals that race with everything
 *
 * How long each goes on: HOSTILE_SECONDS, or some seconds.
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

/* Two emulated processors for all of us: nobody may eat them up. */
static void pause_up_to(unsigned int us)
{
	usleep((unsigned int)rand() % us);
}

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

void kill_one(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void insert_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(!syscall(SYS_finit_module, fd, "", 0));
	close(fd);
}

void clean_up(struct registry_client *observer)
{
	struct records all = list_all(observer, AGNOCAST_LIST_STALE, 100);
	struct member member;

	member_join(&member);
	for (size_t i = 0; i < all.count; i++) {
		struct agnocast_cleaned cleaned = {
			.session = ((struct agnocast_stale_info *)all.at)[i].session,
		};

		shm_unlink(((struct agnocast_stale_info *)all.at)[i].shm_name);
		CHECK(!ioctl(member.client.fd, AGNOCAST_CLEANED_CMD, &cleaned));
	}
	member_leave(&member);
	free(all.at);
}

/* When to stop. */
static time_t deadline(unsigned int default_s)
{
	const char *asked = getenv("HOSTILE_SECONDS");

	return seconds() + (asked ? atoi(asked) : (int)default_s);
}

/* --- threads that do everything at once, with one session */

static struct {
	struct member member;
	uint64_t peer;			/* a session to map */
	volatile int stop;
	unsigned int done[8];
} race;

static void *race_adds(void *arg)
{
	struct agnocast_endpoint_add add;
	unsigned int *done = arg;

	while (!race.stop) {
		if (!member_add(&race.member, *done % 2 ? PUB : SUB, "/race", 1 + *done % 99, &add))
			++*done;
		if (*done % 3)
			member_remove(&race.member, UNPUB, add.generation - *done % 5);
		pause_up_to(500);
	}
	return NULL;
}

static void *race_maps(void *arg)
{
	unsigned int *done = arg;

	while (!race.stop) {
		struct agnocast_map_report report = { .owner = race.peer,
						      .state = 1 + rand() % 4, .parts = 1 };

		if (report.state == AGNOCAST_REFUSED)
			report.error = EIO;
		if (report.state == AGNOCAST_UNMAPPED)
			report.parts = 0;
		*done += !ioctl(race.member.client.fd, AGNOCAST_MAP_REPORT_CMD, &report);
		pause_up_to(500);
	}
	return NULL;
}

static void *race_lists(void *arg)
{
	static char buf[PAGE];
	unsigned int *done = arg;

	while (!race.stop) {
		struct agnocast_list list = { .what = 1 + *done % 5, .buf = (uintptr_t)buf,
					      .buf_len = sizeof(buf) };

		*done += !ioctl(race.member.client.fd, AGNOCAST_LIST_CMD, &list);
		pause_up_to(500);
	}
	return NULL;
}

static void *race_opens(void *arg)
{
	unsigned int *done = arg;

	while (!race.stop) {
		struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
		unsigned int cmd = AGNOCAST_OPEN_ROSTERS_CMD;

		if (*done % 2) {
			args.session = race.peer;
			cmd = AGNOCAST_OPEN_AREA_CMD;
		}
		if (!ioctl(race.member.client.fd, cmd, &args)) {
			close(args.fd_out);
			++*done;
		}
		pause_up_to(500);
	}
	return NULL;
}

static void *race_leaves(void *arg)
{
	struct agnocast_leave leave = { 0 };
	unsigned int *done = arg;

	while (!race.stop) {
		*done += !ioctl(race.member.client.fd, AGNOCAST_LEAVE_CMD, &leave);
		pause_up_to(100000);
	}
	return NULL;
}

/* Ends the session by its token, and begins the next one. */
static void *race_tokens(void *arg)
{
	unsigned int *done = arg;

	while (!race.stop) {
		munmap(race.member.client.token, PAGE);
		munmap(race.member.area, PAGE);
		race.member.client.token = mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
						race.member.client.fd, 0);
		CHECK(race.member.client.token != MAP_FAILED);
		*done += !member_enter(&race.member);
		pause_up_to(30000);
	}
	return NULL;
}

/* Descriptors for the device come and go; so does the area that is handed over. */
static void *race_descriptors(void *arg)
{
	unsigned int *done = arg;

	while (!race.stop) {
		int fd = open_device(O_RDWR), area = memfd_create("area", MFD_CLOEXEC);
		struct agnocast_fd ready = { .fd_in = area, .fd_out = -1 };

		ioctl(fd, AGNOCAST_AREA_READY_CMD, &ready);
		mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
		close(fd);
		close(area);
		++*done;
		pause_up_to(2000);
	}
	return NULL;
}

/* On a slow machine that takes its time; the test's alarm ends it if never. */
static bool all_did_something(void)
{
	for (int i = 0; i < 7; i++)
		if (!__atomic_load_n(&race.done[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

void threads_race_on_one_session(void)
{
	static void *(*const what[])(void *) = { race_adds, race_maps, race_lists, race_opens,
						 race_leaves, race_tokens, race_descriptors };
	struct crowd *peer = crowd_start(1, NULL);
	time_t until = deadline(3);
	pthread_t thread[7];

	race.peer = peer->mate[0].shm.session;
	member_join(&race.member);
	for (int i = 0; i < 7; i++)
		CHECK(!pthread_create(&thread[i], NULL, what[i], &race.done[i]));
	while (seconds() < until || !all_did_something())
		usleep(100000);
	race.stop = 1;
	for (int i = 0; i < 7; i++)
		CHECK(!pthread_join(thread[i], NULL));
	crowd_end(peer, SIGKILL);
	munmap(race.member.client.token, PAGE);
	CHECK(sessions() == 0);
}

/* --- the module comes and goes under its users */

static void list_whenever_there_is_a_device(void)
{
	unsigned int n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = open(AGNOCAST_DEVICE, O_RDWR | O_CLOEXEC);
		struct agnocast_new_shm args;
		struct agnocast_fd ready = { .fd_out = -1 };
		void *token;

		pause_up_to(2000);
		if (fd < 0)
			continue;
		CHECK(list_with(fd) >= 0);
		/* Now and then a member that leaves a corpse. */
		if (++n % 5 == 0) {
			token = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
			CHECK(token != MAP_FAILED && !join_with(fd, &args));
			ready.fd_in = memfd_create("area", MFD_CLOEXEC);
			CHECK(!ioctl(fd, AGNOCAST_AREA_READY_CMD, &ready));
			close(ready.fd_in);
			munmap(token, PAGE);
		}
		close(fd);
		pause_up_to(4000);
	}
}

void rmmod_while_others_list(void)
{
	const char *path = getenv("AGNOCAST_MODULE");
	unsigned int busy = 0, gone = 0;
	time_t until = deadline(4);
	pid_t pid[3];

	CHECK(path && *path);
	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i])
			list_whenever_there_is_a_device();
	}
	while (seconds() < until || !busy || !gone) {
		if (syscall(SYS_delete_module, "agnocast", O_NONBLOCK)) {
			CHECK(errno == EWOULDBLOCK || errno == EBUSY);
			busy++;
			pause_up_to(1000);
			continue;
		}
		gone++;
		insert_module(path);
	}
	for (int i = 0; i < 3; i++)
		kill_one(pid[i]);
	CHECK(sessions() == 0);
}

/* --- joiners, killed wherever they are */

static void join_and_work_for_ever(unsigned int seed)
{
	static struct agnocast_peer peers[8];
	struct member member;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, 0);
	srand(seed);
	member_join(&member);
	for (unsigned int k = 0;; k++) {
		struct agnocast_endpoint_add add = { .topic = "/bomb", .depth = 1, .block = 64,
						     .peers = (uintptr_t)peers,
						     .peers_len = sizeof(peers) };

		/* 512 is a limit like any other. */
		if (ioctl(member.client.fd, rand() % 2 ? PUB : SUB, &add))
			CHECK(errno == ENOSPC);
		for (unsigned int i = 0; i < add.peers_count && i < 8; i++) {
			struct agnocast_map_report report = {
				.owner = peers[i].session, .state = AGNOCAST_WILL_MAP, .parts = 3,
			};

			ioctl(member.client.fd, AGNOCAST_MAP_REPORT_CMD, &report);
		}
		if (rand() % 10 == 0) {
			member_leave(&member);
			member_join(&member);
		}
		pause_up_to(200000);
	}
}

void joiners_killed_at_random(void)
{
	time_t until = deadline(5);
	struct registry_client observer;
	unsigned int killed = 0;
	pid_t pid[50] = { 0 };

	observer_open(&observer);
	setpriority(PRIO_PROCESS, 0, -10);
	while (seconds() < until || killed <= 20) {
		int i = rand() % 50;

		if (pid[i]) {
			kill_one(pid[i]);
			killed++;
		}
		pid[i] = fork();
		if (!pid[i])
			join_and_work_for_ever(killed + 1);
		usleep(rand() % 5000);
	}
	for (int i = 0; i < 50; i++)
		if (pid[i])
			kill_one(pid[i]);
	CHECK(count_becomes(&observer, AGNOCAST_LIST_SESSIONS, 0));
	clean_up(&observer);
}
