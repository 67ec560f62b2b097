// SPDX-License-Identifier: BSD-2-Clause
/*
 * node_talker.cpp - publishes a list of numbers ten times a second, from a timer
 *
 *	MEMPOOL_SIZE=16M node_talker
 */
#include <agnocast/agnocast.hpp>

#include <chrono>
#include <cstdio>
#include <exception>

#include "numbers.hpp"

int main(int argc, char **argv)
try {
	agnocast::init(argc, argv);
	auto node = std::make_shared<agnocast::Node>("talker");
	auto pub = node->create_publisher<numbers>("/numbers", 10);
	uint64_t count = 0;
	auto timer = node->create_wall_timer(std::chrono::milliseconds(100), [&] {
		auto message = pub->borrow_loaned_message();

		message->count = count++;
		message->values.assign(100000, message->count);
		printf("published %llu, %zu values at %p\n", static_cast<unsigned long long>(message->count),
		       message->values.size(), static_cast<const void *>(message->values.data()));
		fflush(stdout);
		pub->publish(std::move(message));
	});

	agnocast::spin(node);
	return 0;
} catch (const std::exception &e) {
	fprintf(stderr, "node_talker: %s\n", e.what());
	return 1;
}
