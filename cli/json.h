/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - a JSON text, written as it comes
 *
 * All tools write through this: commas, escapes and what is not known (null,
 * never 0) are in one place. Addresses are hex strings, since many readers
 * lose bits of 64-bit numbers. Without a name (NULL) a value is an element of
 * a list.
 */
#ifndef AGNOCAST_CLI_JSON_H
#define AGNOCAST_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where a list or object stands: a comma belongs before all but the first. */
struct json {
	FILE	*out;
	bool	first;
};

/* Some of these names are libjansson's too, which must go on calling its own. */
#pragma GCC visibility push(hidden)

void json_open(struct json *json);		/* an object in a list, or the outermost */
void json_close(struct json *json);
void json_open_list(struct json *json, const char *name);
void json_close_list(struct json *json);
void json_object(struct json *json, const char *name);	/* an object as a member */
void json_null(struct json *json, const char *name);
void json_number(struct json *json, const char *name, uint64_t number);	/* at most 2^63 - 1 */
void json_id(struct json *json, const char *name, uint64_t id);	/* a string: readers round */
void json_signed(struct json *json, const char *name, int64_t number);
void json_known(struct json *json, const char *name, bool known, uint64_t number);
void json_real(struct json *json, const char *name, bool known, double number);
void json_bool(struct json *json, const char *name, bool value);
void json_string(struct json *json, const char *name, const char *text);
void json_address(struct json *json, const char *name, uint64_t address);

/* @text as a JSON string: invalid UTF-8 becomes U+FFFD. */
void json_text(FILE *out, const char *text);

#pragma GCC visibility pop

#endif /* AGNOCAST_CLI_JSON_H */
