// SPDX-License-Identifier: BSD-2-Clause
/* json.c - a JSON text, written as it comes */

#include "json.h"

#include <inttypes.h>

#include "format.h"

void json_text(FILE *out, const char *text)
{
	size_t size;

	fputc('"', out);
	for (; *text; text += size) {
		int32_t code = format_utf8(text, &size);

		if (code < 0)
			fputs("\\ufffd", out);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (code < 0x20 || code == 0x7f)
			fprintf(out, "\\u%04x", (unsigned int)code);
		else
			fwrite(text, 1, size, out);
	}
	fputc('"', out);
}

static void key(struct json *json, const char *name)
{
	if (!json->first)
		fputc(',', json->out);
	if (name)
		fprintf(json->out, "\"%s\":", name);
	json->first = false;
}

void json_open(struct json *json)
{
	fputs(json->first ? "{" : ",{", json->out);
	json->first = true;
}

void json_close(struct json *json)
{
	fputc('}', json->out);
	json->first = false;
}

void json_open_list(struct json *json, const char *name)
{
	key(json, name);
	fputc('[', json->out);
	json->first = true;
}

void json_close_list(struct json *json)
{
	fputc(']', json->out);
	json->first = false;
}

void json_object(struct json *json, const char *name)
{
	key(json, name);
	fputc('{', json->out);
	json->first = true;
}

void json_null(struct json *json, const char *name)
{
	key(json, name);
	fputs("null", json->out);
}

/* Many readers have no larger integers. */
void json_number(struct json *json, const char *name, uint64_t number)
{
	if (number > INT64_MAX)
		number = INT64_MAX;
	key(json, name);
	fprintf(json->out, "%" PRIu64, number);
}

void json_signed(struct json *json, const char *name, int64_t number)
{
	key(json, name);
	fprintf(json->out, "%" PRId64, number);
}

void json_known(struct json *json, const char *name, bool known, uint64_t number)
{
	if (known)
		json_number(json, name, number);
	else
		json_null(json, name);
}

void json_real(struct json *json, const char *name, bool known, double number)
{
	if (!known) {
		json_null(json, name);
		return;
	}
	key(json, name);
	fprintf(json->out, "%.3f", number);
}

void json_bool(struct json *json, const char *name, bool value)
{
	key(json, name);
	fputs(value ? "true" : "false", json->out);
}

void json_string(struct json *json, const char *name, const char *text)
{
	key(json, name);
	json_text(json->out, text);
}

void json_address(struct json *json, const char *name, uint64_t address)
{
	key(json, name);
	fprintf(json->out, "\"0x%" PRIx64 "\"", address);
}

void json_id(struct json *json, const char *name, uint64_t id)
{
	key(json, name);
	fprintf(json->out, "\"%" PRIu64 "\"", id);
}
