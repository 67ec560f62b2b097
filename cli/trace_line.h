/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_line.h - one event of `agnocast trace` as text or JSON
 *
 * No I/O but the given stream, no clock: golden texts test it.
 */
#ifndef AGNOCAST_CLI_TRACE_LINE_H
#define AGNOCAST_CLI_TRACE_LINE_H

#include <stdio.h>

#include "cause.h"

/* @time: as it is to be printed; @cause: NULL for a call that succeeded. */
struct trace_line {
	const struct agnocast_failure	*failure;
	const struct cause		*cause;
	const struct cause_place	*place;
	const char			*time;
	uint64_t			time_ns;	/* CLOCK_REALTIME, for JSON */
};

void trace_line_header(FILE *out);
void trace_line_text(FILE *out, const struct trace_line *line);
void trace_line_json(FILE *out, const struct trace_line *line);

/* The call's arguments: "agnocast@7 RDWR|CREAT". */
void trace_line_arguments(char *text, size_t len, const struct agnocast_event *event);

/* "fd 5", "ok", "EEXIST File exists", "coalesced". */
void trace_line_result(char *text, size_t len, const struct agnocast_event *event);

#endif /* AGNOCAST_CLI_TRACE_LINE_H */
