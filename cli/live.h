/* SPDX-License-Identifier: BSD-2-Clause */
/* live.h - samples of the registry that is there, until the end */
#ifndef AGNOCAST_CLI_LIVE_H
#define AGNOCAST_CLI_LIVE_H

#include "options.h"

/* The exit status. */
int live(const struct options *options);

#endif /* AGNOCAST_CLI_LIVE_H */
