/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.h - how numbers and foreign names become text
 *
 * Names of topics, nodes and processes come from outside: they pass through
 * format_clean() before they reach a terminal, never later than that.
 * All functions write at most @len bytes with the final NUL, and return @out.
 */
#ifndef AGNOCAST_CLI_FORMAT_H
#define AGNOCAST_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* Control bytes, invalid UTF-8, invisible and direction-changing characters become "?". */
char *format_clean(char *out, size_t len, const char *text);

/* Columns that a cleaned @text takes on the screen. */
size_t format_width(const char *text);

/*
 * Exactly @width columns: padded, or cut with a "+" where something is
 * missing. FORMAT_RIGHT aligns to the right, FORMAT_TAIL keeps the end.
 */
#define FORMAT_RIGHT	(1U << 0)
#define FORMAT_TAIL	(1U << 1)
char *format_fit(char *out, size_t len, const char *text, size_t width, unsigned int flags);

/* Bytes of the cleaned @text that make a line of at most @width columns; 0 only if it is "". */
size_t format_break(const char *text, size_t width);

char *format_count(char *out, size_t len, uint64_t value);	/* 99999 100k 1.2M */
char *format_bytes(char *out, size_t len, double bytes);	/* 0 812 1.5K 16M, powers of 1024 */
char *format_rate(char *out, size_t len, double per_second);	/* 0.25 10.0 333 12.3k */
char *format_ns(char *out, size_t len, double ns);		/* 812ns 4.1us 220us 1.9ms 12s */

/* "depth 5, volatile", "depth 1, transient local, not local": not its own process */
char *format_qos(char *out, size_t len, uint32_t depth, uint32_t flags);

/* "EEXIST", or the number. */
char *format_errno(char *out, size_t len, int error);

/*
 * One UTF-8 character of @text: its code point, and its length through @size.
 * -1 and 1 if it is not valid there.
 */
int32_t format_utf8(const char *text, size_t *size);

#endif /* AGNOCAST_CLI_FORMAT_H */
