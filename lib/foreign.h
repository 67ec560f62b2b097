/* SPDX-License-Identifier: BSD-2-Clause */
/* foreign.h - why a message cannot be published: whose memory it is in */
#ifndef AGNOCAST_FOREIGN_H
#define AGNOCAST_FOREIGN_H

/* Tells the log where @message for @topic lies, and what to do about it. */
void foreign_tell(const char *topic, const void *message);

#endif /* AGNOCAST_FOREIGN_H */
