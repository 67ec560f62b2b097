/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - structures of options that grow
 *
 * The first member is the size that the caller was built with. A caller that
 * knows less gets zeros for the rest; one that knows more must have left the
 * rest zero.
 */
#ifndef AGNOCAST_OPTIONS_H
#define AGNOCAST_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* Copies @from (NULL: the defaults) into @to, @size bytes. -EINVAL is logged. */
int options_copy(const char *what, void *to, size_t size, const void *from);

/* Copies counters, @known bytes of them, to a caller that knows @size. 0 or -EINVAL. */
int options_give(void *to, size_t size, const void *from, size_t known);

/* What all endpoints have: 0 becomes depth 1. */
int options_check_endpoint(const char *what, uint32_t *depth, uint32_t flags, uint32_t known);
int options_check_spin(const char *what, uint32_t spin_us);

#endif /* AGNOCAST_OPTIONS_H */
