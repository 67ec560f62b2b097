// SPDX-License-Identifier: BSD-2-Clause
/* transport_iceoryx.cpp - serialised into a loaned chunk, read out of it */

#include "transport.hpp"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include <unistd.h>

#include "flat_cloud.hpp"

namespace transport {

using lidar::cloud;

const char *const name = "iceoryx";

namespace {

iox::capro::ServiceDescription service(const std::string &topic)
{
	return {"bench", "lidar", {iox::cxx::TruncateToCapacity, topic}};
}

} // namespace

void start(const std::string &role)
{
	iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
		iox::log::LogLevel::kError, iox::log::LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime(
		{iox::cxx::TruncateToCapacity, "lidar-" + role + "-" + std::to_string(getpid())});
}

struct publisher::impl {
	iox::popo::UntypedPublisher pub;
};

publisher::publisher(const std::string &topic) : impl_(new impl{iox::popo::UntypedPublisher(service(topic))}) {}

publisher::~publisher() = default;

void publisher::publish(std::unique_ptr<cloud> &&c)
{
	flat::writer counter(nullptr);

	flat::write(counter, *c);
	auto loan = impl_->pub.loan(static_cast<uint32_t>(counter.size()));
	if (loan.has_error())
		throw std::runtime_error("iceoryx has no chunk of " + std::to_string(counter.size()) + " bytes");
	flat::writer w(static_cast<uint8_t *>(loan.value()));

	flat::write(w, *c);
	impl_->pub.publish(loan.value());
	c.reset();
}

struct subscription::impl {
	iox::popo::UntypedSubscriber sub;
	iox::popo::WaitSet<> waits;
	cloud last;
};

subscription::subscription(const std::string &topic)
{
	iox::popo::SubscriberOptions o;

	o.queueCapacity = 4;
	impl_.reset(new impl{iox::popo::UntypedSubscriber(service(topic), o), {}, cloud()});
	impl_->waits.attachState(impl_->sub, iox::popo::SubscriberState::HAS_DATA)
		.or_else([](auto) { throw std::runtime_error("attachState"); });
}

subscription::~subscription() = default;

const cloud *subscription::take()
{
	auto taken = impl_->sub.take();

	if (taken.has_error()) {
		impl_->waits.timedWait(iox::units::Duration::fromMilliseconds(100));
		taken = impl_->sub.take();
		if (taken.has_error())
			return nullptr;
	}
	const auto *header = iox::mepoo::ChunkHeader::fromUserPayload(taken.value());
	flat::reader r(static_cast<const uint8_t *>(taken.value()), header->userPayloadSize());

	flat::read(r, impl_->last);
	impl_->sub.release(taken.value());
	return &impl_->last;
}

} // namespace transport
