// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_iceoryx.cpp - iceoryx 2, untyped API: polling, and WaitSet
 *
 * Needs iox-roudi with the memory pools of roudi.toml.
 */

#include "bench.h"
#include "flat.h"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

namespace {

using iox::popo::UntypedPublisher;
using iox::popo::UntypedSubscriber;
using wait_set = iox::popo::WaitSet<>;

/* RouDi goes on delivering to whoever does not take leave. */
std::vector<std::unique_ptr<UntypedPublisher>> publishers;

struct reader {
	std::unique_ptr<UntypedSubscriber> sub;
	std::unique_ptr<wait_set> waits;	/* none: polls */
};

iox::capro::ServiceDescription service(const char *topic)
{
	return {{iox::cxx::TruncateToCapacity, "bench"}, {iox::cxx::TruncateToCapacity, "bench"},
		{iox::cxx::TruncateToCapacity, topic}};
}

bool take_now(UntypedSubscriber &sub, message *m)
{
	auto taken = sub.take();

	if (taken.has_error())
		return false;
	m->data = taken.value();
	m->bytes = iox::mepoo::ChunkHeader::fromUserPayload(m->data)->userPayloadSize();
	return true;
}

std::vector<std::unique_ptr<reader>> readers;

struct reader_set {
	wait_set waits;
	std::vector<reader *> readers;
	std::vector<unsigned> pending;	/* readers that may have more */
};

std::unique_ptr<reader_set> the_set;

} // namespace

extern "C" {

const char peer_name[] = "iceoryx";
const bool peer_has_threads = false;

void peer_start(void)
{
	const std::string name = "bench-" + std::string(args.role) + "-" + std::to_string(getpid());

	iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
		iox::log::LogLevel::kError, iox::log::LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime({iox::cxx::TruncateToCapacity, name});
}

void peer_stop(void)
{
	the_set.reset();
	readers.clear();
	publishers.clear();
}

void peer_settle(void)
{
}

void *peer_publisher(const char *topic)
{
	iox::popo::PublisherOptions options;

	options.historyCapacity = 0;
	publishers.push_back(std::make_unique<UntypedPublisher>(service(topic), options));
	return publishers.back().get();
}

void *peer_subscription(const char *topic, enum how how)
{
	iox::popo::SubscriberOptions options;
	auto r = std::make_unique<reader>();

	if (how != HOW_POLL && how != HOW_SLEEP)
		unsupported("this way to wait");
	options.queueCapacity = args.depth;
	r->sub = std::make_unique<UntypedSubscriber>(service(topic), options);
	if (how == HOW_SLEEP) {
		r->waits = std::make_unique<wait_set>();
		r->waits->attachState(*r->sub, iox::popo::SubscriberState::HAS_DATA)
			.or_else([](auto) { die("attachState"); });
	}
	readers.push_back(std::move(r));
	return readers.back().get();
}

void *peer_loan(void *pub, size_t bytes)
{
	auto loan = static_cast<UntypedPublisher *>(pub)->loan(static_cast<uint32_t>(bytes));

	if (loan.has_error())
		die("loan of %zu bytes: error %d", bytes, static_cast<int>(loan.get_error()));
	return loan.value();
}

void peer_publish(void *pub, void *message, size_t)
{
	static_cast<UntypedPublisher *>(pub)->publish(message);
}

bool peer_take(void *sub, struct message *m)
{
	auto r = static_cast<reader *>(sub);

	if (take_now(*r->sub, m))
		return true;
	if (!r->waits)
		return false;
	r->waits->wait();
	return take_now(*r->sub, m);
}

void peer_release(void *sub, struct message *m)
{
	static_cast<reader *>(sub)->sub->release(m->data);
}

void *peer_set(void **subs, unsigned int count)
{
	the_set = std::make_unique<reader_set>();
	auto set = the_set.get();

	for (unsigned i = 0; i < count; i++) {
		auto r = static_cast<reader *>(subs[i]);

		set->readers.push_back(r);
		set->waits.attachEvent(*r->sub, iox::popo::SubscriberEvent::DATA_RECEIVED, i)
			.or_else([](auto) { die("attachEvent"); });
		set->pending.push_back(i);
	}
	return set;
}

bool peer_set_take(void *s, struct message *m, unsigned int *index)
{
	auto set = static_cast<reader_set *>(s);

	for (;;) {
		while (!set->pending.empty()) {
			*index = set->pending.back();
			if (take_now(*set->readers[*index]->sub, m))
				return true;
			set->pending.pop_back();
		}
		for (auto &notification : set->waits.wait())
			set->pending.push_back(
				static_cast<unsigned>(notification->getNotificationId()));
	}
}

void *peer_cloud_publisher(const char *topic)
{
	return peer_publisher(topic);
}

void *peer_cloud_subscription(const char *topic, enum how how)
{
	return peer_subscription(topic, how);
}

void *peer_cloud_alloc(size_t bytes)
{
	return flat_buffer(bytes);
}

void peer_cloud_publish(void *pub, struct cloud *c)
{
	const size_t bytes = flat_bytes(c);
	void *chunk = peer_loan(pub, bytes);

	flat_write(chunk, c);
	peer_publish(pub, chunk, bytes);
}

bool peer_cloud_take(void *sub, struct message *m, struct cloud *c)
{
	if (!peer_take(sub, m))
		return false;
	flat_read(m->data, c);
	peer_release(sub, m);
	return true;
}

void peer_cloud_release(void *, struct message *, struct cloud *c)
{
	flat_free(c);
}

} // extern "C"
