// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_guest.cpp - what a program can do whose malloc is not the library's
 *
 * Built plain and with sanitizers, linked with the library. Prints "ok NAME" or
 * "not ok NAME: why". Argument "status" only prints "STATUS REASON"; "says R"
 * expects REASON to contain R, and status 0.
 */

#include <agnocast/agnocast.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

int failures;
std::string heard;	/* by the log */

void check(const char *name, bool good, const std::string &why = "it did not")
{
	if (good)
		std::printf("ok %s\n", name);
	else
		std::printf("not ok %s: %s\n", name, why.c_str());
	failures += !good;
}

struct scan {
	std::vector<double, agnocast::allocator<double>> ranges;
	std::basic_string<char, std::char_traits<char>, agnocast::allocator<char>> name;

	static inline int alive;
	scan() { alive++; }
	~scan() { alive--; }
};

void memory()
{
	auto *p = static_cast<char *>(agnocast_alloc(1000));
	void *big = agnocast_alloc_aligned(1 << 16, 100), *none = agnocast_alloc(0);

	errno = 0;
	check("alloc_gives_memory", p && none, std::strerror(errno));
	std::memset(p, 1, 1000);
	check("alloc_is_aligned", reinterpret_cast<uintptr_t>(big) % (1 << 16) == 0 &&
	      reinterpret_cast<uintptr_t>(p) % 16 == 0);
	check("alloc_refuses_a_bad_alignment", !agnocast_alloc_aligned(24, 1) && errno == EINVAL);
	check("alloc_ends_with_enomem",
	      !agnocast_alloc(static_cast<size_t>(1) << 50) && errno == ENOMEM);
	agnocast_free(p);
	agnocast_free(big);
	agnocast_free(none);
	agnocast_free(nullptr);
	agnocast_free(std::malloc(10));		/* whoever's that is */
}

/* Through another process's eyes: a member of its own, by exec. */
void to_another_process(const char *self)
{
	agnocast::publisher<scan, agnocast::deleter<scan>> pub("/guest", { 4, true, nullptr });
	auto message = pub.loan();
	std::string command = std::string(self) + " read";

	message->ranges.assign(100000, 0.5);
	message->name = "a name that is too long for the string to hold it itself";
	pub.publish(std::move(message), 800000);
	check("another_process_reads_it", std::system(command.c_str()) == 0);
	for (int i = 0; i < 10; i++)
		pub.publish(pub.loan());
	check("messages_are_destroyed", scan::alive <= 6, std::to_string(scan::alive));
}

int read_one()
{
	agnocast::subscription<scan> sub("/guest", { 4, true, false, nullptr });
	auto message = sub.take(std::chrono::seconds(20));
	double sum = 0;

	if (!message || message->ranges.size() != 100000)
		return 1;
	for (double range : message->ranges)
		sum += range;
	return sum != 50000 || message->name.compare(0, 6, "a name") != 0;
}

void foreign(bool guest)
{
	static int fixed;
	int local = 0;
	agnocast_publisher *pub = nullptr;
	void *own = std::malloc(100);

	agnocast_log_set([](agnocast_level, const char *line, void *) { heard = line; }, nullptr);
	agnocast_publisher_create("/foreign", nullptr, &pub);
	if (guest) {
		check("own_malloc_is_efault", agnocast_publisher_publish(pub, own, 1) == -EFAULT);
		check("efault_says_agnocast_alloc",
		      heard.find("agnocast_alloc()") != std::string::npos, heard);
		std::free(own);
	} else {
		check("own_malloc_is_shared", agnocast_publisher_publish(pub, own, 1) == 0);
	}
	check("static_is_efault", agnocast_publisher_publish(pub, &fixed, 1) == -EFAULT);
	check("stack_is_efault", agnocast_publisher_publish(pub, &local, 1) == -EFAULT);
	check("default_destroy_fits", agnocast_publisher_publish(pub, agnocast_alloc(100), 1) == 0 &&
	      agnocast_publisher_publish(pub, agnocast_alloc(100), 1) == 0);
	agnocast_publisher_destroy(pub);
	agnocast_log_set(nullptr, nullptr);
}

/* The child has a copy, the parent's bytes stay. */
void forked()
{
	auto *p = static_cast<char *>(agnocast_alloc(100000));
	int status = 0;

	std::memset(p, 7, 100000);
	pid_t pid = fork();
	if (!pid) {
		const bool good = p[99999] == 7 && agnocast_status() == -ECHILD;

		std::memset(p, 9, 100000);
		agnocast_free(p);
		_exit(good && agnocast_alloc(100) ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	check("forked_child_has_a_copy", status == 0, std::to_string(status));
	check("parent_keeps_its_bytes", p[0] == 7 && p[99999] == 7);
	agnocast_free(p);
}

} // namespace

int main(int argc, char **argv)
{
	const std::string what = argc > 1 ? argv[1] : "";
	const std::string reason = agnocast_reason();

	if (what == "read")
		return read_one();
	if (what == "status") {
		std::printf("%d %s\n", agnocast_status(), reason.c_str());
		return 0;
	}
	check("is_a_member", agnocast_status() == 0, reason);
	if (agnocast_status())
		return 1;
	if (argc > 2)
		check("reason_is_right", reason.find(argv[2]) != std::string::npos, reason);
	memory();
	foreign(!reason.empty());
	to_another_process(argv[0]);
	forked();
	return failures != 0;
}
