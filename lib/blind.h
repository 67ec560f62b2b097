/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blind.h - processes that cannot see what this one holds
 *
 * A publisher destroys nothing of its until it knows that no subscription holds
 * it. One that cannot map this process's control part, and has told the registry
 * so, is blind: its messages are not read here, and as soon as none of them is
 * held any more it hears that too, and goes on without us. Once it can see, it
 * is read again.
 *
 * The participant lock is held for all of it.
 */
#ifndef AGNOCAST_BLIND_H
#define AGNOCAST_BLIND_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Asks the registry who is blind. 0; -errno: then those of before are still
 * taken to be, and nobody else: nothing new may be attached.
 */
int blind_refresh(void);
bool blind_any(void);
bool blind_is(uint64_t session);
/*
 * Tells the registry for all of whom @reads says no. Returns how many are still
 * to be told.
 */
uint32_t blind_acknowledge(bool (*reads)(uint64_t session));

#endif /* AGNOCAST_BLIND_H */
