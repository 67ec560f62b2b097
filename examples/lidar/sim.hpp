// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim.hpp - a spinning lidar in a street: what it sees is ray-cast, not invented
 *
 * Same frame number and turn time, same cloud, byte for byte.
 */
#ifndef LIDAR_SIM_HPP
#define LIDAR_SIM_HPP

#include <cstdint>

#include "cloud.hpp"

namespace lidar {

constexpr unsigned sim_rings = 40;	/* lasers, from 25 degrees down to 10 up */
constexpr unsigned sim_columns = 1000;	/* directions in a turn */

/*
 * Fill @c with turn number @frame of a lidar that needs @turn_s seconds for
 * one: fields x y z intensity (float32), ring (uint16), time (float32, seconds
 * within the turn); at least 30,000 points. The header is left alone.
 */
void simulate_turn(uint64_t frame, double turn_s, cloud &c);

} // namespace lidar

#endif
