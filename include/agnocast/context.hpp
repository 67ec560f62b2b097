// SPDX-License-Identifier: BSD-2-Clause
/*
 * context.hpp - whether this process should go on: init(), ok(), shutdown()
 *
 * One eventfd that is readable from shutdown() on; every executor waits for it
 * beside its subscriptions. Writing to it is all that the signal handler does.
 */
#ifndef AGNOCAST_CONTEXT_HPP
#define AGNOCAST_CONTEXT_HPP

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace agnocast {
namespace detail {

class context {
public:
	static context &instance()
	{
		static context one;

		return one;
	}

	bool ok() const noexcept { return !over_.load(std::memory_order_acquire); }
	int fd() const noexcept { return fd_; }

	/* Also from a signal handler. */
	void shutdown() noexcept
	{
		const uint64_t one = 1;
		const int saved = errno;

		over_.store(true, std::memory_order_release);
		/*
		 * Not if somebody closed it and opened a file of his own. Else it cannot
		 * fail: the counter is never read, and takes 2^64 - 2.
		 */
		if (fcntl(fd_, F_GETSIG) == mark)
			(void)!write(fd_, &one, sizeof(one));
		errno = saved;
	}

	void catch_signals()
	{
		struct sigaction action {};

		action.sa_handler = [](int) { instance().shutdown(); };
		sigemptyset(&action.sa_mask);
		action.sa_flags = SA_RESTART;
		sigaction(SIGINT, &action, nullptr);
		sigaction(SIGTERM, &action, nullptr);
	}

private:
	/* By which it is known again: F_SETSIG means nothing without O_ASYNC. */
	static constexpr int mark = 31;

	context() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
	{
		if (fd_ < 0)
			throw std::system_error(errno, std::generic_category(),
						"agnocast: no eventfd for the shutdown");
		fcntl(fd_, F_SETSIG, mark);
	}

	const int fd_;	/* never closed: executors may outlive everything static */
	std::atomic<bool> over_{false};
};

} // namespace detail

/**
 * init() - end at SIGINT and SIGTERM as rclcpp programs do
 *
 * Installs handlers for both that call shutdown(). Optional: a program that
 * handles signals itself leaves it out and calls shutdown(). The arguments are
 * ignored; they are there so that main() reads as before.
 */
inline void init(int = 0, const char *const * = nullptr)
{
	detail::context::instance().catch_signals();
}

/** False from shutdown() on. Any thread. */
inline bool ok() { return detail::context::instance().ok(); }

/** Ends every spin() of this process, now and to come. Any thread, and signal handlers. */
inline void shutdown() { detail::context::instance().shutdown(); }

} // namespace agnocast

#endif // AGNOCAST_CONTEXT_HPP
