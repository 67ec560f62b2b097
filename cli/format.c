// SPDX-License-Identifier: BSD-2-Clause
/* format.c - how numbers and foreign names become text */

#define _GNU_SOURCE
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <uapi/agnocast.h>

int32_t format_utf8(const char *text, size_t *size)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *byte = (const unsigned char *)text;
	size_t length = byte[0] < 0x80 ? 1 : byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	*size = 1;
	if (length == 1)
		return byte[0];
	if (byte[0] < 0xc2 || byte[0] > 0xf4)
		return -1;
	code = byte[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)	/* the NUL too */
			return -1;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return -1;
	*size = length;
	return (int32_t)code;
}

/* What a terminal shows in one or two columns without side effects. */
static int is_plain(int32_t code)
{
	if (code < 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
		return 0;
	return code < 0x7f || wcwidth((wchar_t)code) > 0;
}

char *format_clean(char *out, size_t len, const char *text)
{
	size_t used = 0, size;

	for (; *text && used + 1 < len; text += size) {
		int plain = is_plain(format_utf8(text, &size));

		if (used + size >= len)
			break;
		if (plain)
			memcpy(out + used, text, size);
		else
			out[used] = '?';
		used += plain ? size : 1;
	}
	out[used] = '\0';
	return out;
}

static size_t char_width(const char *text, size_t *size)
{
	int32_t code = format_utf8(text, size);
	int width = code < 0x7f ? 1 : wcwidth((wchar_t)code);

	return width > 0 ? (size_t)width : 1;
}

size_t format_width(const char *text)
{
	size_t width = 0, size;

	for (; *text; text += size)
		width += char_width(text, &size);
	return width;
}

/* How many bytes of @text fill at most @width columns; @width becomes what they take. */
static size_t head(const char *text, size_t *width)
{
	size_t room = *width, bytes = 0, size;

	*width = 0;
	while (text[bytes]) {
		size_t wide = char_width(text + bytes, &size);

		if (*width + wide > room)
			break;
		*width += wide;
		bytes += size;
	}
	return bytes;
}

/* Drops characters from the front until the rest fits @width columns. */
static const char *tail(const char *text, size_t width)
{
	size_t size;

	while (format_width(text) > width) {
		char_width(text, &size);
		text += size;
	}
	return text;
}

char *format_fit(char *out, size_t len, const char *text, size_t width, unsigned int flags)
{
	size_t full = format_width(text), shown = width, bytes;
	int cut = full > width && width > 0;
	int pad;

	if (cut && (flags & FORMAT_TAIL)) {
		text = tail(text, width - 1);
		pad = (int)(width - 1 - format_width(text));
		snprintf(out, len, "+%s%*s", text, pad, "");
		return out;
	}
	if (cut)
		shown = width - 1;
	bytes = head(text, &shown);
	pad = (int)(width - shown - (cut ? 1 : 0));
	if (flags & FORMAT_RIGHT)
		snprintf(out, len, "%*s%.*s%s", pad, "", (int)bytes, text, cut ? "+" : "");
	else
		snprintf(out, len, "%.*s%s%*s", (int)bytes, text, cut ? "+" : "", pad, "");
	return out;
}

size_t format_break(const char *text, size_t width)
{
	size_t columns = width, bytes = head(text, &columns), end = bytes;

	if (!text[bytes] || text[bytes] == ' ')
		return bytes;
	while (end && text[end] != ' ')
		end--;
	if (end)
		return end;
	format_utf8(text, &end);
	return bytes ? bytes : *text ? end : 0;
}

/* Three significant digits and a unit, at most five columns below 1000 of the last unit. */
static char *scaled(char *out, size_t len, double value, double step, const char *units)
{
	const char *unit = units;

	while (value >= 999.5 && unit[1]) {
		value /= step;
		unit++;
	}
	snprintf(out, len, "%.*f%.1s", value < 99.95 && unit != units ? 1 : 0, value,
		 *unit == ' ' ? "" : unit);
	return out;
}

char *format_count(char *out, size_t len, uint64_t value)
{
	if (value > 99999)
		return scaled(out, len, (double)value, 1000, " kMGTPE");
	snprintf(out, len, "%llu", (unsigned long long)value);
	return out;
}

char *format_bytes(char *out, size_t len, double bytes)
{
	const char *unit = " KMGTPE";
	double value = bytes;

	while (value >= 1023.5 && unit[1]) {
		value /= 1024;
		unit++;
	}
	snprintf(out, len, "%.*f%.1s", *unit != ' ' && value < 99.95 && value != floor(value) ? 1 : 0,
		 value, *unit == ' ' ? "" : unit);
	return out;
}

char *format_rate(char *out, size_t len, double per_second)
{
	if (per_second > 0 && per_second < 0.995) {
		snprintf(out, len, "%.2f", per_second);
		return out;
	}
	if (per_second < 9999.5) {
		snprintf(out, len, "%.*f", per_second < 999.95 ? 1 : 0, per_second);
		return out;
	}
	return scaled(out, len, per_second, 1000, " kMGTPE");
}

char *format_ns(char *out, size_t len, double ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s" };
	size_t unit = 0;

	while (ns >= 999.5 && unit < 3) {
		ns /= 1000;
		unit++;
	}
	snprintf(out, len, "%.*f%s", unit && ns < 9.95 ? 1 : 0, ns, units[unit]);
	return out;
}

char *format_qos(char *out, size_t len, uint32_t depth, uint32_t flags)
{
	snprintf(out, len, "depth %u, %s%s", depth,
		 flags & AGNOCAST_TRANSIENT_LOCAL ? "transient local" : "volatile",
		 flags & AGNOCAST_IGNORE_LOCAL ? ", not local" : "");
	return out;
}

char *format_errno(char *out, size_t len, int error)
{
	const char *name = strerrorname_np(error);

	if (name)
		snprintf(out, len, "%s", name);
	else
		snprintf(out, len, "%d", error);
	return out;
}
