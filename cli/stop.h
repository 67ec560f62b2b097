/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop.h - signals that end the program in good order, or resize its screen
 *
 * They are blocked but while the program waits with stop_mask: none can come
 * between looking and sleeping, so no resize and no Ctrl-C waits for a delay
 * of an hour to pass.
 */
#ifndef AGNOCAST_CLI_STOP_H
#define AGNOCAST_CLI_STOP_H

#include <signal.h>
#include <stdbool.h>

extern volatile sig_atomic_t stopped;

/* @mask gets what ppoll() should wait with. */
void stop_catch(sigset_t *mask);

#endif /* AGNOCAST_CLI_STOP_H */
