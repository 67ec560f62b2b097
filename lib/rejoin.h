/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rejoin.h - carrying on when agnocastd was restarted
 *
 * Messages between mapped peers never needed it. The library's thread notices
 * the hang-up, and as soon as a daemon answers again it registers everything
 * anew, with the old ids, at the old address. (A session cannot outlive the
 * kernel module, so none of this is for /dev/agnocast.)
 */
#ifndef AGNOCAST_REJOIN_H
#define AGNOCAST_REJOIN_H

#include <stdbool.h>

/* The descriptor whose hang-up is to be watched; -EBADF: the host closed it; or -1. */
int rejoin_watch(void);
/* It hung up. */
void rejoin_hung_up(void);
/* True while there is something to do: call rejoin_try() soon. */
bool rejoin_pending(void);

/*
 * Reaches for the registry and joins it again, but for the endpoints. The
 * participant lock is held. 0: the endpoints are to follow, then rejoin_done();
 * 1: nothing is, it is the same registry; -errno: try later.
 */
int rejoin_try(void);
/* An endpoint was not taken back. */
void rejoin_refused(int err);
/* All endpoints are registered again. */
void rejoin_done(void);

#endif /* AGNOCAST_REJOIN_H */
