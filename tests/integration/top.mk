# SPDX-License-Identifier: BSD-2-Clause
# The program that makes known numbers for top.sh.
.DEFAULT_GOAL := all
PROGRAMS += top_victim

$(OUT)/top_victim: top_victim.c ../../lib/registry_client.c | $(OUT)
	$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CFLAGS)) -o $@ $(filter %.c,$^) -lrt
