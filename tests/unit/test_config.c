/* SPDX-License-Identifier: BSD-2-Clause */
/* test_config.c - what the environment asks of the library */

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define GIB (UINT64_C(1) << 30)

static char why[512];

static int read_size(const char *value, uint64_t *bytes)
{
	why[0] = 0;
	return config_size("MEMPOOL_SIZE", value, bytes, why, sizeof(why));
}

Test(config, sizes_are_bytes_or_powers_of_1024)
{
	const struct {
		const char *value;
		uint64_t bytes;
	} rows[] = {
		{ "1", 1 }, { "102400", 102400 }, { "007", 7 },
		{ "1k", 1024 }, { "1K", 1024 }, { "3M", 3 << 20 }, { "2G", 2 * GIB },
		{ "99999999G", 99999999 * GIB },
		{ "18446744073709551615", UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX },
		{ "99999999999999999999999999", UINT64_MAX },
		{ "99999999999G", UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 42;

		cr_expect_eq(read_size(rows[i].value, &bytes), 0, "%s: %s", rows[i].value, why);
		cr_expect_eq(bytes, rows[i].bytes, "%s is %llu", rows[i].value,
			     (unsigned long long)bytes);
	}
}

/* Each refusal has its own sentence, which quotes the value. */
Test(config, refuses_what_is_no_size_and_says_which)
{
	const struct {
		const char *value, *says, *quotes;
	} rows[] = {
		{ "abc",     "not a number",         "\"abc\"" },
		{ "0",       "no memory at all",     "=0 " },
		{ "0G",      "no memory at all",     "=0G " },
		{ "-1",      "negative",             "=-1 " },
		{ "-",       "not a number",         "\"-\"" },
		{ "12x",     "ends in something",    "\"12x\"" },
		{ "1 M",     "ends in something",    "\"1 M\"" },
		{ "1MB",     "ends in something",    "\"1MB\"" },
		{ "1.5G",    "ends in something",    "\"1.5G\"" },
		{ " 64M",    "not a number",         "\" 64M\"" },
		{ "+5",      "not a number",         "\"+5\"" },
		{ "0x10",    "ends in something",    "\"0x10\"" },
		{ "a\x1b[2J\n", "not a number",      "\"a?[2J?\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 42;

		cr_expect_eq(read_size(rows[i].value, &bytes), -EINVAL, "%s", rows[i].value);
		cr_expect_eq(bytes, 42, "%s changed the result", rows[i].value);
		cr_expect(strstr(why, rows[i].says), "%s: %s", rows[i].value, why);
		cr_expect(strstr(why, rows[i].quotes), "%s: %s", rows[i].value, why);
		cr_expect(strstr(why, "MEMPOOL_SIZE"), "%s: %s", rows[i].value, why);
		cr_expect(strstr(why, "give "), "no remedy: %s", why);
		cr_expect_null(strchr(why, '\n'));
	}
}

Test(config, cuts_a_long_value_short)
{
	char value[4096];
	uint64_t bytes;

	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = 0;
	cr_expect_eq(read_size(value, &bytes), -EINVAL);
	cr_expect_lt(strlen(why), 200);
	cr_expect(strstr(why, "..."));
}

static int read_env(struct config *config, char *const *env)
{
	why[0] = 0;
	return config_read(config, env, why, sizeof(why));
}

Test(config, rounds_the_pool_up_to_a_multiple_of_102400)
{
	const struct {
		char *variable;
		uint64_t bytes;
	} rows[] = {
		{ "MEMPOOL_SIZE=1", 102400 },
		{ "MEMPOOL_SIZE=102400", 102400 },
		{ "MEMPOOL_SIZE=102401", 204800 },
		{ "MEMPOOL_SIZE=1M", 1126400 },
		{ "MEMPOOL_SIZE=18446744073709551615", UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *env[] = { rows[i].variable, NULL };
		struct config config;

		cr_expect_eq(read_env(&config, env), 0, "%s: %s", rows[i].variable, why);
		cr_expect_eq(config.mempool_size, rows[i].bytes, "%s", rows[i].variable);
	}
}

Test(config, tells_unset_from_empty)
{
	char *none[] = { "PATH=/bin", "MEMPOOL_SIZES=1M", NULL };
	char *empty[] = { "MEMPOOL_SIZE=", NULL };
	struct config config;

	cr_expect_eq(read_env(&config, none), -EINVAL);
	cr_expect(strstr(why, "MEMPOOL_SIZE is not set"), "%s", why);
	cr_expect(strstr(why, "MEMPOOL_SIZE=64M"), "no remedy: %s", why);
	cr_expect_eq(read_env(&config, NULL), -EINVAL);
	cr_expect(strstr(why, "MEMPOOL_SIZE is not set"), "%s", why);
	cr_expect_eq(read_env(&config, empty), -EINVAL);
	cr_expect(strstr(why, "MEMPOOL_SIZE is empty"), "%s", why);
}

Test(config, reads_the_other_variables)
{
	char *env[] = { "AGNOCAST_REGISTRY=unix:/x", "AGNOCAST_MEMPOOL_MAX=1G",
			"AGNOCAST_PREFAULT=1", "AGNOCAST_STRICT=1", "MEMPOOL_SIZE=1M", NULL };
	char *few[] = { "AGNOCAST_REGISTRY=", "AGNOCAST_MEMPOOL_MAX=", "AGNOCAST_PREFAULT=0",
			"AGNOCAST_STRICT=", "MEMPOOL_SIZE=1M", NULL };
	struct config config;

	cr_assert_eq(read_env(&config, env), 0, "%s", why);
	cr_expect_str_eq(config.registry, "unix:/x");
	cr_expect_eq(config.mempool_max, GIB);
	cr_expect(config.prefault);
	cr_expect(config.strict);

	cr_assert_eq(read_env(&config, few), 0, "%s", why);
	cr_expect_null(config.registry);
	cr_expect_eq(config.mempool_max, 0);
	cr_expect_not(config.prefault);
	cr_expect_not(config.strict);
}

Test(config, refuses_a_switch_that_is_neither_0_nor_1)
{
	char *env[] = { "MEMPOOL_SIZE=1M", "AGNOCAST_PREFAULT=yes", NULL };
	struct config config;

	cr_expect_eq(read_env(&config, env), -EINVAL);
	cr_expect(strstr(why, "AGNOCAST_PREFAULT=\"yes\""), "%s", why);
}

Test(config, schedules_the_thread)
{
	static const char *const bad[] = { "fifo", "fifo:", "fifo:0", "fifo:100", "fifo:5x",
					   "rr:-1", "5", "FIFO:5", "idle",
					   "fifo:99999999999999999999999" };
	char *env[] = { "MEMPOOL_SIZE=1M", "AGNOCAST_THREAD_SCHED=fifo:99", NULL };
	struct config config;
	int policy, priority;

	cr_assert_eq(read_env(&config, env), 0);
	cr_expect(config.thread_policy == SCHED_FIFO && config.thread_priority == 99);
	env[1] = "AGNOCAST_THREAD_SCHED=";
	cr_assert_eq(read_env(&config, env), 0);
	cr_expect_eq(config.thread_policy, -1);
	cr_expect(!config_sched("X", "rr:1", &policy, &priority, why, sizeof(why)) &&
		  policy == SCHED_RR && priority == 1);
	cr_expect(!config_sched("X", "other", &policy, &priority, why, sizeof(why)) &&
		  policy == SCHED_OTHER && priority == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cr_expect_eq(config_sched("X", bad[i], &policy, &priority, why, sizeof(why)),
			     -EINVAL, "%s", bad[i]);
		cr_expect(strstr(why, "fifo:N"), "%s", why);
	}
}

/* A strict process must end also because of what follows AGNOCAST_STRICT. */
Test(config, knows_strict_even_if_the_rest_is_refused)
{
	char *env[] = { "MEMPOOL_SIZE=0", "AGNOCAST_STRICT=1", NULL };
	struct config config;

	cr_expect_eq(read_env(&config, env), -EINVAL);
	cr_expect(config.strict);
}

Test(config, must_fit_the_heap)
{
	char *large[] = { "MEMPOOL_SIZE=99999999G", NULL };
	char *crossed[] = { "MEMPOOL_SIZE=2M", "AGNOCAST_MEMPOOL_MAX=1M", NULL };
	char *fine[] = { "MEMPOOL_SIZE=2M", "AGNOCAST_MEMPOOL_MAX=99G", NULL };
	struct config config;

	cr_assert_eq(read_env(&config, large), 0);
	cr_expect_eq(config_fit(&config, large, 15 * GIB, why, sizeof(why)), -EINVAL);
	cr_expect(strstr(why, "MEMPOOL_SIZE=99999999G"), "%s", why);
	cr_expect(strstr(why, "16106127360"), "%s", why);

	cr_assert_eq(read_env(&config, crossed), 0);
	cr_expect_eq(config_fit(&config, crossed, 15 * GIB, why, sizeof(why)), -EINVAL);
	cr_expect(strstr(why, "AGNOCAST_MEMPOOL_MAX=1M"), "%s", why);

	cr_assert_eq(read_env(&config, fine), 0);
	cr_expect_eq(config_fit(&config, fine, 15 * GIB, why, sizeof(why)), 0);
	cr_expect_eq(config.mempool_max, 15 * GIB);
}

Test(config, a_name_must_match_whole)
{
	char *env[] = { "XMEMPOOL_SIZE=1", "MEMPOOL_SIZE2=2", "MEMPOOL_SIZE", "MEMPOOL_SIZE=3",
			NULL };

	cr_expect_str_eq(config_get(env, "MEMPOOL_SIZE"), "3");
	cr_expect_null(config_get(env, "MEMPOOL"));
}
