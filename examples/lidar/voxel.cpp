// SPDX-License-Identifier: BSD-2-Clause
/* voxel.cpp - voxel grid by an open-addressed hash table */
#include "voxel.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lidar {

using sensor_msgs::msg::PointField;

namespace {

size_t hash(const int64_t (&key)[3])
{
	uint64_t v = static_cast<uint64_t>(key[0]) * 0x9e3779b97f4a7c15 ^
		     static_cast<uint64_t>(key[1]) * 0xc2b2ae3d27d4eb4f ^
		     static_cast<uint64_t>(key[2]) * 0x165667b19e3779f9;

	return v ^ (v >> 29);
}

bool finite(const xyz_view::point &p)
{
	return std::isfinite(p.x) && std::isfinite(p.y) && std::isfinite(p.z);
}

} // namespace

double suggest_leaf(const cloud &c)
{
	const xyz_view points(c);
	const double inf = std::numeric_limits<double>::infinity();
	double low[2] = {inf, inf}, high[2] = {-inf, -inf};

	for (size_t i = 0; i < points.size(); i++) {
		const xyz_view::point p = points[i];

		if (!finite(p))
			continue;
		low[0] = std::min(low[0], p.x);
		low[1] = std::min(low[1], p.y);
		high[0] = std::max(high[0], p.x);
		high[1] = std::max(high[1], p.y);
	}
	const double side = std::max(high[0] - low[0], high[1] - low[1]);

	return side > 0 && std::isfinite(side) ? side / 200 : 0.1;
}

void voxel_grid::grow()
{
	table_.assign(std::max<size_t>(1024, table_.size() * 2), 0);
	for (size_t i = 0; i < cells_.size(); i++) {
		size_t slot = hash(cells_[i].key) & (table_.size() - 1);

		while (table_[slot])
			slot = (slot + 1) & (table_.size() - 1);
		table_[slot] = static_cast<uint32_t>(i + 1);
	}
}

voxel_grid::cell &voxel_grid::find(const int64_t (&key)[3])
{
	if (2 * cells_.size() >= table_.size())
		grow();
	for (size_t slot = hash(key);; slot++) {
		uint32_t &index = table_[slot & (table_.size() - 1)];

		if (!index) {
			cells_.push_back({{key[0], key[1], key[2]}, {0, 0, 0}, 0});
			index = static_cast<uint32_t>(cells_.size());
			return cells_.back();
		}
		if (std::equal(key, key + 3, cells_[index - 1].key))
			return cells_[index - 1];
	}
}

void voxel_grid::downsample(const cloud &in, cloud &out)
{
	const xyz_view points(in);

	cells_.clear();
	std::fill(table_.begin(), table_.end(), 0);
	for (size_t i = 0; i < points.size(); i++) {
		const xyz_view::point p = points[i];
		const double q[3] = {std::floor(p.x / leaf_), std::floor(p.y / leaf_), std::floor(p.z / leaf_)};

		/* also false for NaN; beyond, a double has no digits left for a place */
		if (!(std::fabs(q[0]) < 1e15 && std::fabs(q[1]) < 1e15 && std::fabs(q[2]) < 1e15))
			continue;
		cell &c = find({static_cast<int64_t>(q[0]), static_cast<int64_t>(q[1]),
				static_cast<int64_t>(q[2])});

		c.sum[0] += p.x;
		c.sum[1] += p.y;
		c.sum[2] += p.z;
		c.points++;
	}

	out.header = in.header;
	out.fields.clear();
	out.point_step = 0;
	for (const char *name : {"x", "y", "z"})
		add_field(out, name, PointField::FLOAT32);
	out.is_bigendian = false;
	out.is_dense = true;
	resize(out, cells_.size());
	for (size_t i = 0; i < cells_.size(); i++) {
		float centroid[3];

		for (int axis = 0; axis < 3; axis++)
			centroid[axis] = static_cast<float>(cells_[i].sum[axis] / cells_[i].points);
		memcpy(&out.data[i * sizeof(centroid)], centroid, sizeof(centroid));
	}
}

} // namespace lidar
