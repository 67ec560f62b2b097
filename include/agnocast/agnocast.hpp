// SPDX-License-Identifier: BSD-2-Clause
/*
 * agnocast.hpp - all of the C++ API (C++17, header-only)
 *
 * Two layers. endpoint.hpp: publisher<T>, subscription<T> and waitset, values
 * with which a program writes its own loop. node.hpp, executors.hpp: Node,
 * Publisher<T>, Subscription<T>, timers and executors, with the names of the
 * ROS 2 Agnocast, for programs that have callbacks called. Both throw std::system_error.
 */
#ifndef AGNOCAST_AGNOCAST_HPP
#define AGNOCAST_AGNOCAST_HPP

#include <agnocast/endpoint.hpp>
#include <agnocast/executors.hpp>
#include <agnocast/node.hpp>

#endif // AGNOCAST_AGNOCAST_HPP
