// SPDX-License-Identifier: BSD-2-Clause
/* peer_zmq.c - ZeroMQ, PUB and SUB over ipc:// */

#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "flat.h"

const char peer_name[] = "zmq";
const bool peer_has_threads = true;

struct reader {
	void	*socket;
	int	flags;
};

static const int unlimited;
static void *context;
static zmq_msg_t loan;	/* one at a time */

void peer_start(void)
{
	context = zmq_ctx_new();
}

void peer_stop(void)
{
}

static const char *address(const char *topic)
{
	static char text[256];

	snprintf(text, sizeof(text), "ipc://%s%s", args.dir, strrchr(topic, '/'));
	return text;
}

void peer_settle(void)
{
}

void *peer_publisher(const char *topic)
{
	void *socket = zmq_socket(context, ZMQ_PUB);

	/* PUB drops what is beyond: the window alone limits what is on its way. */
	zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof(unlimited));
	if (zmq_bind(socket, address(topic)))
		die("zmq_bind %s: %s", address(topic), zmq_strerror(errno));
	return socket;
}

void *peer_subscription(const char *topic, enum how how)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (how != HOW_POLL && how != HOW_SLEEP)
		unsupported("this way to wait");
	r->flags = how == HOW_POLL ? ZMQ_DONTWAIT : 0;
	r->socket = zmq_socket(context, ZMQ_SUB);
	zmq_setsockopt(r->socket, ZMQ_RCVHWM, &unlimited, sizeof(unlimited));
	zmq_setsockopt(r->socket, ZMQ_SUBSCRIBE, "", 0);
	if (zmq_connect(r->socket, address(topic)))
		die("zmq_connect %s: %s", address(topic), zmq_strerror(errno));
	return r;
}

void *peer_loan(void *pub, size_t bytes)
{
	(void)pub;
	if (zmq_msg_init_size(&loan, bytes))
		die("zmq_msg_init_size: %s", zmq_strerror(errno));
	return zmq_msg_data(&loan);
}

void peer_publish(void *pub, void *message, size_t bytes)
{
	(void)message;
	(void)bytes;
	if (zmq_msg_send(&loan, pub, 0) < 0)
		die("zmq_msg_send: %s", zmq_strerror(errno));
}

bool peer_take(void *sub, struct message *m)
{
	struct reader *r = sub;
	zmq_msg_t *message = (zmq_msg_t *)m->priv;

	_Static_assert(sizeof(*message) <= sizeof(m->priv), "no room for a zmq_msg_t");
	zmq_msg_init(message);
	if (zmq_msg_recv(message, r->socket, r->flags) < 0) {
		zmq_msg_close(message);
		return false;
	}
	m->data = zmq_msg_data(message);
	m->bytes = zmq_msg_size(message);
	return true;
}

void peer_release(void *sub, struct message *m)
{
	(void)sub;
	zmq_msg_close((zmq_msg_t *)m->priv);
}

void *peer_set(void **subs, unsigned int count)
{
	(void)subs;
	(void)count;
	unsupported("a set of subscriptions");
}

bool peer_set_take(void *set, struct message *message, unsigned int *index)
{
	(void)set;
	(void)message;
	(void)index;
	return false;
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

void peer_cloud_publish(void *pub, struct cloud *cloud)
{
	size_t bytes = flat_bytes(cloud);

	flat_write(peer_loan(pub, bytes), cloud);
	peer_publish(pub, NULL, bytes);
}

bool peer_cloud_take(void *sub, struct message *m, struct cloud *cloud)
{
	if (!peer_take(sub, m))
		return false;
	flat_read(m->data, cloud);
	peer_release(sub, m);
	return true;
}

void peer_cloud_release(void *sub, struct message *m, struct cloud *cloud)
{
	(void)sub;
	(void)m;
	flat_free(cloud);
}
