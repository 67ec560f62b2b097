/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bell.h - waking processes that sleep in epoll_wait()
 *
 * A process has two eventfds, made when they are first wanted and handed to the
 * registry: one that is reset when all is read (agnocast_fd()), and one that is
 * never read, for wait-sets, each of which hears its edges in an epoll of its
 * own. A publisher rings those of other processes through the module, all with
 * one call; with agnocastd it gets the eventfds themselves, from the library's
 * thread, and writes to each.
 */
#ifndef AGNOCAST_BELL_H
#define AGNOCAST_BELL_H

#include <stdint.h>
#include <uapi/agnocast.h>
#include <agnocast/layout.h>

/*
 * This process's eventfd AGNOCAST_BELL_..., or -errno. Not to be closed. If the
 * host did, it is there again, perhaps another one, and rung.
 */
int bell_open(uint32_t which);
/* Its handle: another one for another eventfd. No system call. */
int bell_handle_of(uint32_t which);
/* Rings it, if it was ever opened. */
void bell_ring_own(uint32_t which);
/* Reads it, if it was ever opened. */
void bell_reset(uint32_t which);
/* A new epoll descriptor that hears AGNOCAST_BELL_EDGE (data: @data), or -errno. */
int bell_epoll(uint64_t data);

/* The registry is a new one: gives it the eventfds again. */
int bells_rejoin(void);

#endif /* AGNOCAST_BELL_H */
