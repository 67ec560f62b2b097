// SPDX-License-Identifier: BSD-2-Clause
/* app.cpp - what the three programs share */
#include "app.hpp"

#include <signal.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace lidar {
namespace {

volatile sig_atomic_t stop;

void on_stop(int)
{
	stop = 1;
}

} // namespace

double parse_number(const char *option, const char *text, double min, double max)
{
	char *end;
	const double v = strtod(text, &end);
	char range[64];

	if (end != text && !*end && v >= min && v <= max)	/* false for NaN */
		return v;
	snprintf(range, sizeof(range), "%g to %g", min, max);
	throw usage_error(std::string(option) + " takes a number from " + range + ", not \"" + text + "\"");
}

void parse_options(int argc, char **argv, const std::string &shorts, std::vector<option> longs,
		   common_options &common, const std::function<void(int c, const char *value)> &set)
{
	longs.insert(longs.end(), {{"seconds", required_argument, nullptr, 's'},
				   {"stats", required_argument, nullptr, 'S'},
				   {"help", no_argument, nullptr, 'h'}, {}});
	for (int c; (c = getopt_long(argc, argv, (shorts + "s:h").c_str(), longs.data(), nullptr)) != -1;) {
		switch (c) {
		case 's': common.seconds = parse_number("--seconds", optarg, 0, 1e6); break;
		case 'S': common.stats = optarg; break;
		case 'h': common.help = true; break;
		case '?': throw usage_error("wrong option");
		default: set(c, optarg);
		}
	}
	if (optind < argc)
		throw usage_error(std::string("unexpected argument \"") + argv[optind] + "\"");
}

void catch_stop_signals()
{
	struct sigaction action{};

	action.sa_handler = on_stop;	/* no SA_RESTART: a take returns */
	sigaction(SIGINT, &action, nullptr);
	sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested()
{
	return stop;
}

bool finished(std::chrono::steady_clock::time_point start, double seconds)
{
	const std::chrono::duration<double> past = std::chrono::steady_clock::now() - start;

	return stop || (seconds > 0 && past.count() >= seconds);
}

void write_stats(const std::string &path, const std::string &json)
{
	if (path.empty())
		return;
	FILE *f = fopen(path.c_str(), "a");
	bool good = f && fprintf(f, "%s\n", json.c_str()) > 0;

	if (f && fclose(f))
		good = false;
	if (!good)
		throw std::runtime_error(path + ": cannot write statistics: " + strerror(errno));
}

std::string json_string(const std::string &text)
{
	std::string s = "\"";
	char code[8];

	for (const char c : text) {
		if (c == '"' || c == '\\') {
			s += {'\\', c};
		} else if (static_cast<unsigned char>(c) < ' ') {
			snprintf(code, sizeof(code), "\\u%04x", c);
			s += code;
		} else {
			s += c;
		}
	}
	return s + "\"";
}

int run(const char *name, int (*body)(int argc, char **argv), int argc, char **argv)
{
	try {
		return body(argc, argv);
	} catch (const usage_error &e) {
		fprintf(stderr, "%s: %s (see %s --help)\n", name, e.what(), name);
		return 2;
	} catch (const std::bad_alloc &) {
		fprintf(stderr, "%s: out of memory: raise MEMPOOL_SIZE or make /dev/shm larger\n", name);
		return 1;
	} catch (const std::exception &e) {
		fprintf(stderr, "%s: %s\n", name, e.what());
		return 1;
	}
}

} // namespace lidar
