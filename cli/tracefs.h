/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracefs.h - the numbers of tracepoints, and where their records have what
 *
 * Where tracefs is not mounted, it is mounted detached: visible through our
 * descriptor only, in no directory, gone with it.
 */
#ifndef AGNOCAST_CLI_TRACEFS_H
#define AGNOCAST_CLI_TRACEFS_H

/* A descriptor of the root of tracefs, or -errno. */
int tracefs_open(void);

/* The id of tracepoint "GROUP/NAME", or -errno: -ENOENT, this kernel has none. */
int tracefs_id(int tracefs, const char *tracepoint);

/* The offset of a member of such a record, or -errno. */
int tracefs_offset(int tracefs, const char *tracepoint, const char *member);

#endif /* AGNOCAST_CLI_TRACEFS_H */
