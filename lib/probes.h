/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probes.h - places that tracers may attach to (USDT, provider "agnocast")
 *
 *	publish		topic, publisher, seq, address, bytes
 *	take		topic, subscription, publisher, seq, address, latency_ns
 *	release		topic, subscription, publisher, seq, held_ns
 *	drop		topic, subscription, publisher, first seq, how many
 *	grow		address, bytes, error (0 or -errno)
 *	map_failed	session, pid, address, bytes, error (-errno), and what lies in
 *			the way: from, to, name (0, 0, "" if it is not that)
 *
 * Publishers and subscriptions are their generations, as the registry lists
 * them. Each probe has a semaphore, which the tracer counts up: while nobody
 * traces, a probe is one comparison of it and a jump not taken.
 */
#ifndef AGNOCAST_PROBES_H
#define AGNOCAST_PROBES_H

#if defined(__has_include) && !defined(AGNOCAST_NO_PROBES)
#if __has_include(<sys/sdt.h>)
#define AGNOCAST_PROBES 1
#endif
#endif

#ifdef AGNOCAST_PROBES

#define SDT_USE_VARIADIC 1
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

#define PROBE_SEMAPHORE(name)						\
	__attribute__((visibility("hidden"), section(".probes")))	\
	unsigned short agnocast_##name##_semaphore

extern PROBE_SEMAPHORE(publish);
extern PROBE_SEMAPHORE(take);
extern PROBE_SEMAPHORE(release);
extern PROBE_SEMAPHORE(drop);
extern PROBE_SEMAPHORE(grow);
extern PROBE_SEMAPHORE(map_failed);

/* True while somebody traces it: for what only the probe needs. */
#define PROBE_IS_ON(name) __builtin_expect(agnocast_##name##_semaphore, 0)
#define PROBE(name, ...) do {						\
	if (PROBE_IS_ON(name))						\
		STAP_PROBEV(agnocast, name, __VA_ARGS__);		\
} while (0)

#else

/* What only a probe needs is used all the same, and costs nothing. */
static inline void probe_nothing(int none, ...)
{
	(void)none;
}

#define PROBE_IS_ON(name) 0
#define PROBE(name, ...) do {						\
	if (PROBE_IS_ON(name))						\
		probe_nothing(0, __VA_ARGS__);				\
} while (0)

#endif

#endif /* AGNOCAST_PROBES_H */
