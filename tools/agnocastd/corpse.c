// SPDX-License-Identifier: GPL-2.0-only
/*
 * corpse.c - areas whose names we could not remove
 *
 * They lie in a /dev/shm that is not ours. Once no reader has announced a
 * mapping of one, its memory is given back; an empty file remains.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"

struct corpse {
	struct world *world;		/* counted */
	u64	session;
	int	fd;
	struct corpse *next;
};

static struct corpse *corpses;

static bool is_read(const struct corpse *corpse)
{
	struct agk_world *core = corpse->world->core;
	struct agk_mapping *mapping;
	bool found = core->rosters->awaited != 0;

	mutex_lock(&core->lock);
	list_for_each_entry(mapping, &core->mappings, link)
		found = found || mapping->owner_id == corpse->session;
	mutex_unlock(&core->lock);
	return found;
}

static void bury(struct corpse *corpse)
{
	struct stat st;

	if (!fstat(corpse->fd, &st) && st.st_nlink && st.st_size)
		(void)!fallocate(corpse->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 0, st.st_size);
	close(corpse->fd);
	world_put(corpse->world);
	free(corpse);
}

void corpses_look(void)
{
	struct corpse **at = &corpses;

	while (*at) {
		struct corpse *corpse = *at;

		if (is_read(corpse)) {
			at = &corpse->next;
			continue;
		}
		*at = corpse->next;
		bury(corpse);
	}
}

void corpse_add(struct world *world, u64 session, int fd)
{
	struct corpse *corpse;
	struct stat st;

	/* The usual case: the name is gone, so the last reader's unmap frees it. */
	if (fstat(fd, &st) || !st.st_nlink || !(corpse = calloc(1, sizeof(*corpse)))) {
		close(fd);
		return;
	}
	corpse->world = world_get(world);
	corpse->session = session;
	corpse->fd = fd;
	corpse->next = corpses;
	corpses = corpse;
}
