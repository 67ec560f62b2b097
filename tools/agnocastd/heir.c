// SPDX-License-Identifier: GPL-2.0-only
/*
 * heir.c - what an earlier agnocastd left behind
 *
 * Its members may live on, with their areas mapped and messages flowing. Their
 * areas' headers in /dev/shm say who they are and where they joined. Until
 * such a process comes back (REJOIN) or is gone, its slot is not given to
 * anyone else, and participants are told to wait for it. Names of the dead are
 * removed.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <agnocast/layout.h>

#include "daemon.h"

#define CHECK_MS 1000

struct heir {
	struct watch watch;	/* pidfd */
	struct names names;
	struct world *world;	/* counted */
	u64	base;
	u32	slot;
	bool	reserved;	/* its slot, until it comes back */
	bool	awaited;	/* a participant, until it has all its endpoints back */
	struct heir *next;
};

static struct heir *heirs;
static struct heir *dead_heirs;	/* freed after this round of the loop */

static void heir_forget(struct heir *heir)
{
	struct heir **at = &heirs;

	while (*at != heir)
		at = &(*at)->next;
	*at = heir->next;
	if (heir->reserved)
		agk_slot_unreserve(heir->world->core, heir->slot);
	if (heir->awaited)
		agk_world_awaits(heir->world->core, -1);
	watch_remove(&heir->watch);
	world_put(heir->world);
	heir->next = dead_heirs;
	dead_heirs = heir;
}

void heirs_reap(void)
{
	while (dead_heirs) {
		struct heir *heir = dead_heirs;

		dead_heirs = heir->next;
		free(heir);
	}
}

static void on_exit_of(struct watch *watch, unsigned int events)
{
	struct heir *heir = (struct heir *)watch;

	(void)events;
	/* If it came back, its member has been ended by the same event. */
	names_remove(&heir->names);
	heir_forget(heir);
}

static struct heir *heir_of(pid_t pid)
{
	struct heir *heir;

	for (heir = heirs; heir; heir = heir->next)
		if (heir->names.pid == pid)
			return heir;
	return NULL;
}

void heir_rejoined(pid_t pid)
{
	struct heir *heir = heir_of(pid);

	if (heir && heir->reserved) {
		agk_slot_unreserve(heir->world->core, heir->slot);
		heir->reserved = false;
	}
}

void heir_settled(pid_t pid)
{
	struct heir *heir = heir_of(pid);

	if (heir)
		heir_forget(heir);
}

/* One that execs has no connection whose end we would see. */
int heirs_check(void)
{
	struct heir *heir, *next;

	for (heir = heirs; heir; heir = next) {
		next = heir->next;
		if (!address_is_mapped(heir->names.pid, heir->base)) {
			names_remove(&heir->names);
			heir_forget(heir);
		}
	}
	return heirs ? CHECK_MS : -1;
}

static bool is_alive(const struct agnocast_area *header)
{
	return address_is_mapped((pid_t)header->pid, header->base);
}

static void heir_add(const struct agnocast_area *header)
{
	struct heir *heir = calloc(1, sizeof(*heir));
	int err;

	if (!heir)
		return;
	heir->watch.ready = on_exit_of;
	heir->watch.fd = (int)syscall(SYS_pidfd_open, header->pid, 0);
	heir->world = heir->watch.fd < 0 ? NULL : world_of((pid_t)header->pid, &err);
	if (!heir->world || agk_slot_reserve(heir->world->core, header->slot) ||
	    watch_add(&heir->watch)) {
		log_problem("pid %u of an earlier agnocastd cannot be waited for",
			    header->pid);
		free(heir);
		return;
	}
	heir->names = (struct names){ (pid_t)header->pid, header->session, heir->world->own };
	heir->base = header->base;
	heir->slot = header->slot;
	heir->reserved = true;
	heir->awaited = atomic_load(&header->participant) != 0;
	if (heir->awaited)
		agk_world_awaits(heir->world->core, 1);
	heir->next = heirs;
	heirs = heir;
}

/* Did it join where we listen? Other agnocastds on this host have their own heirs. */
static bool joined_here(const struct agnocast_area *header, const char *path)
{
	char theirs[PATH_MAX], ours[PATH_MAX];

	return memchr(header->registry, 0, sizeof(header->registry)) &&
	       realpath(header->registry, theirs) && realpath(path, ours) &&
	       !strcmp(theirs, ours);
}

static void look_at(const char *name, const char *path, struct world *own)
{
	struct agnocast_area header;
	char file[NAME_MAX + 16];
	ssize_t n;
	int fd;

	snprintf(file, sizeof(file), "/dev/shm/%s", name);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	n = pread(fd, &header, sizeof(header), 0);
	close(fd);
	if (n != sizeof(header) || header.magic != AGNOCAST_AREA_MAGIC ||
	    !joined_here(&header, path))
		return;
	if (is_alive(&header)) {
		heir_add(&header);
	} else {
		struct names names = { (pid_t)header.pid, header.session, true };

		/* Not for good, but its readers may not have let go of it yet. */
		if (!agk_slot_reserve(own->core, header.slot))
			agk_slot_unreserve(own->core, header.slot);
		names_remove(&names);
	}
}

void heirs_find(const char *path, struct world *own)
{
	DIR *dir = opendir("/dev/shm");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "agnocast@", 9))
			look_at(entry->d_name, path, own);
	if (dir)
		closedir(dir);
}
