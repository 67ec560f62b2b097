// SPDX-License-Identifier: BSD-2-Clause
/*
 * lidar_driver.cpp - publishes a point cloud per turn: simulated, or from files
 *
 * Each cloud is built directly in the message that is published. Turns that
 * the machine is too slow for are left out and counted, never made up for.
 */
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "app.hpp"
#include "checked.hpp"
#include "pcd.hpp"
#include "sim.hpp"

namespace {

using namespace lidar;
using clock_type = std::chrono::steady_clock;

const char usage[] =
	"Usage: lidar_driver [OPTION]...\n"
	"Publish point clouds (sensor_msgs/PointCloud2).\n"
	"\n"
	"  -t, --topic NAME     where to (/lidar/points)\n"
	"  -r, --rate HZ        clouds a second, 0.1 to 1000 (10)\n"
	"  -s, --seconds S      stop after S seconds; 0: at SIGINT or SIGTERM (0)\n"
	"  -p, --pcd FILE       publish this PCD v0.7 file instead of a simulated lidar;\n"
	"                       several take turns\n"
	"  -w, --wait-for N     start when N subscriptions are there, within 10 s (0)\n"
	"      --stats FILE     at the end, append one line of JSON to FILE\n"
	"  -h, --help           this text\n"
	"\n"
	"MEMPOOL_SIZE must be set (64M is plenty), and a registry must be there:\n"
	"/dev/agnocast, or agnocastd.\n";

struct options : common_options {
	std::string topic = "/lidar/points";
	double rate = 10;
	std::vector<std::string> pcd;
	uint32_t wait_for = 0;
};

options parse(int argc, char **argv)
{
	options o;

	parse_options(argc, argv, "t:r:p:w:", {
		{"topic", required_argument, nullptr, 't'}, {"rate", required_argument, nullptr, 'r'},
		{"pcd", required_argument, nullptr, 'p'}, {"wait-for", required_argument, nullptr, 'w'},
	}, o, [&o](int c, const char *value) {
		switch (c) {
		case 't': o.topic = value; break;
		case 'r': o.rate = parse_number("--rate", value, 0.1, 1000); break;
		case 'p': o.pcd.push_back(value); break;
		case 'w': o.wait_for = static_cast<uint32_t>(parse_number("--wait-for", value, 0, 512)); break;
		}
	});
	return o;
}

/* Now, but later than the last cloud's: a stamp tells clouds apart even if the clock is set back. */
builtin_interfaces::msg::Time next_stamp()
{
	static int64_t last;
	const auto now = std::chrono::system_clock::now().time_since_epoch();
	builtin_interfaces::msg::Time t;

	last = std::max<int64_t>(last + 1, std::chrono::nanoseconds(now).count());
	t.sec = static_cast<int32_t>(last / 1000000000);
	t.nanosec = static_cast<uint32_t>(last % 1000000000);
	return t;
}

std::unique_ptr<cloud> make_cloud(uint64_t frame, const options &o, const std::vector<cloud> &recorded)
{
	std::unique_ptr<cloud> c;

	if (recorded.empty()) {
		c = std::make_unique<cloud>();
		simulate_turn(frame, 1 / o.rate, *c);
	} else {
		c = std::make_unique<cloud>(recorded[frame % recorded.size()]);
	}
	c->header.frame_id = "lidar";
	c->header.stamp = next_stamp();
	return c;
}

/* Publishes until the end; returns how many turns were left out. */
int64_t spin(const options &o, const std::vector<cloud> &recorded, checked_publisher &pub)
{
	const auto period = std::chrono::duration_cast<clock_type::duration>(
		std::chrono::duration<double>(1 / o.rate));
	/* signed, as durations are: a duration times an unsigned number is unsigned */
	const int64_t frames = o.seconds > 0 ? static_cast<int64_t>(std::ceil(o.seconds * o.rate)) : INT64_MAX;
	const clock_type::time_point start = clock_type::now();
	int64_t skipped = 0;

	for (int64_t frame = 0; frame < frames; frame++) {
		auto c = make_cloud(static_cast<uint64_t>(frame), o, recorded);
		const clock_type::duration late = clock_type::now() - (start + frame * period);

		if (late < period) {
			std::this_thread::sleep_until(start + frame * period);
		} else {	/* this turn's time is over */
			const int64_t lost = std::min<int64_t>(late / period, frames - 1 - frame);

			skipped += lost;
			frame += lost;
		}
		if (stop_requested())
			break;
		pub.publish(std::move(c));
	}
	return skipped;
}

int drive(int argc, char **argv)
{
	const options o = parse(argc, argv);
	std::vector<cloud> recorded;

	if (o.help)
		return fputs(usage, stdout) < 0;
	catch_stop_signals();
	for (const std::string &path : o.pcd)	/* before anything is announced */
		recorded.push_back(read_pcd(path));

	checked_publisher pub(o.topic, "lidar_driver", 4);

	if (o.wait_for)
		pub.wait_for_readers(o.wait_for, std::chrono::seconds(10));
	printf("lidar_driver: %g clouds a second on %s, %s\n", o.rate, o.topic.c_str(),
	       o.pcd.empty() ? "from a simulated lidar" : "from files");
	fflush(stdout);
	const int64_t skipped = spin(o, recorded, pub);
	std::string sources;

	for (const std::string &path : o.pcd)
		sources += (sources.empty() ? "" : ",") + json_string(path);
	write_stats(o.stats, "{\"role\":\"driver\",\"pid\":" + std::to_string(getpid()) + ",\"rate_asked_hz\":" +
			     std::to_string(o.rate) + ",\"turns_left_out\":" + std::to_string(skipped) +
			     ",\"pcd\":[" + sources + "],\"out\":" + pub.json() + "}");
	return 0;
}

} // namespace

int main(int argc, char **argv)
{
	return lidar::run("lidar_driver", drive, argc, argv);
}
