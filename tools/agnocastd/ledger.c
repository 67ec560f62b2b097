// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger.c - whom a successor may believe
 *
 * Lines of one size, each written with one pwrite(): whole or not at all, and
 * a full file system is an error, not a SIGBUS. An endpoint's line counts only
 * while its session's stands, so an end strikes one line.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"

#define LEDGER_MAGIC 0x7265676465744341ULL

/* The first line is { LEDGER_MAGIC, sizeof(struct line), .slot = the one to be given next }. */
struct line {
	u64	session;	/* 0: free */
	u64	generation;	/* of an endpoint; 0: the session itself */
	u64	start;
	u32	pid;
	u32	slot;
};

static struct {
	char	path[PATH_MAX];
	int	fd;
	u32	lines;		/* in the file, used or free */
	u32	*free;		/* a stack of free lines; room for all */
	u32	free_count;
	u32	next_slot;
	bool	failed;		/* said so once */
} ledger = { .fd = -1 };

u64 process_start(pid_t pid)
{
	char path[64], text[1024], *at;
	u64 start = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* The name may hold anything, a ')' too. */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u"
			  " %*d %*d %*d %*d %*d %*d %lu", (unsigned long *)&start) != 1)
		return 0;
	return start;
}

static void complain(void)
{
	if (!ledger.failed)
		log_problem("cannot write %s: %s; who joins from now on cannot come back "
			    "if agnocastd is restarted", ledger.path, strerror(errno));
	ledger.failed = true;
}

static bool write_line(u32 line, const struct line *what)
{
	return pwrite(ledger.fd, what, sizeof(*what), (off_t)line * sizeof(*what)) ==
	       sizeof(*what);
}

/* Room in the stack for one more line: to give a line back never fails. */
static bool reserve_line(void)
{
	u32 *more;

	if (ledger.lines % 1024)
		return true;
	more = reallocarray(ledger.free, ledger.lines + 1024, sizeof(*more));
	if (!more)
		return false;
	ledger.free = more;
	return true;
}

/* 0 is no line. */
static u32 put_line(const struct line *what)
{
	u32 line;

	if (ledger.fd < 0)
		return 0;
	if (!ledger.free_count && !reserve_line())
		return 0;
	line = ledger.free_count ? ledger.free[ledger.free_count - 1] : ledger.lines;
	if (!write_line(line, what)) {
		complain();
		return 0;
	}
	if (ledger.free_count)
		ledger.free_count--;
	else
		ledger.lines++;
	return line;
}

static void free_line(u32 line)
{
	if (line)
		ledger.free[ledger.free_count++] = line;
}

static void strike_line(u32 line)
{
	static const struct line nothing;

	if (line && !write_line(line, &nothing))
		complain();
	free_line(line);
}

static bool page_put(struct ledger_page *page, u64 generation, u32 line)
{
	if (page->count == page->room) {
		u32 room = page->room ? page->room * 2 : 8;
		void *more = reallocarray(page->endpoint, room, sizeof(*page->endpoint));

		if (!more)
			return false;
		page->endpoint = more;
		page->room = room;
	}
	page->endpoint[page->count++] = (struct ledger_endpoint){ generation, line };
	return true;
}

static bool write_first(u32 next_slot)
{
	struct line first = { LEDGER_MAGIC, sizeof(first), 0, 0, next_slot };

	return write_line(0, &first);
}

void ledger_join(struct ledger_page *page, pid_t pid, u64 start, u64 session, u32 slot)
{
	struct line line = { .session = session, .start = start, .pid = (u32)pid,
			     .slot = slot };

	*page = (struct ledger_page){ .session = session, .start = start, .pid = pid,
				      .slot = slot };
	page->line = put_line(&line);
	if (ledger.fd >= 0 && !write_first(slot + 1))
		complain();
}

u32 ledger_next_slot(void)
{
	return ledger.next_slot;
}

void ledger_add(struct ledger_page *page, u64 generation)
{
	struct line line = { .session = page->session, .generation = generation };
	u32 at;

	if (!page->line)
		return;
	at = put_line(&line);
	if (at && !page_put(page, generation, at))
		strike_line(at);
}

void ledger_remove(struct ledger_page *page, u64 generation)
{
	u32 i;

	for (i = 0; i < page->count; i++) {
		if (page->endpoint[i].generation != generation)
			continue;
		strike_line(page->endpoint[i].line);
		page->endpoint[i] = page->endpoint[--page->count];
		return;
	}
}

void ledger_strike(struct ledger_page *page)
{
	u32 i;

	strike_line(page->line);
	for (i = 0; i < page->count; i++)
		free_line(page->endpoint[i].line);
	free(page->endpoint);
	*page = (struct ledger_page){ 0 };
}

bool ledger_has(const struct ledger_page *page, u64 generation)
{
	u32 i;

	for (i = 0; i < page->count; i++)
		if (page->endpoint[i].generation == generation)
			return true;
	return false;
}

/* Only what we wrote ourselves is believed. */
static int check_ours(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	/* Our predecessor had nothing to leave. */
	return st.st_nlink ? 0 : -ESTALE;
}

static int open_locked(void)
{
	int fd = open(ledger.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = flock(fd, LOCK_EX | LOCK_NB) ? -errno : check_ours(fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* A daemon that was killed a moment ago may not have let go yet. */
int ledger_open(const char *socket)
{
	int fd = -EWOULDBLOCK, tries;

	if (snprintf(ledger.path, sizeof(ledger.path), "%s.ledger", socket) >=
	    (int)sizeof(ledger.path))
		return -ENAMETOOLONG;
	for (tries = 0; tries < 100; tries++) {
		fd = open_locked();
		if (fd != -EWOULDBLOCK && fd != -ESTALE)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	if (fd < 0)
		return fd == -EWOULDBLOCK ? -EADDRINUSE : fd;
	ledger.fd = fd;
	return 0;
}

struct old_line {
	struct line line;
	u32	at;
};

/* Line 0 says what the file is; one in another format says nothing. */
static bool is_readable(off_t size)
{
	struct line first;

	if (size < (off_t)sizeof(first) || size / sizeof(first) >= UINT_MAX - 2048 ||
	    pread(ledger.fd, &first, sizeof(first), 0) != sizeof(first) ||
	    first.session != LEDGER_MAGIC || first.generation != sizeof(first))
		return false;
	ledger.next_slot = first.slot;
	return true;
}

/* All lines but the first; *@count of them. NULL: none. */
static struct old_line *read_lines(u32 *count)
{
	struct old_line *old;
	struct stat st;
	u32 i;

	if (fstat(ledger.fd, &st) || !is_readable(st.st_size))
		return NULL;
	*count = (u32)(st.st_size / sizeof(old->line)) - 1;
	old = calloc(*count + 1, sizeof(*old));
	for (i = 0; old && i < *count; i++) {
		old[i].at = i + 1;
		if (pread(ledger.fd, &old[i].line, sizeof(old->line),
			  (off_t)old[i].at * sizeof(old->line)) != sizeof(old->line))
			memset(&old[i].line, 0, sizeof(old->line));
	}
	return old;
}

static int by_session(const void *left, const void *right)
{
	const struct line *a = &((const struct old_line *)left)->line;
	const struct line *b = &((const struct old_line *)right)->line;

	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	return a->generation < b->generation ? -1 : a->generation > b->generation;
}

/* @old[0] is a session, the others are its endpoints; their lines stay where they are. */
static void take_session(const struct old_line *old, u32 count,
			 void (*take)(struct ledger_page *page))
{
	struct ledger_page page = {
		.session = old->line.session, .start = old->line.start,
		.pid = (pid_t)old->line.pid, .slot = old->line.slot, .line = old->at,
	};
	u32 i;

	for (i = 1; i < count; i++)
		if (!page_put(&page, old[i].line.generation, old[i].at))
			strike_line(old[i].at);
	take(&page);
}

/* Lines of one session: the session's, then its endpoints'; or orphans, or free ones. */
static void take_lines(const struct old_line *old, u32 count,
		       void (*take)(struct ledger_page *page))
{
	u32 i;

	if (old->line.session && !old->line.generation) {
		take_session(old, count, take);
		return;
	}
	for (i = 0; i < count; i++)
		strike_line(old[i].at);
}

void ledger_read(void (*take)(struct ledger_page *page))
{
	struct old_line *old;
	u32 count = 0, i, n;

	if (ledger.fd < 0)
		return;
	old = read_lines(&count);
	ledger.lines = old ? count + 1 : 1;
	ledger.free = calloc(ledger.lines + 1024 - ledger.lines % 1024, sizeof(u32));
	if (!ledger.free || (!old && (ftruncate(ledger.fd, 0) || !write_first(0)))) {
		complain();
		close(ledger.fd);
		ledger.fd = -1;
	} else if (old) {
		qsort(old, count, sizeof(*old), by_session);
		for (i = 0; i < count; i += n) {
			for (n = 1; i + n < count &&
			     old[i + n].line.session == old[i].line.session; n++)
				;
			take_lines(old + i, n, take);
		}
	}
	free(old);
}

void ledger_close(void)
{
	/* Nobody else can have it: the lock goes with us. */
	if (ledger.fd >= 0 && ledger.free_count + 1 == ledger.lines)
		unlink(ledger.path);
}
