// SPDX-License-Identifier: BSD-2-Clause
/*
 * node_check.hpp - what the tests of the C++ API share
 *
 * A test is a function that throws at the first thing that is wrong; what takes
 * longer than it may ends the program through its watchdog.
 */
#ifndef AGNOCAST_NODE_CHECK_HPP
#define AGNOCAST_NODE_CHECK_HPP

#include <agnocast/agnocast.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using agnocast::ipc_shared_ptr;

struct sample {
	uint64_t number = 0;
	std::vector<uint64_t> data;
};

#define CHECK(condition) check(static_cast<bool>(condition), #condition, __LINE__)

inline void check(bool good, const char *what, int line)
{
	if (!good)
		throw std::runtime_error("line " + std::to_string(line) + ": " + what);
}

inline void eventually(const std::function<bool()> &good, const char *what)
{
	const auto end = std::chrono::steady_clock::now() + 20s;

	while (!good()) {
		if (std::chrono::steady_clock::now() > end)
			throw std::runtime_error(std::string("never: ") + what);
		std::this_thread::sleep_for(1ms);
	}
}

inline std::shared_ptr<agnocast::Node> make_node(const std::string &name = "tester")
{
	return std::make_shared<agnocast::Node>(name, "/ns");
}

template <class T>
void send(const std::shared_ptr<agnocast::Publisher<T>> &pub, uint64_t number)
{
	auto m = pub->borrow_loaned_message();

	m->number = number;
	m->data.assign(10, number);
	pub->publish(std::move(m));
	CHECK(!m);
}

struct node_test {
	const char *name;
	void (*run)();
};

/* All of @tests, or the one called @only. The exit status. */
template <size_t n>
int run_tests(const node_test (&tests)[n], const char *only)
{
	int passed = 0, failed = 0;

	for (const node_test &test : tests) {
		if (only && strcmp(only, test.name))
			continue;
		try {
			test.run();
			printf("ok %s\n", test.name);
			passed++;
		} catch (const std::exception &e) {
			printf("not ok %s: %s\n", test.name, e.what());
			failed++;
		}
		fflush(stdout);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}

#endif // AGNOCAST_NODE_CHECK_HPP
