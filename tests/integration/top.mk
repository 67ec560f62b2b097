# SPDX-License-Identifier: BSD-2-Clause
# The program that makes known numbers for top.sh.
.DEFAULT_GOAL := all
PROGRAMS += top_victim

$(OUT)/top_victim: top_victim.c ../../lib/registry_client.c ../../include/agnocast/layout.h | $(OUT)
	$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CFLAGS)) -o $@ $(filter %.c,$^) -lrt

# agnocast-top under ASan and UBSan, for screens.sh and top.sh.
all: top-under-sanitizers
top-under-sanitizers:
	$(MAKE) -C ../../cli BUILD=$(BUILD) SANITIZE=1 $(BUILD)/cli-san/agnocast-top
.PHONY: top-under-sanitizers

# Processes of a robot: what agnocast-top is measured with, and shown with in the docs.
PROGRAMS += robot

$(OUT)/robot: robot.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(AGNOCAST)
