/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the program that we run in: whose malloc is it, what watches it
 *
 * A program whose malloc is not ours (it brings one, or a sanitizer's) can
 * still be a member: it subscribes, and publishes what agnocast_alloc() gave.
 * Allocates nothing.
 */
#ifndef AGNOCAST_HOST_H
#define AGNOCAST_HOST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Can this program be a member at all? -ENOTSUP with a sentence in @why under
 * valgrind and under sanitizers that cannot see what other processes write.
 */
int host_check(char *const *env, char *why, size_t len);

/* Does malloc, wherever this program calls it, lead to this library? */
bool host_heap_is_ours(void);

/* Why not, and what to do: a sentence. */
const char *host_heap_reason(void);

#endif /* AGNOCAST_HOST_H */
