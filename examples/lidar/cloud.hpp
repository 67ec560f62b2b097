// SPDX-License-Identifier: BSD-2-Clause
/*
 * cloud.hpp - what every program here does with a PointCloud2
 *
 * A cloud may come from a file or from another process: whatever reads one
 * goes through xyz_view, which checks that all it will touch is there.
 */
#ifndef LIDAR_CLOUD_HPP
#define LIDAR_CLOUD_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <sensor_msgs/msg/point_cloud2.hpp>

namespace lidar {

using cloud = sensor_msgs::msg::PointCloud2;

/* Bytes of an element of a PointField datatype; 0 if there is no such type. */
size_t datatype_size(uint8_t datatype);

/* Append a field to @c at its present point_step, and grow point_step. */
void add_field(cloud &c, const std::string &name, uint8_t datatype, uint32_t count = 1);

/* Make room for @points points in one row, all zero. */
void resize(cloud &c, size_t points);

/* All the bytes of a message, for statistics: the object and what it points to. */
uint64_t bytes_of(const cloud &c);

/* A checksum of all that a cloud says, each nested string and vector included. */
uint32_t digest(const cloud &c);

/* x, y and z of the points of a cloud, which must live as long as the view. */
class xyz_view {
public:
	struct point {
		double x, y, z;
	};

	/* Throws std::runtime_error if @c contradicts itself or has no x, y, z. */
	explicit xyz_view(const cloud &c);

	size_t size() const { return width_ * height_; }

	point operator[](size_t i) const
	{
		const uint8_t *p = data_ + i / width_ * row_step_ + i % width_ * point_step_;

		return {number(p, 0), number(p, 1), number(p, 2)};
	}

private:
	double number(const uint8_t *point, int axis) const
	{
		if (wide_[axis]) {
			double v;

			memcpy(&v, point + offset_[axis], sizeof(v));
			return v;
		}
		float v;

		memcpy(&v, point + offset_[axis], sizeof(v));
		return v;
	}

	const uint8_t *data_;
	size_t width_, height_, point_step_, row_step_;
	size_t offset_[3];
	bool wide_[3];	/* float64, else float32 */
};

} // namespace lidar

#endif
