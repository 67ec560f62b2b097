/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ownfd.h - a long-lived descriptor, told from what the host put in its place
 *
 * A host may close every descriptor (daemons do) and open its own, which get
 * the same numbers. So each of ours is kept high and marked, in the kernel's
 * open file: by the signal that F_SETSIG would have sent, which without O_ASYNC
 * means nothing. Before each use one fcntl() looks whether the mark is still
 * there. Marks go round, so that one of ours is not taken for another; fstat()
 * could not do that, all eventfds and epolls have one inode.
 *
 * A handle is number and mark in one int, so that it can be read atomically.
 * Allocates nothing, leaves errno alone, no cancellation point.
 */
#ifndef AGNOCAST_OWNFD_H
#define AGNOCAST_OWNFD_H

#define OWNFD_NONE (-1)

/* The handle of a new descriptor, which moves: the number @fd is closed. */
int ownfd_keep(int fd);

/* The same for one that another process opened and marked, and still uses. */
int ownfd_adopt(int fd);

/* The descriptor's number, for the next system call; -EBADF: it is ours no more. */
int ownfd_number(int handle);

/* Closes it, if it still is ours. */
void ownfd_close(int handle);

#endif /* AGNOCAST_OWNFD_H */
