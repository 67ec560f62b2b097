// SPDX-License-Identifier: BSD-2-Clause
/* cloud.cpp - checking, measuring and checksumming a PointCloud2 */
#include "cloud.hpp"

#include <stdexcept>

#include "crc32c.hpp"

namespace lidar {

using sensor_msgs::msg::PointField;

namespace {

[[noreturn]] void bad(const std::string &what)
{
	throw std::runtime_error("malformed cloud: " + what);
}

const PointField &find_field(const cloud &c, const char *name)
{
	std::string names;

	for (const PointField &f : c.fields) {
		if (f.name == name)
			return f;
		names += (names.empty() ? "" : " ") + f.name;
	}
	bad(std::string("no field \"") + name + "\" among \"" + names + "\"");
}

template <class T>
uint32_t digest_number(uint32_t crc, T v)
{
	return crc32c(crc, &v, sizeof(v));
}

uint32_t digest_string(uint32_t crc, const std::string &s)
{
	return crc32c(digest_number(crc, s.size()), s.data(), s.size());
}

} // namespace

size_t datatype_size(uint8_t datatype)
{
	switch (datatype) {
	case PointField::INT8:
	case PointField::UINT8:
		return 1;
	case PointField::INT16:
	case PointField::UINT16:
		return 2;
	case PointField::INT32:
	case PointField::UINT32:
	case PointField::FLOAT32:
		return 4;
	case PointField::FLOAT64:
		return 8;
	default:
		return 0;
	}
}

void add_field(cloud &c, const std::string &name, uint8_t datatype, uint32_t count)
{
	PointField f;

	f.name = name;
	f.offset = c.point_step;
	f.datatype = datatype;
	f.count = count;
	c.fields.push_back(f);
	c.point_step += static_cast<uint32_t>(datatype_size(datatype) * count);
}

void resize(cloud &c, size_t points)
{
	c.height = 1;
	c.width = static_cast<uint32_t>(points);
	c.row_step = c.width * c.point_step;
	c.data.resize(points * c.point_step);
}

uint64_t bytes_of(const cloud &c)
{
	return sizeof(c) + c.fields.size() * sizeof(PointField) + c.data.size();
}

uint32_t digest(const cloud &c)
{
	uint32_t crc = 0;

	crc = digest_number(crc, c.header.stamp.sec);
	crc = digest_number(crc, c.header.stamp.nanosec);
	crc = digest_string(crc, c.header.frame_id);
	crc = digest_number(crc, c.height);
	crc = digest_number(crc, c.width);
	for (const PointField &f : c.fields) {
		crc = digest_string(crc, f.name);
		crc = digest_number(crc, f.offset);
		crc = digest_number(crc, f.datatype);
		crc = digest_number(crc, f.count);
	}
	crc = digest_number(crc, c.is_bigendian);
	crc = digest_number(crc, c.point_step);
	crc = digest_number(crc, c.row_step);
	crc = digest_number(crc, c.is_dense);
	return crc32c(digest_number(crc, c.data.size()), c.data.data(), c.data.size());
}

xyz_view::xyz_view(const cloud &c)
	: data_(c.data.data()), width_(c.width), height_(c.height),
	  point_step_(c.point_step), row_step_(c.row_step)
{
	static const char *const axes[3] = {"x", "y", "z"};

	if (c.is_bigendian)
		bad("big-endian numbers");
	/* All factors are below 2^32, so no product here overflows. */
	if (width_ * point_step_ > row_step_)
		bad("a row of " + std::to_string(row_step_) + " bytes cannot hold " +
		    std::to_string(width_) + " points of " + std::to_string(point_step_) + " bytes");
	if (height_ * row_step_ > c.data.size())
		bad("data holds " + std::to_string(c.data.size()) + " bytes, not " +
		    std::to_string(height_ * row_step_));
	for (int axis = 0; axis < 3; axis++) {
		const PointField &f = find_field(c, axes[axis]);

		if (f.datatype != PointField::FLOAT32 && f.datatype != PointField::FLOAT64)
			bad(std::string("field \"") + axes[axis] + "\" is not a float");
		offset_[axis] = f.offset;
		wide_[axis] = f.datatype == PointField::FLOAT64;
		if (offset_[axis] + datatype_size(f.datatype) > point_step_)
			bad(std::string("field \"") + axes[axis] + "\" lies outside the point");
	}
}

} // namespace lidar
