// SPDX-License-Identifier: BSD-2-Clause
/*
 * qos.hpp - how many messages are kept, and for whom
 *
 * rclcpp::QoS's names for what agnocast.h calls depth and transient local.
 */
#ifndef AGNOCAST_QOS_HPP
#define AGNOCAST_QOS_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace agnocast {

/** Keep the last @depth messages. */
struct KeepLast {
	explicit KeepLast(size_t depth_in) : depth(depth_in) {}
	size_t depth;
};

/**
 * QoS - depth and durability of an endpoint
 *
 * reliable() and best_effort() are there so that code reads as before: in
 * shared memory nothing gets lost on the way, and what a reader is too slow for
 * is bounded by the depth and counted as dropped, with either.
 */
class QoS {
public:
	/* A plain number is a depth, as in rclcpp. */
	QoS(size_t depth) { keep_last(depth); }		// NOLINT(google-explicit-constructor)
	QoS(KeepLast history) { keep_last(history.depth); }	// NOLINT(google-explicit-constructor)

	/** Throws std::invalid_argument unless 1 <= @depth <= 65536. */
	QoS &keep_last(size_t depth)
	{
		if (depth < 1 || depth > 65536)
			throw std::invalid_argument("QoS depth " + std::to_string(depth) +
						    ": it is 1 to 65536 messages");
		depth_ = static_cast<uint32_t>(depth);
		return *this;
	}
	/** Late subscriptions get up to their own depth of what is kept. */
	QoS &transient_local() noexcept
	{
		transient_local_ = true;
		return *this;
	}
	QoS &durability_volatile() noexcept
	{
		transient_local_ = false;
		return *this;
	}
	QoS &reliable() noexcept { return *this; }
	QoS &best_effort() noexcept { return *this; }

	uint32_t depth() const noexcept { return depth_; }
	bool is_transient_local() const noexcept { return transient_local_; }

private:
	uint32_t depth_ = 1;
	bool transient_local_ = false;
};

/** rclcpp's profile for sensors: the last 5. */
struct SensorDataQoS : QoS {
	SensorDataQoS() : QoS(5) {}
};

} // namespace agnocast

#endif // AGNOCAST_QOS_HPP
