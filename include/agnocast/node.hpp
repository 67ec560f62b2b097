// SPDX-License-Identifier: BSD-2-Clause
/*
 * node.hpp - nodes whose callbacks an executor calls
 *
 * The names, and where it makes sense the behaviour, of the ROS 2 Agnocast, so
 * that code written for it needs little more than another include.
 *
 *	agnocast::init(argc, argv);
 *	auto node = std::make_shared<agnocast::Node>("talker");
 *	auto pub = node->create_publisher<scan>("/scan", 10);
 *	auto timer = node->create_wall_timer(100ms, [&] {
 *		auto m = pub->borrow_loaned_message();
 *		m->ranges.resize(1024);
 *		pub->publish(std::move(m));
 *	});
 *	agnocast::spin(node);		// executors.hpp
 *
 * Endpoints and timers live as long as somebody holds their SharedPtr.
 */
#ifndef AGNOCAST_NODE_HPP
#define AGNOCAST_NODE_HPP

#include <agnocast/executor_core.hpp>
#include <agnocast/ipc_shared_ptr.hpp>
#include <agnocast/qos.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace agnocast {

class Node;

/** Nothing to choose yet. */
struct PublisherOptions {};

struct SubscriptionOptions {
	/** Of the same node; nullptr: the node's own, which is mutually exclusive. */
	CallbackGroup::SharedPtr callback_group;
	/** Do not deliver what this very process publishes. */
	bool ignore_local_publications = false;
};

namespace detail {

/* What endpoints, timers and the executor share of a node. */
class node_core {
public:
	node_core(std::string name, std::string space) : name_(std::move(name)), space_(std::move(space)) {}

	const std::string &name() const noexcept { return name_; }
	const std::string &space() const noexcept { return space_; }
	std::string full_name() const { return space_ == "/" ? "/" + name_ : space_ + "/" + name_; }

	/* "/a" as it is, "~/a" below the node, "a" below its namespace. */
	std::string resolve(const std::string &topic) const
	{
		if (topic.empty() || topic[0] == '/')
			return topic;
		if (topic[0] == '~')
			return full_name() + topic.substr(1);
		return (space_ == "/" ? "/" : space_ + "/") + topic;
	}

	void add(const std::shared_ptr<executable> &e)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (const auto executor = executor_.lock())
			executor->add(e);
		executables_.push_back(e);
	}
	/* From the destructor of what owns @e. */
	void remove(const std::shared_ptr<executable> &e)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (const auto executor = executor_.lock())
			executor->remove(e);
		executables_.erase(std::remove_if(executables_.begin(), executables_.end(),
						  [&e](const auto &weak) {
							  return weak.expired() || weak.lock() == e;
						  }),
				   executables_.end());
	}

	void attach(const std::shared_ptr<executor_core> &executor)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (!executor_.expired())
			throw std::runtime_error("node " + full_name() + " already has an executor: remove it there first");
		for (const auto &weak : executables_)
			if (const auto e = weak.lock())
				executor->add(e);
		executor_ = executor;
	}
	void detach(const std::shared_ptr<executor_core> &executor)
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (executor_.lock() != executor)
			return;
		for (const auto &weak : executables_)
			if (const auto e = weak.lock())
				executor->remove(e);
		executor_.reset();
	}
	void wake()
	{
		std::lock_guard<std::mutex> lock(mutex_);

		if (const auto executor = executor_.lock())
			executor->wake();
	}

private:
	const std::string name_;
	const std::string space_;
	std::mutex mutex_;	/* outside the executor's; guards the rest */
	std::weak_ptr<executor_core> executor_;
	std::vector<std::weak_ptr<executable>> executables_;
};

} // namespace detail

/**
 * Publisher<T> - made by Node::create_publisher() or agnocast::create_publisher()
 *
 * Any thread; several at once.
 */
template <class T>
class Publisher {
public:
	using SharedPtr = std::shared_ptr<Publisher<T>>;

	Publisher(const detail::node_core &node, const std::string &topic, const QoS &qos)
		: topic_(std::make_shared<const std::string>(node.resolve(topic))),
		  publisher_(*topic_, options(node, qos)) {}

	/** A message to fill in: T(), in the shared heap. Destroyed if it is not published. */
	ipc_shared_ptr<T> borrow_loaned_message() const
	{
		return ipc_shared_ptr<T>(std::make_shared<detail::ipc_state<T>>(
			detail::ipc_state<T>{publisher_.loan(), {}, topic_}));
	}

	/**
	 * Hand @message over to the readers of the topic.
	 * @bytes: its size for statistics, with what its members point to
	 *
	 * All copies of @message are empty afterwards. Throws std::invalid_argument
	 * if it is empty or was taken from a subscription, std::system_error as
	 * publisher<T>::publish(); then nothing was published, and it is as before.
	 */
	void publish(ipc_shared_ptr<T> &&message, uint64_t bytes = sizeof(T))
	{
		publisher_.publish(std::move(object(message)), bytes);
		message.reset();
	}
	/** As publish(), but the error is returned: ENOBUFS is worth another try. */
	[[nodiscard]] std::error_code try_publish(ipc_shared_ptr<T> &message, uint64_t bytes = sizeof(T))
	{
		const std::error_code ec = publisher_.try_publish(object(message), bytes);

		if (!ec)
			message.reset();
		return ec;
	}

	uint32_t get_subscription_count() const { return publisher_.stats().subscriptions; }
	const std::string &get_topic_name() const noexcept { return *topic_; }
	agnocast_publisher_stats stats() const { return publisher_.stats(); }

private:
	static publisher_options options(const detail::node_core &node, const QoS &qos)
	{
		publisher_options o;

		o.depth = qos.depth();
		o.transient_local = qos.is_transient_local();
		o.node = node.name().c_str();
		return o;
	}
	std::unique_ptr<T> &object(const ipc_shared_ptr<T> &message) const
	{
		if (!message.state_ || !message.state_->own)
			throw std::invalid_argument("cannot publish on " + *topic_ +
						    ": the message is empty, or is not from borrow_loaned_message()");
		return message.state_->own;
	}

	const std::shared_ptr<const std::string> topic_;
	publisher<T> publisher_;
};

/** What subscriptions have in common; not made by itself. */
template <class T>
class SubscriptionBase {
public:
	SubscriptionBase(const detail::node_core &node, const std::string &topic, const QoS &qos,
			 const SubscriptionOptions &options)
		: topic_(std::make_shared<const std::string>(node.resolve(topic))),
		  subscription_(*topic_, convert(node, qos, options)) {}

	const std::string &get_topic_name() const noexcept { return *topic_; }
	/** Publishers whose messages are read now. */
	uint32_t get_publisher_count() const { return subscription_.stats().publishers; }
	agnocast_subscription_stats stats() const { return subscription_.stats(); }

protected:
	using take_function = message<T> (subscription<T>::*)(std::chrono::milliseconds);

	/*
	 * What @take gets now. A publisher that cannot be read is the log's affair:
	 * the node goes on with the others.
	 */
	message<T> next(take_function take)
	{
		for (;;) {
			try {
				return (subscription_.*take)(std::chrono::milliseconds(0));
			} catch (const std::system_error &error) {
				if (error.code() != std::errc::connection_refused)
					throw;
			}
		}
	}
	ipc_shared_ptr<const T> share(message<T> &&m) const
	{
		if (!m)
			return {};
		return ipc_shared_ptr<const T>(std::make_shared<detail::ipc_state<T>>(
			detail::ipc_state<T>{nullptr, std::move(m), topic_}));
	}

	const std::shared_ptr<const std::string> topic_;
	subscription<T> subscription_;

private:
	static subscription_options convert(const detail::node_core &node, const QoS &qos,
					    const SubscriptionOptions &options)
	{
		subscription_options o;

		o.depth = qos.depth();
		o.transient_local = qos.is_transient_local();
		o.ignore_local = options.ignore_local_publications;
		o.node = node.name().c_str();
		return o;
	}
};

namespace detail {

/* Any callback that the ROS 2 Agnocast takes: const or not, by value, reference or rvalue. */
template <class T, class Func>
std::function<void(ipc_shared_ptr<const T> &&)> message_callback(Func &&callback)
{
	if constexpr (std::is_invocable_v<Func, ipc_shared_ptr<const T> &&>) {
		return std::forward<Func>(callback);
	} else {
		static_assert(std::is_invocable_v<Func, ipc_shared_ptr<T> &&>,
			      "a callback takes an agnocast::ipc_shared_ptr<const T>");
		return [call = std::forward<Func>(callback)](ipc_shared_ptr<const T> &&m) mutable {
			call(ipc_shared_ptr<T>::without_const(std::move(m)));
		};
	}
}

template <class Func>
std::function<void(TimerBase &)> timer_callback(Func &&callback)
{
	if constexpr (std::is_invocable_v<Func, TimerBase &>)
		return std::forward<Func>(callback);
	else
		return [call = std::forward<Func>(callback)](TimerBase &) mutable { call(); };
}

/*
 * What a user's SharedPtr holds: while it lives, @run is called back. The
 * executor has references of its own, so that this can go at any time.
 */
template <class Executable>
std::shared_ptr<Executable> registered(const std::shared_ptr<node_core> &node,
				       const std::shared_ptr<Executable> &run)
{
	struct registration {
		const std::shared_ptr<node_core> node;
		const std::shared_ptr<Executable> run;

		registration(const std::shared_ptr<node_core> &n, const std::shared_ptr<Executable> &r)
			: node(n), run(r)
		{
			node->add(run);
		}
		registration(const registration &) = delete;
		registration &operator=(const registration &) = delete;
		~registration() { node->remove(run); }
	};

	return std::shared_ptr<Executable>(std::make_shared<registration>(node, run), run.get());
}

} // namespace detail

/**
 * Subscription<T> - calls back for each message, in order
 *
 * Made by Node::create_subscription(). When the last SharedPtr goes, no new
 * callback begins; one that another thread runs, or has just taken a message
 * for, ends by itself: what it uses must live as long.
 */
template <class T>
class Subscription : public SubscriptionBase<T>, public detail::executable {
public:
	using SharedPtr = std::shared_ptr<Subscription<T>>;
	using function = std::function<void(ipc_shared_ptr<const T> &&)>;

	Subscription(const detail::node_core &node, const std::string &topic, const QoS &qos,
		     const SubscriptionOptions &options, function callback)
		: SubscriptionBase<T>(node, topic, qos, options), executable(options.callback_group),
		  callback_(std::move(callback)) {}

private:
	friend class Node;

	agnocast_subscription *subscription() const noexcept override { return this->subscription_.handle(); }
	detail::clock::time_point run(const std::function<void()> &taken) override
	{
		message<T> loan = this->next(&agnocast::subscription<T>::take);
		const auto since = loan ? loan.publish_time() : detail::clock::time_point::min();
		ipc_shared_ptr<const T> m = this->share(std::move(loan));

		taken();
		if (m)
			callback_(std::move(m));
		return since;
	}

	const function callback_;
};

/**
 * TakeSubscription<T> - no callback: take() when you want to
 *
 * One thread at a time.
 */
template <class T>
class TakeSubscription : public SubscriptionBase<T> {
public:
	using SharedPtr = std::shared_ptr<TakeSubscription<T>>;
	using SubscriptionBase<T>::SubscriptionBase;

	/**
	 * The newest message; older ones are skipped. Empty if there is none that
	 * is new, unless @allow_same_message: then the latest one again, which is
	 * kept on loan for that.
	 */
	ipc_shared_ptr<const T> take(bool allow_same_message = false)
	{
		ipc_shared_ptr<const T> m = this->share(this->next(&agnocast::subscription<T>::take_latest));

		if (!allow_same_message)
			last_.reset();
		else if (m)
			last_ = m;
		else
			m = last_;
		return m;
	}

private:
	ipc_shared_ptr<const T> last_;
};

/** PollingSubscriber<T> - the latest message whenever it is asked for, as Autoware has it */
template <class T>
class PollingSubscriber {
public:
	using SharedPtr = std::shared_ptr<PollingSubscriber<T>>;

	PollingSubscriber(const detail::node_core &node, const std::string &topic, const QoS &qos)
		: subscription_(node, topic, qos, {}) {}

	/** The latest message, the same again if none came since; empty before the first. */
	ipc_shared_ptr<const T> takeData() { return subscription_.take(true); }
	ipc_shared_ptr<const T> take_data() { return takeData(); }
	const std::string &get_topic_name() const noexcept { return subscription_.get_topic_name(); }

private:
	TakeSubscription<T> subscription_;
};

/**
 * Node - a name under which endpoints are shown, and callbacks to run
 *
 * Any thread. Belongs to one executor at a time.
 */
class Node {
public:
	using SharedPtr = std::shared_ptr<Node>;

	/**
	 * @name: at most 63 bytes, shown to observers; @space: its namespace, "/..."
	 *
	 * Topics without a leading '/' are below @space, those that start with "~/"
	 * below the node. Throws std::invalid_argument.
	 */
	explicit Node(const std::string &name, const std::string &space = "/")
		: core_(std::make_shared<detail::node_core>(checked_name(name), checked_space(space))),
		  group_(std::make_shared<CallbackGroup>(CallbackGroupType::MutuallyExclusive)) {}

	std::string get_name() const { return core_->name(); }
	std::string get_namespace() const { return core_->space(); }
	std::string get_fully_qualified_name() const { return core_->full_name(); }

	CallbackGroup::SharedPtr create_callback_group(CallbackGroupType type) const
	{
		return std::make_shared<CallbackGroup>(type);
	}

	/** Throws std::system_error as publisher<T>. */
	template <class T>
	typename Publisher<T>::SharedPtr create_publisher(const std::string &topic, const QoS &qos,
							  const PublisherOptions & = {})
	{
		return std::make_shared<Publisher<T>>(*core_, topic, qos);
	}

	/** @callback takes an ipc_shared_ptr<const T>. Throws std::system_error as subscription<T>. */
	template <class T, class Func>
	typename Subscription<T>::SharedPtr create_subscription(const std::string &topic, const QoS &qos,
								 Func &&callback,
								 SubscriptionOptions options = {})
	{
		if (!options.callback_group)
			options.callback_group = group_;
		return detail::registered(core_, std::make_shared<Subscription<T>>(
			*core_, topic, qos, options, detail::message_callback<T>(std::forward<Func>(callback))));
	}
	template <class T>
	typename PollingSubscriber<T>::SharedPtr create_subscription(const std::string &topic, const QoS &qos)
	{
		return std::make_shared<PollingSubscriber<T>>(*core_, topic, qos);
	}

	/** @callback takes nothing or a TimerBase &. @period > 0, else std::invalid_argument. */
	template <class Func>
	TimerBase::SharedPtr create_wall_timer(std::chrono::nanoseconds period, Func &&callback,
					       CallbackGroup::SharedPtr group = nullptr)
	{
		if (period <= period.zero())
			throw std::invalid_argument("a timer's period of " + std::to_string(period.count()) +
						    " ns: it must be positive");
		std::weak_ptr<detail::node_core> weak = core_;
		auto wake = [weak] {
			if (const auto core = weak.lock())
				core->wake();
		};
		return detail::registered(core_, std::shared_ptr<TimerBase>(new TimerBase(
			group ? std::move(group) : group_, period,
			detail::timer_callback(std::forward<Func>(callback)), std::move(wake))));
	}

private:
	friend class Executor;

	static std::string checked_name(const std::string &name)
	{
		if (name.empty() || name.size() > 63 || name.find('/') != std::string::npos)
			throw std::invalid_argument("node name \"" + name + "\": it is 1 to 63 bytes without '/'");
		return name;
	}
	static std::string checked_space(const std::string &space)
	{
		if (space.empty())
			return "/";
		if (space[0] != '/' || (space.size() > 1 && space.back() == '/'))
			throw std::invalid_argument("namespace \"" + space + "\": it begins with '/', and does not end with one");
		return space;
	}

	const std::shared_ptr<detail::node_core> core_;
	const CallbackGroup::SharedPtr group_;
};

/* As functions, the way the ROS 2 Agnocast has them. */
template <class T>
typename Publisher<T>::SharedPtr create_publisher(Node *node, const std::string &topic, const QoS &qos)
{
	return node->create_publisher<T>(topic, qos);
}
template <class T, class Func>
typename Subscription<T>::SharedPtr create_subscription(Node *node, const std::string &topic, const QoS &qos,
							 Func &&callback, SubscriptionOptions options = {})
{
	return node->create_subscription<T>(topic, qos, std::forward<Func>(callback), std::move(options));
}
template <class T>
typename PollingSubscriber<T>::SharedPtr create_subscription(Node *node, const std::string &topic, const QoS &qos)
{
	return node->create_subscription<T>(topic, qos);
}

} // namespace agnocast

#endif // AGNOCAST_NODE_HPP
