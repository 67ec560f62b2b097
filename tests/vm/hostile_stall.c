/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_stall.c - ends and deaths in the middle of system calls
 *
 * The calls sleep in memory that comes when the test likes (stall.c).
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "stall.h"

/* A command that waits for its memory, and what is done meanwhile. */
struct waiting {
	struct member *member;
	struct stall stall;
	pthread_t thread;
	int result;
};

static void *list_into_stall(void *arg)
{
	struct waiting *w = arg;
	struct agnocast_list list = { .what = AGNOCAST_LIST_SESSIONS,
				      .buf = (uintptr_t)w->stall.page, .buf_len = PAGE };

	w->result = ioctl(w->member->client.fd, AGNOCAST_LIST_CMD, &list) ? -errno : (int)list.count;
	return NULL;
}

static void *add_into_stall(void *arg)
{
	struct waiting *w = arg;
	struct agnocast_endpoint_add add = { .topic = "/stalled", .depth = 1, .block = 64,
					     .peers = (uintptr_t)w->stall.page,
					     .peers_len = PAGE };

	w->result = ioctl(w->member->client.fd, PUB, &add) ? -errno : 0;
	return NULL;
}

static void *add_from_stall(void *arg)
{
	struct waiting *w = arg;

	w->result = ioctl(w->member->client.fd, PUB, w->stall.page) ? -errno : 0;
	return NULL;
}

static void *join_from_stall(void *arg)
{
	struct waiting *w = arg;

	w->result = ioctl(w->member->client.fd, AGNOCAST_NEW_SHM_CMD, w->stall.page) ? -errno : 0;
	return NULL;
}

static void wait_in(struct waiting *w, struct member *member, void *(*what)(void *))
{
	w->member = member;
	CHECK(!stall_make(&w->stall));
	CHECK(!pthread_create(&w->thread, NULL, what, w));
	CHECK(!stall_wait(&w->stall));
}

static void others_go_on(void)
{
	struct crowd *crowd = crowd_start(2, NULL);

	CHECK(!crowd->mate[0].result && !crowd->mate[1].result);
	crowd_end(crowd, 0);
}

static void let_go(struct waiting *w, const void *content, size_t len)
{
	CHECK(!stall_resolve(&w->stall, content, len));
	CHECK(!pthread_join(w->thread, NULL));
	stall_end(&w->stall);
}

void a_session_may_end_inside_its_own_commands(void)
{
	struct agnocast_endpoint_add add = { .topic = "/stalled", .depth = 1, .block = 64 };
	struct agnocast_new_shm new_shm = { .abi = AGNOCAST_ABI_VERSION };
	struct waiting list, from, into, join;
	struct member member, fresh;

	member_join(&member);
	CHECK(!member_add(&member, SUB, "/stalled", 2, NULL));
	wait_in(&list, &member, list_into_stall);
	wait_in(&into, &member, add_into_stall);
	wait_in(&from, &member, add_from_stall);
	others_go_on();
	CHECK(!munmap(member.client.token, PAGE));
	CHECK(sessions() == 0);
	others_go_on();
	let_go(&list, NULL, 0);
	CHECK(list.result == 1);
	let_go(&into, NULL, 0);
	CHECK(!into.result || into.result == -ENOTCONN);
	let_go(&from, &add, sizeof(add));
	CHECK(from.result == -ENOTCONN);
	munmap(member.area, PAGE);
	close(member.client.fd);

	/* The token goes between the look-up and the join. */
	CHECK(!member_open(&fresh));
	wait_in(&join, &fresh, join_from_stall);
	CHECK(!munmap(fresh.client.token, PAGE));
	let_go(&join, &new_shm, sizeof(new_shm));
	CHECK(join.result == -EINVAL);
	CHECK(sessions() == 0);
}

void a_descriptor_may_be_closed_inside_its_own_commands(void)
{
	struct agnocast_endpoint_add add = { .topic = "/stalled", .depth = 1, .block = 64 };
	struct waiting list, from;
	struct member member;
	int fd;

	member_join(&member);
	fd = member.client.fd;
	wait_in(&list, &member, list_into_stall);
	wait_in(&from, &member, add_from_stall);
	close(fd);
	others_go_on();
	/* And its number becomes another's. */
	CHECK(dup2(0, fd) == fd);
	let_go(&list, NULL, 0);
	let_go(&from, &add, sizeof(add));
	CHECK(list.result == 1 && !from.result);
	/* The token is the session. */
	CHECK(sessions() == 1);
	munmap(member.client.token, PAGE);
	CHECK(sessions() == 0);
}

/* --- one who writes to his area from memory that does not come */

struct slow_writer {
	struct stall stall;
	int area;
};

static void *write_from_stall(void *arg)
{
	struct slow_writer *writer = arg;

	(void)!pwrite(writer->area, writer->stall.page, PAGE, 0);
	return NULL;
}

/* A session is over, but somebody is still inside a write to its area. */
static void leave_with_a_write_going_on(int told)
{
	struct slow_writer writer;
	struct agnocast_fd ready = { .fd_out = -1 };
	struct agnocast_new_shm args;
	int fd = open_device(O_RDWR);
	void *token = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(token != MAP_FAILED && !join_with(fd, &args));
	/* With a name: memory without one goes by itself. */
	writer.area = shm_open(args.shm_name, O_RDWR | O_CREAT | O_EXCL, 0600);
	ready.fd_in = writer.area;
	CHECK(writer.area >= 0 && !posix_fallocate(writer.area, 0, PAGE));
	CHECK(!ioctl(fd, AGNOCAST_AREA_READY_CMD, &ready));
	CHECK(!stall_make(&writer.stall));
	CHECK(!pthread_create(&thread, NULL, write_from_stall, &writer));
	CHECK(!stall_wait(&writer.stall));
	CHECK(!munmap(token, PAGE));
	close(fd);
	CHECK(write(told, args.shm_name, sizeof(args.shm_name)) == sizeof(args.shm_name));
	pause();
}

/* One that is killed and leaves a page with a name. */
static void die_with_memory(char path[128])
{
	struct agnocast_new_shm *args = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	if (!pid) {
		struct agnocast_fd ready = { .fd_out = -1 };
		int fd = open_device(O_RDWR);

		CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
		CHECK(!join_with(fd, args));
		ready.fd_in = shm_open(args->shm_name, O_RDWR | O_CREAT | O_EXCL, 0600);
		CHECK(!posix_fallocate(ready.fd_in, 0, PAGE));
		CHECK(!ioctl(fd, AGNOCAST_AREA_READY_CMD, &ready));
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	snprintf(path, 128, "/dev/shm%s", args->shm_name);
	munmap(args, PAGE);
}

static bool memory_comes_back(const char *path)
{
	struct stat st;

	for (int i = 0; i < 1000; i++) {
		CHECK(!stat(path, &st));
		if (!st.st_blocks)
			return true;
		usleep(10000);
	}
	return false;
}

void who_holds_an_inode_lock_delays_nobody_else(void)
{
	const char *module = getenv("AGNOCAST_MODULE");
	char slow[128] = "/dev/shm", dead[128];
	struct registry_client observer;
	int told[2];
	pid_t pid;

	CHECK(!pipe(told));
	pid = fork();
	if (!pid)
		leave_with_a_write_going_on(told[1]);
	CHECK(read(told[0], slow + 8, AGNOCAST_SHM_NAME_MAX) == AGNOCAST_SHM_NAME_MAX);
	die_with_memory(dead);
	CHECK(memory_comes_back(dead) && !unlink(dead));
	observer_open(&observer);
	clean_up(&observer);
	registry_client_close(&observer);
	/* Nor does he keep the module. */
	CHECK(module && *module);
	for (int i = 0; i < 500 && syscall(SYS_delete_module, "agnocast", O_NONBLOCK); i++) {
		CHECK(errno == EWOULDBLOCK || errno == EBUSY);
		usleep(10000);
	}
	insert_module(module);
	kill_one(pid);
	unlink(slow);
}

void a_process_may_die_inside_its_commands(void)
{
	for (int how = 0; how < 4; how++) {
		pid_t pid = fork();

		if (!pid) {
			struct waiting list, into, from;
			struct member member;

			member_join(&member);
			CHECK(!member_add(&member, SUB, "/stalled", 2, NULL));
			wait_in(&list, &member, list_into_stall);
			wait_in(&into, &member, add_into_stall);
			wait_in(&from, &member, add_from_stall);
			if (how == 0)
				kill(getpid(), SIGKILL);
			if (how == 1)
				execl("/bin/true", "true", NULL);
			if (how == 2)
				raise(SIGSEGV);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		for (int i = 0; i < 500 && sessions(); i++)
			usleep(10000);
		CHECK(sessions() == 0);
	}
}
