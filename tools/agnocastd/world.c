// SPDX-License-Identifier: GPL-2.0-only
/*
 * world.c - one registry per IPC namespace, and its roster file
 *
 * The rosters are a memfd: the daemon alone has it writable, everybody else
 * gets a read-only descriptor that nobody can make writable again.
 */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"

static void *roster_page(void *home, u64 index)
{
	struct world *world = home;
	off_t at = (off_t)index * AGNOCAST_ROSTER_PAGE;

	/* Writing to a hole must not be how we learn that memory is short. */
	if (madvise(world->rosters + at, AGNOCAST_ROSTER_PAGE, MADV_POPULATE_WRITE) &&
	    errno != EINVAL)
		return NULL;
	return world->rosters + at;
}

static int open_read_only(int fd)
{
	char path[32];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_RDONLY | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

static int make_rosters(struct world *world)
{
	int fd = memfd_create("agnocast-rosters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret = 0;

	if (fd < 0)
		return -errno;
	world->rosters_fd = -1;
	if (ftruncate(fd, AGNOCAST_ROSTERS_SIZE))
		goto err_close;
	world->rosters = mmap(NULL, AGNOCAST_ROSTERS_SIZE, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (world->rosters == MAP_FAILED)
		goto err_close;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		  F_SEAL_FUTURE_WRITE | F_SEAL_SEAL))
		goto err_unmap;
	world->rosters_fd = open_read_only(fd);
	if (world->rosters_fd < 0)
		goto err_unmap;
	close(fd);
	return 0;

err_unmap:
	ret = -errno;
	munmap(world->rosters, AGNOCAST_ROSTERS_SIZE);
err_close:
	ret = ret ? ret : -errno;
	close(fd);
	return ret;
}

static struct world *world_create(const struct stat *ns, int pin, int *err)
{
	struct world *world = calloc(1, sizeof(*world));
	struct timespec now;
	struct agk_home home = { .roster_page = roster_page, .priv = world };
	struct stat own;

	*err = -ENOMEM;
	if (!world)
		return NULL;
	world->dev = ns->st_dev;
	world->ino = ns->st_ino;
	world->pin = pin;
	world->own = !stat("/proc/self/ns/ipc", &own) && own.st_ino == ns->st_ino;
	*err = make_rosters(world);
	if (*err)
		goto err_free;
	/* Sessions of earlier agnocastds may come back with their ids. */
	clock_gettime(CLOCK_REALTIME, &now);
	home.first_serial = (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
	world->core = agk_world_create(&agnocastd.window, &home, err);
	if (!world->core)
		goto err_rosters;
	world->users = 1;
	world->next = agnocastd.worlds;
	agnocastd.worlds = world;
	return world;

err_rosters:
	munmap(world->rosters, AGNOCAST_ROSTERS_SIZE);
	close(world->rosters_fd);
err_free:
	free(world);
	return NULL;
}

struct world *world_get(struct world *world)
{
	world->users++;
	return world;
}

void world_put(struct world *world)
{
	struct world **at = &agnocastd.worlds;

	if (--world->users)
		return;
	while (*at != world)
		at = &(*at)->next;
	*at = world->next;
	agk_world_destroy(world->core);
	munmap(world->rosters, AGNOCAST_ROSTERS_SIZE);
	close(world->rosters_fd);
	close(world->pin);
	free(world);
}

static struct world *find(const struct stat *ns)
{
	struct world *world = agnocastd.worlds;

	while (world && (world->ino != ns->st_ino || world->dev != ns->st_dev))
		world = world->next;
	return world;
}

struct world *world_of(pid_t pid, int *err)
{
	struct world *world;
	struct stat ns;
	char path[64];
	int pin;

	snprintf(path, sizeof(path), "/proc/%d/ns/ipc", pid);
	/* One that is known is pinned: its number is no other's. */
	world = stat(path, &ns) ? NULL : find(&ns);
	if (world)
		return world_get(world);
	pin = open(path, O_RDONLY | O_CLOEXEC);
	if (pin < 0 || fstat(pin, &ns)) {
		*err = -errno;
		if (pin >= 0)
			close(pin);
		return NULL;
	}
	/* It may have changed to another since. */
	world = find(&ns);
	if (world) {
		close(pin);
		return world_get(world);
	}
	world = world_create(&ns, pin, err);
	if (!world)
		close(pin);
	return world;
}
