/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - processes that do to /dev/agnocast what no library would
 *
 * Most of it must only be survived: the verdict is the kernel log, which the
 * runner reads, and that nothing is left after each test. Each test is a
 * process of its own, as root.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

#define MAP_REFUSED(call, err) CHECK((call) == MAP_FAILED && errno == (err))

int open_device(int flags)
{
	int fd = open(AGNOCAST_DEVICE, flags | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void *map_token(int fd)
{
	void *token = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(token != MAP_FAILED);
	return token;
}

size_t sessions(void)
{
	struct registry_client observer;
	size_t count;

	observer_open(&observer);
	count = list_count(&observer, AGNOCAST_LIST_SESSIONS);
	registry_client_close(&observer);
	return count;
}

int list_with(int fd)
{
	struct agnocast_session_info page[4];
	struct agnocast_list list = { .what = AGNOCAST_LIST_SESSIONS, .buf = (uintptr_t)page,
				      .buf_len = sizeof(page) };

	return ioctl(fd, AGNOCAST_LIST_CMD, &list) ? -errno : (int)list.count;
}

int join_with(int fd, struct agnocast_new_shm *args)
{
	*args = (struct agnocast_new_shm){ .abi = AGNOCAST_ABI_VERSION };
	return ioctl(fd, AGNOCAST_NEW_SHM_CMD, args) ? -errno : 0;
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	CHECK(sendmsg(sock, &msg, 0) == 1);
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd;

	CHECK(recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* What a stranger can do with a member's descriptor. Its own namespace is another one. */
static void use_foreign_descriptor(int sock)
{
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 64 };
	struct agnocast_new_shm args;
	char byte;
	int fd;

	CHECK(!unshare(CLONE_NEWIPC));
	CHECK(sessions() == 0);
	fd = receive_fd(sock);
	CHECK(list_with(fd) == 1);
	REFUSED(ioctl(fd, PUB, &add), EPERM);
	CHECK(join_with(fd, &args) == -EPERM);
	/* A session of its own, in the world in which the descriptor was opened. */
	map_token(fd);
	CHECK(!join_with(fd, &args));
	CHECK(list_with(fd) == 2 && sessions() == 0);
	/* The opener dies. */
	CHECK(write(sock, "x", 1) == 1);
	while (list_with(fd) != 1)
		usleep(1000);
	REFUSED(ioctl(fd, PUB, &add), ENOTCONN);	/* its area is not ready */
	CHECK(read(sock, &byte, 1) == 0);
	_exit(0);
}

static void a_descriptor_that_is_passed_on_gives_nothing_away(void)
{
	int pair[2], status;
	pid_t opener, user;

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	user = fork();
	if (!user) {
		close(pair[0]);
		use_foreign_descriptor(pair[1]);
	}
	close(pair[1]);
	opener = fork();
	if (!opener) {
		struct member member;
		char byte;

		member_join(&member);
		send_fd(pair[0], member.client.fd);
		CHECK(read(pair[0], &byte, 1) == 1);
		kill(getpid(), SIGKILL);
	}
	close(pair[0]);
	waitpid(opener, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(waitpid(user, &status, 0) == user && !status);
}

/* Every command but VERSION and LIST, with whatever argument. */
static const unsigned int session_commands[] = {
	AGNOCAST_NEW_SHM_CMD, AGNOCAST_AREA_READY_CMD, AGNOCAST_OPEN_AREA_CMD,
	AGNOCAST_OPEN_ROSTERS_CMD, AGNOCAST_LEAVE_CMD, PUB, SUB, UNPUB, UNSUB,
	AGNOCAST_MAP_REPORT_CMD, AGNOCAST_CLEANED_CMD, AGNOCAST_BELL_CMD,
	AGNOCAST_OPEN_BELL_CMD, AGNOCAST_WAKE_CMD, AGNOCAST_ACKNOWLEDGE_CMD,
};

static void only_look_on_over(int fd)
{
	struct agnocast_version version;
	char buf[512] = { 0 };

	CHECK(!ioctl(fd, AGNOCAST_VERSION_CMD, &version));
	CHECK(list_with(fd) == (int)sessions());
	MAP_REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), EACCES);
	for (size_t i = 0; i < sizeof(session_commands) / sizeof(*session_commands); i++)
		REFUSED(ioctl(fd, session_commands[i], buf), EBADF);
	REFUSED(ioctl(fd, TCGETS, buf), ENOTTY);
}

static void a_session_wants_a_descriptor_open_for_both(void)
{
	int read_only = open_device(O_RDONLY), write_only = open_device(O_WRONLY);
	int path = open_device(O_PATH);
	struct member member;
	char buf[16], reopened[64];

	REFUSED(ioctl(path, AGNOCAST_VERSION_CMD, buf), EBADF);
	REFUSED(read(read_only, buf, sizeof(buf)), EINVAL);
	REFUSED(write(write_only, buf, sizeof(buf)), EINVAL);
	REFUSED(lseek(read_only, 0, SEEK_SET), ESPIPE);
	only_look_on_over(read_only);
	only_look_on_over(write_only);
	CHECK(sessions() == 0);
	/* Nor for one who has a session by another descriptor. */
	member_join(&member);
	only_look_on_over(read_only);
	only_look_on_over(write_only);
	snprintf(reopened, sizeof(reopened), "/proc/self/fd/%d", member.client.fd);
	only_look_on_over(open(reopened, O_RDONLY | O_CLOEXEC));
	CHECK(sessions() == 1);
	member_leave(&member);
}

/* Numbers that are others', that were, that never were. */
static void the_ids_of_others_are_of_no_use(void)
{
	struct crowd *crowd = crowd_start(1, NULL);
	uint64_t other = crowd->mate[0].shm.session;
	struct agnocast_endpoint_add mine, theirs;
	struct registry_client observer;
	struct snapshot before;
	struct member member, second = { 0 };
	int gone[2];

	observer_open(&observer);
	member_join(&member);
	CHECK(!member_add(&member, PUB, "/mine", 1, &mine));
	CHECK(!member_add(&member, SUB, "/gone", 1, &theirs));
	CHECK(!member_remove(&member, UNSUB, theirs.generation));
	before = snapshot_take(&observer);
	for (uint64_t id = other > 40 ? other - 40 : 0; id < mine.generation + 40; id++) {
		struct agnocast_map_report report = { .owner = id, .state = AGNOCAST_MAPPED,
						      .parts = 1 };
		struct agnocast_cleaned cleaned = { .session = id };
		struct agnocast_fd area = { .session = id, .fd_in = -1, .fd_out = -1 };

		if (id != mine.generation)
			CHECK(member_remove(&member, UNPUB, id) == -EBADF);
		CHECK(member_remove(&member, UNSUB, id) == -EBADF);
		if (id != mine.generation) {
			struct agnocast_wake wake = { .publisher = id };

			REFUSED(ioctl(member.client.fd, AGNOCAST_WAKE_CMD, &wake), EBADF);
		}
		REFUSED(ioctl(member.client.fd, AGNOCAST_MAP_REPORT_CMD, &report), ENOENT);
		REFUSED(ioctl(member.client.fd, AGNOCAST_CLEANED_CMD, &cleaned), ENOENT);
		if (id != other && id != member.shm.session)
			REFUSED(ioctl(member.client.fd, AGNOCAST_OPEN_AREA_CMD, &area), ENOENT);
	}
	CHECK(becomes(&observer, &before));

	/* A descriptor that is closed, and a number that has become another's. */
	second.client.fd = open_device(O_RDWR);
	close(second.client.fd);
	CHECK(ioctl(second.client.fd, PUB, &mine) == -1 && errno == EBADF);
	CHECK(!pipe(gone));
	REFUSED(ioctl(gone[0], PUB, &mine), ENOTTY);
	REFUSED(ioctl(gone[1], AGNOCAST_LIST_CMD, &mine), ENOTTY);
	member_leave(&member);
	crowd_end(crowd, 0);
}

static void tokens_at_odd_places_are_refused(void)
{
	static const off_t offset[] = { PAGE, 2 * PAGE, 1L << 40, 1L << 62, -PAGE };
	int fd = open_device(O_RDWR);
	struct agnocast_new_shm args;
	char *token;

	for (size_t i = 0; i < sizeof(offset) / sizeof(*offset); i++)
		CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset[i]) == MAP_FAILED);
	MAP_REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 1), EINVAL);
	MAP_REFUSED(mmap(NULL, PAGE + 1, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	MAP_REFUSED(mmap(NULL, 1 << 30, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
	MAP_REFUSED(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0), EACCES);
	MAP_REFUSED(mmap(NULL, PAGE, PROT_WRITE, MAP_PRIVATE, fd, 0), EACCES);
	CHECK(join_with(fd, &args) == -EINVAL);
	/* One byte is a page; none of its protections can be got back. */
	token = mmap(NULL, 1, PROT_NONE, MAP_SHARED | MAP_POPULATE | MAP_LOCKED, fd, 0);
	CHECK(token != MAP_FAILED && !join_with(fd, &args));
	REFUSED(mprotect(token, PAGE, PROT_READ | PROT_EXEC), EACCES);
	REFUSED(mprotect(token, PAGE, PROT_WRITE), EACCES);
	CHECK(!mprotect(token, PAGE, PROT_READ));
	REFUSED(madvise(token, PAGE, MADV_DOFORK), EINVAL);
	madvise(token, PAGE, MADV_DONTNEED);
	madvise(token, PAGE, MADV_REMOVE);
	madvise(token, PAGE, MADV_POPULATE_READ);
	madvise(token, PAGE, MADV_PAGEOUT);
	mlock(token, PAGE);
	CHECK(sessions() == 1);
}

/* Every way to map, move and replace it, with the count of sessions after each. */
static void a_token_that_is_replaced_ends_its_session(void)
{
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 64 };
	int fd = open_device(O_RDWR);
	struct agnocast_new_shm args;
	char *token = map_token(fd);

	CHECK(!join_with(fd, &args) && sessions() == 1);
	/* Not allowed to duplicate it. */
	CHECK(mremap(token, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(mremap(token, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	CHECK(sessions() == 1);
	/* By a mapping that is refused: the old one may or may not be gone. */
	mmap(token, PAGE, PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	munmap(token, PAGE);
	CHECK(sessions() == 0);
	/* By another token: another session. */
	for (int i = 0; i < 100; i++) {
		if (mmap(token, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != token)
			CHECK(errno == EEXIST && !munmap(token, PAGE));
		else
			CHECK(!join_with(fd, &args) && sessions() == 1);
	}
	syscall(SYS_remap_file_pages, token, PAGE, 0, 0, 0);
	munmap(token, PAGE);
	CHECK(sessions() == 0);
	/* By ordinary memory. */
	CHECK(mmap(token, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == token);
	CHECK(!join_with(fd, &args) && sessions() == 1);
	CHECK(mmap(token, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == token);
	CHECK(sessions() == 0);
	CHECK(join_with(fd, &args) == -EINVAL);
	REFUSED(ioctl(fd, PUB, &add), ENOTCONN);
}

static void touching_the_token_is_a_bus_error(void)
{
	int mem, status;
	pid_t pid = fork();

	if (!pid) {
		int fd = open_device(O_RDWR);
		struct agnocast_new_shm args;
		volatile char *token = map_token(fd);
		char byte;

		CHECK(!join_with(fd, &args));
		mem = open("/proc/self/mem", O_RDWR);
		CHECK(pread(mem, &byte, 1, (off_t)(uintptr_t)token) < 0);
		CHECK(pwrite(mem, &byte, 1, (off_t)(uintptr_t)token) < 0);
		CHECK(write(mem, (char *)token, 1) < 0);
		(void)*token;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static const unsigned int commands[] = {
	AGNOCAST_VERSION_CMD, AGNOCAST_AREA_READY_CMD, AGNOCAST_OPEN_AREA_CMD,
	AGNOCAST_OPEN_ROSTERS_CMD, PUB, SUB, UNPUB, UNSUB,
	AGNOCAST_MAP_REPORT_CMD, AGNOCAST_CLEANED_CMD, AGNOCAST_LIST_CMD,
	AGNOCAST_BELL_CMD, AGNOCAST_WAKE_CMD, AGNOCAST_ACKNOWLEDGE_CMD, AGNOCAST_LEAVE_CMD,
};

/* A page, and nothing behind it. */
static char *page_at_the_edge(int prot)
{
	char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED && !munmap(at + PAGE, PAGE));
	CHECK(!mprotect(at, PAGE, prot));
	return at;
}

static int lowest_free_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

/* Arguments that cannot be read at all, only in part, or not be written back. */
static void faults_in_every_command_change_nothing(void)
{
	char *edge = page_at_the_edge(PROT_READ | PROT_WRITE), *none = page_at_the_edge(PROT_NONE);
	struct agnocast_new_shm *new_shm = (void *)(edge + 512);
	struct registry_client observer;
	struct snapshot before;
	struct member member;
	int fds;

	observer_open(&observer);
	CHECK(!member_open(&member));
	/* The join worked, but nobody would know of it: undone. */
	new_shm->abi = AGNOCAST_ABI_VERSION;
	mprotect(edge, PAGE, PROT_READ);
	REFUSED(ioctl(member.client.fd, AGNOCAST_NEW_SHM_CMD, new_shm), EFAULT);
	CHECK(sessions() == 0);
	mprotect(edge, PAGE, PROT_READ | PROT_WRITE);
	registry_client_close(&member.client);

	member_join(&member);
	CHECK(!member_add(&member, PUB, "/a", 1, NULL));
	before = snapshot_take(&observer);
	fds = lowest_free_fd();
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		size_t size = _IOC_SIZE(commands[i]);

		REFUSED(ioctl(member.client.fd, commands[i], NULL), EFAULT);
		REFUSED(ioctl(member.client.fd, commands[i], none), EFAULT);
		REFUSED(ioctl(member.client.fd, commands[i], -1UL), EFAULT);
		REFUSED(ioctl(member.client.fd, commands[i], 1UL << 63), EFAULT);
		for (size_t n = 1; n < size; n++)
			REFUSED(ioctl(member.client.fd, commands[i], edge + PAGE - n), EFAULT);
	}
	CHECK(lowest_free_fd() == fds);
	CHECK(becomes(&observer, &before));
	member_leave(&member);
}

/* The arguments are good, the answer cannot be delivered. */
static void answers_that_cannot_be_delivered_are_undone(void)
{
	char *page = page_at_the_edge(PROT_READ | PROT_WRITE);
	struct agnocast_endpoint_add add = { .topic = "/a", .depth = 1, .block = 64 };
	struct agnocast_fd rosters = { .fd_in = -1, .fd_out = -1 };
	struct agnocast_list list = { .what = AGNOCAST_LIST_ENDPOINTS, .buf_len = PAGE };
	struct registry_client observer;
	struct snapshot before;
	struct member member;
	int fds, dev;

	observer_open(&observer);
	member_join(&member);
	dev = member.client.fd;
	for (unsigned int i = 0; i < 40; i++)
		CHECK(!member_add(&member, SUB, "/a", i + 1, NULL));
	before = snapshot_take(&observer);
	fds = lowest_free_fd();

	add.peers = (uintptr_t)page + PAGE - 10 * sizeof(struct agnocast_peer);
	add.peers_len = ~0ULL;
	memcpy(page, &add, sizeof(add));
	for (int i = 0; i < 600; i++)
		REFUSED(ioctl(dev, PUB, page), EFAULT);
	list.buf = (uintptr_t)page + PAGE - 100;
	REFUSED(ioctl(dev, AGNOCAST_LIST_CMD, &list), EFAULT);
	list.buf = ~0ULL - 100;
	REFUSED(ioctl(dev, AGNOCAST_LIST_CMD, &list), EFAULT);
	memcpy(page + 1024, &rosters, sizeof(rosters));
	rosters.session = member.shm.session;
	memcpy(page + 2048, &rosters, sizeof(rosters));
	mprotect(page, PAGE, PROT_READ);
	for (int i = 0; i < 600; i++) {
		REFUSED(ioctl(dev, AGNOCAST_OPEN_ROSTERS_CMD, page + 1024), EFAULT);
		REFUSED(ioctl(dev, AGNOCAST_OPEN_AREA_CMD, page + 2048), EFAULT);
	}
	CHECK(lowest_free_fd() == fds);
	CHECK(becomes(&observer, &before));
	member_leave(&member);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "a_descriptor_that_is_passed_on_gives_nothing_away",
	  a_descriptor_that_is_passed_on_gives_nothing_away },
	{ "a_session_wants_a_descriptor_open_for_both", a_session_wants_a_descriptor_open_for_both },
	{ "the_ids_of_others_are_of_no_use", the_ids_of_others_are_of_no_use },
	{ "tokens_at_odd_places_are_refused", tokens_at_odd_places_are_refused },
	{ "a_token_that_is_replaced_ends_its_session", a_token_that_is_replaced_ends_its_session },
	{ "touching_the_token_is_a_bus_error", touching_the_token_is_a_bus_error },
	{ "faults_in_every_command_change_nothing", faults_in_every_command_change_nothing },
	{ "answers_that_cannot_be_delivered_are_undone",
	  answers_that_cannot_be_delivered_are_undone },
	{ "a_session_may_end_inside_its_own_commands", a_session_may_end_inside_its_own_commands },
	{ "a_descriptor_may_be_closed_inside_its_own_commands",
	  a_descriptor_may_be_closed_inside_its_own_commands },
	{ "a_process_may_die_inside_its_commands", a_process_may_die_inside_its_commands },
	{ "who_holds_an_inode_lock_delays_nobody_else",
	  who_holds_an_inode_lock_delays_nobody_else },
	{ "threads_race_on_one_session", threads_race_on_one_session },
	{ "joiners_killed_at_random", joiners_killed_at_random },
	{ "rmmod_while_others_list", rmmod_while_others_list },
};

static bool nothing_is_left(void)
{
	struct registry_client observer;
	bool nothing = true;

	observer_open(&observer);
	for (unsigned int what = AGNOCAST_LIST_SESSIONS; what < AGNOCAST_LIST_STALE; what++)
		nothing = nothing && count_becomes(&observer, what, 0);
	registry_client_close(&observer);
	return nothing;
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("HOSTILE_SECONDS");
	int good = 0, bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		int status = -1;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], tests[i].name))
			continue;
		pid = fork();
		if (!pid) {
			alarm(180 + (seconds ? (unsigned int)atoi(seconds) : 0));
			tests[i].run();
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (!nothing_is_left()) {
			printf("  something is left of it\n");
			status = 1;
		}
		printf("%s hostile.%s\n", status ? "not ok" : "ok", tests[i].name);
		*(status ? &bad : &good) += 1;
	}
	printf("%d passed, %d failed\n", good, bad);
	return bad ? 1 : 0;
}
