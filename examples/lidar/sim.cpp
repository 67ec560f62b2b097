// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim.cpp - the street, and the rays
 *
 * The lidar stands at the origin, 1.9 m above a ground plane. All else is an
 * upright prism: boxes and cylinders with a floor and a ceiling. The rays of
 * one direction (a column) share their path over the ground, so each prism is
 * met once per column, and the rings only decide on heights: exact, and fast.
 */
#include "sim.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace lidar {

using sensor_msgs::msg::PointField;

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double eye = 1.9;		/* m above ground */
constexpr double reach = 100;		/* m; no echo from beyond */
constexpr double jitter = 0.015;	/* m, of a measured range, either way */

struct prism {
	bool round;
	double x, y;		/* centre */
	double rx, ry;		/* half sides; round: rx is the radius */
	double bottom, top;	/* m above ground */
	float reflectivity;
};

constexpr prism box(double x, double y, double rx, double ry, double bottom, double top, float r)
{
	return {false, x, y, rx, ry, bottom, top, r};
}

constexpr prism cylinder(double x, double y, double radius, double bottom, double top, float r)
{
	return {true, x, y, radius, radius, bottom, top, r};
}

constexpr float brick = 0.4f, glass = 0.2f, paint = 0.8f, leaves = 0.3f, metal = 0.6f, asphalt = 0.15f;

constexpr prism street[] = {
	/* buildings on both sides of the street, which runs along x, and at its ends */
	box(-32, 17, 14, 5, 0, 11, brick), box(-2, 18, 12, 6, 0, 14, glass),
	box(30, 17, 15, 5, 0, 9, brick), box(-36, -17, 10, 5, 0, 12, brick),
	box(10, -16, 15, 4, 0, 10, brick), box(40, -18, 10, 6, 0, 15, glass),
	box(-62, 0, 3, 30, 0, 18, brick), box(62, 0, 3, 30, 0, 16, brick),
	/* low walls, a parked van, a bus stop */
	box(-14, 9, 4, 0.15, 0, 1.2, brick), box(20, -9, 6, 0.15, 0, 1.0, brick),
	box(-9, -6, 2.6, 1.0, 0.3, 2.3, paint), box(13, 8, 2.0, 0.6, 2.2, 2.4, metal),
	box(13, 8.6, 2.0, 0.05, 0, 2.2, glass),
	/* trees: trunk and crown; lamp posts */
	cylinder(6, 8.5, 0.2, 0, 2.5, leaves), cylinder(6, 8.5, 1.6, 2.5, 6, leaves),
	cylinder(-20, 8, 0.25, 0, 3, leaves), cylinder(-20, 8, 2.0, 3, 7, leaves),
	cylinder(26, 8.5, 0.2, 0, 2.5, leaves), cylinder(26, 8.5, 1.5, 2.5, 5.5, leaves),
	cylinder(-4, -8, 0.1, 0, 6, metal), cylinder(16, -8, 0.1, 0, 6, metal),
	cylinder(36, -8, 0.1, 0, 6, metal), cylinder(-24, -8, 0.1, 0, 6, metal),
};

/* A car that drives along the street again and again, and a walker. */
std::array<prism, 3> moving(double t)
{
	const double car = std::fmod(10.0 * t + 40.0, 110.0) - 55.0;
	const double walker = 6.0 * std::sin(0.2 * t);

	return {box(car, -3.5, 2.2, 0.9, 0.25, 0.95, paint),
		box(car - 0.3, -3.5, 1.2, 0.8, 0.95, 1.5, glass),
		cylinder(walker, 5.5, 0.3, 0, 1.8, leaves)};
}

/* Where a path over the ground from the origin enters and leaves a prism. */
struct span {
	double in, out;		/* m over ground */
	const prism *what;
};

bool cross_round(const prism &p, double dx, double dy, span &s)
{
	const double along = p.x * dx + p.y * dy;
	const double aside2 = p.x * p.x + p.y * p.y - along * along;
	const double half2 = p.rx * p.rx - aside2;

	if (half2 <= 0)
		return false;
	s = {along - std::sqrt(half2), along + std::sqrt(half2), &p};
	return s.in > 0;
}

bool cross_box(const prism &p, double dx, double dy, span &s)
{
	/* no direction runs along an axis: see simulate_turn() */
	const double x1 = (p.x - p.rx) / dx, x2 = (p.x + p.rx) / dx;
	const double y1 = (p.y - p.ry) / dy, y2 = (p.y + p.ry) / dy;

	s = {std::max(std::min(x1, x2), std::min(y1, y2)),
	     std::min(std::max(x1, x2), std::max(y1, y2)), &p};
	return s.in > 0 && s.in < s.out;
}

/* Distance over ground at which a ray of slope @slope meets what it crosses; inf: not at all. */
double meet(const span &s, double slope)
{
	const double nothing = std::numeric_limits<double>::infinity();
	const double z = eye + s.in * slope;
	double d;

	if (z >= s.what->bottom && z <= s.what->top)
		return s.in;				/* its side */
	if (slope < 0 && z > s.what->top)
		d = (s.what->top - eye) / slope;	/* its ceiling, from above */
	else if (slope > 0 && z < s.what->bottom)
		d = (s.what->bottom - eye) / slope;	/* its floor, from below */
	else
		return nothing;
	return d <= s.out ? d : nothing;
}

/* A number in [-1, 1) that depends on nothing but its arguments (splitmix64). */
double noise(uint64_t frame, uint64_t column, uint64_t ring)
{
	uint64_t v = (frame * sim_columns + column) * sim_rings + ring + 0x9e3779b97f4a7c15;

	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9;
	v = (v ^ (v >> 27)) * 0x94d049bb133111eb;
	v ^= v >> 31;
	return static_cast<double>(v >> 11) / 4503599627370496.0 - 1.0;
}

struct echo {	/* as it lies in the cloud */
	float x, y, z, intensity;
	uint16_t ring, pad;
	float time;
};
static_assert(sizeof(echo) == 24, "the fields below say where each member is");

void describe(cloud &c)
{
	c.fields.clear();
	c.point_step = 0;
	for (const char *name : {"x", "y", "z", "intensity"})
		add_field(c, name, PointField::FLOAT32);
	add_field(c, "ring", PointField::UINT16);
	c.point_step += sizeof(echo::pad);
	add_field(c, "time", PointField::FLOAT32);
	c.is_bigendian = false;
	c.is_dense = true;
}

struct direction {
	uint64_t frame;
	unsigned column;
	double dx, dy;	/* over ground, length 1 */
	float time;	/* s since the turn began */
};

void cross(const prism &p, const direction &dir, std::vector<span> &spans)
{
	span s;

	if (p.round ? cross_round(p, dir.dx, dir.dy, s) : cross_box(p, dir.dx, dir.dy, s))
		spans.push_back(s);
}

/* One ray. False: nothing in reach. */
bool cast(const direction &dir, unsigned ring, const std::vector<span> &spans, echo &e)
{
	const double elevation = (-25.0 + 35.0 * ring / (sim_rings - 1)) * pi / 180;
	const double slope = std::tan(elevation), cosine = std::cos(elevation);
	double d = slope < 0 ? -eye / slope : std::numeric_limits<double>::infinity();
	float reflectivity = asphalt;

	for (const span &s : spans) {
		const double there = meet(s, slope);

		if (there < d) {
			d = there;
			reflectivity = s.what->reflectivity;
		}
	}
	if (d / cosine > reach)
		return false;
	d += jitter * cosine * noise(dir.frame, dir.column, ring);
	e.x = static_cast<float>(d * dir.dx);
	e.y = static_cast<float>(d * dir.dy);
	e.z = static_cast<float>(eye + d * slope);
	e.intensity = 255 * reflectivity / static_cast<float>(1 + d / 40);
	e.ring = static_cast<uint16_t>(ring);
	e.pad = 0;
	e.time = dir.time;
	return true;
}

} // namespace

void simulate_turn(uint64_t frame, double turn_s, cloud &c)
{
	std::vector<span> spans;
	size_t n = 0;

	describe(c);
	resize(c, size_t{sim_rings} * sim_columns);
	for (unsigned column = 0; column < sim_columns; column++) {
		/* half a step off, so that no ray runs along an axis */
		const double angle = 2 * pi * (column + 0.5) / sim_columns;
		const double time = turn_s * column / sim_columns;
		const direction dir = {frame, column, std::cos(angle), std::sin(angle),
				       static_cast<float>(time)};
		const auto movers = moving(static_cast<double>(frame) * turn_s + time);

		spans.clear();
		for (const prism &p : street)
			cross(p, dir, spans);
		for (const prism &p : movers)
			cross(p, dir, spans);
		for (unsigned ring = 0; ring < sim_rings; ring++) {
			echo e;

			if (cast(dir, ring, spans, e))
				memcpy(&c.data[n++ * sizeof(e)], &e, sizeof(e));
		}
	}
	resize(c, n);
}

} // namespace lidar
