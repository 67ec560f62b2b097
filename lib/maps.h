/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.h - what lies where in this process, from /proc/self/maps
 *
 * Allocates nothing.
 */
#ifndef AGNOCAST_MAPS_H
#define AGNOCAST_MAPS_H

#include <stdbool.h>
#include <stdint.h>

struct mapping {
	uintptr_t	from, to;
	char		name[200];	/* a path, "[heap]" or the like, "anonymous memory" */
};

/* Calls @each for every mapping, by address, until it returns true; true: it did. */
bool maps_each(bool (*each)(const struct mapping *mapping, void *arg), void *arg);

/* The first mapping that overlaps [from, to). */
bool maps_find(uintptr_t from, uintptr_t to, struct mapping *found);

#endif /* AGNOCAST_MAPS_H */
