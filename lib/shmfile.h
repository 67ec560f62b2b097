/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shmfile.h - the file /dev/shm/agnocast@<pid> of this process
 *
 * Created exclusively, never shrunk; memory in it is promised with fallocate.
 * The descriptor is kept high and checked before each use, since a host may
 * close or replace it. Runs inside malloc: allocates nothing, no cancellation
 * point. Calls are serialised by the caller.
 */
#ifndef AGNOCAST_SHMFILE_H
#define AGNOCAST_SHMFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct shmfile {
	int	fd;		/* -1: none */
	dev_t	dev;
	ino_t	ino;
	char	path[64];
};

/*
 * Create the shared memory @name ("/agnocast@PID"), empty, mode 0640, with the
 * group of the file @group_of (if that may be set). What lies there already is
 * of a dead process that had our pid, says the registry: it is removed, and
 * /new_publisher@<pid> with it. @why gets a sentence on failure.
 */
int shmfile_create(struct shmfile *file, const char *name, uint32_t pid,
		   const char *group_of, char *why, size_t len);

/*
 * The same before the registry has said anything: only if nothing lies there,
 * for it may be anybody's. On failure nothing is left, but @file is of no use.
 */
int shmfile_create_early(struct shmfile *file, const char *name, const char *group_of);
/* Is there such a file, and is it this one? */
bool shmfile_is_named(const struct shmfile *file, const char *name);

/* A descriptor of the file, opened anew if the host took ours; or -errno. */
int shmfile_fd(struct shmfile *file);

/*
 * Promise @len bytes from @offset on, and lengthen the file to them. @fd, here
 * and below, is what shmfile_fd() just said: an error is passed on. -ENOSPC:
 * the file system is full. -EFBIG: RLIMIT_FSIZE (no SIGXFSZ is raised).
 */
int shmfile_commit(int fd, uint64_t offset, uint64_t len);

/* -EFBIG: RLIMIT_FSIZE forbids a file of @size bytes. */
int shmfile_may_reach(uint64_t size);

/* Give the memory of whole pages back; they read as zero then. */
int shmfile_punch(int fd, uint64_t offset, uint64_t len);

/* Bytes that the file system has left; UINT64_MAX if it does not say. */
uint64_t shmfile_free_space(int fd);

/* Remove the name, if it still is this file. The descriptor stays. */
void shmfile_unlink(struct shmfile *file);

/* Close our descriptor, if it still is ours. */
void shmfile_close(struct shmfile *file);

#endif /* AGNOCAST_SHMFILE_H */
