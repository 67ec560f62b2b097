/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - a recording: the JSON objects that -o or -j wrote, as models again
 *
 * One object a line; what view_json() writes is read back without loss. A
 * recording comes from anywhere: whatever is in it is checked or cut.
 */
#ifndef AGNOCAST_CLI_REPLAY_H
#define AGNOCAST_CLI_REPLAY_H

#include "model.h"

struct replay {
	const char	*path;
	char		*text;		/* all of the file, lines ended by NUL */
	char		**line;
	size_t		lines;
	char		**words;	/* constant texts that rows point at */
	size_t		words_count;
};

/* 0, or -errno and a sentence in @why: not readable, or no object in it. */
int replay_open(struct replay *replay, const char *path, char *why, size_t len);
void replay_close(struct replay *replay);

/*
 * Object @index as @model, which is cleared first. 0, or -EINVAL and a sentence
 * with the object's number in @why; the model is empty then.
 */
int replay_load(struct replay *replay, size_t index, struct model *model,
		char *why, size_t len);

#endif /* AGNOCAST_CLI_REPLAY_H */
