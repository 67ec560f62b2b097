// SPDX-License-Identifier: BSD-2-Clause
/*
 * pcd.cpp - the points of a PCD file
 *
 * Before anything is allocated, the file is shown to be long enough to hold
 * what its header promises.
 */
#include "pcd.hpp"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <vector>

#include "pcd_header.hpp"

namespace lidar {

using sensor_msgs::msg::PointField;

namespace {

[[noreturn]] void bad(const std::string &what)
{
	throw std::runtime_error(what);
}

cloud empty_cloud(const pcd_header &h)
{
	cloud c;
	size_t offset = 0;

	for (const pcd_field &f : h.fields) {
		if (f.datatype) {
			PointField p;

			p.name = f.name;
			p.offset = static_cast<uint32_t>(offset);
			p.datatype = f.datatype;
			p.count = static_cast<uint32_t>(f.count);
			c.fields.push_back(p);
		}
		offset += f.bytes();
	}
	c.width = static_cast<uint32_t>(h.width);
	c.height = static_cast<uint32_t>(h.height);
	c.is_bigendian = false;
	c.point_step = static_cast<uint32_t>(h.point_step);
	c.row_step = c.width * c.point_step;
	return c;
}

/* Text to one element. @T is what it is stored as. */
template <class T>
void store(std::string_view word, uint8_t *out)
{
	using wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
	wide v{};
	const auto [end, err] = std::from_chars(word.data(), word.data() + word.size(), v);
	bool good = err == std::errc() && end == word.data() + word.size();

	if constexpr (std::is_integral_v<T>)
		good = good && v >= std::numeric_limits<T>::min() && v <= std::numeric_limits<T>::max();
	if (!good)
		bad("not a number that fits its field: " + in_quotes(word));
	const T element = static_cast<T>(v);

	memcpy(out, &element, sizeof(element));
}

void store_word(const pcd_field &f, std::string_view word, uint8_t *out)
{
	switch (f.datatype) {
	case PointField::INT8:
		return store<int8_t>(word, out);
	case PointField::UINT8:
		return store<uint8_t>(word, out);
	case PointField::INT16:
		return store<int16_t>(word, out);
	case PointField::UINT16:
		return store<uint16_t>(word, out);
	case PointField::INT32:
		return store<int32_t>(word, out);
	case PointField::UINT32:
		return store<uint32_t>(word, out);
	case PointField::FLOAT32:
		return store<float>(word, out);
	case PointField::FLOAT64:
		return store<double>(word, out);
	default:	/* padding */
		return;
	}
}

void ascii_point(const pcd_header &h, std::string_view line, uint8_t *out)
{
	for (const pcd_field &f : h.fields)
		for (size_t i = 0; i < f.count; i++, out += f.size) {
			const std::string_view word = next_word(line);

			if (word.empty())
				bad("too few numbers");
			store_word(f, word, out);
		}
	if (!next_word(line).empty())
		bad("too many numbers");
}

void read_ascii(const pcd_header &h, std::string_view text, cloud &c)
{
	size_t elements = 0, lines = h.lines, point = 0;
	std::string_view line;

	for (const pcd_field &f : h.fields)
		elements += f.count;
	/* an element is a digit and a blank at least; the last may lack the blank */
	if (h.points() > (text.size() + 1) / (2 * elements))
		bad("too short for the " + std::to_string(h.points()) + " points it promises");
	c.data.resize(h.points() * h.point_step);
	while (point < h.points() && next_line(text, line)) {
		lines++;
		if (line.find_first_not_of(" \t") == line.npos)
			continue;
		try {
			ascii_point(h, line, &c.data[point * h.point_step]);
		} catch (const std::runtime_error &e) {
			bad("line " + std::to_string(lines) + ": " + e.what());
		}
		point++;
	}
	if (point < h.points())
		bad("ends after " + std::to_string(point) + " of " + std::to_string(h.points()) + " points");
}

void read_binary(const pcd_header &h, std::string_view bytes, cloud &c)
{
	/* point_step is not 0; dividing cannot overflow as multiplying could */
	if (h.points() > bytes.size() / h.point_step)
		bad("holds " + std::to_string(bytes.size()) + " bytes of points, too few for " +
		    std::to_string(h.points()) + " points of " + std::to_string(h.point_step) + " bytes");
	const uint8_t *start = reinterpret_cast<const uint8_t *>(bytes.data());

	c.data.assign(start, start + h.points() * h.point_step);
}

uint32_t load32(std::string_view bytes, size_t offset)
{
	uint32_t v;

	memcpy(&v, bytes.data() + offset, sizeof(v));
	return v;
}

/* Compressed files hold all of the first field, then all of the second, ... */
void interleave(const pcd_header &h, const std::vector<uint8_t> &planes, cloud &c)
{
	const uint8_t *in = planes.data();
	size_t offset = 0;

	c.data.resize(planes.size());
	for (const pcd_field &f : h.fields) {
		for (size_t i = 0; i < h.points(); i++, in += f.bytes())
			memcpy(&c.data[i * h.point_step + offset], in, f.bytes());
		offset += f.bytes();
	}
}

void read_compressed(const pcd_header &h, std::string_view bytes, cloud &c)
{
	/* three bytes expand to 264 at the very most */
	constexpr size_t best_ratio = 88;

	if (bytes.size() < 8)
		bad("ends before the sizes of the compressed data");
	const size_t packed = load32(bytes, 0), unpacked = load32(bytes, 4);

	bytes.remove_prefix(8);
	if (packed > bytes.size())
		bad("promises " + std::to_string(packed) + " compressed bytes, holds " +
		    std::to_string(bytes.size()));
	if (h.points() > unpacked / h.point_step || h.points() * h.point_step != unpacked)
		bad("expands to " + std::to_string(unpacked) + " bytes, but the header says " +
		    std::to_string(h.points()) + " points of " + std::to_string(h.point_step) + " bytes");
	if (unpacked / best_ratio > packed)
		bad("damaged: " + std::to_string(packed) + " bytes cannot expand to " +
		    std::to_string(unpacked));
	std::vector<uint8_t> planes(unpacked);

	if (!lzf_expand(bytes.substr(0, packed), planes.data(), planes.size()))
		bad("damaged: the compressed data does not expand to " + std::to_string(unpacked) + " bytes");
	interleave(h, planes, c);
}

template <class T>
bool all_finite(const cloud &c, const PointField &f)
{
	for (size_t p = f.offset; p < c.data.size(); p += c.point_step)
		for (size_t i = 0; i < f.count; i++) {
			T v;

			memcpy(&v, &c.data[p + i * sizeof(T)], sizeof(v));
			if (!std::isfinite(v))
				return false;
		}
	return true;
}

bool is_dense(const cloud &c)
{
	for (const PointField &f : c.fields)
		if ((f.datatype == PointField::FLOAT32 && !all_finite<float>(c, f)) ||
		    (f.datatype == PointField::FLOAT64 && !all_finite<double>(c, f)))
			return false;
	return true;
}

} // namespace

bool lzf_expand(std::string_view in, uint8_t *out, size_t out_size)
{
	const uint8_t *ip = reinterpret_cast<const uint8_t *>(in.data()), *const in_end = ip + in.size();
	uint8_t *op = out, *const out_end = out + out_size;

	while (ip < in_end) {
		const size_t control = *ip++;

		if (control < 32) {	/* control + 1 bytes as they are */
			const size_t run = control + 1;

			if (run > static_cast<size_t>(in_end - ip) || run > static_cast<size_t>(out_end - op))
				return false;
			memcpy(op, ip, run);
			op += run;
			ip += run;
			continue;
		}
		size_t run = control >> 5;	/* bytes from before, 2 more than this says */

		if (run == 7) {
			if (ip == in_end)
				return false;
			run += *ip++;
		}
		run += 2;
		if (ip == in_end)
			return false;
		const size_t back = ((control & 31) << 8) + *ip++ + 1;

		if (back > static_cast<size_t>(op - out) || run > static_cast<size_t>(out_end - op))
			return false;
		for (; run; run--, op++)	/* may overlap: byte by byte */
			*op = *(op - back);
	}
	return op == out_end;
}

cloud parse_pcd(const std::string &name, std::string_view file)
{
	try {
		const pcd_header h = parse_pcd_header(file);
		cloud c = empty_cloud(h);

		switch (h.data) {
		case pcd_data::ascii:
			read_ascii(h, file, c);
			break;
		case pcd_data::binary:
			read_binary(h, file, c);
			break;
		case pcd_data::compressed:
			read_compressed(h, file, c);
			break;
		}
		c.is_dense = is_dense(c);
		return c;
	} catch (const std::runtime_error &e) {
		throw std::runtime_error(name + ": " + e.what());
	}
}

cloud read_pcd(const std::string &path)
{
	std::ifstream in(path, std::ios::binary | std::ios::ate);

	if (!in)
		throw std::runtime_error(path + ": " + strerror(errno) +
					 " (give the path of a PCD v0.7 file, or no --pcd to simulate a lidar)");
	const std::streamoff size = in.tellg();	/* a directory says 2^63 - 1 or -1 */

	if (size < 0 || size == std::numeric_limits<std::streamoff>::max())
		throw std::runtime_error(path + ": not a regular file (give the path of a PCD v0.7 file)");
	std::string bytes(static_cast<size_t>(size), '\0');

	in.seekg(0);
	if (!in.read(bytes.data(), size))
		throw std::runtime_error(path + ": cannot be read: " + strerror(errno));
	return parse_pcd(path, bytes);
}

} // namespace lidar
