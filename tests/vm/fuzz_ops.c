/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_ops.c - one random thing after the other
 *
 * Arguments are made to be right, so that something happens, and one in four
 * is spoilt afterwards. Nothing is checked here: the kernel log is the verdict.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uapi/agnocast.h>

#define PAGE 4096
#define FDS 12

static const struct {
	unsigned int cmd;
	unsigned int often;		/* in a thousand */
	const char *name;
} commands[] = {
	{ AGNOCAST_VERSION_CMD, 10, "VERSION" },
	{ AGNOCAST_NEW_SHM_CMD, 70, "NEW_SHM" },
	{ AGNOCAST_AREA_READY_CMD, 90, "AREA_READY" },
	{ AGNOCAST_OPEN_AREA_CMD, 60, "OPEN_AREA" },
	{ AGNOCAST_OPEN_ROSTERS_CMD, 40, "OPEN_ROSTERS" },
	{ AGNOCAST_LEAVE_CMD, 2, "LEAVE" },
	{ AGNOCAST_PUBLISHER_ADD_CMD, 118, "PUBLISHER_ADD" },
	{ AGNOCAST_SUBSCRIBER_ADD_CMD, 120, "SUBSCRIBER_ADD" },
	{ AGNOCAST_PUBLISHER_REMOVE_CMD, 80, "PUBLISHER_REMOVE" },
	{ AGNOCAST_SUBSCRIBER_REMOVE_CMD, 80, "SUBSCRIBER_REMOVE" },
	{ AGNOCAST_MAP_REPORT_CMD, 150, "MAP_REPORT" },
	{ AGNOCAST_ACKNOWLEDGE_CMD, 20, "ACKNOWLEDGE" },
	{ AGNOCAST_BELL_CMD, 15, "BELL" },
	{ AGNOCAST_WAKE_CMD, 25, "WAKE" },
	{ AGNOCAST_CLEANED_CMD, 20, "CLEANED" },
	{ AGNOCAST_LIST_CMD, 100, "LIST" },
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* What the threads of one process fight over. Races in here are wanted. */
static struct {
	volatile int fd[FDS];		/* of the device, or anything else */
	void *volatile token;
	volatile uint64_t mine;		/* the last generation that this process got */
	char	*edge;			/* a page with nothing behind it */
	char	*read_only;
	char	*never;			/* PROT_NONE */
	void	*room;			/* for answers */
} own;

static __thread uint64_t state;

const char *fuzz_command_name(size_t index)
{
	return index < COMMANDS ? commands[index].name : NULL;
}

/* splitmix64 */
static uint64_t any(void)
{
	uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static unsigned int below(unsigned int n)
{
	return (unsigned int)(any() % n);
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

static void remember(struct fuzz_ids *ids, uint64_t id)
{
	uint32_t at = __atomic_fetch_add(&ids->count, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&ids->id[at % FUZZ_IDS], id, __ATOMIC_RELAXED);
}

/* Mostly one that somebody was given lately. */
static uint64_t some_id(struct fuzz_ids *ids)
{
	uint64_t id = __atomic_load_n(&ids->id[below(FUZZ_IDS)], __ATOMIC_RELAXED);

	return one_in(16) ? any() : one_in(8) ? id + below(5) - 2 : id;
}

static int some_fd(void)
{
	return one_in(50) ? (int)below(40) + 3 : own.fd[below(FDS)];
}

/* --- arguments, right but for what chance has in it */

static void make_add(struct agnocast_endpoint_add *add)
{
	snprintf(add->topic, sizeof(add->topic), "/fuzz%u", below(8));
	snprintf(add->node, sizeof(add->node), "node%u", below(8));
	if (one_in(30))
		memset(add->topic + 1, 'x', sizeof(add->topic) - 1 - below(3));
	add->block = 64ULL * (1 + below(100));
	add->depth = 1 + below(20);
	add->flags = below(4);
	if (one_in(2)) {
		add->peers = one_in(10) ? (uintptr_t)own.edge + PAGE - below(400)
					: (uintptr_t)own.room;
		add->peers_len = below(20) * sizeof(struct agnocast_peer);
	}
}

static void make_report(struct fuzz_shared *shared, struct agnocast_map_report *report)
{
	report->owner = some_id(&shared->sessions);
	report->state = 1 + below(4);
	report->parts = report->state == AGNOCAST_UNMAPPED ? 0 : 1 + below(3);
	report->error = report->state == AGNOCAST_REFUSED ? 1 + below(100) : 0;
}

static void make_list(struct agnocast_list *list)
{
	list->what = 1 + below(5);
	list->cursor = one_in(3) ? any() : 0;
	list->buf = one_in(10) ? (uintptr_t)own.edge + PAGE - below(1000) : (uintptr_t)own.room;
	list->buf_len = one_in(5) ? any() : 400 + below(30000);
}

/* Mostly the own publisher wakes others of its topic, if they are. */
static void make_wake(struct fuzz_shared *shared, struct agnocast_wake *wake)
{
	struct agnocast_sleeper *sleepers = own.room;
	unsigned int count = one_in(10) ? below(600) : below(12);

	for (unsigned int i = 0; i < count; i++)
		sleepers[i] = (struct agnocast_sleeper){ some_id(&shared->generations), below(2), 0 };
	wake->publisher = one_in(5) ? some_id(&shared->generations) : own.mine;
	wake->sleepers = (uintptr_t)sleepers;
	wake->sleepers_len = count * sizeof(*sleepers);
}

static void make_fd(struct fuzz_shared *shared, unsigned int cmd, struct agnocast_fd *args)
{
	args->fd_in = -1;
	args->fd_out = -1;
	if (cmd == AGNOCAST_OPEN_AREA_CMD)
		args->session = some_id(&shared->sessions);
	if (cmd == AGNOCAST_AREA_READY_CMD)
		args->fd_in = some_fd();
}

static void make(struct fuzz_shared *shared, unsigned int cmd, void *args)
{
	switch (cmd) {
	case AGNOCAST_NEW_SHM_CMD:
		*(struct agnocast_new_shm *)args = (struct agnocast_new_shm){
			.abi = AGNOCAST_ABI_VERSION, .mempool_size = any() };
		break;
	case AGNOCAST_AREA_READY_CMD:
	case AGNOCAST_OPEN_AREA_CMD:
	case AGNOCAST_OPEN_ROSTERS_CMD:
		make_fd(shared, cmd, args);
		break;
	case AGNOCAST_PUBLISHER_ADD_CMD:
	case AGNOCAST_SUBSCRIBER_ADD_CMD:
		make_add(args);
		break;
	case AGNOCAST_PUBLISHER_REMOVE_CMD:
	case AGNOCAST_SUBSCRIBER_REMOVE_CMD:
		*(uint64_t *)args = one_in(3) ? some_id(&shared->generations) : own.mine;
		break;
	case AGNOCAST_ACKNOWLEDGE_CMD:
	case AGNOCAST_CLEANED_CMD:
		*(uint64_t *)args = some_id(&shared->sessions);
		break;
	case AGNOCAST_MAP_REPORT_CMD:
		make_report(shared, args);
		break;
	case AGNOCAST_BELL_CMD:
		*(struct agnocast_bell *)args = (struct agnocast_bell){ .bell = below(2) };
		((struct agnocast_bell *)args)->fd_in = some_fd();
		break;
	case AGNOCAST_WAKE_CMD:
		make_wake(shared, args);
		break;
	case AGNOCAST_LIST_CMD:
		make_list(args);
		break;
	}
}

static void spoil(char *args, size_t size)
{
	static const uint64_t odd[] = { 0, 1, 64, 4095, 4096, 1ULL << 31, 1ULL << 32, ~0ULL >> 1,
					~0ULL, 1ULL << 47, 0xffff800000000000ULL };
	uint64_t value = one_in(2) ? odd[below(sizeof(odd) / sizeof(*odd))] : any();
	size_t width = 1U << below(4);
	size_t at = below((unsigned int)size) / width * width;

	memcpy(args + at, &value, at + width <= size ? width : size - at);
}

/* Where they lie: mostly where they can be read and written. */
static void *place(const void *args, size_t size)
{
	char *at;

	switch (below(40)) {
	case 0: return own.never;
	case 1: return own.read_only + below(PAGE - 512);
	case 2: return (void *)(uintptr_t)any();
	case 3: at = own.edge + PAGE - size / 2; size /= 2; break;
	case 4: at = own.edge + PAGE - size; break;
	default: return NULL;
	}
	memcpy(at, args, size);
	return at;
}

static void keep(struct fuzz_shared *shared, unsigned int cmd, const void *args)
{
	const struct agnocast_endpoint_add *add = args;
	int fd;

	switch (cmd) {
	case AGNOCAST_NEW_SHM_CMD:
		remember(&shared->sessions, ((const struct agnocast_new_shm *)args)->session);
		break;
	case AGNOCAST_PUBLISHER_ADD_CMD:
	case AGNOCAST_SUBSCRIBER_ADD_CMD:
		own.mine = add->generation;
		remember(&shared->generations, add->generation);
		break;
	case AGNOCAST_OPEN_AREA_CMD:
	case AGNOCAST_OPEN_ROSTERS_CMD:
		fd = ((const struct agnocast_fd *)args)->fd_out;
		close(one_in(20) ? dup2(fd, own.fd[below(FDS)]) : fd);
		break;
	}
}

static size_t some_command(void)
{
	unsigned int at = below(1000);
	size_t i = 0;

	while (i < COMMANDS - 1 && at >= commands[i].often)
		at -= commands[i++].often;
	return i;
}

static void command(struct fuzz_shared *shared)
{
	char args[512] = { 0 };
	size_t index = some_command();
	unsigned int cmd = commands[index].cmd;
	int lent = -1, ret;
	void *at;

	make(shared, cmd, args);
	if (cmd == AGNOCAST_AREA_READY_CMD && !one_in(3)) {
		lent = memfd_create("area", MFD_CLOEXEC);
		((struct agnocast_fd *)args)->fd_in = lent;
	}
	if (cmd == AGNOCAST_BELL_CMD && !one_in(3)) {
		lent = eventfd(0, EFD_CLOEXEC);
		((struct agnocast_bell *)args)->fd_in = lent;
	}
	while (one_in(5))
		spoil(args, _IOC_SIZE(cmd));
	at = place(args, _IOC_SIZE(cmd));
	if (one_in(100))
		cmd ^= 1U << below(32);
	ret = ioctl(some_fd(), cmd, at ? at : args);
	if (ret >= 0 && !at && cmd == commands[index].cmd)
		keep(shared, cmd, args);
	ret = ret < 0 ? errno : 0;
	__atomic_add_fetch(&shared->result[index][ret < FUZZ_ERRNOS ? ret : FUZZ_ERRNOS - 1], 1,
			   __ATOMIC_RELAXED);
	if (lent >= 0)
		close(lent);
}

/* --- everything but commands */

static void open_or_close(void)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_PATH };
	unsigned int i = below(FDS);
	int fd = own.fd[i];

	own.fd[i] = one_in(10) ? dup(fd) :
		    open(AGNOCAST_DEVICE,
			 (one_in(10) ? modes[below(3)] : O_RDWR) | O_CLOEXEC);
	close(fd);
}

static void map_token(void)
{
	void *at = one_in(15) ? own.token : NULL;
	/* At a place it must not be larger: there are others behind it. */
	void *map = mmap(at, !at && one_in(20) ? below(3 * PAGE) : PAGE,
			 one_in(20) ? (int)below(8) : PROT_READ,
			 (one_in(10) ? MAP_PRIVATE : MAP_SHARED) | (at ? MAP_FIXED : 0) |
			 (one_in(20) ? MAP_POPULATE | MAP_LOCKED : 0),
			 some_fd(), one_in(20) ? (off_t)(any() & ~4095ULL) : 0);

	if (map != MAP_FAILED)
		own.token = map;
}

static void change_token(void)
{
	void *token = own.token, *to;

	switch (below(8)) {
	case 0: munmap(token, PAGE); break;
	case 1: mprotect(token, PAGE, (int)below(8)); break;
	case 2: mlock(token, PAGE); break;
	case 3: madvise(token, PAGE, (int)below(26)); break;
	case 4: msync(token, PAGE, MS_SYNC); break;
	case 5: syscall(SYS_remap_file_pages, token, PAGE, 0, below(2), 0); break;
	default:
		to = mremap(token, one_in(10) ? 0 : PAGE, PAGE * (1 + one_in(5)),
			    one_in(5) ? MREMAP_MAYMOVE | MREMAP_DONTUNMAP : MREMAP_MAYMOVE);
		if (to != MAP_FAILED)
			own.token = to;
	}
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
	sendmsg(sock, &msg, MSG_DONTWAIT);
}

static void receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	unsigned int i = below(FDS);

	if (recvmsg(sock, &msg, MSG_DONTWAIT) != 1 || !CMSG_FIRSTHDR(&msg))
		return;
	close(own.fd[i]);
	memcpy((void *)&own.fd[i], CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
}

static void pass_fd(struct fuzz_shared *shared)
{
	if (one_in(2))
		send_fd(shared->pass[0], some_fd());
	else
		receive_fd(shared->pass[1]);
}

/* A child uses what it inherited, and ends somehow. */
static void fork_child(struct fuzz_shared *shared)
{
	unsigned int how = below(4);
	uint64_t seed = any();
	pid_t pid = fork();

	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid)
		return;
	state = seed;
	alarm(5);
	for (unsigned int i = below(30); i; i--)
		one_in(4) ? map_token() : command(shared);
	if (how == 0)
		execl("/bin/true", "true", NULL);
	if (how == 1)
		raise(SIGKILL);
	_exit(0);
}

static void ordinary_calls(void)
{
	char buf[64];
	int fd = some_fd();

	switch (below(6)) {
	case 0: (void)!read(fd, buf, sizeof(buf)); break;
	case 1: (void)!write(fd, buf, sizeof(buf)); break;
	case 2: lseek(fd, (off_t)any(), SEEK_SET); break;
	case 3: fcntl(fd, F_SETFL, (int)below(4) * O_NONBLOCK); break;
	case 4: fallocate(fd, 0, 0, PAGE); break;
	case 5: fsync(fd); break;
	}
}

static void other(struct fuzz_shared *shared)
{
	switch (below(12)) {
	case 0: case 1: open_or_close(); break;
	case 2: case 3: case 4: map_token(); break;
	case 5: if (one_in(4)) change_token(); break;
	case 6: case 7: pass_fd(shared); break;
	case 8: if (one_in(10)) fork_child(shared); break;
	case 9: ordinary_calls(); break;
	case 10: mprotect(own.read_only, PAGE, one_in(2) ? PROT_READ : PROT_READ | PROT_WRITE); break;
	case 11: madvise(own.room, 1 << 16, MADV_DONTNEED); break;
	}
	__atomic_add_fetch(&shared->others, 1, __ATOMIC_RELAXED);
}

/*
 * 4 GiB of nothing but our pages: an address of which half was spoilt must not
 * make the kernel write into our own stacks.
 */
static char *reserve(void)
{
	const uintptr_t half = 1ULL << 32;
	char *at = mmap(NULL, 2 * half, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);

	if (at == MAP_FAILED)
		_exit(1);
	return (char *)(((uintptr_t)at + half - 1) & ~(half - 1));
}

static void prepare(void)
{
	char *at = reserve();

	own.never = at;
	own.edge = at + (1 << 20);
	own.read_only = at + (2 << 20);
	own.room = at + (1 << 30);
	if (mprotect(own.edge, PAGE, PROT_READ | PROT_WRITE) ||
	    mprotect(own.read_only, PAGE, PROT_READ) ||
	    mprotect(own.room, 1 << 16, PROT_READ | PROT_WRITE))
		_exit(1);
	for (unsigned int i = 0; i < FDS; i++)
		own.fd[i] = open(AGNOCAST_DEVICE, O_RDWR | O_CLOEXEC);
}

void fuzz_work(struct fuzz_shared *shared, uint64_t seed, unsigned int count)
{
	state = seed;
	if (!own.edge)
		prepare();
	while (count--)
		one_in(5) ? other(shared) : command(shared);
}
