/* SPDX-License-Identifier: BSD-2-Clause */
/* agnocast.c - what the API says about the process as a whole */

#include <agnocast/agnocast.h>
#include <uapi/agnocast.h>

#include "log.h"
#include "start.h"

int agnocast_status(void)
{
	log_enable();
	start_once();
	return start_status();
}

const char *agnocast_reason(void)
{
	log_enable();
	start_once();
	return start_reason();
}

const char *agnocast_version(void)
{
	return AGNOCAST_VERSION;
}
