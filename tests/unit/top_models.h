/* SPDX-License-Identifier: BSD-2-Clause */
/* top_models.h - models for the tests of agnocast-top, made by hand */
#ifndef TOP_MODELS_H
#define TOP_MODELS_H

#include "model.h"

#define SECOND UINT64_C(1000000000)

/* A locale that knows wide characters, or the test is skipped. */
void utf8(void);

struct topic_row *add_topic(struct model *model, uint64_t id, const char *name,
			    uint32_t publishers, uint32_t subscriptions);
struct endpoint_row *add_endpoint(struct model *model, uint64_t generation, uint64_t topic,
				  uint32_t kind, uint64_t messages);
struct process_row *add_process(struct model *model, uint64_t session, uint32_t pid,
				const char *comm);

/*
 * Two processes, two topics, long and hostile names, a refused mapping and a
 * failure; the second of two samples, one second after the first. Not to be
 * cleared.
 */
const struct model *make_model(void);

#endif /* TOP_MODELS_H */
