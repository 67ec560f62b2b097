/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - the one way the library speaks
 *
 * One line per problem to the callback of agnocast_log_set(), by default to
 * stderr with write(2). Silent in bystanders: until log_enable(), which the
 * first API call does. Allocates nothing.
 */
#ifndef AGNOCAST_LOG_H
#define AGNOCAST_LOG_H

#include <agnocast/agnocast.h>

void log_enable(void);
void log_line(enum agnocast_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* AGNOCAST_LOG_H */
