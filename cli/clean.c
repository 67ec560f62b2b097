// SPDX-License-Identifier: BSD-2-Clause
/*
 * clean.c - what the dead left in /dev/shm and among the queues
 *
 * An area's file is removed only if its owner is proven dead: either the
 * registry says so, or it lists no such session and nobody, in whatever pid
 * namespace, has the file open for writing (an owner always has). The latter
 * is asked of the kernel by a read lease, which it grants only then. The lease
 * and the lock of lib/stale.c are held until the name is gone.
 */

#define _GNU_SOURCE
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "format.h"
#include "json.h"

#define SHM_DIR		"/dev/shm"
#define QUEUE_DIR	"/dev/mqueue"
#define AREA_NAME	"agnocast@"
#define QUEUE_NAME	"new_publisher@"
#define FIRST_PIDNS_INO	0xEFFFFFFCU	/* PROC_PID_INIT_INO of the kernel */
#define STALE_PAGE	32

enum verdict { ALIVE, DEAD, NOT_PROVEN };

struct object {
	char		name[32];	/* "agnocast@7", "new_publisher@7" */
	uint32_t	pid;
	bool		queue;
	enum verdict	verdict;
	const char	*reason;	/* constant text */
	uint64_t	bytes;
	bool		removed;
};

struct objects {
	struct object	*list;
	size_t		count;
};

/* The pid of "PREFIXpid" exactly as the library writes it, or 0. */
static uint32_t pid_of(const char *name, const char *prefix)
{
	unsigned long pid;
	char again[32];

	if (strncmp(name, prefix, strlen(prefix)))
		return 0;
	pid = strtoul(name + strlen(prefix), NULL, 10);
	snprintf(again, sizeof(again), "%s%lu", prefix, pid);
	return pid <= UINT32_MAX && !strcmp(again, name) ? (uint32_t)pid : 0;
}

static bool is_listed(const struct doctor *doctor, uint64_t session)
{
	for (size_t i = 0; i < doctor->model.processes_count; i++)
		if (doctor->model.processes[i].session == session)
			return true;
	return false;
}

static bool has_member(const struct doctor *doctor, uint32_t pid)
{
	for (size_t i = 0; i < doctor->model.processes_count; i++)
		if (doctor->model.processes[i].pid == pid)
			return true;
	return false;
}

/* The registry says that this session has ended and left that name. */
static bool is_stale(struct doctor *doctor, uint64_t session, uint32_t pid)
{
	struct agnocast_stale_info page[STALE_PAGE];
	struct agnocast_list list = {
		.what = AGNOCAST_LIST_STALE,
		.buf = (uintptr_t)page, .buf_len = sizeof(page),
	};

	while (doctor->there &&
	       !registry_client_call(&doctor->source.client, AGNOCAST_LIST_CMD, &list) &&
	       list.count && list.count <= STALE_PAGE) {
		for (uint32_t i = 0; i < list.count; i++)
			if (page[i].session == session && page[i].pid == pid)
				return true;
		if (list.cursor == list.next)
			return false;
		list.cursor = list.next;
	}
	return false;
}

/* With its result the lease is held; it ends with the descriptor. */
static enum verdict ask_for_lease(int fd, const char **reason)
{
	if (!fcntl(fd, F_SETLEASE, F_RDLCK)) {
		*reason = "nobody has it open";
		return DEAD;
	}
	if (errno == EAGAIN) {
		*reason = "a process has it open";
		return ALIVE;
	}
	*reason = errno == EACCES ? "another user's: run as root" : "can't be proven here";
	return NOT_PROVEN;
}

static enum verdict judge(struct doctor *doctor, int fd, uint32_t pid, const char **reason)
{
	struct agnocast_area header;
	bool whole = pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
		     header.magic == AGNOCAST_AREA_MAGIC;

	if (whole && is_listed(doctor, header.session)) {
		*reason = "its owner is registered";
		return ALIVE;
	}
	if (whole && is_stale(doctor, header.session, pid)) {
		*reason = "the registry says that its owner has ended";
		return DEAD;
	}
	return ask_for_lease(fd, reason);
}

static int open_object(const struct object *object)
{
	char path[64];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), SHM_DIR "/%s", object->name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void look_at(struct doctor *doctor, struct object *object)
{
	int fd = open_object(object);
	struct stat st;

	if (fd < 0) {
		object->verdict = NOT_PROVEN;
		object->reason = "another user's: run as root";
		return;
	}
	if (!fstat(fd, &st))
		object->bytes = (uint64_t)st.st_blocks * 512;
	object->verdict = judge(doctor, fd, object->pid, &object->reason);
	close(fd);
}

static struct object *add(struct objects *objects, const char *prefix, uint32_t pid)
{
	struct object *object;

	objects->list = model_array(objects->list, objects->count, sizeof(*objects->list));
	object = &objects->list[objects->count++];
	object->pid = pid;
	snprintf(object->name, sizeof(object->name), "%.16s%u", prefix, pid);
	return object;
}

static void find_areas(struct doctor *doctor, struct objects *objects)
{
	DIR *dir = opendir(SHM_DIR);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		uint32_t pid = pid_of(entry->d_name, AREA_NAME);

		if (pid)
			look_at(doctor, add(objects, AREA_NAME, pid));
	}
	if (dir)
		closedir(dir);
}

static bool sees_all_pids(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == FIRST_PIDNS_INO;
}

static bool has_area(uint32_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), SHM_DIR "/" AREA_NAME "%u", pid);
	return !access(path, F_OK);
}

/* A queue without an area: only a hint, whose loss costs time; but no pid is guessed dead. */
static void find_queues(struct doctor *doctor, struct objects *objects)
{
	DIR *dir = opendir(QUEUE_DIR);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		uint32_t pid = pid_of(entry->d_name, QUEUE_NAME);
		struct object *object;

		if (!pid || has_area(pid))
			continue;
		object = add(objects, QUEUE_NAME, pid);
		object->queue = true;
		object->verdict = DEAD;
		object->reason = "its process has ended";
		if (has_member(doctor, pid) || !kill((pid_t)pid, 0) || errno != ESRCH) {
			object->verdict = ALIVE;
			object->reason = "its process lives";
		} else if (!doctor->there || !sees_all_pids()) {
			object->verdict = NOT_PROVEN;
			object->reason = "not all processes can be seen from here";
		}
	}
	if (dir)
		closedir(dir);
}

static void find_all(struct doctor *doctor, struct objects *objects)
{
	signal(SIGIO, SIG_IGN);		/* that is how a lease would be called back */
	memset(objects, 0, sizeof(*objects));
	find_areas(doctor, objects);
	find_queues(doctor, objects);
}

static size_t count(const struct objects *objects, enum verdict verdict)
{
	size_t count = 0;

	for (size_t i = 0; i < objects->count; i++)
		count += objects->list[i].verdict == verdict;
	return count;
}

static bool still_named(int fd, const struct object *object)
{
	int again = open_object(object);
	struct stat held, named;
	bool same = again >= 0 && !fstat(fd, &held) && !fstat(again, &named) &&
		    held.st_ino == named.st_ino && held.st_dev == named.st_dev;

	if (again >= 0)
		close(again);
	return same;
}

static void unlink_queue(uint32_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/" QUEUE_NAME "%u", pid);
	mq_unlink(name);
}

/* Judged again under the lock: time has passed since it was looked at. */
static void remove_area(struct doctor *doctor, struct object *object)
{
	int fd = open_object(object);
	char path[64];

	if (fd < 0) {
		object->reason = "gone meanwhile";
		return;
	}
	snprintf(path, sizeof(path), SHM_DIR "/%s", object->name);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		object->reason = "another process is cleaning it";
	} else if (judge(doctor, fd, object->pid, &object->reason) == DEAD &&
		   still_named(fd, object)) {
		unlink_queue(object->pid);
		object->removed = !unlink(path);
		if (!object->removed)
			object->reason = "another user's: run as root";
	}
	close(fd);
}

static void remove_queue(struct object *object)
{
	char name[sizeof(object->name) + 1];

	snprintf(name, sizeof(name), "/%s", object->name);
	object->removed = !mq_unlink(name);
	if (!object->removed)
		object->reason = "another user's: run as root";
}

void check_stale(struct doctor *doctor)
{
	struct objects objects;
	uint64_t bytes = 0;
	size_t dead, unknown;
	char size[16];

	find_all(doctor, &objects);
	for (size_t i = 0; i < objects.count; i++)
		if (objects.list[i].verdict == DEAD)
			bytes += objects.list[i].bytes;
	dead = count(&objects, DEAD);
	unknown = count(&objects, NOT_PROVEN);
	if (dead)
		doctor_say(doctor, LEVEL_WARN, "agnocast doctor --clean", "%zu objects of dead "
			   "processes, %s", dead, format_bytes(size, sizeof(size), (double)bytes));
	if (unknown)
		doctor_say(doctor, LEVEL_SKIP, "run as root", "%zu objects of which nobody here can "
			   "tell whether their owner lives", unknown);
	if (!dead && !unknown)
		doctor_say(doctor, LEVEL_OK, NULL, "none (%zu of processes that live)",
			   objects.count);
	free(objects.list);
}

static void print_json(const struct objects *objects)
{
	static const char *const verdicts[] = { "alive", "dead", "not proven" };
	struct json json = { .out = stdout, .first = true };

	json_open(&json);
	json_number(&json, "schema", 1);
	json_string(&json, "tool", "agnocast-doctor");
	json_open_list(&json, "objects");
	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->list[i];

		json_open(&json);
		json_string(&json, "name", object->name);
		json_number(&json, "pid", object->pid);
		json_string(&json, "owner", verdicts[object->verdict]);
		json_string(&json, "reason", object->reason);
		json_number(&json, "bytes", object->bytes);
		json_bool(&json, "removed", object->removed);
		json_close(&json);
	}
	json_close_list(&json);
	json_close(&json);
	putchar('\n');
}

static bool is_confirmed(const struct objects *objects, size_t dead)
{
	char answer[8] = "";

	for (size_t i = 0; i < objects->count; i++)
		if (objects->list[i].verdict == DEAD)
			fprintf(stderr, "  /%s: %s\n", objects->list[i].name,
				objects->list[i].reason);
	fprintf(stderr, "Remove %zu objects? [y/N] ", dead);
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void remove_dead(struct doctor *doctor, struct objects *objects)
{
	for (size_t i = 0; i < objects->count; i++) {
		struct object *object = &objects->list[i];

		if (object->verdict != DEAD)
			continue;
		if (object->queue)
			remove_queue(object);
		else
			remove_area(doctor, object);
	}
}

static void print_text(const struct objects *objects)
{
	size_t removed = 0;

	for (size_t i = 0; i < objects->count; i++) {
		const struct object *object = &objects->list[i];

		removed += object->removed;
		if (object->verdict != ALIVE)
			printf("%-8s /%s: %s\n", object->removed ? "removed" : "kept", object->name,
			       object->reason);
	}
	printf("%zu removed, %zu kept\n", removed, objects->count - removed);
}

int clean(struct doctor *doctor, bool ask)
{
	struct objects objects;
	size_t dead, removed = 0;
	bool go;

	find_all(doctor, &objects);
	dead = count(&objects, DEAD);
	go = dead && (!ask || is_confirmed(&objects, dead));
	if (go)
		remove_dead(doctor, &objects);
	if (doctor->json)
		print_json(&objects);
	else
		print_text(&objects);
	for (size_t i = 0; i < objects.count; i++)
		removed += objects.list[i].removed;
	dead += count(&objects, NOT_PROVEN);
	free(objects.list);
	return removed == dead ? EX_OK : 1;
}
