/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loads.h - what a thread of a benchmark does
 *
 * A load runs on each of its threads until *stop, and counts pairs of malloc
 * and free, or what it calls one operation.
 */
#ifndef LOADS_H
#define LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker {
	unsigned int	index;
	unsigned int	threads;
	const bool	*stop;		/* atomic */
	uint64_t	seed;
	uint64_t	ops;		/* out */
};

struct load {
	const char	*name;
	void		(*prepare)(unsigned int threads);	/* or NULL */
	void		(*run)(struct worker *);
};

#ifdef __cplusplus
extern "C" {
#endif

extern const struct load loads[];	/* ends with a NULL name */

/* Messages like sensor_msgs/PointCloud2, built, kept and destroyed. */
void cloud_run(struct worker *w);

/* A small fast generator: rand_r() would be a good part of the time. */
static inline uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static inline bool stopped(const struct worker *w)
{
	return __atomic_load_n(w->stop, __ATOMIC_RELAXED);
}

#ifdef __cplusplus
}
#endif

#endif /* LOADS_H */
