/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ABI with small limits, so that a short input reaches them. Found before
 * the real one by the core and by the model; everything else is the real one's.
 */
#ifndef FUZZ_SMALL_AGNOCAST_H
#define FUZZ_SMALL_AGNOCAST_H

#include_next <uapi/agnocast.h>

#undef AGNOCAST_TOPICS_MAX
#undef AGNOCAST_ENDPOINTS_MAX
#define AGNOCAST_TOPICS_MAX	6
#define AGNOCAST_ENDPOINTS_MAX	128	/* two pages of each copy of a roster */

#endif /* FUZZ_SMALL_AGNOCAST_H */
