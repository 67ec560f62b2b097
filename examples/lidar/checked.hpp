// SPDX-License-Identifier: BSD-2-Clause
/*
 * checked.hpp - clouds with a proof that they arrived in place
 *
 * Beside each cloud its publisher publishes a receipt, on TOPIC/receipt: where
 * the object is and a checksum of all it says. A reader that finds the same
 * address and the same checksum has read the publisher's own object: nothing
 * was copied, nothing was torn.
 */
#ifndef LIDAR_CHECKED_HPP
#define LIDAR_CHECKED_HPP

#include <agnocast/agnocast.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud.hpp"

namespace lidar {

struct receipt {
	int64_t stamp_ns;	/* of the cloud's header: which cloud this is about */
	uint64_t address;	/* of the cloud, at its publisher */
	uint64_t data_address;	/* of its points */
	uint32_t digest;
};

/* Publishes a receipt, then the cloud. */
class checked_publisher {
public:
	checked_publisher(const std::string &topic, const char *node, uint32_t depth);

	/* Returns when @n subscriptions can be reached; throws after @timeout. */
	void wait_for_readers(uint32_t n, std::chrono::seconds timeout);

	/*
	 * Stamps must increase. False: readers hold too many messages, the cloud
	 * is left out and counted as refused. Throws what publisher<>::publish() throws.
	 */
	bool publish(std::unique_ptr<cloud> &&c);

	/* A JSON object: topic, messages, bytes, rate. */
	std::string json() const;

private:
	agnocast::publisher<receipt> receipts_;	/* before clouds_: who sees a cloud sees its receipt */
	agnocast::publisher<cloud> clouds_;
	std::chrono::steady_clock::time_point first_, last_;
};

/* Takes clouds, compares each with its receipt, and keeps count. One thread at a time. */
class checked_subscription {
public:
	checked_subscription(const std::string &topic, const char *node, uint32_t depth);

	/* Empty if nothing came in time. A cloud that is not as published is counted and reported. */
	agnocast::message<cloud> take(std::chrono::milliseconds timeout);

	/* Messages so far; from any thread. */
	uint64_t taken() const { return clouds_.stats().taken; }
	const std::string &topic() const { return clouds_.topic(); }
	/* False once any cloud was not what and where its publisher wrote it. */
	bool good() const { return !checksum_errors_ && !pointer_errors_ && !without_receipt_; }
	/* A JSON object: topic, messages, drops, rate, latency, errors. */
	std::string json() const;

private:
	void count(const agnocast::message<cloud> &m);
	void check(const agnocast::message<cloud> &m);
	std::optional<receipt> receipt_of(int64_t stamp_ns);

	agnocast::subscription<receipt> receipts_;	/* before clouds_, as above */
	agnocast::subscription<cloud> clouds_;
	std::optional<receipt> next_;		/* a receipt for a later cloud */
	uint64_t messages_ = 0, bytes_ = 0;
	uint64_t checksum_errors_ = 0, pointer_errors_ = 0, without_receipt_ = 0;
	std::chrono::steady_clock::time_point first_, last_;	/* publish times */
	std::vector<uint64_t> latency_ns_;	/* of the latest messages */
};

} // namespace lidar

#endif
