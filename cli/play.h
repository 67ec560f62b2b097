/* SPDX-License-Identifier: BSD-2-Clause */
/* play.h - samples of a recording, to its end on standard output, back and forth on the screen */
#ifndef AGNOCAST_CLI_PLAY_H
#define AGNOCAST_CLI_PLAY_H

#include "options.h"

/* The exit status. */
int play(const struct options *options);

#endif /* AGNOCAST_CLI_PLAY_H */
