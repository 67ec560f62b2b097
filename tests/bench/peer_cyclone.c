// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_cyclone.c - Cyclone DDS, reliable, keep last
 *
 * variant=shm: its shared-memory transport (over iceoryx), with loaned samples
 * of a fixed-size type, which is all that it can lend. Else a sequence of
 * octets over the loopback interface. CYCLONEDDS_URI switches the transport.
 */

#include "bench.h"

#include <dds/dds.h>
#include <dds/ddsi/ddsi_serdata.h>
#include <dds/ddsc/dds_loan_api.h>
#include <stdlib.h>
#include <string.h>

#include "dds.h"

const char peer_name[] = "cyclone";
const bool peer_has_threads = true;

struct writer {
	dds_entity_t writer;
	bench_Blob blob;	/* not shm: what is written, again and again */
};

struct reader {
	dds_entity_t reader, waitset, condition;
	enum how how;
};

static dds_entity_t participant;

static bool is_shm(void)
{
	return !strcmp(args.variant, "shm");
}

static dds_entity_t check(dds_entity_t e, const char *what)
{
	if (e < 0)
		die("%s: %s", what, dds_strretcode(e));
	return e;
}

void peer_start(void)
{
	participant = check(dds_create_participant(DDS_DOMAIN_DEFAULT, NULL, NULL),
			    "dds_create_participant");
}

void peer_stop(void)
{
	dds_delete(participant);
}

static const dds_topic_descriptor_t *type(void)
{
	if (!is_shm())
		return &bench_Blob_desc;
	switch (args.bytes) {
	case 64:
		return &bench_Fixed64_desc;
	case 4096:
		return &bench_Fixed4K_desc;
	case 65536:
		return &bench_Fixed64K_desc;
	case 1048576:
		return &bench_Fixed1M_desc;
	case 8388608:
		return &bench_Fixed8M_desc;
	default:
		unsupported("a loan of this size");
	}
}

static dds_qos_t *make_qos(void)
{
	dds_qos_t *qos = dds_create_qos();

	dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, DDS_SECS(10));
	dds_qset_history(qos, DDS_HISTORY_KEEP_LAST, (int32_t)args.depth);
	dds_qset_durability(qos, DDS_DURABILITY_VOLATILE);
	return qos;
}

static dds_entity_t topic_of(const char *topic, const dds_topic_descriptor_t *desc)
{
	char name[64];

	/* DDS allows no slash in front. */
	snprintf(name, sizeof(name), "rt%s", topic);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '_';
	return check(dds_create_topic(participant, desc, name, NULL, NULL), "dds_create_topic");
}

static struct writer *make_writer(const char *topic, const dds_topic_descriptor_t *desc)
{
	struct writer *w = calloc(1, sizeof(*w));
	dds_qos_t *qos = make_qos();

	w->writer = check(dds_create_writer(participant, topic_of(topic, desc), qos, NULL),
			  "dds_create_writer");
	dds_delete_qos(qos);
	return w;
}

static struct reader *make_reader(const char *topic, const dds_topic_descriptor_t *desc,
				  enum how how)
{
	struct reader *r = calloc(1, sizeof(*r));
	dds_qos_t *qos = make_qos();

	if (how != HOW_POLL && how != HOW_SLEEP)
		unsupported("this way to wait");
	r->how = how;
	r->reader = check(dds_create_reader(participant, topic_of(topic, desc), qos, NULL),
			  "dds_create_reader");
	dds_delete_qos(qos);
	r->condition = check(dds_create_readcondition(r->reader, DDS_ANY_STATE),
			     "dds_create_readcondition");
	r->waitset = check(dds_create_waitset(participant), "dds_create_waitset");
	check(dds_waitset_attach(r->waitset, r->condition, 0), "dds_waitset_attach");
	return r;
}

void peer_settle(void)
{
}

void *peer_publisher(const char *topic)
{
	struct writer *w = make_writer(topic, type());

	if (is_shm())
		return w;
	w->blob.data._buffer = calloc(1, args.bytes);
	w->blob.data._length = w->blob.data._maximum = args.bytes;
	return w;
}

void *peer_subscription(const char *topic, enum how how)
{
	return make_reader(topic, type(), how);
}

void *peer_loan(void *pub, size_t bytes)
{
	struct writer *w = pub;
	void *sample;

	(void)bytes;
	if (!is_shm())
		return w->blob.data._buffer;
	if (!dds_is_loan_available(w->writer))
		die("shared memory is not on: no loan");
	check(dds_loan_sample(w->writer, &sample), "dds_loan_sample");
	return sample;
}

void peer_publish(void *pub, void *message, size_t bytes)
{
	struct writer *w = pub;

	(void)bytes;
	check(dds_write(w->writer, is_shm() ? message : &w->blob), "dds_write");
}

/* A sample on loan from the reader, or NULL. */
static void *take_now(struct reader *r)
{
	void *sample = NULL;
	dds_sample_info_t info;
	dds_return_t n = check(dds_take(r->reader, &sample, &info, 1, 1), "dds_take");

	if (n > 0 && info.valid_data)
		return sample;
	if (n > 0)
		dds_return_loan(r->reader, &sample, 1);
	return NULL;
}

static void *take(struct reader *r)
{
	void *sample = take_now(r);
	dds_attach_t ready;

	if (sample || r->how == HOW_POLL)
		return sample;
	check(dds_waitset_wait(r->waitset, &ready, 1, DDS_INFINITY), "dds_waitset_wait");
	return take_now(r);
}

static bool fill(void *sample, struct message *m)
{
	if (!sample)
		return false;
	m->priv[0] = (uintptr_t)sample;
	m->data = ((bench_Blob *)sample)->data._buffer;
	m->bytes = args.bytes;
	return true;
}

/* Shared memory: dds_take() would copy out of the chunk, this looks into it. */
static bool take_chunk(struct reader *r, struct message *m)
{
	struct ddsi_serdata *data;
	dds_sample_info_t info;

	if (check(dds_takecdr(r->reader, &data, 1, &info, DDS_ANY_STATE), "dds_takecdr") <= 0)
		return false;
	if (!info.valid_data) {
		ddsi_serdata_unref(data);
		return false;
	}
	if (!data->iox_chunk)
		die("a sample came, but not through shared memory");
	m->priv[0] = (uintptr_t)data;
	m->data = data->iox_chunk;
	m->bytes = args.bytes;
	return true;
}

bool peer_take(void *sub, struct message *m)
{
	struct reader *r = sub;
	dds_attach_t ready;

	if (!is_shm())
		return fill(take(r), m);
	if (take_chunk(r, m))
		return true;
	if (r->how == HOW_POLL)
		return false;
	check(dds_waitset_wait(r->waitset, &ready, 1, DDS_INFINITY), "dds_waitset_wait");
	return take_chunk(r, m);
}

void peer_release(void *sub, struct message *m)
{
	void *sample = (void *)m->priv[0];

	if (is_shm())
		ddsi_serdata_unref(sample);
	else
		check(dds_return_loan(((struct reader *)sub)->reader, &sample, 1),
		      "dds_return_loan");
}

struct reader_set {
	dds_entity_t waitset;
	struct reader **readers;
	dds_attach_t *pending;
	unsigned int count, pending_count;
};

void *peer_set(void **subs, unsigned int count)
{
	struct reader_set *set = calloc(1, sizeof(*set));

	set->waitset = check(dds_create_waitset(participant), "dds_create_waitset");
	set->readers = (struct reader **)subs;
	set->count = count;
	set->pending = calloc(count, sizeof(*set->pending));
	for (unsigned int i = 0; i < count; i++)
		check(dds_waitset_attach(set->waitset, set->readers[i]->condition, i),
		      "dds_waitset_attach");
	return set;
}

bool peer_set_take(void *s, struct message *m, unsigned int *index)
{
	struct reader_set *set = s;

	for (;;) {
		while (set->pending_count) {
			*index = (unsigned int)set->pending[set->pending_count - 1];
			if (fill(take_now(set->readers[*index]), m))
				return true;
			set->pending_count--;
		}
		set->pending_count = (unsigned int)check(
			dds_waitset_wait(set->waitset, set->pending, set->count, DDS_INFINITY),
			"dds_waitset_wait");
		if (set->pending_count > set->count)
			set->pending_count = set->count;
	}
}

void *peer_cloud_publisher(const char *topic)
{
	return make_writer(topic, &bench_Cloud_desc);
}

void *peer_cloud_subscription(const char *topic, enum how how)
{
	return make_reader(topic, &bench_Cloud_desc, how);
}

void *peer_cloud_alloc(size_t bytes)
{
	static void *buffer;

	return buffer ? buffer : (buffer = malloc(bytes));
}

void peer_cloud_publish(void *pub, struct cloud *c)
{
	bench_Field fields[16];
	bench_Cloud sample = {
		.sec = c->sec, .nanosec = c->nanosec, .frame_id = (char *)c->frame_id,
		.height = c->height, .width = c->width, .is_bigendian = c->is_bigendian,
		.point_step = c->point_step, .row_step = c->row_step, .is_dense = c->is_dense,
	};

	if (c->fields_count > 16)
		die("%u fields", c->fields_count);
	for (uint32_t i = 0; i < c->fields_count; i++)
		fields[i] = (bench_Field){
			.name = (char *)c->fields[i].name, .offset = c->fields[i].offset,
			.datatype = c->fields[i].datatype, .count = c->fields[i].count,
		};
	sample.fields._buffer = fields;
	sample.fields._length = sample.fields._maximum = c->fields_count;
	sample.data._buffer = c->data;
	sample.data._length = sample.data._maximum = (uint32_t)c->data_bytes;
	check(dds_write(((struct writer *)pub)->writer, &sample), "dds_write");
}

bool peer_cloud_take(void *sub, struct message *m, struct cloud *c)
{
	bench_Cloud *sample = take(sub);

	if (!sample)
		return false;
	m->priv[0] = (uintptr_t)sample;
	*c = (struct cloud){
		.sec = sample->sec, .nanosec = sample->nanosec, .frame_id = sample->frame_id,
		.height = sample->height, .width = sample->width,
		.point_step = sample->point_step, .row_step = sample->row_step,
		.is_bigendian = sample->is_bigendian, .is_dense = sample->is_dense,
		.fields_count = sample->fields._length,
		.data = sample->data._buffer, .data_bytes = sample->data._length,
	};
	struct field *fields = calloc(c->fields_count + 1, sizeof(*fields));

	for (uint32_t i = 0; i < c->fields_count; i++)
		fields[i] = (struct field){
			.name = sample->fields._buffer[i].name,
			.offset = sample->fields._buffer[i].offset,
			.count = sample->fields._buffer[i].count,
			.datatype = sample->fields._buffer[i].datatype,
		};
	c->fields = fields;
	return true;
}

void peer_cloud_release(void *sub, struct message *m, struct cloud *c)
{
	free((void *)c->fields);
	peer_release(sub, m);
}
