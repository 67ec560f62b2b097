/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * criterion.h - as much of criterion as the unit tests that run on another
 * architecture need, where the real one is not to be had
 *
 * Each test runs in a process of its own. What is said beside a failure is the
 * condition; the tests' own words are left out.
 */
#ifndef ARM64_CRITERION_H
#define ARM64_CRITERION_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct test_options {
	void	(*init)(void);
	void	(*fini)(void);
	double	timeout;
};

struct test {
	const char *suite, *name;
	void	(*run)(void);
	struct test_options options;
	struct test *next;
};

struct suite {
	const char *name;
	struct test_options options;
	struct suite *next;
};

static struct test *tests;
static struct suite *suites;
static bool test_failed;

static inline bool test_check(bool good, const char *what, const char *file, int line)
{
	if (!good) {
		printf("# %s:%d: %s\n", file, line, what);
		test_failed = true;
	}
	return good;
}

#define Test(suite_, name_, ...)						\
	static void suite_##_##name_(void);					\
	static struct test test_##suite_##_##name_ = {				\
		.suite = #suite_, .name = #name_, .run = suite_##_##name_,	\
		.options = { __VA_ARGS__ },					\
	};									\
	__attribute__((constructor)) static void add_##suite_##_##name_(void)	\
	{									\
		test_##suite_##_##name_.next = tests;				\
		tests = &test_##suite_##_##name_;				\
	}									\
	static void suite_##_##name_(void)

/* Before its tests. */
#define TestSuite(suite_, ...)							\
	static struct suite suite_of_##suite_ = {				\
		.name = #suite_, .options = { __VA_ARGS__ },			\
	};									\
	__attribute__((constructor)) static void add_suite_##suite_(void)	\
	{									\
		suite_of_##suite_.next = suites;				\
		suites = &suite_of_##suite_;					\
	}									\
	struct suite

#define cr_expect(c, ...)	test_check((c) ? true : false, #c, __FILE__, __LINE__)
#define cr_assert(c, ...)	do { if (!cr_expect(c)) { fflush(stdout); _exit(1); } } while (0)
#define cr_expect_not(c, ...)	cr_expect(!(c))
#define cr_expect_eq(a, b, ...)	cr_expect((a) == (b))
#define cr_expect_neq(a, b, ...) cr_expect((a) != (b))
#define cr_expect_lt(a, b, ...)	cr_expect((a) < (b))
#define cr_expect_leq(a, b, ...) cr_expect((a) <= (b))
#define cr_expect_gt(a, b, ...)	cr_expect((a) > (b))
#define cr_expect_geq(a, b, ...) cr_expect((a) >= (b))
#define cr_expect_str_eq(a, b, ...) cr_expect(!strcmp(a, b))
#define cr_expect_null(p, ...)	cr_expect((p) == NULL)
#define cr_expect_not_null(p, ...) cr_expect((p) != NULL)
#define cr_assert_not(c, ...)	cr_assert(!(c))
#define cr_assert_eq(a, b, ...)	cr_assert((a) == (b))
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b))
#define cr_assert_lt(a, b, ...)	cr_assert((a) < (b))
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b))
#define cr_assert_gt(a, b, ...)	cr_assert((a) > (b))
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b))
#define cr_assert_str_eq(a, b, ...) cr_assert(!strcmp(a, b))
#define cr_assert_not_null(p, ...) cr_assert((p) != NULL)
#define cr_assert_null(p, ...)	cr_assert((p) == NULL)

static void run_test(const struct test *test)
{
	for (const struct suite *suite = suites; suite; suite = suite->next)
		if (!strcmp(suite->name, test->suite) && suite->options.init)
			suite->options.init();
	if (test->options.init)
		test->options.init();
	test->run();
	fflush(stdout);
	_exit(test_failed ? 1 : 0);
}

int main(void)
{
	int passed = 0, failed = 0, status;

	for (const struct test *test = tests; test; test = test->next) {
		pid_t pid = fork();

		if (!pid)
			run_test(test);
		waitpid(pid, &status, 0);
		printf("%s %s::%s\n", status ? "not ok" : "ok", test->suite, test->name);
		fflush(stdout);
		*(status ? &failed : &passed) += 1;
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed ? 1 : 0;
}

#endif /* ARM64_CRITERION_H */
