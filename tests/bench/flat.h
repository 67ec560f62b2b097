/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flat.h - a PointCloud2 as a row of bytes, and back
 *
 * What transports that carry only flat messages need: everything is copied
 * once into the message and once out of it, as CDR does.
 */
#ifndef BENCH_FLAT_H
#define BENCH_FLAT_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

size_t flat_bytes(const struct cloud *cloud);
void flat_write(void *to, const struct cloud *cloud);
/* Into memory of its own, the points into one buffer that is kept. */
void flat_read(const void *from, struct cloud *cloud);
void flat_free(struct cloud *cloud);
/* A buffer that is made once: what a driver that reuses its own would do. */
void *flat_buffer(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_FLAT_H */
