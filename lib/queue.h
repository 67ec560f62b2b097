/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue.h - /new_publisher@<pid>, by which a process hears of new peers
 *
 * A hint and no more: what it says is looked up in the rosters. A queue that
 * cannot be made costs the delay of one housekeeping tick.
 */
#ifndef AGNOCAST_QUEUE_H
#define AGNOCAST_QUEUE_H

#include <stdint.h>

/* Whose memory there is to map. */
struct queue_note {
	uint64_t session;
	uint64_t address;
	uint64_t size;
	uint32_t pid;
	uint32_t pad;
};

/* Creates this process's queue. Returns a pollable descriptor, or -errno. */
int queue_create(uint32_t pid);
/* Takes everything out. */
void queue_drain(int fd);
void queue_unlink(uint32_t pid);

/* Tells another process. Failure is no error: it will see the roster. */
void queue_notify(uint32_t pid, const struct queue_note *note);

#endif /* AGNOCAST_QUEUE_H */
