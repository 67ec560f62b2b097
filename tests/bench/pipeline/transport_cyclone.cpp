// SPDX-License-Identifier: BSD-2-Clause
/*
 * transport_cyclone.cpp - Cyclone DDS over the loopback interface
 *
 * Written by its own serialiser, straight from the message; read from the
 * received CDR straight into the message, as ROS 2's rmw_cyclonedds does.
 */

#include "transport.hpp"

#include <dds/dds.h>
#include <dds/ddsi/ddsi_serdata.h>

#include "dds.h"
#include "flat_cloud.hpp"

namespace transport {

using lidar::cloud;

const char *const name = "cyclone";

namespace {

dds_entity_t participant;

dds_entity_t check(dds_entity_t e, const char *what)
{
	if (e < 0)
		throw std::runtime_error(std::string(what) + ": " + dds_strretcode(e));
	return e;
}

dds_entity_t topic_of(std::string topic)
{
	for (char &c : topic)
		if (c == '/')
			c = '_';
	return check(dds_create_topic(participant, &bench_Cloud_desc, ("rt" + topic).c_str(), nullptr, nullptr),
		     "dds_create_topic");
}

struct qos {
	dds_qos_t *q = dds_create_qos();

	qos()
	{
		dds_qset_reliability(q, DDS_RELIABILITY_RELIABLE, DDS_SECS(10));
		dds_qset_history(q, DDS_HISTORY_KEEP_LAST, 4);
	}
	~qos() { dds_delete_qos(q); }
};

} // namespace

void start(const std::string &)
{
	participant = check(dds_create_participant(DDS_DOMAIN_DEFAULT, nullptr, nullptr), "dds_create_participant");
}

struct publisher::impl {
	dds_entity_t writer;
};

publisher::publisher(const std::string &topic)
	: impl_(new impl{check(dds_create_writer(participant, topic_of(topic), qos().q, nullptr), "dds_create_writer")})
{
}

publisher::~publisher() = default;

void publisher::publish(std::unique_ptr<cloud> &&c)
{
	std::vector<bench_Field> fields;
	bench_Cloud s{};

	for (auto &f : c->fields)
		fields.push_back({f.name.data(), f.offset, f.datatype, f.count});
	s.sec = c->header.stamp.sec;
	s.nanosec = c->header.stamp.nanosec;
	s.frame_id = c->header.frame_id.data();
	s.height = c->height;
	s.width = c->width;
	s.fields._buffer = fields.data();
	s.fields._length = s.fields._maximum = static_cast<uint32_t>(fields.size());
	s.is_bigendian = c->is_bigendian;
	s.point_step = c->point_step;
	s.row_step = c->row_step;
	s.data._buffer = c->data.data();
	s.data._length = s.data._maximum = static_cast<uint32_t>(c->data.size());
	s.is_dense = c->is_dense;
	check(dds_write(impl_->writer, &s), "dds_write");
	c.reset();
}

struct subscription::impl {
	dds_entity_t reader, waitset;
	cloud last;
};

subscription::subscription(const std::string &topic)
	: impl_(new impl{check(dds_create_reader(participant, topic_of(topic), qos().q, nullptr), "dds_create_reader"),
			 check(dds_create_waitset(participant), "dds_create_waitset"), cloud()})
{
	const dds_entity_t condition = check(dds_create_readcondition(impl_->reader, DDS_ANY_STATE),
					     "dds_create_readcondition");

	check(dds_waitset_attach(impl_->waitset, condition, 0), "dds_waitset_attach");
}

subscription::~subscription() = default;

const cloud *subscription::take()
{
	struct ddsi_serdata *data = nullptr;
	dds_sample_info_t info;
	dds_attach_t ready;
	dds_return_t n = dds_takecdr(impl_->reader, &data, 1, &info, DDS_ANY_STATE);

	if (n <= 0) {
		dds_waitset_wait(impl_->waitset, &ready, 1, DDS_MSECS(100));
		n = dds_takecdr(impl_->reader, &data, 1, &info, DDS_ANY_STATE);
		if (n <= 0)
			return nullptr;
	}
	if (!info.valid_data) {
		ddsi_serdata_unref(data);
		return nullptr;
	}
	ddsrt_iovec_t cdr;
	/* Behind four bytes that say how it is encoded. */
	struct ddsi_serdata *held = ddsi_serdata_to_ser_ref(data, 4, ddsi_serdata_size(data) - 4, &cdr);
	flat::reader r(static_cast<const uint8_t *>(cdr.iov_base), cdr.iov_len);

	flat::read(r, impl_->last);
	ddsi_serdata_to_ser_unref(held, &cdr);
	ddsi_serdata_unref(data);
	return &impl_->last;
}

} // namespace transport
