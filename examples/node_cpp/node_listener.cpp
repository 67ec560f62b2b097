// SPDX-License-Identifier: BSD-2-Clause
/*
 * node_listener.cpp - reads the talker's numbers where the talker wrote them
 *
 *	MEMPOOL_SIZE=16M node_listener
 */
#include <agnocast/agnocast.hpp>

#include <cstdio>
#include <exception>

#include "numbers.hpp"

int main(int argc, char **argv)
try {
	agnocast::init(argc, argv);
	auto node = std::make_shared<agnocast::Node>("listener");
	auto sub = node->create_subscription<numbers>("/numbers", 10,
		[](const agnocast::ipc_shared_ptr<const numbers> &message) {
			printf("received %llu, %zu values at %p\n",
			       static_cast<unsigned long long>(message->count), message->values.size(),
			       static_cast<const void *>(message->values.data()));
			fflush(stdout);
		});
	agnocast::MultiThreadedExecutor executor(2);

	executor.add_node(node);
	executor.spin();
	return 0;
} catch (const std::exception &e) {
	fprintf(stderr, "node_listener: %s\n", e.what());
	return 1;
}
