// SPDX-License-Identifier: BSD-2-Clause
/*
 * ipc_shared_ptr.hpp - a message, on either side, shared within one process
 *
 * What Publisher<T>::borrow_loaned_message() gives out and what callbacks of
 * subscriptions get. Copies share one message; the last of them gives it back.
 */
#ifndef AGNOCAST_IPC_SHARED_PTR_HPP
#define AGNOCAST_IPC_SHARED_PTR_HPP

#include <agnocast/endpoint.hpp>

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace agnocast {

namespace detail {

/* Either an object that was not published yet, and is ours, or one on loan. */
template <class T>
struct ipc_state {
	std::unique_ptr<T> own;
	message<T> loan;
	std::shared_ptr<const std::string> topic;	/* of the endpoint */
};

} // namespace detail

/**
 * ipc_shared_ptr<T> - shared ownership of a message
 *
 * Publisher's side (T is not const): an object that may be written until it is
 * published. publish() takes it from all copies: they are empty afterwards.
 *
 * Subscription's side (T is const): the publisher's own object, read-only
 * memory. It cannot change or vanish while a copy lives, not even if its
 * publisher dies, and counts as held until then. A callback may ask for
 * ipc_shared_ptr<T> without const, as it does in ROS 2 Agnocast, but a write
 * through that is a SIGSEGV there as here.
 *
 * Threads: as std::shared_ptr. Different copies may be used by different
 * threads; publish() must not race with them.
 */
template <class T>
class ipc_shared_ptr {
	using state = detail::ipc_state<std::remove_const_t<T>>;

public:
	using element_type = T;

	ipc_shared_ptr() noexcept = default;
	/* Only more const, never less. */
	template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
	ipc_shared_ptr(const ipc_shared_ptr<U> &other) noexcept : state_(other.state_) {}
	template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
	ipc_shared_ptr(ipc_shared_ptr<U> &&other) noexcept : state_(std::move(other.state_)) {}

	/** The object; nullptr if this is empty or was published. */
	T *get() const noexcept
	{
		if (!state_)
			return nullptr;
		if (state_->own)
			return state_->own.get();
		return const_cast<std::remove_const_t<T> *>(state_->loan.get());
	}
	T &operator*() const noexcept
	{
		assert(get() && "this message was published, or there is none");
		return *get();
	}
	T *operator->() const noexcept { return &**this; }
	explicit operator bool() const noexcept { return get(); }

	/** Lets go of the message; empty afterwards. */
	void reset() noexcept { state_.reset(); }

	/** The topic of the endpoint it came from; "" if this is empty. */
	std::string get_topic_name() const { return state_ ? *state_->topic : std::string(); }
	/** The message's number at its publisher; -1 if it was not published yet. */
	int64_t get_entry_id() const noexcept
	{
		return state_ && state_->loan ? static_cast<int64_t>(state_->loan.seq()) : -1;
	}
	/** Which publisher it came from; 0 if it was not published yet. */
	uint64_t get_publisher_id() const noexcept
	{
		return state_ ? state_->loan.publisher_id() : 0;
	}

	/* For callbacks that ask for it, see above. */
	static ipc_shared_ptr without_const(ipc_shared_ptr<const T> &&m) noexcept
	{
		return ipc_shared_ptr(std::move(m.state_));
	}

private:
	template <class> friend class ipc_shared_ptr;
	template <class> friend class Publisher;
	template <class> friend class SubscriptionBase;

	explicit ipc_shared_ptr(std::shared_ptr<state> shared) noexcept : state_(std::move(shared)) {}

	std::shared_ptr<state> state_;
};

} // namespace agnocast

#endif // AGNOCAST_IPC_SHARED_PTR_HPP
