/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger.h - whom a successor may believe
 *
 * A small file beside the socket, written by the daemon alone: which process
 * has which session, and which endpoints are a session's. After a restart it
 * decides who may come back as whom. A process is its pid and its start time.
 */
#ifndef AGNOCASTD_LEDGER_H
#define AGNOCASTD_LEDGER_H

#include <sys/types.h>

#include <linux/kernel.h>

/* What stands in the ledger for one session. All zeros: nothing. */
struct ledger_page {
	u64	session;		/* 0: none */
	u64	start;			/* of the process, clock ticks since boot */
	pid_t	pid;
	u32	slot;
	u32	line;			/* of the session */
	u32	count, room;
	struct ledger_endpoint {
		u64	generation;
		u32	line;
	} *endpoint;			/* owned */
};

/*
 * Opens the ledger of @socket, and locks it. -EADDRINUSE: another agnocastd
 * serves there. Other errors: there is none to use; all else works, but nobody
 * who is a member now can come back to a successor.
 */
int ledger_open(const char *socket);
/* Each session that an earlier agnocastd left; @take has the page from then on. */
void ledger_read(void (*take)(struct ledger_page *page));
/*
 * Behind the last slot that an earlier agnocastd gave: areas of those who died
 * just before it may still be mapped by their readers.
 */
u32 ledger_next_slot(void);
/* Gone, if nobody is left to come back. */
void ledger_close(void);

/* @start: process_start() of @pid, which takes a while. */
void ledger_join(struct ledger_page *page, pid_t pid, u64 start, u64 session, u32 slot);
void ledger_add(struct ledger_page *page, u64 generation);
void ledger_remove(struct ledger_page *page, u64 generation);
/* The session is over, or nobody will come back as it. */
void ledger_strike(struct ledger_page *page);
bool ledger_has(const struct ledger_page *page, u64 generation);

/* When @pid started, in clock ticks since boot; 0: no such process. */
u64 process_start(pid_t pid);

#endif /* AGNOCASTD_LEDGER_H */
