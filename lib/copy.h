/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * copy.h - what a file holds, copied to memory as fast as the machine can
 *
 * For a forked child, before anything of libc works: allocates nothing.
 */
#ifndef AGNOCAST_COPY_H
#define AGNOCAST_COPY_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Copy [from, end) of @fd to @base + from on, which is private, writable and
 * zero. Holes are passed over. Much is copied by two threads, the second of
 * which is gone on return. -errno: the copy is not whole.
 */
int copy_file(int fd, uintptr_t base, off_t from, off_t end);

#endif /* AGNOCAST_COPY_H */
