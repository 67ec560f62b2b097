// SPDX-License-Identifier: BSD-2-Clause
/*
 * flat_cloud.hpp - a PointCloud2 as CDR (XCDR version 1, this machine's byte order), and back
 *
 * The layout is that of bench::Cloud in dds.idl, so it reads what Cyclone DDS
 * wrote. One copy of the points each way.
 */
#ifndef PIPELINE_FLAT_CLOUD_HPP
#define PIPELINE_FLAT_CLOUD_HPP

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "../../../examples/lidar/cloud.hpp"

namespace flat {

/* Writes, or with a null pointer only counts. */
class writer {
public:
	explicit writer(uint8_t *to) : start_(to) {}

	template <class T>
	void number(T v)
	{
		at_ = (at_ + sizeof(v) - 1) / sizeof(v) * sizeof(v);
		bytes(&v, sizeof(v));
	}

	void string(const std::string &s)
	{
		number(static_cast<uint32_t>(s.size() + 1));
		bytes(s.c_str(), s.size() + 1);
	}

	void bytes(const void *from, size_t n)
	{
		if (start_ && n)
			memcpy(start_ + at_, from, n);
		at_ += n;
	}

	size_t size() const { return at_; }

private:
	uint8_t *start_;
	size_t at_ = 0;
};

class reader {
public:
	reader(const uint8_t *from, size_t size) : start_(from), size_(size) {}

	template <class T>
	T number()
	{
		T v;

		at_ = (at_ + sizeof(v) - 1) / sizeof(v) * sizeof(v);
		memcpy(&v, bytes(sizeof(v)), sizeof(v));
		return v;
	}

	void string(std::string &s)
	{
		const uint32_t n = number<uint32_t>();

		s.assign(reinterpret_cast<const char *>(bytes(n)), n ? n - 1 : 0);
	}

	const uint8_t *bytes(size_t n)
	{
		const uint8_t *p = start_ + at_;

		if (n > size_ - at_)
			throw std::runtime_error("a cloud is cut short");
		at_ += n;
		return p;
	}

private:
	const uint8_t *start_;
	size_t size_, at_ = 0;
};

inline void write(writer &w, const lidar::cloud &c)
{
	w.number(c.header.stamp.sec);
	w.number(c.header.stamp.nanosec);
	w.string(c.header.frame_id);
	w.number(c.height);
	w.number(c.width);
	w.number(static_cast<uint32_t>(c.fields.size()));
	for (const auto &f : c.fields) {
		w.string(f.name);
		w.number(f.offset);
		w.number(f.datatype);
		w.number(f.count);
	}
	w.number(static_cast<uint8_t>(c.is_bigendian));
	w.number(c.point_step);
	w.number(c.row_step);
	w.number(static_cast<uint32_t>(c.data.size()));
	w.bytes(c.data.data(), c.data.size());
	w.number(static_cast<uint8_t>(c.is_dense));
}

/* Into @c, whose memory is used again. */
inline void read(reader &r, lidar::cloud &c)
{
	c.header.stamp.sec = r.number<int32_t>();
	c.header.stamp.nanosec = r.number<uint32_t>();
	r.string(c.header.frame_id);
	c.height = r.number<uint32_t>();
	c.width = r.number<uint32_t>();
	c.fields.resize(r.number<uint32_t>());
	for (auto &f : c.fields) {
		r.string(f.name);
		f.offset = r.number<uint32_t>();
		f.datatype = r.number<uint8_t>();
		f.count = r.number<uint32_t>();
	}
	c.is_bigendian = r.number<uint8_t>();
	c.point_step = r.number<uint32_t>();
	c.row_step = r.number<uint32_t>();
	const uint32_t n = r.number<uint32_t>();
	const uint8_t *points = r.bytes(n);

	c.data.assign(points, points + n);
	c.is_dense = r.number<uint8_t>();
}

} // namespace flat

#endif
