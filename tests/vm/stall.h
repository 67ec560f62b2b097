/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stall.h - a page on which the kernel waits until it is told to go on
 *
 * Whoever touches it first, in a system call too, sleeps in userfaultfd.
 */
#ifndef AGNOCAST_TEST_STALL_H
#define AGNOCAST_TEST_STALL_H

#include <stddef.h>

struct stall {
	char	*page;		/* 4096 bytes */
	int	fd;
};

int stall_make(struct stall *stall);
/* Returns when somebody sleeps on it. */
int stall_wait(struct stall *stall);
/* Fills the page with @content and zeros, and wakes who sleeps. */
int stall_resolve(struct stall *stall, const void *content, size_t len);
void stall_end(struct stall *stall);

#endif /* AGNOCAST_TEST_STALL_H */
