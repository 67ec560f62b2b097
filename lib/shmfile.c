/* SPDX-License-Identifier: BSD-2-Clause */
/* shmfile.c - the file /dev/shm/agnocast@<pid> of this process */

#define _GNU_SOURCE 1
#include "shmfile.h"

#include <linux/falloc.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>

#include "raw.h"
#include "text.h"

#define SHM_DIR		"/dev/shm"
#define SHM_MODE	0640
#define ALL_MODES	07777
#define LOCK_TRIES	100	/* 1 ms each */

static int stat_fd(int fd, struct stat *st)
{
	int saved = errno;
	int ret = fstat(fd, st) ? -errno : 0;

	errno = saved;
	return ret;
}

static int stat_path(const char *path, struct stat *st)
{
	int saved = errno;
	int ret = stat(path, st) ? -errno : 0;

	errno = saved;
	return ret;
}

/* Does @path still name the file that @fd is open on? */
static bool still_named(const char *path, int fd)
{
	struct stat by_fd, by_path;

	return !stat_fd(fd, &by_fd) && !stat_path(path, &by_path) &&
	       by_fd.st_dev == by_path.st_dev && by_fd.st_ino == by_path.st_ino;
}

/* Cleaners hold the lock for microseconds; somebody who does not is a reason. */
static int lock_file(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	long ret;

	for (int i = 0; i < LOCK_TRIES; i++) {
		ret = raw_call(SYS_flock, fd, LOCK_EX | LOCK_NB);
		if (ret != -EWOULDBLOCK && ret != -EINTR)
			return (int)ret;
		raw_call(SYS_nanosleep, &pause, NULL);
	}
	return -EBUSY;
}

/*
 * The name is of an earlier process with our pid. Under the file's lock, so
 * that a cleaner at the same work cannot remove the name that we make next.
 */
static int remove_stale(const char *path, uint32_t pid)
{
	int fd = raw_open(path, O_RDWR | O_NOFOLLOW, 0), ret;
	char queue[32];

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	ret = lock_file(fd);
	if (!ret && still_named(path, fd)) {
		snprintf(queue, sizeof(queue), "new_publisher@%u", pid);
		raw_call(SYS_mq_unlink, queue);
		ret = (int)raw_call(SYS_unlinkat, AT_FDCWD, path, 0);
	}
	raw_close(fd);
	return ret == -ENOENT ? 0 : ret;
}

/* Let the group that may use the registry read it; otherwise only the user can. */
static void set_access(int fd, const struct stat *now, const char *group_of)
{
	struct stat st;

	if (!stat_path(group_of, &st) && st.st_gid != now->st_gid)
		raw_call(SYS_fchown, fd, -1, st.st_gid);
	if ((now->st_mode & ALL_MODES) != SHM_MODE)	/* umask */
		raw_call(SYS_fchmod, fd, SHM_MODE);
}

/* Anything else promises no memory, or writes it to a disk. */
static int check_tmpfs(int fd, char *why, size_t len)
{
	struct statfs fs;

	if (!raw_call(SYS_fstatfs, fd, &fs) && fs.f_type == TMPFS_MAGIC)
		return 0;
	snprintf(why, len, SHM_DIR " is no tmpfs here: it must be one to be shared memory "
		 "(mount -t tmpfs tmpfs " SHM_DIR ")");
	return -EMEDIUMTYPE;
}

/* The inode is open or mapped, so its number is nobody else's. */
static bool has_name(const struct shmfile *file)
{
	struct stat st;

	return !stat_path(file->path, &st) && st.st_dev == file->dev && st.st_ino == file->ino;
}

static int open_new(struct shmfile *file, const char *name)
{
	strcpy(file->path, SHM_DIR);
	text_add(file->path, sizeof(file->path), name);
	return raw_open(file->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, SHM_MODE);
}

/* @fd is new; on failure it is closed, and its name gone. */
static int make_ours(struct shmfile *file, int fd, const char *group_of, char *why, size_t len)
{
	struct stat st;
	int ret;

	fd = raw_raise(fd);
	ret = stat_fd(fd, &st);
	if (ret)
		snprintf(why, len, "cannot look at the new %s: %s", file->path,
			 strerrordesc_np(-ret));
	else
		ret = check_tmpfs(fd, why, len);
	if (ret) {
		raw_call(SYS_unlinkat, AT_FDCWD, file->path, 0);
		raw_close(fd);
		return ret;
	}
	set_access(fd, &st, group_of);
	file->fd = fd;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	return 0;
}

int shmfile_create(struct shmfile *file, const char *name, uint32_t pid,
		   const char *group_of, char *why, size_t len)
{
	int fd = -EEXIST, ret = 0;

	for (int i = 0; i < 3 && fd == -EEXIST && !ret; i++) {
		fd = open_new(file, name);
		if (fd == -EEXIST)
			ret = remove_stale(file->path, pid);
	}
	if (fd == -EEXIST) {
		snprintf(why, len, "%s is left of a dead process and cannot be removed (%s): "
			 "run `agnocast doctor --clean` as its owner or as root",
			 file->path, strerrordesc_np(ret ? -ret : EEXIST));
		return ret ? ret : -EEXIST;
	}
	if (fd < 0) {
		snprintf(why, len, "cannot create the shared memory %s: %s", file->path,
			 strerrordesc_np(-fd));
		return fd;
	}
	return make_ours(file, fd, group_of, why, len);
}

int shmfile_create_early(struct shmfile *file, const char *name, const char *group_of)
{
	char why[256];
	int fd = open_new(file, name);

	return fd < 0 ? fd : make_ours(file, fd, group_of, why, sizeof(why));
}

bool shmfile_is_named(const struct shmfile *file, const char *name)
{
	return file->fd >= 0 && !strcmp(file->path + strlen(SHM_DIR), name) && has_name(file);
}

static bool is_file(const struct shmfile *file, int fd)
{
	struct stat st;

	return fd >= 0 && !stat_fd(fd, &st) && st.st_dev == file->dev &&
	       st.st_ino == file->ino;
}

int shmfile_fd(struct shmfile *file)
{
	int fd;

	if (is_file(file, file->fd))
		return file->fd;
	file->fd = -1;
	if (!file->path[0])
		return -EBADF;
	fd = raw_open(file->path, O_RDWR | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd;
	if (!is_file(file, fd)) {
		raw_close(fd);
		return -ESTALE;
	}
	file->fd = raw_raise(fd);
	return file->fd;
}

/* A storm of signals may interrupt each try: then one without them. */
static int allocate(int fd, int mode, uint64_t offset, uint64_t len)
{
	int ret = (int)raw_call(SYS_fallocate, fd, mode, (off_t)offset, (off_t)len);
	sigset_t all, old;

	if (ret != -EINTR)
		return ret;
	sigfillset(&all);
	raw_call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, _NSIG / 8);
	ret = (int)raw_call(SYS_fallocate, fd, mode, (off_t)offset, (off_t)len);
	raw_call(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, _NSIG / 8);
	return ret;
}

int shmfile_may_reach(uint64_t size)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	       limit.rlim_cur < size ? -EFBIG : 0;
}

int shmfile_commit(int fd, uint64_t offset, uint64_t len)
{
	int ret = shmfile_may_reach(offset + len);

	if (ret)
		return ret;
	return fd < 0 ? fd : allocate(fd, 0, offset, len);
}

int shmfile_punch(int fd, uint64_t offset, uint64_t len)
{
	if (fd < 0)
		return fd;
	return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
}

uint64_t shmfile_free_space(int fd)
{
	struct statfs fs;

	if (fd < 0 || raw_call(SYS_fstatfs, fd, &fs) || !fs.f_blocks)
		return UINT64_MAX;
	return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
}

void shmfile_unlink(struct shmfile *file)
{
	if (file->path[0] && has_name(file))
		raw_call(SYS_unlinkat, AT_FDCWD, file->path, 0);
}

void shmfile_close(struct shmfile *file)
{
	if (is_file(file, file->fd))
		raw_close(file->fd);
	file->fd = -1;
}
