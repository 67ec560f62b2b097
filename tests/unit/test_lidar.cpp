// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_lidar.cpp - the demo's own parts: CRC, PCD reader, simulator, voxel grid
 *
 * Needs no registry and no shared heap. Recorded clouds are read too if
 * LIDAR_DATA, or ../shared/data beside the repository, holds any.
 */
#include <criterion/criterion.h>

#include <dirent.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "cloud.hpp"
#include "crc32c.hpp"
#include "pcd.hpp"
#include "sim.hpp"
#include "voxel.hpp"

using namespace lidar;
using sensor_msgs::msg::PointField;

namespace {

/* Two points of x y z label; label is a uint16. */
std::string header(const std::string &data, const std::string &change_from = "",
		   const std::string &change_to = "")
{
	std::string h = "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z label\nSIZE 4 4 4 2\nTYPE F F F U\n"
			"COUNT 1 1 1 1\nWIDTH 2\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 2\nDATA " +
			data + "\n";

	if (!change_from.empty()) {
		const size_t at = h.find(change_from);

		cr_assert_neq(at, h.npos, "the header has no \"%s\"", change_from.c_str());
		h.replace(at, change_from.size(), change_to);
	}
	return h;
}

template <class T>
std::string raw(T v)
{
	return {reinterpret_cast<const char *>(&v), sizeof(v)};
}

std::string packed_points()
{
	return raw(1.0f) + raw(-2.5f) + raw(3.0f) + raw<uint16_t>(7) +
	       raw(4.0f) + raw(5.0f) + raw(6.0f) + raw<uint16_t>(65535);
}

std::string planes()
{
	return raw(1.0f) + raw(4.0f) + raw(-2.5f) + raw(5.0f) + raw(3.0f) + raw(6.0f) +
	       raw<uint16_t>(7) + raw<uint16_t>(65535);
}

/* LZF without any compression: runs of at most 32 literal bytes. */
std::string lzf_literals(const std::string &s)
{
	std::string out;

	for (size_t i = 0; i < s.size(); i += 32) {
		const std::string part = s.substr(i, 32);

		out += static_cast<char>(part.size() - 1) + part;
	}
	return out;
}

std::string compressed(const std::string &lzf, size_t unpacked)
{
	return raw(static_cast<uint32_t>(lzf.size())) + raw(static_cast<uint32_t>(unpacked)) + lzf;
}

void check_two_points(const cloud &c)
{
	cr_assert_eq(c.width, 2);
	cr_assert_eq(c.height, 1);
	cr_assert_eq(c.point_step, 14);
	cr_assert_eq(c.fields.size(), 4);
	cr_assert_str_eq(c.fields[3].name.c_str(), "label");
	cr_assert_eq(c.fields[3].offset, 12);
	cr_assert_eq(c.fields[3].datatype, PointField::UINT16);
	cr_assert_eq(std::string(c.data.begin(), c.data.end()), packed_points());
	cr_assert(c.is_dense);
}

std::string refusal(const std::string &file)
{
	try {
		parse_pcd("a.pcd", file);
	} catch (const std::runtime_error &e) {
		return e.what();
	}
	return "";
}

cloud points(const std::vector<std::array<float, 3>> &xyz)
{
	cloud c;

	for (const char *name : {"x", "y", "z"})
		add_field(c, name, PointField::FLOAT32);
	resize(c, xyz.size());
	memcpy(c.data.data(), xyz.data(), c.data.size());
	return c;
}

} // namespace

Test(crc32c, gives_the_published_check_value)
{
	cr_assert_eq(crc32c(0, "123456789", 9), 0xe3069283);
	cr_assert_eq(crc32c_software(0, "123456789", 9), 0xe3069283);
}

Test(crc32c, is_the_same_with_and_without_the_instruction_and_in_pieces)
{
	std::mt19937 random(1);
	std::vector<uint8_t> bytes(1021);

	for (uint8_t &b : bytes)
		b = static_cast<uint8_t>(random());
	for (size_t n = 0; n < bytes.size(); n++) {
		const uint32_t whole = crc32c(0, bytes.data(), n);

		cr_assert_eq(whole, crc32c_software(0, bytes.data(), n));
		cr_assert_eq(whole, crc32c(crc32c(0, bytes.data(), n / 3), &bytes[n / 3], n - n / 3));
	}
}

Test(pcd, reads_ascii)
{
	check_two_points(parse_pcd("a.pcd", header("ascii") + "1 -2.5 3 7\n\n4 5.0 6e0 65535"));
}

Test(pcd, reads_ascii_with_dos_line_ends)
{
	std::string text;

	for (const char c : header("ascii") + "1 -2.5 3 7\n4 5 6 65535\n")
		text += c == '\n' ? std::string("\r\n") : std::string(1, c);
	check_two_points(parse_pcd("a.pcd", text));
}

Test(pcd, reads_binary)
{
	check_two_points(parse_pcd("a.pcd", header("binary") + packed_points()));
}

Test(pcd, reads_compressed)
{
	const std::string lzf = lzf_literals(planes());

	check_two_points(parse_pcd("a.pcd", header("binary_compressed") + compressed(lzf, planes().size())));
}

Test(pcd, sees_that_a_cloud_with_nan_is_not_dense)
{
	const cloud c = parse_pcd("a.pcd", header("ascii") + "1 nan 3 7\n4 5 6 8\n");

	cr_assert(!c.is_dense);
}

Test(pcd, keeps_counts_and_the_place_of_padding)
{
	const cloud c = parse_pcd("a.pcd", "VERSION .7\nFIELDS a _ b\nSIZE 1 1 8\nTYPE I U F\nCOUNT 3 5 2\n"
					   "WIDTH 1\nHEIGHT 1\nDATA ascii\n-128 0 127 1 2 3 4 5 0.5 inf\n");

	cr_assert_eq(c.fields.size(), 2);
	cr_assert_eq(c.fields[0].count, 3);
	cr_assert_eq(c.fields[1].offset, 8);
	cr_assert_eq(c.fields[1].datatype, PointField::FLOAT64);
	cr_assert_eq(c.point_step, 24);
	cr_assert_eq(static_cast<int8_t>(c.data[0]), -128);
	cr_assert(!c.is_dense);
}

Test(pcd, reads_an_empty_cloud)
{
	const std::string none = "FIELDS x\nSIZE 4\nTYPE F\nWIDTH 0\nHEIGHT 1\nPOINTS 0\nDATA ";

	for (const char *kind : {"ascii\n", "binary\n"})
		cr_assert_eq(parse_pcd("a.pcd", none + kind).data.size(), 0);
	cr_assert_eq(parse_pcd("a.pcd", none + "binary_compressed\n" + compressed("", 0)).data.size(), 0);
}

/* Each row is a good file with one thing wrong. */
Test(pcd, refuses_what_is_wrong_and_names_it)
{
	const std::string good = "1 2 3 4\n5 6 7 8\n", lzf = lzf_literals(planes());
	const struct {
		std::string file, says;
	} rows[] = {
		{"", "no DATA line"},
		{"hello\n", "unknown line"},
		{header("ascii").substr(0, 56), "no DATA line"},
		{header("ascii", "0.7\nFIELDS", "0.6\nFIELDS") + good, "VERSION"},
		{header("ascii", "FIELDS x y z label", "FIELDS") + good, "no field"},
		{header("ascii", "FIELDS x y z label\n", "") + good, "before FIELDS"},
		{header("ascii", "SIZE 4 4 4 2", "SIZE 4 4 4") + good, "fewer entries"},
		{header("ascii", "SIZE 4 4 4 2", "SIZE 4 4 4 2 2") + good, "more entries"},
		{header("ascii", "SIZE 4 4 4 2", "SIZE 4 4 4 3") + good, "SIZE 3"},
		{header("ascii", "SIZE 4 4 4 2", "SIZE 4 4 4 -2") + good, "SIZE is not a number"},
		{header("ascii", "SIZE 4 4 4 2\n", "") + good, "lacks"},
		{header("ascii", "TYPE F F F U", "TYPE F F F X") + good, "cannot hold"},
		{header("ascii", "SIZE 4 4 4 2", "SIZE 4 4 4 8") + good, "cannot hold"},
		{header("ascii", "TYPE F F F U", "TYPE F F F F") + good, "cannot hold"},
		{header("ascii", "COUNT 1 1 1 1", "COUNT 1 1 1 0") + good, "COUNT 0"},
		{header("ascii", "COUNT 1 1 1 1", "COUNT 1 1 1 1000000") + good, "more than"},
		{header("ascii", "COUNT 1 1 1 1", "COUNT 1 1 1 99999999999999999999") + good, "COUNT"},
		{header("ascii", "WIDTH 2", "WIDTH x") + good, "WIDTH"},
		{header("ascii", "WIDTH 2", "WIDTH 4294967296") + good, "WIDTH"},
		{header("ascii", "WIDTH 2", "WIDTH 3") + good, "POINTS"},
		{header("ascii", "HEIGHT 1\n", "") + good, "lacks"},
		{header("text") + good, "neither"},
		{header("ascii") + "1.0000000 2.0 3.0 4\n", "ends after 1"},
		{header("ascii") + "1", "too short"},
		{header("ascii") + "1 2 3\n4 5 6 7 8 9\n", "line 12: too few"},
		{header("ascii") + "1 2 3 4 5\n6 7 8 9\n", "too many"},
		{header("ascii") + "1 2 3 x\n5 6 7 8\n", "not a number"},
		{header("ascii") + "1 2 3 -1\n5 6 7 8\n", "fits"},
		{header("ascii") + "1 2 3 65536\n5 6 7 8\n", "fits"},
		{header("ascii") + "1 2 3 4.5\n5 6 7 8\n", "not a number"},
		{header("binary") + packed_points().substr(1), "too few"},
		{header("binary_compressed") + "1234567", "ends before"},
		{header("binary_compressed") + compressed(lzf, planes().size()).substr(0, 20), "promises"},
		{header("binary_compressed") + compressed(lzf, planes().size() + 1), "expands to"},
		{header("binary_compressed") + compressed(lzf.substr(0, lzf.size() - 1), planes().size()), "damaged"},
		{header("binary_compressed") + compressed("", planes().size()), "damaged"},
		/* promises far more than there is, in each kind */
		{"FIELDS x\nSIZE 1\nTYPE U\nWIDTH 4294967295\nHEIGHT 4294967295\nDATA ascii\n1 2\n", "too short"},
		{"FIELDS x\nSIZE 1\nTYPE U\nWIDTH 4294967295\nHEIGHT 4294967295\nDATA binary\n12", "too few"},
		{"FIELDS x\nSIZE 1\nTYPE U\nWIDTH 4294967295\nHEIGHT 1\nDATA binary_compressed\n" +
			 compressed("1234", 4294967295), "cannot expand"},
		{"FIELDS x\nSIZE 8\nTYPE F\nWIDTH 4294967295\nHEIGHT 1\nDATA binary\n12", "row of more"},
	};

	for (const auto &row : rows) {
		const std::string said = refusal(row.file);

		cr_expect(said.find("a.pcd: ") == 0, "does not name the file: \"%s\"", said.c_str());
		cr_expect(said.find(row.says) != said.npos, "said \"%s\", not \"%s\"", said.c_str(),
			  row.says.c_str());
	}
}

Test(pcd, says_that_a_missing_file_is_missing)
{
	try {
		read_pcd("/nonexistent/a.pcd");
		cr_assert_fail("read a file that is not there");
	} catch (const std::runtime_error &e) {
		cr_assert(strstr(e.what(), "/nonexistent/a.pcd: No such file"), "%s", e.what());
	}
}

/* Whatever the bytes, it either reads or throws runtime_error (run with sanitizers). */
Test(pcd, survives_damage)
{
	const std::string files[] = {
		header("ascii") + "1 -2.5 3 7\n4 5.0 6e0 65535",
		header("binary") + packed_points(),
		header("binary_compressed") + compressed(lzf_literals(planes()), planes().size()),
	};
	std::mt19937 random(2);

	for (int round = 0; round < 30000; round++) {
		std::string f = files[round % 3];

		for (unsigned n = random() % 4; n; n--)
			f[random() % f.size()] = static_cast<char>(random());
		if (random() % 4 == 0)
			f.resize(random() % f.size());
		refusal(f);
	}
}

Test(lzf, expands_references_that_overlap)
{
	uint8_t out[12];
	const std::string in = std::string("\x01", 1) + "ab" +	/* "ab" */
			       std::string("\xe0\x01\x01", 3);	/* 10 bytes from 2 back */

	cr_assert(lzf_expand(in, out, sizeof(out)));
	cr_assert_eq(memcmp(out, "abababababab", 12), 0);
}

Test(lzf, refuses_to_read_or_write_outside)
{
	uint8_t out[8];

	cr_expect(!lzf_expand(std::string("\x20\x00", 2), out, 8), "a reference before the start");
	cr_expect(!lzf_expand(std::string("\x05" "ab", 3), out, 8), "a run longer than the input");
	cr_expect(!lzf_expand(std::string("\x08" "123456789", 10), out, 8), "a run longer than the output");
	cr_expect(!lzf_expand(std::string("\x00" "a\xe0", 3), out, 8), "cut short in a length");
	cr_expect(!lzf_expand(std::string("\x00" "a\x20", 3), out, 8), "cut short in an offset");
	cr_expect(!lzf_expand(std::string("\x00" "a\xe0\xff\x00", 5), out, 8), "a reference longer than the output");
	cr_expect(!lzf_expand(std::string("\x00" "a", 2), out, 8), "too little");
}

Test(sim, sees_the_same_in_the_same_frame_and_something_else_in_the_next)
{
	cloud a, b, c;

	simulate_turn(7, 0.1, a);
	simulate_turn(7, 0.1, b);
	simulate_turn(8, 0.1, c);
	cr_assert_eq(digest(a), digest(b));
	cr_assert_neq(digest(a), digest(c));
}

Test(sim, gives_many_points_in_reach_and_above_the_ground)
{
	for (uint64_t frame = 0; frame < 120; frame++) {
		cloud c;

		simulate_turn(frame, 0.1, c);
		const xyz_view view(c);

		cr_assert_geq(view.size(), 30000);
		for (size_t i = 0; i < view.size(); i++) {
			const auto p = view[i];
			const double dz = p.z - 1.9;

			cr_assert(p.z > -0.1 && p.z < 19);
			cr_assert(std::sqrt(p.x * p.x + p.y * p.y + dz * dz) < 100.1);
		}
	}
}

Test(voxel, gives_the_centroid_of_each_cube)
{
	const float nan = std::numeric_limits<float>::quiet_NaN();
	cloud out;

	voxel_grid(1).downsample(points({{0.1f, 0.2f, 0.3f}, {0.3f, 0.4f, 0.5f}, {-0.5f, 0, 0}, {nan, 0, 0},
					 {1e30f, 0, 0}}), out);
	const xyz_view view(out);

	cr_assert_eq(view.size(), 2);
	cr_assert_float_eq(view[0].x, 0.2, 1e-6);
	cr_assert_float_eq(view[0].y, 0.3, 1e-6);
	cr_assert_float_eq(view[0].z, 0.4, 1e-6);
	cr_assert_float_eq(view[1].x, -0.5, 1e-6);
}

Test(voxel, leaves_no_two_points_in_a_cube_and_can_be_used_again)
{
	voxel_grid grid(0.5);
	cloud in, first, again;

	simulate_turn(0, 0.1, in);
	grid.downsample(in, first);
	grid.downsample(in, again);
	cr_assert_eq(digest(first), digest(again));
	cr_assert_lt(first.width, in.width / 2);
	grid.downsample(first, again);
	cr_assert_geq(again.width, first.width * 95 / 100, "centroids stay in their cubes but for rounding");
}

Test(voxel, refuses_a_cloud_that_contradicts_itself)
{
	const struct {
		const char *what;
		std::function<void(cloud &)> damage;
	} rows[] = {
		{"data too short", [](cloud &c) { c.data.pop_back(); }},
		{"width too large", [](cloud &c) { c.width = UINT32_MAX; }},
		{"height too large", [](cloud &c) { c.height = UINT32_MAX; }},
		{"no z", [](cloud &c) { c.fields.pop_back(); }},
		{"z outside", [](cloud &c) { c.fields[2].offset = 9; }},
		{"z far outside", [](cloud &c) { c.fields[2].offset = UINT32_MAX; }},
		{"z an integer", [](cloud &c) { c.fields[2].datatype = PointField::INT32; }},
		{"no such type", [](cloud &c) { c.fields[2].datatype = 99; }},
		{"big-endian", [](cloud &c) { c.is_bigendian = true; }},
	};

	for (const auto &row : rows) {
		cloud c = points({{1, 2, 3}, {4, 5, 6}}), out;

		row.damage(c);
		try {
			voxel_grid(1).downsample(c, out);
			cr_expect_fail("accepted: %s", row.what);
		} catch (const std::runtime_error &) {
		}
	}
}

Test(recorded, clouds_can_be_read)
{
	const char *given = getenv("LIDAR_DATA");
	const std::string place = given ? given : LIDAR_DATA_DEFAULT;
	DIR *dir = opendir(place.c_str());
	int files = 0;

	for (const dirent *e; dir && (e = readdir(dir));) {
		const std::string name = e->d_name;

		if (name.size() < 4 || name.compare(name.size() - 4, 4, ".pcd"))
			continue;
		const cloud c = read_pcd(place + "/" + name);
		cloud out;

		voxel_grid(suggest_leaf(c)).downsample(c, out);
		cr_expect(out.width > 100 && out.width < c.width * c.height, "%s", name.c_str());
		files++;
	}
	if (dir)
		closedir(dir);
	if (!files)
		cr_skip_test("no recorded clouds in %s (LIDAR_DATA= names another place)", place.c_str());
}
