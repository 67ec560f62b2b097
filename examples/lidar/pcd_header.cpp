// SPDX-License-Identifier: BSD-2-Clause
/* pcd_header.cpp - parse and check the header of a PCD file */
#include "pcd_header.hpp"

#include <charconv>
#include <stdexcept>

#include <sensor_msgs/msg/point_field.hpp>

namespace lidar {

using sensor_msgs::msg::PointField;

namespace {

constexpr size_t max_fields = 1024;
constexpr size_t max_point_step = 1 << 20;	/* bytes */
constexpr size_t max_side = UINT32_MAX;		/* a PointCloud2's width is a uint32 */

[[noreturn]] void bad(const std::string &what)
{
	throw std::runtime_error(what);
}

size_t number(std::string_view key, std::string_view word, size_t max)
{
	size_t v = 0;
	const auto [end, err] = std::from_chars(word.data(), word.data() + word.size(), v);

	if (err != std::errc() || end != word.data() + word.size() || v > max)
		bad(std::string(key) + " is not a number from 0 to " + std::to_string(max) + ": " +
		    in_quotes(word));
	return v;
}

uint8_t datatype_of(const pcd_field &f)
{
	const size_t s = f.size;

	if (f.type == 'F')
		return s == 4 ? PointField::FLOAT32 : s == 8 ? PointField::FLOAT64 : 0;
	if (f.type == 'I')
		return s == 1 ? PointField::INT8 : s == 2 ? PointField::INT16
				: s == 4 ? PointField::INT32 : 0;
	if (f.type == 'U')
		return s == 1 ? PointField::UINT8 : s == 2 ? PointField::UINT16
				: s == 4 ? PointField::UINT32 : 0;
	return 0;
}

/* One parse: the header's lines come in any order, so all is checked at the end. */
class parser {
public:
	void line(std::string_view key, std::string_view rest);
	pcd_header finish(std::string_view data_kind);

private:
	void version(std::string_view word);
	void field_names(std::string_view rest);
	template <class Set> void field_words(std::string_view key, std::string_view rest, Set set);
	void check_fields();

	pcd_header h_;
	bool sizes_ = false, types_ = false, width_ = false, height_ = false, points_ = false;
	size_t points_value_ = 0;
};

void parser::version(std::string_view word)
{
	if (word != "0.7" && word != ".7")
		bad("VERSION " + in_quotes(word) + " is not supported, only 0.7: convert the file with "
		    "pcl_convert_pcd_ascii_binary");
}

void parser::field_names(std::string_view rest)
{
	if (!h_.fields.empty())
		bad("FIELDS is there twice");
	for (std::string_view w = next_word(rest); !w.empty(); w = next_word(rest)) {
		if (h_.fields.size() == max_fields)
			bad("more than " + std::to_string(max_fields) + " FIELDS");
		h_.fields.emplace_back().name = w;
	}
	if (h_.fields.empty())
		bad("FIELDS names no field");
}

template <class Set>
void parser::field_words(std::string_view key, std::string_view rest, Set set)
{
	if (h_.fields.empty())
		bad(std::string(key) + " before FIELDS");
	for (pcd_field &f : h_.fields) {
		const std::string_view w = next_word(rest);

		if (w.empty())
			bad(std::string(key) + " has fewer entries than FIELDS");
		set(f, w);
	}
	if (!next_word(rest).empty())
		bad(std::string(key) + " has more entries than FIELDS");
}

void parser::line(std::string_view key, std::string_view rest)
{
	if (key == "VERSION") {
		version(next_word(rest));
	} else if (key == "FIELDS") {
		field_names(rest);
	} else if (key == "SIZE") {
		field_words(key, rest, [&](pcd_field &f, std::string_view w) { f.size = number(key, w, 8); });
		sizes_ = true;
	} else if (key == "TYPE") {
		field_words(key, rest, [](pcd_field &f, std::string_view w) {
			f.type = w.size() == 1 ? w[0] : '?';
		});
		types_ = true;
	} else if (key == "COUNT") {
		field_words(key, rest, [&](pcd_field &f, std::string_view w) {
			f.count = number(key, w, max_point_step);
		});
	} else if (key == "WIDTH") {
		h_.width = number(key, next_word(rest), max_side);
		width_ = true;
	} else if (key == "HEIGHT") {
		h_.height = number(key, next_word(rest), max_side);
		height_ = true;
	} else if (key == "POINTS") {
		points_value_ = number(key, next_word(rest), SIZE_MAX);
		points_ = true;
	} else if (key != "VIEWPOINT") {
		bad("unknown line in the header: " + in_quotes(key));
	}
}

void parser::check_fields()
{
	for (pcd_field &f : h_.fields) {
		const bool padding = f.name == "_";

		if (f.size != 1 && f.size != 2 && f.size != 4 && f.size != 8)
			bad("field " + in_quotes(f.name) + " has SIZE " + std::to_string(f.size) +
			    ", not 1, 2, 4 or 8");
		if (f.count == 0)
			bad("field " + in_quotes(f.name) + " has COUNT 0");
		f.datatype = padding ? 0 : datatype_of(f);
		if (!padding && !f.datatype)
			bad("field " + in_quotes(f.name) + " is of TYPE " + in_quotes({&f.type, 1}) + " SIZE " +
			    std::to_string(f.size) + ", which a PointCloud2 cannot hold");
		h_.point_step += f.bytes();
		if (h_.point_step > max_point_step)
			bad("a point of more than " + std::to_string(max_point_step) + " bytes");
	}
}

pcd_header parser::finish(std::string_view data_kind)
{
	if (h_.fields.empty() || !sizes_ || !types_ || !width_ || !height_)
		bad("the header lacks one of FIELDS, SIZE, TYPE, WIDTH, HEIGHT");
	check_fields();
	if (points_ && points_value_ != h_.points())
		bad("POINTS is " + std::to_string(points_value_) + ", but WIDTH x HEIGHT is " +
		    std::to_string(h_.width) + " x " + std::to_string(h_.height));
	if (h_.width * h_.point_step > UINT32_MAX)
		bad("a row of more than 4 GiB");
	if (data_kind == "ascii")
		h_.data = pcd_data::ascii;
	else if (data_kind == "binary")
		h_.data = pcd_data::binary;
	else if (data_kind == "binary_compressed")
		h_.data = pcd_data::compressed;
	else
		bad("DATA is neither ascii nor binary nor binary_compressed: " + in_quotes(data_kind));
	return h_;
}

} // namespace

bool next_line(std::string_view &text, std::string_view &line)
{
	if (text.empty())
		return false;
	const size_t end = text.find('\n');

	line = text.substr(0, end);
	text.remove_prefix(end == text.npos ? text.size() : end + 1);
	if (!line.empty() && line.back() == '\r')
		line.remove_suffix(1);
	return true;
}

std::string_view next_word(std::string_view &line)
{
	const size_t start = line.find_first_not_of(" \t");

	if (start == line.npos) {
		line = {};
		return {};
	}
	const size_t end = line.find_first_of(" \t", start);
	const std::string_view word = line.substr(start, end == line.npos ? end : end - start);

	line.remove_prefix(end == line.npos ? line.size() : end);
	return word;
}

std::string in_quotes(std::string_view text)
{
	std::string s = "\"";

	for (const char c : text.substr(0, 40))
		s += c >= ' ' && c <= '~' ? c : '?';
	return s + (text.size() > 40 ? "...\"" : "\"");
}

pcd_header parse_pcd_header(std::string_view &file)
{
	parser p;
	std::string_view line;

	for (size_t lines = 1; next_line(file, line); lines++) {
		const std::string_view key = next_word(line);

		if (key.empty() || key[0] == '#')
			continue;
		if (key == "DATA") {
			pcd_header h = p.finish(next_word(line));

			h.lines = lines;
			return h;
		}
		try {
			p.line(key, line);
		} catch (const std::runtime_error &e) {
			bad("line " + std::to_string(lines) + ": " + e.what());
		}
	}
	bad("no DATA line: not a PCD file, or cut short");
}

} // namespace lidar
