// SPDX-License-Identifier: BSD-2-Clause
/*
 * endpoint.hpp - publish and read C++ objects in place
 *
 * A header-only C++17 wrapper over agnocast.h, which has the rules: what a
 * message may hold, which thread may call what. A message is any object of
 * type T from this process's heap, std::vector and std::string members
 * included; subscribers read that very object, at the same address, read-only.
 *
 *	agnocast::publisher<scan> pub("/scan");
 *	auto m = pub.loan();
 *	m->ranges.resize(1024);
 *	pub.publish(std::move(m));
 *
 *	agnocast::subscription<scan> sub("/scan");
 *	if (auto m = sub.take(std::chrono::seconds(1)))
 *		use(m->ranges);
 *
 * Errors are std::system_error: code() is the errno of agnocast.h in
 * std::generic_category(), what() has the remedy. Both sides must be compiled
 * with the same definition of T: a topic does not know its type.
 */
#ifndef AGNOCAST_ENDPOINT_HPP
#define AGNOCAST_ENDPOINT_HPP

#include <agnocast/agnocast.h>
#include <agnocast/allocator.hpp>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace agnocast {

/** A timeout that never ends. 0 polls. */
inline constexpr std::chrono::milliseconds forever{-1};

/** How to publish; what the members mean is in agnocast.h. */
struct publisher_options {
	uint32_t depth = 1;
	bool transient_local = false;
	const char *node = nullptr;
};

/** How to subscribe; what the members mean is in agnocast.h. */
struct subscription_options {
	uint32_t depth = 1;
	bool transient_local = false;
	bool ignore_local = false;
	const char *node = nullptr;
	std::chrono::microseconds spin{0};
};

namespace detail {

[[noreturn]] inline void fail(int err, const std::string &doing, const char *remedy)
{
	std::string what = doing;

	if (remedy && *remedy)
		what += std::string(" (") + remedy + ")";
	throw std::system_error(-err, std::generic_category(), what);
}

/* What to tell whoever could not get an endpoint. */
inline const char *endpoint_remedy(int err)
{
	if (agnocast_status())
		return agnocast_reason();
	switch (err) {
	case -EINVAL:
		return "a topic is \"/name\" of at most 255 bytes, a depth 1..65536, a node at most 63 bytes";
	case -ENOSPC:
		return "the registry is full, or /dev/shm has less room than MEMPOOL_SIZE: see the log";
	default:
		return "see the log";
	}
}

inline const char *publish_remedy(int err)
{
	switch (err) {
	case -EFAULT:
		return *agnocast_reason() ? agnocast_reason() :
		       "the message is not in this process's shared heap: make it with loan() or new";
	case -ENOBUFS:
		return "readers hold too many messages, or a new one is not mapped yet: try again later";
	case -ECHILD:
		return "a forked child cannot publish before it execs";
	default:
		return "";
	}
}

inline const char *take_remedy(int err)
{
	switch (err) {
	case -EMFILE:
		return "this subscription already holds as many messages as it may: release one";
	case -ECONNREFUSED:
		return "a publisher cannot be read: see the log; the others can, take again";
	case -ECHILD:
		return "a forked child cannot subscribe before it execs";
	default:
		return "";
	}
}

/* Rounds up, so that a short wait never becomes a poll. */
template <class Rep, class Period>
int milliseconds(std::chrono::duration<Rep, Period> timeout)
{
	/* In floating point, which holds any duration; the conversion would not. */
	if (timeout < timeout.zero())
		return -1;
	if (std::chrono::duration<double, std::milli>(timeout).count() >= INT_MAX)
		return INT_MAX;
	return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count());
}

/* What the C API refuses stays out of its range. */
inline uint32_t microseconds(std::chrono::microseconds us)
{
	return us.count() < 0 || us.count() > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(us.count());
}

/* What readers can use although they run other code. */
template <class T>
struct message_type {
	static_assert(std::is_object_v<T> && !std::is_array_v<T>,
		      "a message is an object; put an array into a struct or a std::vector");
	static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
		      "name the message type without const and volatile");
	static_assert(!std::is_polymorphic_v<T>,
		      "a message may not have virtual functions: its vtable is not there in a reader");
	static_assert(!std::is_pointer_v<T> && !std::is_member_pointer_v<T>,
		      "publish the object, not a pointer to it");
	static_assert(std::is_nothrow_destructible_v<T>,
		      "the destructor runs in the library and may not throw");
};

/* Unsubscribes when the subscription and its last message are gone. */
struct subscription_handle {
	agnocast_subscription *sub = nullptr;

	subscription_handle() = default;
	subscription_handle(const subscription_handle &) = delete;
	subscription_handle &operator=(const subscription_handle &) = delete;
	~subscription_handle() { agnocast_subscription_destroy(sub); }
};

} // namespace detail

template <class T> class subscription;

/**
 * message<T> - a message on loan from its publisher: a move-only pointer to const
 *
 * The object cannot change or vanish while this lives, not even if its
 * publisher dies; until then it counts as held. Given back on destruction. May
 * outlive the subscription object it came from. Empty after a take that got
 * nothing and after a move. One thread at a time; any thread.
 */
template <class T>
class message {
public:
	message() noexcept = default;
	message(message &&other) noexcept
		: raw_(std::exchange(other.raw_, {})), owner_(std::move(other.owner_)) {}
	message &operator=(message &&other) noexcept
	{
		if (this != &other) {
			release();
			raw_ = std::exchange(other.raw_, {});
			owner_ = std::move(other.owner_);
		}
		return *this;
	}
	~message() { release(); }

	explicit operator bool() const noexcept { return raw_.data; }
	const T *get() const noexcept { return static_cast<const T *>(raw_.data); }
	const T &operator*() const noexcept { return *get(); }
	const T *operator->() const noexcept { return get(); }

	/** The size in bytes that the publisher gave. */
	uint64_t bytes() const noexcept { return raw_.bytes; }
	/** The message's number at its publisher; consecutive. */
	uint64_t seq() const noexcept { return raw_.seq; }
	/** Which publisher; never repeats on this host while the registry lives. */
	uint64_t publisher_id() const noexcept { return raw_.publisher; }
	/** The publisher's process, as the registry sees it. */
	uint32_t pid() const noexcept { return raw_.pid; }
	/** When it was published (CLOCK_MONOTONIC, the steady clock of Linux). */
	std::chrono::steady_clock::time_point publish_time() const noexcept
	{
		return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(raw_.publish_ns));
	}

	/** Give it back now; empty afterwards. Nothing happens if it is empty. */
	void release() noexcept
	{
		if (raw_.data)
			agnocast_message_release(&raw_);
		raw_ = {};
		owner_.reset();
	}

private:
	friend class subscription<T>;

	agnocast_message raw_{};
	std::shared_ptr<detail::subscription_handle> owner_;
};

/**
 * publisher<T> - publishes objects of type T on a topic
 *
 * Move-only. publish() and loan() may be called from several threads at once.
 * Where malloc is not libagnocast's, messages come from make_message(): name
 * publisher<T, agnocast::deleter<T>>, whose loan() does that.
 */
template <class T, class Delete = std::default_delete<T>>
class publisher : detail::message_type<T> {
	static_assert(std::is_same_v<Delete, std::default_delete<T>> ||
		      std::is_same_v<Delete, deleter<T>>,
		      "messages are made with new, or with agnocast::make_message()");

public:
	/** A message before it is published. */
	using owned = std::unique_ptr<T, Delete>;

	/**
	 * Announce a publisher on @topic.
	 *
	 * Throws std::system_error as agnocast_publisher_create() fails; if this
	 * process is not part of Agnocast, what() says why and the remedy.
	 */
	explicit publisher(const std::string &topic, const publisher_options &options = {})
		: topic_(topic)
	{
		agnocast_publisher_options raw{};

		raw.size = sizeof(raw);
		raw.depth = options.depth;
		raw.flags = options.transient_local ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0;
		raw.node = options.node;
		raw.destroy = destroy;
		const int err = agnocast_publisher_create(topic.c_str(), &raw, &pub_);
		if (err)
			detail::fail(err, "cannot publish on " + topic, detail::endpoint_remedy(err));
	}

	publisher(publisher &&other) noexcept
		: pub_(std::exchange(other.pub_, nullptr)), topic_(std::move(other.topic_)) {}
	publisher &operator=(publisher &&other) noexcept
	{
		std::swap(pub_, other.pub_);
		std::swap(topic_, other.topic_);
		return *this;
	}
	/** Withdraws; subscriptions that exist still read what was published. */
	~publisher() { agnocast_publisher_destroy(pub_); }

	/** Make a message in the shared heap, from T's constructor arguments. */
	template <class... Args>
	owned loan(Args &&...args) const
	{
		if constexpr (std::is_same_v<Delete, deleter<T>>)
			return make_message<T>(std::forward<Args>(args)...);
		else
			return std::make_unique<T>(std::forward<Args>(args)...);
	}

	/**
	 * Hand @message over to the readers of the topic.
	 * @bytes: its size for statistics, with what its members point to
	 *
	 * Afterwards @message is empty, and its object must not change; its
	 * destructor runs in this process, on any thread, once nobody needs it.
	 *
	 * Throws std::system_error as agnocast_publisher_publish() fails; then
	 * nothing was published, and @message still owns its object.
	 */
	void publish(owned &&message, uint64_t bytes = sizeof(T))
	{
		const std::error_code ec = try_publish(message, bytes);

		if (ec)
			detail::fail(-ec.value(), "cannot publish a message on " + topic_,
				     detail::publish_remedy(-ec.value()));
	}

	/** As publish(), but the error is returned: ENOBUFS is worth another try. */
	[[nodiscard]] std::error_code try_publish(owned &message,
						  uint64_t bytes = sizeof(T)) noexcept
	{
		const int err = message ? agnocast_publisher_publish(pub_, message.get(), bytes)
					: -EINVAL;

		if (err)
			return {-err, std::generic_category()};
		(void)message.release();
		return {};
	}

	agnocast_publisher_stats stats() const
	{
		agnocast_publisher_stats stats{};

		agnocast_publisher_stats_get(pub_, &stats, sizeof(stats));
		return stats;
	}

	const std::string &topic() const noexcept { return topic_; }

private:
	static void destroy(void *message, void *) { Delete{}(static_cast<T *>(message)); }

	agnocast_publisher *pub_ = nullptr;
	std::string topic_;
};

/**
 * subscription<T> - reads objects of type T from a topic
 *
 * Move-only. Threads that take at the same time are served one at a time.
 */
template <class T>
class subscription : detail::message_type<T> {
public:
	/**
	 * Subscribe to @topic.
	 *
	 * Throws std::system_error as agnocast_subscription_create() fails; if this
	 * process is not part of Agnocast, what() says why and the remedy.
	 */
	explicit subscription(const std::string &topic, const subscription_options &options = {})
		: handle_(std::make_shared<detail::subscription_handle>()), topic_(topic)
	{
		agnocast_subscription_options raw{};

		raw.size = sizeof(raw);
		raw.depth = options.depth;
		raw.flags = (options.transient_local ? AGNOCAST_QOS_TRANSIENT_LOCAL : 0) |
			    (options.ignore_local ? AGNOCAST_QOS_IGNORE_LOCAL : 0);
		raw.node = options.node;
		raw.spin_us = detail::microseconds(options.spin);
		const int err = agnocast_subscription_create(topic.c_str(), &raw, &handle_->sub);
		if (err)
			detail::fail(err, "cannot subscribe to " + topic, detail::endpoint_remedy(err));
	}

	subscription(subscription &&) noexcept = default;
	subscription &operator=(subscription &&) noexcept = default;

	/**
	 * Borrow the next message, oldest first.
	 * @timeout: how long to wait; 0 polls, negative (agnocast::forever) never
	 *	gives up; rounded up to milliseconds
	 *
	 * Returns an empty message if none came in time or a signal came first.
	 * Throws std::system_error on EMFILE, on ECHILD, and on ECONNREFUSED, once
	 * for each publisher that cannot be read. Allocates nothing.
	 */
	template <class Rep, class Period>
	message<T> take(std::chrono::duration<Rep, Period> timeout)
	{
		return borrow(agnocast_subscription_take, detail::milliseconds(timeout));
	}

	/** As take(), but the newest message; older ones are skipped. */
	template <class Rep, class Period>
	message<T> take_latest(std::chrono::duration<Rep, Period> timeout)
	{
		return borrow(agnocast_subscription_take_latest, detail::milliseconds(timeout));
	}

	agnocast_subscription_stats stats() const
	{
		agnocast_subscription_stats stats{};

		agnocast_subscription_stats_get(handle_->sub, &stats, sizeof(stats));
		return stats;
	}

	const std::string &topic() const noexcept { return topic_; }
	/** For agnocast.h, and for a waitset; stays this object's. */
	agnocast_subscription *handle() const noexcept { return handle_->sub; }

private:
	using take_function = int(agnocast_subscription *, int, agnocast_message *);

	message<T> borrow(take_function *call, int timeout_ms)
	{
		message<T> m;
		const int err = call(handle_->sub, timeout_ms, &m.raw_);

		if (!err)
			m.owner_ = handle_;
		else if (err != -EAGAIN && err != -EINTR)
			detail::fail(err, "cannot take a message from " + topic_,
				     detail::take_remedy(err));
		return m;
	}

	std::shared_ptr<detail::subscription_handle> handle_;
	std::string topic_;
};

/** What a waitset reports. */
struct waitset_event {
	uint64_t id;		/* as given when it was added */
	uint32_t events;	/* of a descriptor: what epoll says; of a subscription: 0 */
};

/**
 * waitset - waits for any number of subscriptions and descriptors
 *
 * Level-triggered and fair; what the functions do is in agnocast.h. Any thread,
 * several at once. Throws std::system_error where that returns an error. What
 * is in it is to be removed before it is destroyed itself.
 */
class waitset {
public:
	/** @spin: how long to look again and again before sleeping */
	explicit waitset(std::chrono::microseconds spin = std::chrono::microseconds(0))
	{
		agnocast_waitset_options raw{};

		raw.size = sizeof(raw);
		raw.spin_us = detail::microseconds(spin);
		check(agnocast_waitset_create(&raw, &set_), "cannot make a wait-set");
	}
	waitset(const waitset &) = delete;
	waitset &operator=(const waitset &) = delete;
	~waitset() { agnocast_waitset_destroy(set_); }

	template <class T>
	void add(const subscription<T> &sub, uint64_t id) { add(sub.handle(), id); }
	void add(agnocast_subscription *sub, uint64_t id)
	{
		check(agnocast_waitset_add(set_, sub, reinterpret_cast<void *>(id)),
		      "cannot wait for a subscription");
	}
	/** @events: EPOLLIN, ...; @fd is to be removed before it is closed */
	void add_fd(int fd, uint32_t events, uint64_t id)
	{
		check(agnocast_waitset_add_fd(set_, fd, events, reinterpret_cast<void *>(id)),
		      "cannot wait for descriptor " + std::to_string(fd));
	}
	/** False: it is not here. */
	template <class T>
	bool remove(const subscription<T> &sub) noexcept { return remove(sub.handle()); }
	bool remove(agnocast_subscription *sub) noexcept { return !agnocast_waitset_remove(set_, sub); }
	bool remove_fd(int fd) noexcept { return !agnocast_waitset_remove_fd(set_, fd); }

	/**
	 * What is ready, at most @max; at once, if @until is past.
	 *
	 * Returns how many: 0 if the time is up, wake() was called, or a signal came.
	 */
	size_t wait(std::chrono::steady_clock::time_point until, waitset_event *ready, size_t max)
	{
		agnocast_event events[batch];
		const int room = static_cast<int>(max < batch ? max : batch);
		const int n = agnocast_waitset_wait_until(set_, deadline(until), events, room);

		if (n == -EINTR)
			return 0;
		check(n < 0 ? n : 0, "cannot wait");
		for (int i = 0; i < n; i++)
			ready[i] = {reinterpret_cast<uintptr_t>(events[i].arg), events[i].events};
		return static_cast<size_t>(n);
	}
	/** Makes the wait() under way return, or else the next. Also from signal handlers. */
	void wake() noexcept { agnocast_waitset_wake(set_); }

private:
	static constexpr size_t batch = 64;

	static uint64_t deadline(std::chrono::steady_clock::time_point until) noexcept
	{
		if (until == std::chrono::steady_clock::time_point::max())
			return UINT64_MAX;
		const auto ns = std::chrono::nanoseconds(until.time_since_epoch()).count();

		return ns < 0 ? 0 : static_cast<uint64_t>(ns);
	}
	static void check(int err, const std::string &doing)
	{
		if (err)
			detail::fail(err, doing, agnocast_status() ? agnocast_reason() : "");
	}

	agnocast_waitset *set_ = nullptr;
};

} // namespace agnocast

#endif // AGNOCAST_ENDPOINT_HPP
