# SPDX-License-Identifier: BSD-2-Clause
# The program that makes known numbers for top.sh.
.DEFAULT_GOAL := all
PROGRAMS += top_victim

$(OUT)/top_victim: top_victim.c ../../lib/registry_client.c | $(OUT)
	$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CFLAGS)) -o $@ $(filter %.c,$^) -lrt

# Processes of a robot: what agnocast-top is measured with, and shown with in the docs.
PROGRAMS += robot

$(OUT)/robot: robot.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(AGNOCAST)
