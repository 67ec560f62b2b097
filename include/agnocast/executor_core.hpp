// SPDX-License-Identifier: BSD-2-Clause
/*
 * executor_core.hpp - whose callback is next, and who waits for it
 *
 * Fair: whatever is ready waits in one queue, and who has had its turn goes to
 * the end, so that a busy subscription starves nobody. One thread at a time
 * sleeps, for all; nothing polls.
 */
#ifndef AGNOCAST_EXECUTOR_CORE_HPP
#define AGNOCAST_EXECUTOR_CORE_HPP

#include <agnocast/context.hpp>
#include <agnocast/endpoint.hpp>

#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace agnocast {

/** Which callbacks may run at the same time as others of their group. */
enum class CallbackGroupType {
	MutuallyExclusive,	/* none: one after the other */
	Reentrant,		/* all, and each of them several times at once */
};

namespace detail {
class executor_core;
}

/**
 * CallbackGroup - callbacks that share a CallbackGroupType
 *
 * Made by Node::create_callback_group(); belongs to that node.
 */
class CallbackGroup {
public:
	using SharedPtr = std::shared_ptr<CallbackGroup>;

	explicit CallbackGroup(CallbackGroupType type) noexcept : type_(type) {}
	CallbackGroupType type() const noexcept { return type_; }

private:
	friend class detail::executor_core;

	const CallbackGroupType type_;
	bool running_ = false;	/* the mutex of the one executor that has the node */
};

namespace detail {

using clock = std::chrono::steady_clock;

/* The end of a time that may be as long as the type allows. */
inline clock::time_point after(clock::time_point begin, std::chrono::nanoseconds time) noexcept
{
	return time < clock::time_point::max() - begin ? begin + time : clock::time_point::max();
}

/* What an executor runs: a subscription's callback or a timer's. */
class executable {
public:
	explicit executable(CallbackGroup::SharedPtr group) : group_(std::move(group)) {}
	virtual ~executable() = default;
	executable(const executable &) = delete;
	executable &operator=(const executable &) = delete;

	/*
	 * Takes what there is to do, calls @taken, after which this may be found
	 * ready again, and does it. Any thread; several at once only if the group
	 * is reentrant, and never before @taken. Returns since when there was that to do.
	 */
	virtual clock::time_point run(const std::function<void()> &taken) = 0;
	/* What to wait for; one of the two. */
	virtual agnocast_subscription *subscription() const noexcept { return nullptr; }
	virtual clock::time_point due() const noexcept { return clock::time_point::max(); }

private:
	friend class executor_core;

	const CallbackGroup::SharedPtr group_;
	uint64_t id_ = 0;	/* the executor's mutex; 0: not in one */
	bool queued_ = false;	/* the executor's mutex */
	clock::time_point ran_;	/* the executor's mutex; what run() returned */
};

/*
 * The queue of what is ready, and the one thread that sleeps for all.
 *
 * A subscription is in the wait-set or in the queue, never in both: so the
 * sleeper is not woken again and again for one whose group is busy.
 */
class executor_core {
public:
	executor_core() { waits_.add_fd(context::instance().fd(), EPOLLIN, shutdown_id); }

	void add(const std::shared_ptr<executable> &e)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (e->subscription())
			waits_.add(e->subscription(), next_id_);
		e->id_ = next_id_;
		e->queued_ = false;
		all_.emplace(next_id_++, e);
		if (!e->subscription())
			timers_.push_back(e);
		waits_.wake();
	}

	/* A callback that runs just now ends by itself. */
	void remove(const std::shared_ptr<executable> &e)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (!all_.erase(e->id_))
			return;
		if (e->subscription() && !e->queued_)
			waits_.remove(e->subscription());
		e->id_ = 0;
		timers_.erase(std::remove(timers_.begin(), timers_.end(), e), timers_.end());
		queue_.erase(std::remove(queue_.begin(), queue_.end(), e), queue_.end());
	}

	/* The time of a timer moved. */
	void wake() { waits_.wake(); }

	/* Ends every run_one() now and to come. Any thread. */
	void cancel()
	{
		std::lock_guard<std::mutex> lock(mutex_);

		cancelled_ = true;
		waits_.wake();
		change_.notify_all();
	}
	void uncancel()
	{
		std::lock_guard<std::mutex> lock(mutex_);

		cancelled_ = false;
	}

	/*
	 * Runs one callback, but of none that has run for what came after @begin.
	 * False: none until @until, or it is all over. Any thread.
	 */
	bool run_one(clock::time_point until, clock::time_point begin = clock::time_point::max())
	{
		std::shared_ptr<executable> e;	/* may be the last reference: outside the lock */
		std::unique_lock<std::mutex> lock(mutex_);
		bool looked = false;

		while (!cancelled_ && ok()) {
			queue_timers();
			e = pick(begin);
			if (e) {
				run(e, lock);
				return true;
			}
			if (looked && clock::now() >= until) {
				call_idle();
				return false;
			}
			if (!sleeping_)
				look(until, lock);
			else
				wait_idle(until, lock);
			looked = true;
		}
		change_.notify_all();
		return false;
	}

private:
	static constexpr uint64_t shutdown_id = 0;
	static constexpr size_t batch = 64;

	void queue_timers()
	{
		const clock::time_point now = clock::now();

		for (const std::shared_ptr<executable> &timer : timers_)
			if (!timer->queued_ && timer->due() <= now)
				enqueue(timer);
	}

	void enqueue(const std::shared_ptr<executable> &e)
	{
		e->queued_ = true;
		queue_.push_back(e);
	}

	/* The longest ready of those that may run now. */
	std::shared_ptr<executable> pick(clock::time_point begin)
	{
		const auto it = std::find_if(queue_.begin(), queue_.end(), [begin](const auto &e) {
			return !e->group_->running_ && e->ran_ < begin;
		});

		if (it == queue_.end())
			return nullptr;
		std::shared_ptr<executable> e = std::move(*it);
		queue_.erase(it);
		return e;
	}

	void run(const std::shared_ptr<executable> &e, std::unique_lock<std::mutex> &lock)
	{
		/* Also if the take or the callback throws. */
		struct turn {
			executor_core &core;
			executable &e;
			std::unique_lock<std::mutex> &lock;
			clock::time_point ran{};
			bool armed = false;

			~turn()
			{
				lock.lock();
				e.group_->running_ = false;
				e.ran_ = std::max(e.ran_, ran);
				try {
					if (!armed)
						core.arm(e);
				} catch (...) {
					/* No memory: what was thrown before says more. */
				}
				core.call_idle();
			}
		} turn{*this, *e, lock};

		e->group_->running_ = e->group_->type() == CallbackGroupType::MutuallyExclusive;
		lock.unlock();
		turn.ran = e->run([this, &turn] {
			std::lock_guard<std::mutex> again(mutex_);

			turn.armed = true;
			arm(turn.e);
			/* Only now: arming is cheapest while nobody sleeps in the wait-set. */
			call_idle();
		});
	}

	/* Somebody should take over the queue or the sleep. */
	void call_idle()
	{
		if (idle_)
			change_.notify_one();
	}

	/* May be found ready again. */
	void arm(executable &e)
	{
		e.queued_ = false;
		if (!e.id_)
			return;
		if (e.subscription())
			waits_.add(e.subscription(), e.id_);
		else if (sleeping_)
			waits_.wake();
	}

	clock::time_point next_timer() const
	{
		clock::time_point next = clock::time_point::max();

		for (const std::shared_ptr<executable> &timer : timers_)
			if (!timer->queued_)
				next = std::min(next, timer->due());
		return next;
	}

	/* For all threads. */
	void look(clock::time_point until, std::unique_lock<std::mutex> &lock)
	{
		/* Also if the wait throws: others may sleep then. */
		struct sleep {
			bool &sleeping;
			std::unique_lock<std::mutex> &lock;

			sleep(bool &s, std::unique_lock<std::mutex> &l) : sleeping(s), lock(l)
			{
				sleeping = true;
				lock.unlock();
			}
			~sleep()
			{
				lock.lock();
				sleeping = false;
			}
		};
		waitset_event ready[batch];
		size_t n;

		until = std::min(until, next_timer());
		{
			sleep unlocked(sleeping_, lock);

			n = waits_.wait(until, ready, batch);
		}
		for (size_t i = 0; i < n; i++) {
			const auto it = all_.find(ready[i].id);

			/* Not if it was removed, or queued, since the wait returned. */
			if (it == all_.end() || it->second->queued_)
				continue;
			waits_.remove(it->second->subscription());
			enqueue(it->second);
		}
	}

	void wait_idle(clock::time_point until, std::unique_lock<std::mutex> &lock)
	{
		idle_++;
		if (until == clock::time_point::max())
			change_.wait(lock);
		else
			change_.wait_until(lock, until);
		idle_--;
	}

	waitset waits_;
	std::mutex mutex_;
	std::condition_variable change_;
	/* .mutex_ guards the rest */
	std::unordered_map<uint64_t, std::shared_ptr<executable>> all_;
	std::vector<std::shared_ptr<executable>> timers_;
	std::deque<std::shared_ptr<executable>> queue_;	/* ready; longest first */
	uint64_t next_id_ = 1;
	uint32_t idle_ = 0;	/* threads in wait_idle() */
	bool sleeping_ = false;	/* a thread is in look() */
	bool cancelled_ = false;
};

} // namespace detail

/**
 * TimerBase - calls back once a period, on the steady clock
 *
 * Made by Node::create_wall_timer(). Lives while somebody holds it. A period
 * that was missed because callbacks took too long is left out, not made up for.
 * Its functions may be called from any thread.
 */
class TimerBase : public detail::executable {
public:
	using SharedPtr = std::shared_ptr<TimerBase>;

	/** No more callbacks, until reset(). */
	void cancel() noexcept { due_ns_.store(INT64_MAX, std::memory_order_relaxed); }
	bool is_canceled() const noexcept
	{
		return due_ns_.load(std::memory_order_relaxed) == INT64_MAX;
	}
	/** The next callback is a period from now. */
	void reset()
	{
		const int64_t due = detail::after(detail::clock::now(), period_).time_since_epoch().count();

		due_ns_.store(std::min(due, INT64_MAX - 1), std::memory_order_relaxed);
		wake_();
	}
	/** Negative: it is late. nanoseconds::max() if it is cancelled. */
	std::chrono::nanoseconds time_until_trigger() const noexcept
	{
		if (is_canceled())
			return std::chrono::nanoseconds::max();
		return due() - detail::clock::now();
	}
	std::chrono::nanoseconds period() const noexcept { return period_; }

private:
	friend class Node;

	TimerBase(CallbackGroup::SharedPtr group, std::chrono::nanoseconds period,
		  std::function<void(TimerBase &)> callback, std::function<void()> wake)
		: executable(std::move(group)), period_(period), callback_(std::move(callback)),
		  wake_(std::move(wake))
	{
		reset();
	}

	detail::clock::time_point due() const noexcept override
	{
		return detail::clock::time_point(
			std::chrono::nanoseconds(due_ns_.load(std::memory_order_relaxed)));
	}

	detail::clock::time_point run(const std::function<void()> &taken) override
	{
		const int64_t now = detail::clock::now().time_since_epoch().count();
		int64_t due = due_ns_.load(std::memory_order_relaxed);
		const bool ripe = due <= now;

		/* It may have been cancelled or reset since it was queued. */
		if (ripe) {
			const int64_t next = due + (1 + (now - due) / period_.count()) * period_.count();

			due_ns_.compare_exchange_strong(due, next, std::memory_order_relaxed);
		}
		taken();
		if (ripe)
			callback_(*this);
		return detail::clock::time_point(std::chrono::nanoseconds(ripe ? due : 0));
	}

	const std::chrono::nanoseconds period_;
	const std::function<void(TimerBase &)> callback_;
	/* Relaxed: the number is all that it says. */
	std::atomic<int64_t> due_ns_{0};
	const std::function<void()> wake_;	/* the executor, if there is one: .due_ns_ moved */
};

} // namespace agnocast

#endif // AGNOCAST_EXECUTOR_CORE_HPP
