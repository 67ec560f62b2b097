// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace_victim.c - fails in each way that agnocast trace is to explain
 *
 *	trace_victim FAILURE [ADDRESS]
 *
 * FAILURE is a name of the table at the end, ADDRESS lies in the window. Exits
 * 0 if the kernel refused as planned; a fault ends it by its signal. Limits
 * that root is above of are met as user 65534.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uapi/agnocast.h>

#define NOBODY		65534
#define AREA		(UINT64_C(16) << 30)
#define MAP_WINDOW	(MAP_SHARED | MAP_FIXED_NOREPLACE)
#define RESERVE		(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE)

static char name[32], queue[32];

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "trace_victim: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* It must fail, and so. */
static void refused(int failed, int error, const char *what)
{
	if (!failed || errno != error) {
		fprintf(stderr, "trace_victim: %s: %s, wanted %s\n", what,
			failed ? strerror(errno) : "no failure", strerror(error));
		exit(1);
	}
}

static void limit(int resource, rlim_t value)
{
	struct rlimit now;

	need(!getrlimit(resource, &now), "getrlimit");
	now.rlim_cur = value;		/* the hard one may be below what root could raise */
	need(!setrlimit(resource, &now), "setrlimit");
}

static int area(int flags)
{
	int fd = shm_open(name, O_CREAT | O_RDWR, 0644);
	char path[64];

	need(fd >= 0, "shm_open");
	if ((flags & O_ACCMODE) == O_RDWR)
		return fd;
	close(fd);
	snprintf(path, sizeof(path), "/dev/shm%s", name);	/* shm_open() knows no O_WRONLY */
	fd = open(path, flags);
	need(fd >= 0, "open");
	return fd;
}

static void be_nobody(void)
{
	if (!getuid())
		need(!setgid(NOBODY) && !setuid(NOBODY), "setuid");
}

static void map_refused(char *at, uint64_t len, int prot, int flags, int fd, int error)
{
	refused(mmap(at, len, prot, flags, fd, 0) == MAP_FAILED, error, "mmap");
}

static void asan(char *at)
{
	map_refused(at, AREA, PROT_NONE, RESERVE, -1, EEXIST);
}

static void file(char *at)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	need(mmap(at + 8192, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd, 0) ==
	     at + 8192, "mmap of a file");
	map_refused(at, AREA, PROT_NONE, RESERVE, -1, EEXIST);
}

static void twice(char *at)
{
	int fd = area(O_RDWR);

	need(mmap(at, AREA, PROT_READ, MAP_WINDOW, fd, 0) == at, "mmap");
	map_refused(at, AREA, PROT_READ, MAP_WINDOW, fd, EEXIST);
}

static void access_denied(char *at)
{
	map_refused(at, 4096, PROT_READ | PROT_WRITE, MAP_WINDOW, area(O_RDONLY), EACCES);
}

static void write_only(char *at)
{
	map_refused(at, 4096, PROT_READ, MAP_WINDOW, area(O_WRONLY), EACCES);
}

static void invalid(char *at)
{
	map_refused(at + 1, 4096, PROT_READ, MAP_WINDOW, area(O_RDWR), EINVAL);
}

static void zero_length(char *at)
{
	map_refused(at + 1, 0, PROT_READ, MAP_WINDOW, area(O_RDWR), EINVAL);
}

static void at_zero(char *at)
{
	int fd = area(O_RDWR);

	(void)at;
	be_nobody();
	map_refused(NULL, 4096, PROT_READ, MAP_WINDOW, fd, EPERM);
}

static void beyond(char *at)
{
	(void)at;
	map_refused((char *)(UINT64_MAX / 2 + 1) - 4096, AREA, PROT_READ, MAP_WINDOW,
		    area(O_RDWR), ENOMEM);
}

static void address_limit(char *at)
{
	limit(RLIMIT_AS, UINT64_C(1) << 30);
	map_refused(at, AREA, PROT_READ, MAP_WINDOW, area(O_RDWR), ENOMEM);
}

/* Neighbours of unlike permission do not merge. */
static void many_maps(char *at)
{
	int fd = area(O_RDWR), prot = PROT_READ;

	while (mmap(NULL, 4096, prot ^= PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED)
		;
	map_refused(at, AREA, PROT_READ, MAP_WINDOW, fd, ENOMEM);
}

static void locked(char *at)
{
	int fd = area(O_RDWR);

	limit(RLIMIT_MEMLOCK, 8 << 20);
	be_nobody();
	need(!mlockall(MCL_FUTURE), "mlockall");
	map_refused(at, AREA, PROT_READ, MAP_WINDOW, fd, EAGAIN);
}

static void bad_fd(char *at)
{
	map_refused(at, 4096, PROT_READ, MAP_WINDOW, 12345, EBADF);
}

static void overwrite(char *at)
{
	need(mmap(at, AREA, PROT_NONE, RESERVE, -1, 0) == at, "reserve");
	need(mmap(at + 4096, 4096, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at + 4096, "MAP_FIXED");
}

/* What the library itself does there: no event. */
static void own_ways(char *at)
{
	int fd = area(O_RDWR);

	need(mmap(at, AREA, PROT_NONE, RESERVE, -1, 0) == at, "reserve");
	need(mmap(at, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == at, "map a peer");
	need(mmap(at, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		  -1, 0) == at, "unmap it");
}

static void file_limit(char *at)
{
	(void)at;
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, 65536);
	refused(ftruncate(area(O_RDWR), 1 << 20), EFBIG, "ftruncate");
}

static void full(char *at)
{
	(void)at;
	refused(fallocate(area(O_RDWR), 0, 0, 64 << 20), ENOSPC, "fallocate");
}

/* ftruncate promises nothing: the page is missing when it is touched. */
static void full_fault(char *at)
{
	int fd = area(O_RDWR);

	need(!ftruncate(fd, 64 << 20), "ftruncate");
	need(mmap(at, 64 << 20, PROT_READ | PROT_WRITE, MAP_WINDOW, fd, 0) == at, "mmap");
	memset(at, 1, 64 << 20);
}

static void cut(char *at)
{
	int fd = area(O_RDWR);

	need(!ftruncate(fd, 4096), "ftruncate");
	need(mmap(at, 65536, PROT_READ, MAP_WINDOW, fd, 0) == at, "mmap");
	exit(*(volatile char *)(at + 8192));
}

static void not_mapped(char *at)
{
	exit(*(volatile char *)at);
}

/* Another process's file, mapped for reading, as a subscriber does it. */
static void write_to_peer(char *at)
{
	char peer[32];
	int fd;

	snprintf(peer, sizeof(peer), "/agnocast@%d", getppid());
	fd = shm_open(peer, O_CREAT | O_RDWR, 0600);
	need(fd >= 0 && !ftruncate(fd, 4096), "shm_open");
	need(mmap(at, 4096, PROT_READ, MAP_WINDOW, fd, 0) == at, "mmap");
	shm_unlink(peer);
	*(volatile char *)at = 1;
}

static void no_descriptor(char *at)
{
	(void)at;
	limit(RLIMIT_NOFILE, 64);
	while (dup(0) >= 0)
		;
	refused(shm_open(name, O_CREAT | O_RDWR, 0600) < 0, EMFILE, "shm_open");
	refused(mq_open(queue, O_CREAT | O_RDWR, 0600, NULL) < 0, EMFILE, "mq_open");
}

static void left_over(char *at)
{
	(void)at;
	area(O_RDWR);
	refused(shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600) < 0, EEXIST, "shm_open");
}

static void no_owner(char *at)
{
	(void)at;
	refused(shm_open("/agnocast@4194305", O_RDONLY, 0) < 0, ENOENT, "shm_open");
}

static void no_right(char *at)
{
	int fd = area(O_RDWR);

	(void)at;
	need(!fchmod(fd, 0600), "fchmod");
	be_nobody();
	refused(shm_open(name, O_RDONLY, 0) < 0, EACCES, "shm_open");
}

static void link_there(char *at)
{
	char path[64];

	(void)at;
	snprintf(path, sizeof(path), "/dev/shm%s", name);
	need(!symlink("/etc/passwd", path), "symlink");
	refused(shm_open(name, O_RDONLY, 0) < 0, ELOOP, "shm_open");
}

static void queue_bytes(char *at)
{
	(void)at;
	limit(RLIMIT_MSGQUEUE, 1);
	be_nobody();
	refused(mq_open(queue, O_CREAT | O_RDWR, 0600, NULL) < 0, EMFILE, "mq_open");
}

static void queue_size(char *at)
{
	struct mq_attr attr = { .mq_maxmsg = 60000, .mq_msgsize = 8 };

	(void)at;
	be_nobody();
	refused(mq_open(queue, O_CREAT | O_RDWR, 0600, &attr) < 0, EINVAL, "mq_open");
}

/* In an IPC namespace of its own. */
static void queues_max(char *at)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char other[40];
	mqd_t mq = 0;

	(void)at;
	be_nobody();
	for (int i = 0; mq >= 0 && i < 1000000; i++) {
		snprintf(other, sizeof(other), "/other.%d.%d", getpid(), i);
		mq = mq_open(other, O_CREAT | O_RDWR, 0600, &attr);
		if (mq >= 0)
			mq_close(mq);
	}
	refused(mq_open(queue, O_CREAT | O_RDWR, 0600, &attr) < 0, ENOSPC, "mq_open");
}

static void no_queue(char *at)
{
	(void)at;
	refused(mq_open("/new_publisher@4194305", O_WRONLY) < 0, ENOENT, "mq_open");
}

static void message_size(char *at)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	mqd_t mq = mq_open(queue, O_CREAT | O_RDWR | O_NONBLOCK, 0600, &attr);
	char byte;

	(void)at;
	need(mq >= 0, "mq_open");
	refused(mq_send(mq, "123456789", 9, 0) < 0, EMSGSIZE, "mq_send");
	refused(mq_receive(mq, &byte, 1, NULL) < 0, EMSGSIZE, "mq_receive");
}

static void no_type(char *at)
{
	map_refused(at, 4096, PROT_READ, MAP_FIXED_NOREPLACE, area(O_RDWR), EINVAL);
}

static void reserved(char *at)
{
	need(mmap(at, AREA, PROT_NONE, RESERVE, -1, 0) == at, "reserve");
	map_refused(at, AREA, PROT_NONE, RESERVE, -1, EEXIST);
}

static void memory(char *at)
{
	need(mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	     at, "mmap");
	map_refused(at, AREA, PROT_NONE, RESERVE, -1, EEXIST);
}

static void may_not_lock(char *at)
{
	limit(RLIMIT_MEMLOCK, 0);
	be_nobody();
	map_refused(at, 4096, PROT_READ, RESERVE | MAP_LOCKED, -1, EPERM);
}

static void lock_limit(char *at)
{
	limit(RLIMIT_MEMLOCK, 4096);
	be_nobody();
	map_refused(at, 65536, PROT_READ, RESERVE | MAP_LOCKED, -1, EAGAIN);
}

static void reservation_limit(char *at)
{
	(void)at;
	limit(RLIMIT_AS, UINT64_C(1) << 30);
	map_refused((char *)AGNOCAST_WINDOW_BASE, AGNOCAST_AREA_SIZE * AGNOCAST_SESSIONS_MAX,
		    PROT_NONE, RESERVE, -1, ENOMEM);
}

/* With a /dev/shm that is mounted so. */
static void noexec(char *at)
{
	map_refused(at, 4096, PROT_READ | PROT_EXEC, MAP_WINDOW, area(O_RDWR), EPERM);
}

static void read_only_shm(char *at)
{
	(void)at;
	refused(shm_open(name, O_CREAT | O_RDWR, 0600) < 0, EROFS, "shm_open");
}

static void no_tmpfs(char *at)
{
	(void)at;
	refused(fallocate(area(O_RDWR), 0, 0, 4096), EOPNOTSUPP, "fallocate");
}

/* What it made stays: it is looked at later. */
static void no_inode(char *at)
{
	char path[64];
	int fd = 0;

	(void)at;
	for (int i = 0; fd >= 0 && i < 1000; i++) {
		snprintf(path, sizeof(path), "/dev/shm/filling.%d", i);
		fd = open(path, O_CREAT | O_RDWR, 0600);
		if (fd >= 0)
			close(fd);
	}
	refused(shm_open(name, O_CREAT | O_RDWR, 0600) < 0, ENOSPC, "shm_open");
}

static void file_limit_grow(char *at)
{
	(void)at;
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, 65536);
	refused(fallocate(area(O_RDWR), 0, 0, 1 << 20), EFBIG, "fallocate");
}

static void read_only_descriptor(char *at)
{
	int fd = area(O_RDONLY);

	(void)at;
	refused(ftruncate(fd, 4096), EINVAL, "ftruncate");
	refused(fallocate(fd, 0, 0, 4096), EBADF, "fallocate");
}

static void foreign_file(char *at)
{
	(void)at;
	need(!fchmod(area(O_RDWR), 0600), "fchmod");
	be_nobody();
	refused(shm_open(name, O_CREAT | O_RDWR, 0600) < 0, EACCES, "shm_open");
}

static void unmap_misaligned(char *at)
{
	refused(munmap(at + 1, 4096), EINVAL, "munmap");
}

static void unmap_splits(char *at)
{
	int prot = PROT_READ;

	need(mmap(at, 12288, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	     at, "mmap");
	while (mmap(NULL, 4096, prot ^= PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED)
		;
	refused(munmap(at + 4096, 4096), ENOMEM, "munmap");
}

static mqd_t small_queue(int flags)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	mqd_t mq = mq_open(queue, O_CREAT | O_NONBLOCK | flags, 0600, &attr);

	need(mq >= 0, "mq_open");
	return mq;
}

static void queue_left(char *at)
{
	(void)at;
	small_queue(O_RDWR);
	refused(mq_open(queue, O_CREAT | O_EXCL | O_RDWR, 0600, NULL) < 0, EEXIST, "mq_open");
}

static void queue_of_other_user(char *at)
{
	(void)at;
	small_queue(O_RDWR);
	be_nobody();
	refused(mq_open(queue, O_WRONLY) < 0, EACCES, "mq_open");
}

static void queue_closed(char *at)
{
	char message[8] = "";

	(void)at;
	refused(mq_send(small_queue(O_RDONLY), message, 1, 0) < 0, EBADF, "mq_send");
	refused(mq_receive(small_queue(O_WRONLY), message, 8, NULL) < 0, EBADF, "mq_receive");
}

/* Of the device, where there is one. */
static void unknown_command(char *at)
{
	int fd = open(AGNOCAST_DEVICE, O_RDWR);

	(void)at;
	need(fd >= 0, AGNOCAST_DEVICE);
	refused(ioctl(fd, _IO(0xA6, 0x7f)) < 0, ENOTTY, "ioctl");
}

static const struct {
	const char	*name;
	void		(*fail)(char *at);
} failures[] = {
	{ "access", access_denied },
	{ "address_limit", address_limit },
	{ "asan", asan },
	{ "at_zero", at_zero },
	{ "bad_fd", bad_fd },
	{ "beyond", beyond },
	{ "cut", cut },
	{ "empty", zero_length },
	{ "file", file },
	{ "file_limit", file_limit },
	{ "file_limit_grow", file_limit_grow },
	{ "foreign_file", foreign_file },
	{ "full", full },
	{ "full_fault", full_fault },
	{ "invalid", invalid },
	{ "left_over", left_over },
	{ "link", link_there },
	{ "lock_limit", lock_limit },
	{ "locked", locked },
	{ "many_maps", many_maps },
	{ "may_not_lock", may_not_lock },
	{ "memory", memory },
	{ "message_size", message_size },
	{ "no_descriptor", no_descriptor },
	{ "no_inode", no_inode },
	{ "no_owner", no_owner },
	{ "no_queue", no_queue },
	{ "no_right", no_right },
	{ "no_tmpfs", no_tmpfs },
	{ "no_type", no_type },
	{ "noexec", noexec },
	{ "not_mapped", not_mapped },
	{ "overwrite", overwrite },
	{ "own_ways", own_ways },
	{ "queue_bytes", queue_bytes },
	{ "queue_closed", queue_closed },
	{ "queue_left", queue_left },
	{ "queue_of_other_user", queue_of_other_user },
	{ "queue_size", queue_size },
	{ "queues_max", queues_max },
	{ "read_only_descriptor", read_only_descriptor },
	{ "read_only_shm", read_only_shm },
	{ "reservation_limit", reservation_limit },
	{ "reserved", reserved },
	{ "twice", twice },
	{ "unknown_command", unknown_command },
	{ "unmap_misaligned", unmap_misaligned },
	{ "unmap_splits", unmap_splits },
	{ "write_only", write_only },
	{ "write_to_peer", write_to_peer },
};

static void clean(void)
{
	shm_unlink(name);
	mq_unlink(queue);
}

int main(int argc, char **argv)
{
	char *at = (char *)(argc > 2 ? strtoull(argv[2], NULL, 0) : 0);

	snprintf(name, sizeof(name), "/agnocast@%d", getpid());
	snprintf(queue, sizeof(queue), "/new_publisher@%d", getpid());
	for (size_t i = 0; argc > 1 && i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (strcmp(argv[1], failures[i].name))
			continue;
		atexit(clean);
		failures[i].fail(at);
		return 0;
	}
	fputs("usage: trace_victim FAILURE [ADDRESS]\n", stderr);
	return 64;
}
