/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eventbell.h - the eventfd behind a session's bell, counted
 *
 * A wake rings it with no lock held, while its session may end, or hand over
 * another one. The core knows it as a pointer without type.
 */
#ifndef AGK_EVENTBELL_H
#define AGK_EVENTBELL_H

/* With one reference, or an ERR_PTR: of eventfd_ctx_fdget(), or ENOMEM. */
void *agk_eventbell_open(int fd);
void agk_eventbell_hold(void *bell);
/* NULL is allowed. */
void agk_eventbell_put(void *bell);
/* Does not sleep. */
void agk_eventbell_ring(void *bell);

#endif /* AGK_EVENTBELL_H */
