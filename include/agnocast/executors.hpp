// SPDX-License-Identifier: BSD-2-Clause
/*
 * executors.hpp - the threads that call a node's callbacks
 *
 *	agnocast::MultiThreadedExecutor executor(4);
 *	executor.add_node(node);
 *	executor.spin();
 *
 * How they share the work is in executor_core.hpp.
 */
#ifndef AGNOCAST_EXECUTORS_HPP
#define AGNOCAST_EXECUTORS_HPP

#include <agnocast/executor_core.hpp>
#include <agnocast/node.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace agnocast {

/**
 * Executor - calls the callbacks of the nodes that were added
 *
 * Not made by itself: SingleThreadedExecutor, MultiThreadedExecutor. What a
 * callback throws comes out of spin(), after the other threads have ended.
 */
class Executor {
public:
	Executor() : core_(std::make_shared<detail::executor_core>()) {}
	virtual ~Executor()
	{
		for (const Node::SharedPtr &node : nodes_)
			node->core_->detach(core_);
	}
	Executor(const Executor &) = delete;
	Executor &operator=(const Executor &) = delete;

	/** Throws std::runtime_error if @node is in an executor. Any thread. */
	void add_node(const Node::SharedPtr &node)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		node->core_->attach(core_);
		nodes_.push_back(node);
	}
	/** Its callbacks are called no more. Nothing happens if it is not in this one. Any thread. */
	void remove_node(const Node::SharedPtr &node)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		node->core_->detach(core_);
		nodes_.erase(std::remove(nodes_.begin(), nodes_.end(), node), nodes_.end());
	}

	/** Calls back until cancel() or shutdown(). */
	virtual void spin() = 0;
	/** Calls back at most once, if something is ready within @timeout; negative waits for ever. */
	void spin_once(std::chrono::nanoseconds timeout = std::chrono::nanoseconds(-1))
	{
		core_->run_one(timeout < timeout.zero() ? detail::clock::time_point::max()
							: detail::after(detail::clock::now(), timeout));
	}
	/**
	 * Calls back for what is ready now, without waiting; at most for @longest, if
	 * that is not 0. What comes meanwhile is for the next call, but for one
	 * message of each subscription.
	 */
	void spin_some(std::chrono::nanoseconds longest = std::chrono::nanoseconds(0))
	{
		const auto begin = detail::clock::now(), end = detail::after(begin, longest);

		while (core_->run_one(detail::clock::time_point::min(), begin) &&
		       (longest == longest.zero() || detail::clock::now() < end))
			;
	}
	/** Ends the spin() that runs, or else the next. Any thread, also a callback. */
	void cancel() { core_->cancel(); }

protected:
	const std::shared_ptr<detail::executor_core> core_;

private:
	std::mutex mutex_;
	std::vector<Node::SharedPtr> nodes_;	/* .mutex_ */
};

/** SingleThreadedExecutor - all callbacks on the thread that spins */
class SingleThreadedExecutor : public Executor {
public:
	void spin() override
	{
		while (core_->run_one(detail::clock::time_point::max()))
			;
		core_->uncancel();
	}
};

/** MultiThreadedExecutor - callbacks on several threads, as their groups allow */
class MultiThreadedExecutor : public Executor {
public:
	/** @threads: with the one that calls spin(); 0: as many as there are processors, but two at least */
	explicit MultiThreadedExecutor(size_t threads = 0)
		: threads_(threads ? threads : std::max(2u, std::thread::hardware_concurrency())) {}

	size_t get_number_of_threads() const noexcept { return threads_; }

	void spin() override
	{
		std::vector<std::thread> others;

		for (size_t i = 1; i < threads_; i++)
			others.emplace_back([this] { work(); });
		work();
		for (std::thread &other : others)
			other.join();
		core_->uncancel();
		if (std::exception_ptr thrown = std::exchange(thrown_, nullptr))
			std::rethrow_exception(thrown);
	}

private:
	void work() noexcept
	{
		try {
			while (core_->run_one(detail::clock::time_point::max()))
				;
		} catch (...) {
			std::lock_guard<std::mutex> lock(thrown_mutex_);

			if (!thrown_)
				thrown_ = std::current_exception();
			core_->cancel();
		}
	}

	const size_t threads_;
	std::mutex thrown_mutex_;
	std::exception_ptr thrown_;	/* .thrown_mutex_; the first */
};

/* ROS 2 Agnocast's names for executors that run no rclcpp nodes. */
using AgnocastOnlyExecutor = Executor;
using AgnocastOnlySingleThreadedExecutor = SingleThreadedExecutor;
using AgnocastOnlyMultiThreadedExecutor = MultiThreadedExecutor;

/** Calls back for @node on this thread until shutdown(). */
inline void spin(const Node::SharedPtr &node)
{
	SingleThreadedExecutor executor;

	executor.add_node(node);
	executor.spin();
}

inline void spin_some(const Node::SharedPtr &node)
{
	SingleThreadedExecutor executor;

	executor.add_node(node);
	executor.spin_some();
}

} // namespace agnocast

#endif // AGNOCAST_EXECUTORS_HPP
