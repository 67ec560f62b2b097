// SPDX-License-Identifier: BSD-2-Clause
/* app.hpp - what the three programs share: options, stopping, the line of statistics */
#ifndef LIDAR_APP_HPP
#define LIDAR_APP_HPP

#include <getopt.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace lidar {

/* A mistake on the command line: exit status 2. */
struct usage_error : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/* The number of an option such as "--rate". Throws usage_error if it is not in [min, max]. */
double parse_number(const char *option, const char *text, double min, double max);

/* What all three take. */
struct common_options {
	double seconds = 0;	/* 0: until a signal */
	std::string stats;	/* a file; empty: none */
	bool help = false;
};

/*
 * Reads the command line: the common options into @common; each other one, of
 * @shorts and @longs as getopt_long() has them, goes to @set. Throws usage_error.
 */
void parse_options(int argc, char **argv, const std::string &shorts, std::vector<option> longs,
		   common_options &common, const std::function<void(int c, const char *value)> &set);

/* SIGINT and SIGTERM ask for a stop, and interrupt a take. */
void catch_stop_signals();
bool stop_requested();

/* Is it time to end? @seconds since @start, 0: never; or a signal came. */
bool finished(std::chrono::steady_clock::time_point start, double seconds);

/* Append @json and a newline to @path; an empty path: nothing. Throws if it cannot. */
void write_stats(const std::string &path, const std::string &json);

/* @text as a JSON string, quotes included. */
std::string json_string(const std::string &text);

/* Runs @body; what it throws becomes one line on stderr and an exit status. */
int run(const char *name, int (*body)(int argc, char **argv), int argc, char **argv);

} // namespace lidar

#endif
