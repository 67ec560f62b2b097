// SPDX-License-Identifier: BSD-2-Clause
/*
 * numbers.hpp - the message of node_talker and node_listener
 */
#ifndef NUMBERS_HPP
#define NUMBERS_HPP

#include <cstdint>
#include <vector>

struct numbers {
	uint64_t count;
	std::vector<uint64_t> values;
};

#endif
