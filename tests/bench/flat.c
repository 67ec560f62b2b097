// SPDX-License-Identifier: BSD-2-Clause
/* flat.c - a PointCloud2 as a row of bytes, and back */

#include "flat.h"

#include <stdlib.h>
#include <string.h>

static char *put(char *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return to + bytes;
}

static const char *get(const char *from, void *to, size_t bytes)
{
	memcpy(to, from, bytes);
	return from + bytes;
}

static char *put_string(char *to, const char *text)
{
	uint32_t length = (uint32_t)strlen(text) + 1;

	to = put(to, &length, sizeof(length));
	return put(to, text, length);
}

static const char *get_string(const char *from, const char **text)
{
	uint32_t length;
	char *copy;

	from = get(from, &length, sizeof(length));
	copy = malloc(length);
	*text = copy;
	return get(from, copy, length);
}

size_t flat_bytes(const struct cloud *c)
{
	size_t bytes = sizeof(*c) + 4 + strlen(c->frame_id) + 1 + c->data_bytes;

	for (uint32_t i = 0; i < c->fields_count; i++)
		bytes += sizeof(*c->fields) + 4 + strlen(c->fields[i].name) + 1;
	return bytes;
}

void flat_write(void *to, const struct cloud *c)
{
	char *p = put(to, c, sizeof(*c));

	p = put_string(p, c->frame_id);
	for (uint32_t i = 0; i < c->fields_count; i++) {
		p = put(p, &c->fields[i], sizeof(*c->fields));
		p = put_string(p, c->fields[i].name);
	}
	put(p, c->data, c->data_bytes);
}

void flat_read(const void *from, struct cloud *c)
{
	const char *p = get(from, c, sizeof(*c));
	struct field *fields = calloc(c->fields_count + 1, sizeof(*fields));

	p = get_string(p, &c->frame_id);
	for (uint32_t i = 0; i < c->fields_count; i++) {
		p = get(p, &fields[i], sizeof(*fields));
		p = get_string(p, &fields[i].name);
	}
	c->fields = fields;
	c->data = flat_buffer(c->data_bytes);
	get(p, c->data, c->data_bytes);
}

void flat_free(struct cloud *c)
{
	for (uint32_t i = 0; i < c->fields_count; i++)
		free((void *)c->fields[i].name);
	free((void *)c->fields);
	free((void *)c->frame_id);
}

void *flat_buffer(size_t bytes)
{
	static size_t room;
	static void *buffer;

	if (bytes > room) {
		free(buffer);
		buffer = malloc(bytes);
		room = bytes;
	}
	return buffer;
}
