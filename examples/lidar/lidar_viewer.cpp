// SPDX-License-Identifier: BSD-2-Clause
/*
 * lidar_viewer.cpp - reads the raw and the filtered clouds, a thread for each
 *
 * Checks every cloud as the filter does, says once a second how many came, and
 * can draw the last one.
 */
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <limits>
#include <string>
#include <thread>

#include "app.hpp"
#include "checked.hpp"

namespace {

using namespace lidar;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

const char usage[] =
	"Usage: lidar_viewer [OPTION]...\n"
	"Read raw and filtered point clouds and say how many came.\n"
	"\n"
	"  -r, --raw NAME       topic of the raw clouds (/lidar/points)\n"
	"  -f, --filtered NAME  topic of the filtered clouds (/lidar/points_filtered)\n"
	"  -m, --map            at the end, draw the last filtered cloud from above\n"
	"  -q, --quiet          no line per second\n"
	"  -s, --seconds S      stop after S seconds; 0: at SIGINT or SIGTERM (0)\n"
	"      --stats FILE     at the end, append one line of JSON to FILE\n"
	"  -h, --help           this text\n"
	"\n"
	"MEMPOOL_SIZE must be set (16M is plenty), and a registry must be there:\n"
	"/dev/agnocast, or agnocastd.\n";

struct options : common_options {
	std::string raw = "/lidar/points";
	std::string filtered = "/lidar/points_filtered";
	bool map = false;
	bool quiet = false;
};

options parse(int argc, char **argv)
{
	options o;

	parse_options(argc, argv, "r:f:mq", {
		{"raw", required_argument, nullptr, 'r'}, {"filtered", required_argument, nullptr, 'f'},
		{"map", no_argument, nullptr, 'm'}, {"quiet", no_argument, nullptr, 'q'},
	}, o, [&o](int c, const char *value) {
		switch (c) {
		case 'r': o.raw = value; break;
		case 'f': o.filtered = value; break;
		case 'm': o.map = true; break;
		case 'q': o.quiet = true; break;
		}
	});
	return o;
}

/* Reads one topic in its own thread; the last cloud stays on loan. */
class reader {
public:
	explicit reader(const std::string &topic) : in(topic, "lidar_viewer", 4) {}
	~reader() { join(); }

	void start(clock_type::time_point since, double seconds)
	{
		thread_ = std::thread([=] { read(since, seconds); });
	}

	void join()
	{
		if (thread_.joinable())
			thread_.join();
	}

	/* After join(): what went wrong in the thread goes wrong here. */
	void rethrow() const
	{
		if (error_)
			std::rethrow_exception(error_);
	}

	checked_subscription in;
	agnocast::message<cloud> last;

private:
	void read(clock_type::time_point since, double seconds)
	{
		try {
			for (;;) {
				const bool ending = finished(since, seconds);
				auto m = in.take(ending ? 0ms : 100ms);

				if (m)
					last = std::move(m);
				else if (ending)
					return;
			}
		} catch (...) {
			error_ = std::current_exception();
		}
	}

	std::thread thread_;
	std::exception_ptr error_;
};

/* The cloud from above, north up, as wide as it is; a character per cell, darker: more points. */
void draw(const cloud &c)
{
	constexpr int rows = 20, columns = 72;
	const xyz_view points(c);
	std::array<std::array<unsigned, columns>, rows> cells{};
	const double inf = std::numeric_limits<double>::infinity();
	double left = inf, right = -inf, low = inf, high = -inf;

	for (size_t i = 0; i < points.size(); i++) {
		left = std::min(left, points[i].x);
		right = std::max(right, points[i].x);
		low = std::min(low, points[i].y);
		high = std::max(high, points[i].y);
	}
	const double side = std::max({right - left, high - low, 0.1});
	const double across = side / columns;	/* m of a character */

	for (size_t i = 0; i < points.size(); i++) {
		/* characters are twice as tall as wide */
		const double column = columns / 2.0 + (points[i].x - (left + right) / 2) / across;
		const double row = rows / 2.0 - (points[i].y - (low + high) / 2) / across / 2;

		if (column >= 0 && column < columns && row >= 0 && row < rows)
			cells[static_cast<size_t>(row)][static_cast<size_t>(column)]++;
	}
	for (const auto &row : cells) {
		for (const unsigned n : row)
			putchar(" .:+#@"[std::min(n, 5U)]);
		putchar('\n');
	}
}

void report(const reader &raw, const reader &filtered)
{
	printf("lidar_viewer: %llu clouds on %s, %llu on %s\n",
	       static_cast<unsigned long long>(raw.in.taken()), raw.in.topic().c_str(),
	       static_cast<unsigned long long>(filtered.in.taken()), filtered.in.topic().c_str());
	fflush(stdout);
}

int view(int argc, char **argv)
{
	const options o = parse(argc, argv);
	const auto start = clock_type::now();

	if (o.help)
		return fputs(usage, stdout) < 0;
	catch_stop_signals();
	reader filtered(o.filtered), raw(o.raw);

	filtered.start(start, o.seconds);
	raw.start(start, o.seconds);
	for (auto next = start + 1s; !finished(start, o.seconds);) {
		std::this_thread::sleep_for(50ms);
		if (clock_type::now() < next)
			continue;
		next += 1s;
		if (!o.quiet)
			report(raw, filtered);
	}
	raw.join();
	filtered.join();
	raw.rethrow();
	filtered.rethrow();
	if (o.map && filtered.last)
		draw(*filtered.last);
	write_stats(o.stats, "{\"role\":\"viewer\",\"pid\":" + std::to_string(getpid()) + ",\"in\":[" +
			     raw.in.json() + "," + filtered.in.json() + "]}");
	return raw.in.good() && filtered.in.good() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv)
{
	return lidar::run("lidar_viewer", view, argc, argv);
}
