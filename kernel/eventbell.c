// SPDX-License-Identifier: GPL-2.0-only
/* eventbell.c - the eventfd behind a session's bell, counted */

#include <linux/err.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "compat.h"
#include "eventbell.h"

struct eventbell {
	refcount_t refs;
	struct eventfd_ctx *ctx;	/* owns a reference */
};

void *agk_eventbell_open(int fd)
{
	struct eventbell *bell = kmalloc(sizeof(*bell), GFP_KERNEL);
	struct eventfd_ctx *ctx;

	if (!bell)
		return ERR_PTR(-ENOMEM);
	ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(ctx)) {
		kfree(bell);
		return ctx;
	}
	refcount_set(&bell->refs, 1);
	bell->ctx = ctx;
	return bell;
}

void agk_eventbell_hold(void *of)
{
	struct eventbell *bell = of;

	refcount_inc(&bell->refs);
}

void agk_eventbell_put(void *of)
{
	struct eventbell *bell = of;

	if (!bell || !refcount_dec_and_test(&bell->refs))
		return;
	eventfd_ctx_put(bell->ctx);
	kfree(bell);
}

void agk_eventbell_ring(void *of)
{
	struct eventbell *bell = of;

	agk_eventfd_signal(bell->ctx);
}
