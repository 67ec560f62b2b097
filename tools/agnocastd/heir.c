// SPDX-License-Identifier: GPL-2.0-only
/*
 * heir.c - what an earlier agnocastd left behind
 *
 * Its members may live on, with their areas mapped and messages flowing. The
 * ledger says who they are. Until such a process comes back (REJOIN) or is
 * gone, its slot is not given to anyone else, and participants are told to
 * wait for it. Who is not in the ledger but has an area in /dev/shm that was
 * made at our socket keeps its slot, and cannot come back. Names of the dead
 * are removed.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <agnocast/layout.h>

#include "daemon.h"

#define CHECK_MS 1000

struct heir {
	struct watch watch;	/* pidfd */
	struct names names;
	struct ledger_page page; /* until it comes back; or it never was in it */
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
	ledger_strike(&heir->page);
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

int heir_check(pid_t pid, const struct agnocast_rejoin *rejoin)
{
	const struct heir *heir = heir_of(pid);

	return heir && heir->page.session && heir->page.session == rejoin->session &&
	       heir->slot == rejoin->slot && heir->base == rejoin->base ? 0 : -EPERM;
}

void heir_rejoined(pid_t pid, struct ledger_page *page)
{
	struct heir *heir = heir_of(pid);

	*page = heir->page;
	heir->page = (struct ledger_page){ 0 };
	agk_slot_unreserve(heir->world->core, heir->slot);
	heir->reserved = false;
}

void heir_settled(pid_t pid)
{
	struct heir *heir = heir_of(pid);

	if (heir)
		heir_forget(heir);
}

/* One that execs has no connection whose end we would see. */
static void heirs_look(void)
{
	struct heir *heir, *next;

	for (heir = heirs; heir; heir = next) {
		next = heir->next;
		if (!address_is_mapped(heir->names.pid, heir->base)) {
			names_remove(&heir->names);
			heir_forget(heir);
		}
	}
}

int heirs_check(void)
{
	static u64 looked;
	u64 now = now_ns();

	if (heirs && now - looked >= CHECK_MS * 1000000ull) {
		looked = now;
		heirs_look();
	}
	return heirs ? CHECK_MS : -1;
}

static void heir_add(struct heir *heir)
{
	heir->reserved = !agk_slot_reserve(heir->world->core, heir->slot);
	heir->awaited = heir->reserved && heir->page.count;
	if (heir->awaited)
		agk_world_awaits(heir->world->core, 1);
	heir->next = heirs;
	heirs = heir;
}

/* Watches @pid, which has its area at @slot. NULL: it is gone. */
static struct heir *heir_create(pid_t pid, u64 session, u32 slot)
{
	struct heir *heir = calloc(1, sizeof(*heir));
	int err = -ENOMEM;

	if (!heir)
		return NULL;
	heir->watch.ready = on_exit_of;
	heir->watch.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	heir->slot = slot;
	heir->base = agnocastd.window.base + slot * agnocastd.window.area_size;
	if (heir->watch.fd < 0)
		goto err_free;
	if (!address_is_mapped(pid, heir->base))
		goto err_close;
	heir->world = world_of(pid, &err);
	if (!heir->world)
		goto err_close;
	heir->names = (struct names){ pid, session, heir->world->own };
	if (!watch_add(&heir->watch))
		return heir;
	world_put(heir->world);

err_close:
	close(heir->watch.fd);
err_free:
	free(heir);
	return NULL;
}

/* From the ledger: it comes back as what it was, or is dead. */
static void believe(struct ledger_page *page)
{
	struct names names = { page->pid, page->session, true };
	struct heir *heir = heir_create(page->pid, page->session, page->slot);

	/* Looked up after its pidfd was opened: the pid is not another's now. */
	if (heir && process_start(page->pid) == page->start) {
		heir->page = *page;
		heir_add(heir);
		return;
	}
	if (heir) {
		watch_remove(&heir->watch);
		world_put(heir->world);
		free(heir);
	}
	names_remove(&names);
	ledger_strike(page);
}

/* Did it join where we listen? Other agnocastds on this host have their own heirs. */
static bool joined_here(const struct agnocast_area *header, const char *path)
{
	char theirs[PATH_MAX], ours[PATH_MAX];

	return memchr(header->registry, 0, sizeof(header->registry)) &&
	       realpath(header->registry, theirs) && realpath(path, ours) &&
	       !strcmp(theirs, ours);
}

/* The header of an area of ours, in a file that is called as it says. */
static bool read_header(const char *name, const char *path, struct agnocast_area *header)
{
	char file[NAME_MAX + 16], says[AGNOCAST_SHM_NAME_MAX];
	ssize_t n;
	int fd;

	snprintf(file, sizeof(file), "/dev/shm/%s", name);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = pread(fd, header, sizeof(*header), 0);
	close(fd);
	agk_shm_name(says, header->pid);
	return n == sizeof(*header) && header->magic == AGNOCAST_AREA_MAGIC &&
	       !strcmp(name, says + 1) && joined_here(header, path);
}

/* Not in the ledger: nobody can come back as it, but its addresses may be in use. */
static void look_at(const char *name, const char *path, struct world *own)
{
	struct agnocast_area header;
	struct heir *heir;

	if (!read_header(name, path, &header) || heir_of((pid_t)header.pid))
		return;
	heir = heir_create((pid_t)header.pid, header.session, header.slot);
	if (heir) {
		log_problem("pid %u is a member of an earlier agnocastd that left no word "
			    "of it: it keeps its address, and must be restarted to take part",
			    header.pid);
		heir_add(heir);
	} else if (header.session) {
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

	ledger_read(believe);
	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "agnocast@", 9))
			look_at(entry->d_name, path, own);
	if (dir)
		closedir(dir);
	mutex_lock(&own->core->lock);
	if (ledger_next_slot() > own->core->window.hint)
		own->core->window.hint = ledger_next_slot() % own->core->window.params.areas;
	mutex_unlock(&own->core->lock);
}
