/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * names.h - topics and address spaces that inputs choose from
 *
 * Few, so that inputs meet the same ones again; some share a hash bucket, some
 * are as long as can be, some are no names at all.
 */
#ifndef FUZZ_NAMES_H
#define FUZZ_NAMES_H

#include "registry.h"

#define KEYS 6U
#define NAMES 16U

extern u64 keys[KEYS];
extern char names[NAMES][AGNOCAST_TOPIC_MAX];
extern u32 names_count;

void names_choose(void);

#endif /* FUZZ_NAMES_H */
