/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz.h - random use of /dev/agnocast: what fuzz.c and fuzz_ops.c share */
#ifndef AGNOCAST_TEST_FUZZ_H
#define AGNOCAST_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_IDS 12
#define FUZZ_COMMANDS 16
#define FUZZ_ERRNOS 134

/* Those that somebody was given lately; any of them may be gone. */
struct fuzz_ids {
	uint64_t id[FUZZ_IDS];
	uint32_t count;
};

/* Of all processes. */
struct fuzz_shared {
	struct fuzz_ids sessions, generations;
	int	pass[2];		/* a socket pair: descriptors travel through it */
	uint64_t result[FUZZ_COMMANDS][FUZZ_ERRNOS];	/* by errno, 0: it worked */
	uint64_t others;		/* mappings, descriptors, forks, ... */
};

/* Does @count random things, with descriptors and mappings that all threads of the process share. */
void fuzz_work(struct fuzz_shared *shared, uint64_t seed, unsigned int count);

/* Of a command by its index; NULL beyond the last. */
const char *fuzz_command_name(size_t index);

#endif /* AGNOCAST_TEST_FUZZ_H */
