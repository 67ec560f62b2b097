/* SPDX-License-Identifier: BSD-2-Clause */
/* rejoin.c - carrying on when agnocastd was restarted */

#include "rejoin.h"

#include <errno.h>
#include <uapi/agnocast.h>

#include "area.h"
#include "bell.h"
#include "log.h"
#include "peer.h"
#include "roster.h"
#include "start.h"
#include "window.h"

#define SAME_REGISTRY 1

/* The library's thread's. */
static enum { TOGETHER, PARTED, GIVEN_UP } state;
static bool halfway;		/* a new one has our session, not all of our endpoints */

int rejoin_watch(void)
{
	return registry.daemon && state == TOGETHER ? registry_client_watch(&registry) : -1;
}

void rejoin_hung_up(void)
{
	if (state == TOGETHER)
		state = PARTED;
}

bool rejoin_pending(void)
{
	return state == PARTED;
}

static int give_up(const char *why)
{
	log_line(AGNOCAST_LOG_ERROR, "the registry at %s was restarted, %s: messages go on "
		 "between those that are connected; restart this process for new ones",
		 registry.address, why);
	state = GIVEN_UP;
	return -ENOTCONN;
}

static int check_window(void)
{
	struct agnocast_version version;
	int ret = registry_client_call(&registry, AGNOCAST_VERSION_CMD, &version);

	if (ret)
		return ret;
	if (version.abi != AGNOCAST_ABI_VERSION || version.window_base != window.base ||
	    version.area_size != window.area_size || version.sessions_max != window.areas)
		return give_up("with another window or release");
	return 0;
}

static int claim_session(void)
{
	struct agnocast_rejoin args = {
		.session = own_area.session, .base = own_area.base,
		.mempool_size = own_area.header->mempool_size,
		.slot = own_area.slot, .abi = AGNOCAST_ABI_VERSION,
	};
	int ret = registry_client_call(&registry, AGNOCAST_REJOIN_CMD, &args);

	/* The connection broke, not the daemon. */
	if (ret == -EEXIST)
		return halfway ? 0 : SAME_REGISTRY;
	if (ret == -EBUSY || ret == -EINVAL || ret == -ENOTTY || ret == -EPERM)
		return give_up("and does not take this process back");
	halfway = halfway || !ret;
	return ret;
}

static int hand_over_area(void)
{
	struct agnocast_fd args = { .fd_in = area_fd(), .fd_out = -1 };
	int ret = args.fd_in;

	if (ret >= 0)
		ret = registry_client_call(&registry, AGNOCAST_AREA_READY_CMD, &args);
	return ret == -EALREADY ? 0 : ret;
}

int rejoin_try(void)
{
	int ret = check_window();

	if (!ret)
		ret = claim_session();
	if (ret == SAME_REGISTRY)
		state = TOGETHER;
	if (!ret)
		ret = hand_over_area();
	if (!ret)
		ret = bells_rejoin();
	if (!ret)
		ret = rosters_reopen();
	if (!ret)
		peers_forgotten();
	return ret;
}

void rejoin_refused(int err)
{
	if (err != -ENOTCONN && err != -ENOMEM)
		give_up("and does not take this process's endpoints back");
}

void rejoin_done(void)
{
	struct agnocast_leave args = { 0 };

	if (registry_client_call(&registry, AGNOCAST_REJOINED_CMD, &args))
		return;
	state = TOGETHER;
	halfway = false;
	log_line(AGNOCAST_LOG_INFO, "joined the restarted registry at %s", registry.address);
}
