// SPDX-License-Identifier: BSD-2-Clause
/* transport_agnocast.cpp - the object itself */

#include "transport.hpp"

#include <agnocast/agnocast.hpp>

namespace transport {

using lidar::cloud;

const char *const name = "agnocast";

void start(const std::string &) {}

struct publisher::impl {
	agnocast::publisher<cloud> pub;
};

publisher::publisher(const std::string &topic)
{
	agnocast::publisher_options o;

	o.depth = 4;
	impl_.reset(new impl{agnocast::publisher<cloud>(topic, o)});
}

publisher::~publisher() = default;

void publisher::publish(std::unique_ptr<cloud> &&c)
{
	const uint64_t bytes = lidar::bytes_of(*c);

	impl_->pub.publish(std::move(c), bytes);
}

struct subscription::impl {
	agnocast::subscription<cloud> sub;
	agnocast::message<cloud> message;
};

subscription::subscription(const std::string &topic)
{
	agnocast::subscription_options o;

	o.depth = 4;
	impl_.reset(new impl{agnocast::subscription<cloud>(topic, o), {}});
}

subscription::~subscription() = default;

const cloud *subscription::take()
{
	impl_->message.release();
	impl_->message = impl_->sub.take(std::chrono::milliseconds(100));
	return impl_->message.get();
}

} // namespace transport
