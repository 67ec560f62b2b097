/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - short texts for the start of a process
 *
 * snprintf() and strtoul() would do, but their first use costs each process five
 * page faults. All texts end with NUL and are cut to the room that there is.
 */
#ifndef AGNOCAST_TEXT_H
#define AGNOCAST_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Puts @what behind the text that @to holds; @room: of @to. */
static inline void text_add(char *to, size_t room, const char *what)
{
	size_t at = strlen(to);

	while (*what && at + 1 < room)
		to[at++] = *what++;
	to[at] = 0;
}

/* @base: up to 16. */
static inline void text_add_number(char *to, size_t room, uint64_t number, unsigned int base)
{
	char digits[65];
	size_t at = sizeof(digits) - 1;

	digits[at] = 0;
	do {
		digits[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	text_add(to, room, digits + at);
}

/* The number that @text begins with, in hexadecimal as /proc prints it. */
static inline unsigned long text_hex(const char *text)
{
	unsigned long number = 0;

	for (; (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'f'); text++)
		number = number << 4 | (unsigned long)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
	return number;
}

#endif /* AGNOCAST_TEXT_H */
