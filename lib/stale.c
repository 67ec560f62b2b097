/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stale.c - removing the names that killed processes left behind
 *
 * A pid may be in use again: the file's header says whose it is. A lock on the
 * file keeps a cleaner and the pid's new owner, who removes the old file
 * itself, from removing each other's.
 */

#include "stale.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "queue.h"
#include "start.h"

#define PAGE 32

static bool still_named(int fd, const char *name)
{
	struct stat held, named;
	int again = shm_open(name, O_RDONLY | O_CLOEXEC, 0);
	bool same = again >= 0 && !fstat(fd, &held) && !fstat(again, &named) &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev;

	if (again >= 0)
		close(again);
	return same;
}

static bool is_dead_session(int fd, uint64_t session)
{
	struct agnocast_area header;

	/* Shorter, or without a magic: its owner died while it made it. */
	return pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	       header.magic != AGNOCAST_AREA_MAGIC || header.session == session;
}

/* True if the names are gone, or were never there. */
static bool remove_names(const struct agnocast_stale_info *dead)
{
	int fd = shm_open(dead->shm_name, O_RDONLY | O_CLOEXEC, 0);
	bool gone = false;

	if (fd < 0) {
		/* Its /dev/shm may be another one; its queue is here all the same. */
		if (errno == ENOENT)
			queue_unlink(dead->pid);
		return access("/dev/shm", R_OK) == 0;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB) && is_dead_session(fd, dead->session) &&
	    still_named(fd, dead->shm_name)) {
		queue_unlink(dead->pid);
		gone = !shm_unlink(dead->shm_name);
	} else {
		gone = !is_dead_session(fd, dead->session);
	}
	close(fd);
	return gone;
}

void stale_clean(void)
{
	struct agnocast_stale_info page[PAGE];
	struct agnocast_list list = {
		.what = AGNOCAST_LIST_STALE,
		.buf = (uintptr_t)page, .buf_len = sizeof(page),
	};

	while (!registry_client_call(&registry, AGNOCAST_LIST_CMD, &list) && list.count) {
		for (uint32_t i = 0; i < list.count; i++) {
			struct agnocast_cleaned done = { .session = page[i].session };

			if (remove_names(&page[i]))
				registry_client_call(&registry, AGNOCAST_CLEANED_CMD, &done);
		}
		list.cursor = list.next;
	}
}
