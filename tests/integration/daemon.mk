# SPDX-License-Identifier: BSD-2-Clause
# What daemon.sh lets loose on agnocastd; speaks the socket itself, without the library.
PROGRAMS += daemon_garbage daemon_life

$(OUT)/daemon_garbage: daemon_garbage.c daemon_attacks.c daemon_talk.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) -lrt

$(OUT)/daemon_life: daemon_life.c daemon_talk.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) -lrt
