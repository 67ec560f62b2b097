/* SPDX-License-Identifier: BSD-2-Clause */
/* test_text.c - short texts, against stdio's */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "text.h"

static const uint64_t numbers[] = { 0, 1, 9, 10, 0xff, 4194304, 1u << 31, UINT64_MAX };

Test(text, numbers_are_as_printf_has_them)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char expected[64], got[64] = "/agnocast@";

		snprintf(expected, sizeof(expected), "/agnocast@%llu", (unsigned long long)numbers[i]);
		text_add_number(got, sizeof(got), numbers[i], 10);
		cr_assert_str_eq(got, expected);
		snprintf(expected, sizeof(expected), "0x%llx", (unsigned long long)numbers[i]);
		strcpy(got, "0x");
		text_add_number(got, sizeof(got), numbers[i], 16);
		cr_assert_str_eq(got, expected);
	}
}

Test(text, is_cut_to_its_room)
{
	char text[8] = "ab", guard = text[7];

	text_add(text, 6, "cdefg");
	cr_assert_str_eq(text, "abcde");
	text_add(text, 6, "x");
	cr_assert_str_eq(text, "abcde");
	text_add_number(text, 7, 42, 10);
	cr_assert_str_eq(text, "abcde4");
	cr_assert_eq(text[7], guard);
}

Test(text, hex_ends_where_it_ends)
{
	static const char *const texts[] = { "00000033\n", "33", "0", "", "3b\n", "7f g", "ffffffff" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_eq(text_hex(texts[i]), strtoul(texts[i], NULL, 16), "%s", texts[i]);
}
