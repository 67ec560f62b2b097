/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compare.h - is what the core holds and shows what the model says?
 *
 * Looks at everything an observer, a participant or the next caller could see:
 * the listings, the roster file, the window. Also lends the core its pages.
 */
#ifndef FUZZ_COMPARE_H
#define FUZZ_COMPARE_H

#include "registry.h"

#include "model.h"

/* Every allocation of the core, pages included, asks; set by the fuzzer. */
extern bool (*agk_alloc_fails)(void);

/* agk_home.roster_page: pages that lie apart, so that ASan sees an overrun. */
void *rosters_page(void *home, u64 index);
void rosters_free(void);
/* The topic that the roster at this offset says it is of; 0: none, or no roster. */
u64 rosters_topic_at(u64 offset);

/* After each command. Does not return if there is a difference. */
void compare_all(struct agk_world *world, const struct model *m);

#endif /* FUZZ_COMPARE_H */
