/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * module.c - what only the device can get wrong: the token page, descriptors,
 * address spaces
 *
 * Talks to /dev/agnocast itself, each test in a process of its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uapi/agnocast.h>

#define CHECK(condition) do {						\
	if (!(condition)) {						\
		printf("  %s:%d: %s (errno %s)\n", __FILE__, __LINE__,	\
		       #condition, strerrorname_np(errno));		\
		fflush(stdout);						\
		_exit(1);						\
	}								\
} while (0)
#define REFUSED(call, err) CHECK((call) == -1 && errno == (err))

static int open_device(void)
{
	int fd = open(AGNOCAST_DEVICE, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void *map_token(int fd)
{
	void *token = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(token != MAP_FAILED);
	return token;
}

static struct agnocast_new_shm join(int fd)
{
	struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION, .mempool_size = 4096 };

	CHECK(!ioctl(fd, AGNOCAST_NEW_SHM_CMD, &args));
	return args;
}

/* A member with an area of one page; the descriptor of the area. */
static int make_area(int fd, const struct agnocast_new_shm *member)
{
	int area = shm_open(member->shm_name, O_RDWR | O_CREAT | O_EXCL, 0640);
	struct agnocast_fd ready = { .fd_in = area, .fd_out = -1 };

	CHECK(area >= 0);
	CHECK(!posix_fallocate(area, 0, 1 << 20));
	CHECK(!ioctl(fd, AGNOCAST_AREA_READY_CMD, &ready));
	return area;
}

static unsigned int sessions(void)
{
	static struct agnocast_session_info page[300];
	struct agnocast_list list = { .what = AGNOCAST_LIST_SESSIONS,
				      .buf = (uintptr_t)page, .buf_len = sizeof(page) };
	int fd = open_device();

	CHECK(!ioctl(fd, AGNOCAST_LIST_CMD, &list));
	close(fd);
	return list.count;
}

static bool sessions_become(unsigned int count)
{
	for (int i = 0; i < 500; i++) {
		if (sessions() == count)
			return true;
		usleep(10000);
	}
	return false;
}

static void version_says_kernel(void)
{
	struct agnocast_version version;
	int fd = open_device();

	CHECK(!ioctl(fd, AGNOCAST_VERSION_CMD, &version));
	CHECK(!strcmp(version.home, "kernel"));
	CHECK(!strcmp(version.version, AGNOCAST_VERSION));
	CHECK(version.abi == AGNOCAST_ABI_VERSION);
	CHECK(version.sessions_max == 1024);
}

static void unknown_commands_are_enotty(void)
{
	int fd = open_device();
	char buf[512] = { 0 };

	REFUSED(ioctl(fd, _IOWR(AGNOCAST_IOC_MAGIC, 0x7f, struct agnocast_fd), buf), ENOTTY);
	REFUSED(ioctl(fd, TCGETS, buf), ENOTTY);
	map_token(fd);
	join(fd);
	REFUSED(ioctl(fd, _IOWR(AGNOCAST_IOC_MAGIC, 0x7f, struct agnocast_fd), buf), ENOTTY);
}

static void the_token_comes_first(void)
{
	struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION };
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 4096 };
	int fd = open_device();

	REFUSED(ioctl(fd, AGNOCAST_NEW_SHM_CMD, &args), EINVAL);
	REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add), ENOTCONN);
	map_token(fd);
	REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add), ENOTCONN);
	join(fd);
	REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add), ENOTCONN);
}

static void token_mappings_of_other_kinds_are_refused(void)
{
	int fd = open_device();
	void *token;

	CHECK(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == EACCES);
	CHECK(sessions() == 0);
	token = map_token(fd);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EEXIST);
	REFUSED(mprotect(token, 4096, PROT_READ | PROT_WRITE), EACCES);
}

static void a_second_join_is_refused(void)
{
	struct agnocast_new_shm args = { .abi = AGNOCAST_ABI_VERSION }, before = args;
	int fd = open_device(), other = open_device();

	map_token(fd);
	join(fd);
	REFUSED(ioctl(fd, AGNOCAST_NEW_SHM_CMD, &args), EEXIST);
	REFUSED(ioctl(other, AGNOCAST_NEW_SHM_CMD, &args), EEXIST);
	CHECK(!memcmp(&args, &before, sizeof(args)));
	CHECK(sessions() == 1);
}

static void bad_pointers_change_nothing(void)
{
	char *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *locked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 4096 };
	struct agnocast_new_shm member;
	int fd = open_device();

	REFUSED(ioctl(fd, AGNOCAST_VERSION_CMD, hole), EFAULT);
	map_token(fd);
	member = join(fd);
	make_area(fd, &member);
	REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, hole), EFAULT);
	/* The copy in works, the copy out does not: undone. */
	memcpy(locked, &add, sizeof(add));
	mprotect(locked, 4096, PROT_READ);
	for (int i = 0; i < 600; i++)
		REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, locked), EFAULT);
	add.again = 1;
	REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add), EINVAL);
	add.again = 0;
	CHECK(!ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add));
	CHECK(add.endpoint == 0);
	shm_unlink(member.shm_name);
}

static void bad_areas_are_refused(void)
{
	struct agnocast_fd args = { .fd_in = 999, .fd_out = -1 };
	struct agnocast_new_shm member;
	int fd = open_device(), pipes[2];

	map_token(fd);
	member = join(fd);
	REFUSED(ioctl(fd, AGNOCAST_AREA_READY_CMD, &args), EBADF);
	CHECK(!pipe(pipes));
	args.fd_in = pipes[0];
	REFUSED(ioctl(fd, AGNOCAST_AREA_READY_CMD, &args), EBADF);
	args.fd_in = open("/dev/zero", O_RDWR);
	REFUSED(ioctl(fd, AGNOCAST_AREA_READY_CMD, &args), EINVAL);
	make_area(fd, &member);
	args.fd_in = shm_open(member.shm_name, O_RDWR, 0);
	REFUSED(ioctl(fd, AGNOCAST_AREA_READY_CMD, &args), EALREADY);
	shm_unlink(member.shm_name);
}

static void a_forked_child_is_not_the_member(void)
{
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 4096 };
	struct agnocast_new_shm member;
	int fd = open_device(), status;
	void *token = map_token(fd);
	pid_t pid;

	member = join(fd);
	make_area(fd, &member);
	pid = fork();
	if (!pid) {
		struct agnocast_new_shm mine = { .abi = AGNOCAST_ABI_VERSION };

		CHECK(msync(token, 4096, MS_ASYNC) && errno == ENOMEM);	/* not inherited */
		REFUSED(ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add), EPERM);
		/* It may join by itself, even over the inherited descriptor. */
		map_token(fd);
		CHECK(!ioctl(fd, AGNOCAST_NEW_SHM_CMD, &mine));
		CHECK(mine.session != member.session);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(sessions_become(1));
	CHECK(!ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add));
	shm_unlink(member.shm_name);
}

static void a_session_survives_its_descriptor(void)
{
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 4096 };
	struct agnocast_new_shm member;
	int fd = open_device();

	map_token(fd);
	member = join(fd);
	make_area(fd, &member);
	close(fd);
	fd = open_device();
	CHECK(!ioctl(fd, AGNOCAST_PUBLISHER_ADD_CMD, &add));
	CHECK(sessions() == 1);
	shm_unlink(member.shm_name);
}

static void moving_the_token_keeps_the_session(void)
{
	int fd = open_device();
	char *token = map_token(fd);
	char *place = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	join(fd);
	CHECK(mremap(token, 4096, 8192, 0) == MAP_FAILED);
	CHECK(sessions() == 1);
	CHECK(mremap(token, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	CHECK(sessions() == 1);
	CHECK(!munmap(place, 4096));
	CHECK(sessions() == 0);
}

/* A member that ends in the way that @how says, while its child lives on. */
static void end_with_child(const char *how)
{
	int ready[2], fd, status;
	pid_t pid;
	char byte;

	CHECK(!pipe(ready));
	pid = fork();
	if (!pid) {
		fd = open_device();
		map_token(fd);
		join(fd);
		fcntl(fd, F_SETFD, 0);
		if (!fork()) {
			/* Holds the descriptor. */
			sleep(2);
			_exit(0);
		}
		CHECK(write(ready[1], "x", 1) == 1);
		if (!strcmp(how, "exec"))
			execl("/bin/sleep", "sleep", "2", NULL);
		if (!strcmp(how, "kill"))
			kill(getpid(), SIGKILL);
		if (!strcmp(how, "crash"))
			raise(SIGSEGV);
		_exit(0);
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(sessions_become(0));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

static void every_end_is_an_end(void)
{
	end_with_child("exit");
	end_with_child("kill");
	end_with_child("crash");
	end_with_child("exec");
}

static void rosters_are_read_only_for_ever(void)
{
	struct agnocast_fd args = { .fd_in = -1, .fd_out = -1 };
	char path[64];
	int fd = open_device(), writable;
	void *map;

	map_token(fd);
	join(fd);
	CHECK(!ioctl(fd, AGNOCAST_OPEN_ROSTERS_CMD, &args));
	CHECK(args.size >= AGNOCAST_ROSTERS_SIZE);
	map = mmap(NULL, args.size, PROT_READ, MAP_SHARED, args.fd_out, 0);
	CHECK(map != MAP_FAILED);
	CHECK(((struct agnocast_rosters *)map)->magic == AGNOCAST_ROSTERS_MAGIC);
	REFUSED(mprotect(map, 4096, PROT_READ | PROT_WRITE), EACCES);
	/* Root may reopen it for writing; it is sealed all the same. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", args.fd_out);
	writable = open(path, O_RDWR);
	if (writable >= 0) {
		REFUSED(pwrite(writable, "x", 1, 0), EPERM);
		REFUSED(ftruncate(writable, 0), EPERM);
		CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writable, 0) ==
		      MAP_FAILED && errno == EPERM);
		REFUSED(fallocate(writable, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
			EPERM);
	}
}

static void memory_of_the_killed_comes_back(void)
{
	char path[128] = "";
	struct stat st = { 0 };
	int name[2];
	pid_t pid;

	CHECK(!pipe(name));
	pid = fork();
	if (!pid) {
		int fd = open_device();
		struct agnocast_new_shm member;

		map_token(fd);
		member = join(fd);
		make_area(fd, &member);
		CHECK(write(name[1], member.shm_name, sizeof(member.shm_name)) > 0);
		pause();
	}
	memcpy(path, "/dev/shm", 8);
	CHECK(read(name[0], path + 8, AGNOCAST_SHM_NAME_MAX) == AGNOCAST_SHM_NAME_MAX);
	CHECK(!stat(path, &st) && st.st_blocks >= 2048);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 500 && st.st_blocks; i++) {
		usleep(10000);
		CHECK(!stat(path, &st));
	}
	CHECK(!st.st_blocks);
	CHECK(!unlink(path));
}

static void rmmod_while_in_use_is_busy(void)
{
	int fd = open_device();

	map_token(fd);
	join(fd);
	close(fd);
	/* The token alone holds it. */
	CHECK(system("rmmod agnocast 2>/dev/null") != 0);
	CHECK(sessions() == 1);
}

static void a_hundred_members_and_a_hundred_bystanders_exit_together(void)
{
	int go[2], ready[2];
	char byte;

	CHECK(!pipe(go) && !pipe(ready));
	for (int i = 0; i < 200; i++) {
		if (fork())
			continue;
		if (i % 2) {
			int fd = open_device();

			map_token(fd);
			join(fd);
		}
		close(go[1]);
		CHECK(write(ready[1], "x", 1) == 1);
		(void)!read(go[0], &byte, 1);
		_exit(0);
	}
	for (int i = 0; i < 200; i++)
		CHECK(read(ready[0], &byte, 1) == 1);
	CHECK(sessions() == 100);
	close(go[0]);
	close(go[1]);
	while (wait(NULL) > 0)
		;
	CHECK(sessions_become(0));
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "version_says_kernel", version_says_kernel },
	{ "unknown_commands_are_enotty", unknown_commands_are_enotty },
	{ "the_token_comes_first", the_token_comes_first },
	{ "token_mappings_of_other_kinds_are_refused", token_mappings_of_other_kinds_are_refused },
	{ "a_second_join_is_refused", a_second_join_is_refused },
	{ "bad_pointers_change_nothing", bad_pointers_change_nothing },
	{ "bad_areas_are_refused", bad_areas_are_refused },
	{ "a_forked_child_is_not_the_member", a_forked_child_is_not_the_member },
	{ "a_session_survives_its_descriptor", a_session_survives_its_descriptor },
	{ "moving_the_token_keeps_the_session", moving_the_token_keeps_the_session },
	{ "every_end_is_an_end", every_end_is_an_end },
	{ "rosters_are_read_only_for_ever", rosters_are_read_only_for_ever },
	{ "memory_of_the_killed_comes_back", memory_of_the_killed_comes_back },
	{ "rmmod_while_in_use_is_busy", rmmod_while_in_use_is_busy },
	{ "a_hundred_members_and_a_hundred_bystanders_exit_together",
	  a_hundred_members_and_a_hundred_bystanders_exit_together },
};

int main(int argc, char **argv)
{
	int good = 0, bad = 0;

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		int status = -1;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		fflush(stdout);
		pid = fork();
		if (!pid) {
			alarm(60);
			tests[i].run();
			fflush(stdout);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		printf("%s module.%s\n", status ? "not ok" : "ok", tests[i].name);
		*(status ? &bad : &good) += 1;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad ? 1 : 0;
}
