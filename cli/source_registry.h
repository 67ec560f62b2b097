/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source_registry.h - the registry's lists, and the counters in the areas
 *
 * Uses AGNOCAST_VERSION_CMD and AGNOCAST_LIST_CMD only, so it is no participant
 * and shows up nowhere. Areas are read with pread(): that neither faults nor
 * fills holes.
 */
#ifndef AGNOCAST_CLI_SOURCE_REGISTRY_H
#define AGNOCAST_CLI_SOURCE_REGISTRY_H

#include "../lib/registry_client.h"
#include "model.h"

struct source_registry {
	struct registry_client	client;
	const char		*where;		/* as asked for, or NULL */
	bool			open;
	struct agnocast_version	version;	/* after the first success */
};

/* 0 or -errno, and a sentence in @why. */
int source_registry_open(struct source_registry *source, const char *where,
			 char *why, size_t len);
void source_registry_close(struct source_registry *source);

/*
 * Fill sessions, topics, endpoints and mappings of @model. On failure (0 or
 * -errno) the model says so, and the next call tries to connect anew.
 */
int source_registry_fill(struct source_registry *source, struct model *model);

#endif /* AGNOCAST_CLI_SOURCE_REGISTRY_H */
