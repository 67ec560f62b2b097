/* SPDX-License-Identifier: BSD-2-Clause */
/* probes.c - the semaphores of the probes */

#include "probes.h"

#ifdef AGNOCAST_PROBES
PROBE_SEMAPHORE(publish);
PROBE_SEMAPHORE(take);
PROBE_SEMAPHORE(release);
PROBE_SEMAPHORE(drop);
PROBE_SEMAPHORE(grow);
PROBE_SEMAPHORE(map_failed);
#else
/* A file must hold something. */
typedef int probes_are_left_out;
#endif
