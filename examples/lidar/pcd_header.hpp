// SPDX-License-Identifier: BSD-2-Clause
/* pcd_header.hpp - what the text before the points of a PCD file says; for pcd*.cpp only */
#ifndef LIDAR_PCD_HEADER_HPP
#define LIDAR_PCD_HEADER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lidar {

struct pcd_field {
	std::string name;
	size_t size = 0;	/* bytes of an element: 1, 2, 4, 8 */
	char type = 0;		/* I, U, F */
	size_t count = 1;	/* elements */
	uint8_t datatype = 0;	/* of PointField; 0: padding */

	size_t bytes() const { return size * count; }
};

enum class pcd_data { ascii, binary, compressed };

struct pcd_header {
	std::vector<pcd_field> fields;
	size_t width = 0, height = 0;	/* each below 2^32 */
	size_t point_step = 0;		/* bytes, at most 1 MiB */
	pcd_data data = pcd_data::ascii;
	size_t lines = 0;		/* of the header */

	size_t points() const { return width * height; }
};

/*
 * Consumes the header from the front of @file. Throws std::runtime_error with
 * what is wrong, without the file's name. All that comes back is consistent.
 */
pcd_header parse_pcd_header(std::string_view &file);

/* Cut the first line off @text, without its end; false: there is none. */
bool next_line(std::string_view &text, std::string_view &line);

/* Cut the first word off @line; empty: there is none. */
std::string_view next_word(std::string_view &line);

/* A piece of foreign text that is fit for an error message. */
std::string in_quotes(std::string_view text);

} // namespace lidar

#endif
