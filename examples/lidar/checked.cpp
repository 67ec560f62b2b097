// SPDX-License-Identifier: BSD-2-Clause
/* checked.cpp - receipts: written, looked up, compared */
#include "checked.hpp"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <thread>

namespace lidar {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

constexpr uint32_t receipt_depth = 64;	/* far more than clouds can lag behind */
constexpr size_t latencies = 1 << 16;	/* samples kept */

int64_t stamp_of(const cloud &c)
{
	return c.header.stamp.sec * INT64_C(1000000000) + c.header.stamp.nanosec;
}

uint64_t address_of(const void *p)
{
	return reinterpret_cast<uintptr_t>(p);
}

agnocast::publisher_options publishing(const char *node, uint32_t depth, bool keep)
{
	agnocast::publisher_options o;

	o.node = node;
	o.depth = depth;
	o.transient_local = keep;
	return o;
}

agnocast::subscription_options reading(const char *node, uint32_t depth, bool keep)
{
	agnocast::subscription_options o;

	o.node = node;
	o.depth = depth;
	o.transient_local = keep;
	return o;
}

/* Messages a second between the first and the last. */
double rate(uint64_t messages, clock::time_point first, clock::time_point last)
{
	const double s = std::chrono::duration<double>(last - first).count();

	return messages > 1 && s > 0 ? static_cast<double>(messages - 1) / s : 0;
}

double percentile_us(std::vector<uint64_t> samples, double part)
{
	if (samples.empty())
		return 0;
	const auto at = samples.begin() +
		static_cast<std::ptrdiff_t>(part * static_cast<double>(samples.size() - 1));

	std::nth_element(samples.begin(), at, samples.end());
	return static_cast<double>(*at) / 1000;
}

/* snprintf into a string; the caller passes no foreign text. */
template <class... Args>
std::string format(const char *how, Args... args)
{
	std::string s(static_cast<size_t>(std::snprintf(nullptr, 0, how, args...)), '\0');

	std::snprintf(s.data(), s.size() + 1, how, args...);
	return s;
}

} // namespace

checked_publisher::checked_publisher(const std::string &topic, const char *node, uint32_t depth)
	: receipts_(topic + "/receipt", publishing(node, receipt_depth, true)),
	  clouds_(topic, publishing(node, depth, false))
{
}

void checked_publisher::wait_for_readers(uint32_t n, std::chrono::seconds timeout)
{
	const clock::time_point end = clock::now() + timeout;

	for (;;) {
		const agnocast_publisher_stats s = clouds_.stats();

		if (s.subscriptions >= n && !s.unmapped)
			return;
		if (clock::now() > end)
			throw std::runtime_error(format("waited %lld s for %u subscriptions to ",
							static_cast<long long>(timeout.count()), n) +
						 clouds_.topic() + format(", saw %u: start the readers first",
									  s.subscriptions));
		std::this_thread::sleep_for(10ms);
	}
}

bool checked_publisher::publish(std::unique_ptr<cloud> &&c)
{
	auto r = receipts_.loan();
	const uint64_t bytes = bytes_of(*c);

	*r = {stamp_of(*c), address_of(c.get()), address_of(c->data.data()), digest(*c)};
	try {
		receipts_.publish(std::move(r));
		clouds_.publish(std::move(c), bytes);
	} catch (const std::system_error &e) {
		if (e.code() == std::errc::no_buffer_space)
			return false;
		throw;
	}
	last_ = clock::now();
	if (first_ == clock::time_point())
		first_ = last_;
	return true;
}

std::string checked_publisher::json() const
{
	const agnocast_publisher_stats s = clouds_.stats();

	return "{\"topic\":\"" + clouds_.topic() +
		format("\",\"messages\":%llu,\"bytes_per_message\":%.0f,\"rate_hz\":%.3f,\"refused\":%llu}",
		       static_cast<unsigned long long>(s.published),
		       s.published ? static_cast<double>(s.bytes) / static_cast<double>(s.published) : 0.0,
		       rate(s.published, first_, last_), static_cast<unsigned long long>(s.refused));
}

checked_subscription::checked_subscription(const std::string &topic, const char *node, uint32_t depth)
	: receipts_(topic + "/receipt", reading(node, receipt_depth, true)),
	  clouds_(topic, reading(node, depth, false))
{
	latency_ns_.reserve(latencies);
}

void checked_subscription::count(const agnocast::message<cloud> &m)
{
	const auto latency = clock::now() - m.publish_time();
	const uint64_t ns = static_cast<uint64_t>(std::chrono::nanoseconds(latency).count());

	if (latency_ns_.size() < latencies)
		latency_ns_.push_back(ns);
	else
		latency_ns_[messages_ % latencies] = ns;
	if (!messages_++)
		first_ = m.publish_time();
	last_ = m.publish_time();
	bytes_ += m.bytes();
}

/* The receipts come in the order of the clouds; those of clouds that were dropped are passed over. */
std::optional<receipt> checked_subscription::receipt_of(int64_t stamp_ns)
{
	for (;;) {
		if (!next_) {
			/* it was published before the cloud: no wait, but for its memory being mapped */
			const agnocast::message<receipt> m = receipts_.take(1s);

			if (!m)
				return {};
			next_ = *m;
		}
		if (next_->stamp_ns > stamp_ns)
			return {};
		const std::optional<receipt> r = std::exchange(next_, std::nullopt);

		if (r->stamp_ns == stamp_ns)
			return r;
	}
}

void checked_subscription::check(const agnocast::message<cloud> &m)
{
	const std::optional<receipt> r = receipt_of(stamp_of(*m));

	if (!r) {
		without_receipt_++;
		std::fprintf(stderr, "%s: message %llu came without a receipt\n", topic().c_str(),
			     static_cast<unsigned long long>(m.seq()));
		return;
	}
	if (r->address != address_of(m.get()) || r->data_address != address_of(m->data.data())) {
		pointer_errors_++;
		std::fprintf(stderr, "%s: message %llu was published at 0x%llx, read at %p\n", topic().c_str(),
			     static_cast<unsigned long long>(m.seq()),
			     static_cast<unsigned long long>(r->address), static_cast<const void *>(m.get()));
	}
	const uint32_t found = digest(*m);

	if (r->digest != found) {
		checksum_errors_++;
		std::fprintf(stderr, "%s: message %llu was published with checksum %08x, read with %08x\n",
			     topic().c_str(), static_cast<unsigned long long>(m.seq()), r->digest, found);
	}
}

agnocast::message<cloud> checked_subscription::take(std::chrono::milliseconds timeout)
{
	agnocast::message<cloud> m = clouds_.take(timeout);

	if (m) {
		count(m);
		check(m);
	}
	return m;
}

std::string checked_subscription::json() const
{
	const agnocast_subscription_stats s = clouds_.stats();
	const auto n = [](uint64_t v) { return static_cast<unsigned long long>(v); };

	return "{\"topic\":\"" + topic() +
		format("\",\"messages\":%llu,\"drops\":%llu,\"bytes_per_message\":%.0f,\"rate_hz\":%.3f,",
		       n(messages_), n(s.dropped),
		       messages_ ? static_cast<double>(bytes_) / static_cast<double>(messages_) : 0.0,
		       rate(messages_, first_, last_)) +
		format("\"latency_us\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
		       percentile_us(latency_ns_, 0.5), percentile_us(latency_ns_, 0.99),
		       percentile_us(latency_ns_, 1)) +
		format("\"checksum_errors\":%llu,\"pointer_errors\":%llu,\"without_receipt\":%llu}",
		       n(checksum_errors_), n(pointer_errors_), n(without_receipt_));
}

} // namespace lidar
