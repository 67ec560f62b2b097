/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork.h - a forked child gets a private copy of the heap
 *
 * vfork, posix_spawn and what is built on them do not come here. A child made
 * without the handlers (_Fork, raw clone) does not inherit the area and faults
 * at its first look at the heap, rather than write its parent's memory.
 */
#ifndef AGNOCAST_FORK_H
#define AGNOCAST_FORK_H

/* Install the handlers; early, so that they are the last before and the first after. */
void fork_register(void);

#endif /* AGNOCAST_FORK_H */
