// SPDX-License-Identifier: BSD-2-Clause
/*
 * pipeline.cpp - driver, filter and viewer of the lidar demo, over any transport
 *
 *	driver -> points -> filter -> points_filtered -> viewer, which reads points too
 *
 * Response time: from just before the driver publishes a cloud to when the
 * viewer has gone through the filtered one. Nothing is checksummed, unlike in
 * the demo: every program reads what it needs, once.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../../../examples/lidar/pcd.hpp"
#include "../../../examples/lidar/sim.hpp"
#include "../../../examples/lidar/voxel.hpp"
#include "transport.hpp"

namespace {

using lidar::cloud;
using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr uint32_t readers = 3;		/* filter, viewer twice */
/*
 * Clouds that are not counted: they make pages and tables. A publisher that keeps the
 * last few has touched the memory of all of them after seven; six when it is the floor.
 */
constexpr uint64_t warmup = 10;

/* What the three processes share; zero at first. */
struct meeting {
	std::atomic<uint32_t> heard;	/* readers that have had a cloud */
	std::atomic<uint32_t> measuring;
	std::atomic<uint32_t> done;	/* processes that want no more */
};

struct arguments {
	std::string role;
	meeting *meet = nullptr;
	double rate = 10, seconds = 5;
	std::vector<std::string> pcd;
};

arguments parse(int argc, char **argv)
{
	arguments a;

	if (argc < 2)
		throw std::runtime_error("usage: pipeline ROLE meet=FD [rate=HZ] [seconds=S] [pcd=FILE]...");
	a.role = argv[1];
	for (int i = 2; i < argc; i++) {
		const std::string s = argv[i], key = s.substr(0, s.find('=')), value = s.substr(key.size() + 1);

		if (key == "meet") {
			void *p = mmap(nullptr, sizeof(meeting), PROT_READ | PROT_WRITE, MAP_SHARED,
				       std::stoi(value), 0);

			if (p == MAP_FAILED)
				throw std::runtime_error("meet=" + value + ": not shared memory");
			a.meet = static_cast<meeting *>(p);
		} else if (key == "rate") {
			a.rate = std::stod(value);
		} else if (key == "seconds") {
			a.seconds = std::stod(value);
		} else if (key == "pcd") {
			a.pcd.push_back(value);
		} else {
			throw std::runtime_error(s + ": no such argument");
		}
	}
	if (!a.meet)
		throw std::runtime_error("meet=FD is missing");
	return a;
}

int64_t now_ns()
{
	return std::chrono::nanoseconds(clock_type::now().time_since_epoch()).count();
}

void stamp(cloud &c, int64_t ns)
{
	c.header.stamp.sec = static_cast<int32_t>(ns / 1000000000);
	c.header.stamp.nanosec = static_cast<uint32_t>(ns % 1000000000);
}

int64_t stamp_of(const cloud &c)
{
	return c.header.stamp.sec * INT64_C(1000000000) + c.header.stamp.nanosec;
}

struct usage {
	double user_ms = 0, system_ms = 0;
	long faults = 0;

	static usage now()
	{
		rusage r;

		getrusage(RUSAGE_SELF, &r);
		return {r.ru_utime.tv_sec * 1e3 + r.ru_utime.tv_usec / 1e3,
			r.ru_stime.tv_sec * 1e3 + r.ru_stime.tv_usec / 1e3, r.ru_minflt};
	}
};

/* This process's share of the memory that it has touched. */
double pss_mb()
{
	std::ifstream f("/proc/self/smaps_rollup");

	for (std::string line; std::getline(f, line);)
		if (line.rfind("Pss:", 0) == 0)
			return std::stod(line.substr(4)) / 1024;
	return 0;
}

std::unique_ptr<cloud> make_cloud(uint64_t turn, const arguments &a, const std::vector<cloud> &recorded)
{
	if (!recorded.empty())
		return std::make_unique<cloud>(recorded[turn % recorded.size()]);
	auto c = std::make_unique<cloud>();

	lidar::simulate_turn(turn, 1 / a.rate, *c);
	return c;
}

void report(const arguments &a, const usage &from, const std::string &more = "")
{
	const usage to = usage::now();

	printf("{\"role\":\"%s\",\"user_ms\":%.3f,\"system_ms\":%.3f,\"faults\":%ld,\"pss_mb\":%.3f%s}\n",
	       a.role.c_str(), to.user_ms - from.user_ms, to.system_ms - from.system_ms,
	       to.faults - from.faults, pss_mb(), more.c_str());
}

void drive(const arguments &a)
{
	const auto period = std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(1 / a.rate));
	const auto turns = static_cast<int64_t>(a.seconds * a.rate) + static_cast<int64_t>(warmup);
	std::vector<cloud> recorded;

	for (const std::string &path : a.pcd)
		recorded.push_back(lidar::read_pcd(path));
	transport::publisher out("/lidar/points");

	/* Until all have heard of each other. Stamp 0: not measured. */
	while (a.meet->heard < readers) {
		auto c = make_cloud(0, a, recorded);

		stamp(*c, 0);
		out.publish(std::move(c));
		std::this_thread::sleep_for(100ms);
	}
	a.meet->measuring = 1;
	const usage from = usage::now();
	const auto start = clock_type::now() + 200ms;

	for (int64_t turn = 0; turn < turns; turn++) {
		auto c = make_cloud(static_cast<uint64_t>(turn), a, recorded);

		std::this_thread::sleep_until(start + turn * period);
		stamp(*c, now_ns());
		out.publish(std::move(c));
	}
	std::this_thread::sleep_for(500ms);
	report(a, from, ",\"clouds\":" + std::to_string(turns));
}

/* Calls @use with each cloud until the driver's last one is long past. */
void read_all(const arguments &a, const char *topic, const std::function<void(const cloud &)> &use)
{
	transport::subscription in(topic);
	bool heard = false;

	while (!a.meet->done) {
		const cloud *c = in.take();

		if (!c)
			continue;
		use(*c);
		if (!heard) {
			heard = true;
			a.meet->heard++;
		}
	}
}

void filter(const arguments &a)
{
	transport::publisher out("/lidar/points_filtered");
	std::optional<lidar::voxel_grid> grid;
	std::optional<usage> from;

	read_all(a, "/lidar/points", [&](const cloud &c) {
		if (!grid)
			grid.emplace(lidar::suggest_leaf(c));
		if (!from && a.meet->measuring)
			from = usage::now();
		auto thin = std::make_unique<cloud>();

		grid->downsample(c, *thin);
		out.publish(std::move(thin));
	});
	report(a, from.value_or(usage::now()));
}

std::string statistics(std::vector<int64_t> ns)
{
	char text[256];
	double sum = 0;

	if (ns.size() <= warmup)
		throw std::runtime_error("only " + std::to_string(ns.size()) + " clouds came through");
	ns.erase(ns.begin(), ns.begin() + warmup);
	for (int64_t v : ns)
		sum += static_cast<double>(v);
	std::sort(ns.begin(), ns.end());
	snprintf(text, sizeof(text), ",\"clouds\":%zu,\"mean_ms\":%.4f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"worst_ms\":%.4f",
		 ns.size(), sum / static_cast<double>(ns.size()) / 1e6, static_cast<double>(ns[ns.size() / 2]) / 1e6,
		 static_cast<double>(ns[(ns.size() - 1) * 99 / 100]) / 1e6, static_cast<double>(ns.back()) / 1e6);
	return text;
}

void view(const arguments &a)
{
	std::vector<int64_t> response;
	std::optional<usage> from;
	volatile double seen = 0;	/* both readers go through all points */
	std::thread raw([&] { read_all(a, "/lidar/points", [&](const cloud &c) { seen = lidar::suggest_leaf(c); }); });

	read_all(a, "/lidar/points_filtered", [&](const cloud &c) {
		seen = lidar::suggest_leaf(c);
		if (!from && a.meet->measuring)
			from = usage::now();
		if (stamp_of(c))
			response.push_back(now_ns() - stamp_of(c));
	});
	raw.join();
	report(a, from.value_or(usage::now()), statistics(response));
}

void run(const arguments &a)
{
	transport::start(a.role);
	if (a.role == "driver") {
		drive(a);
		a.meet->done = 1;
	} else if (a.role == "filter") {
		filter(a);
	} else if (a.role == "viewer") {
		view(a);
	} else {
		throw std::runtime_error(a.role + ": not driver, filter or viewer");
	}
}

} // namespace

int main(int argc, char **argv)
{
	try {
		run(parse(argc, argv));
	} catch (const std::exception &e) {
		fprintf(stderr, "pipeline over %s: %s\n", transport::name, e.what());
		return 1;
	}
	return 0;
}
