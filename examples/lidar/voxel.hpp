// SPDX-License-Identifier: BSD-2-Clause
/* voxel.hpp - thin out a cloud: one point, the centroid, for each occupied cube */
#ifndef LIDAR_VOXEL_HPP
#define LIDAR_VOXEL_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cloud.hpp"

namespace lidar {

/* A leaf that suits the cloud: a 200th of its longer horizontal side. */
double suggest_leaf(const cloud &c);

/* Keeps its tables between clouds: use one per stream. One thread at a time. */
class voxel_grid {
public:
	/* @leaf: the side of a cube, in metres, > 0 */
	explicit voxel_grid(double leaf) : leaf_(leaf) {}

	/*
	 * Write the centroids to @out (x y z, float32) in the order in which the
	 * cubes were first met; the header is copied. Points that are not finite
	 * are left out. Throws std::runtime_error if @in is malformed.
	 */
	void downsample(const cloud &in, cloud &out);

private:
	struct cell {
		int64_t key[3];
		double sum[3];
		uint32_t points;
	};

	void grow();
	cell &find(const int64_t (&key)[3]);

	double leaf_;
	std::vector<cell> cells_;
	std::vector<uint32_t> table_;	/* index into cells_, + 1; 0: free; a power of two */
};

} // namespace lidar

#endif
