// SPDX-License-Identifier: BSD-2-Clause
/*
 * lidar_filter.cpp - reads clouds in place, publishes them thinned out
 *
 * Checks of every cloud that it lies where its publisher put it and says what
 * its publisher wrote; exits with 1 if one did not.
 */
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "app.hpp"
#include "checked.hpp"
#include "voxel.hpp"

namespace {

using namespace lidar;
using namespace std::chrono_literals;

const char usage[] =
	"Usage: lidar_filter [OPTION]...\n"
	"Read point clouds, replace the points of each cube by their centroid, publish.\n"
	"\n"
	"  -i, --in NAME        topic to read (/lidar/points)\n"
	"  -o, --out NAME       topic to publish (/lidar/points_filtered)\n"
	"  -l, --leaf M|auto    side of a cube in metres, 0.001 to 1000; auto: a 200th of\n"
	"                       the first cloud's extent (auto)\n"
	"  -s, --seconds S      stop after S seconds; 0: at SIGINT or SIGTERM (0)\n"
	"      --stats FILE     at the end, append one line of JSON to FILE\n"
	"  -h, --help           this text\n"
	"\n"
	"MEMPOOL_SIZE must be set (64M is plenty), and a registry must be there:\n"
	"/dev/agnocast, or agnocastd.\n";

struct options : common_options {
	std::string in = "/lidar/points";
	std::string out = "/lidar/points_filtered";
	double leaf = 0;	/* 0: auto */
};

options parse(int argc, char **argv)
{
	options o;

	parse_options(argc, argv, "i:o:l:", {
		{"in", required_argument, nullptr, 'i'}, {"out", required_argument, nullptr, 'o'},
		{"leaf", required_argument, nullptr, 'l'},
	}, o, [&o](int c, const char *value) {
		switch (c) {
		case 'i': o.in = value; break;
		case 'o': o.out = value; break;
		case 'l':
			o.leaf = strcmp(value, "auto") ? parse_number("--leaf", value, 0.001, 1000) : 0;
			break;
		}
	});
	return o;
}

/* Until the end, and then what is still unread. */
void filter_all(const options &o, checked_subscription &in, checked_publisher &out)
{
	const auto start = std::chrono::steady_clock::now();
	std::optional<voxel_grid> grid;

	for (;;) {
		const bool ending = finished(start, o.seconds);
		const agnocast::message<cloud> m = in.take(ending ? 0ms : 100ms);

		if (!m) {
			if (ending)
				return;
			continue;
		}
		if (!grid)
			grid.emplace(o.leaf > 0 ? o.leaf : suggest_leaf(*m));
		auto thin = std::make_unique<cloud>();

		grid->downsample(*m, *thin);
		out.publish(std::move(thin));
	}
}

int filter(int argc, char **argv)
{
	const options o = parse(argc, argv);

	if (o.help)
		return fputs(usage, stdout) < 0;
	catch_stop_signals();
	checked_publisher out(o.out, "lidar_filter", 4);
	checked_subscription in(o.in, "lidar_filter", 4);

	filter_all(o, in, out);
	write_stats(o.stats, "{\"role\":\"filter\",\"pid\":" + std::to_string(getpid()) + ",\"in\":[" + in.json() +
			     "],\"out\":" + out.json() + "}");
	return in.good() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
	return lidar::run("lidar_filter", filter, argc, argv);
}
