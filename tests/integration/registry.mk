# SPDX-License-Identifier: BSD-2-Clause
#
# registry.mk - programs that speak the registry's protocol themselves

.DEFAULT_GOAL := all
REGISTRY_PROGRAMS := registry registry_list registry_bench
PROGRAMS += $(REGISTRY_PROGRAMS)
REGISTRY_COMMON := registry_member.c ../../lib/registry_client.c

$(OUT)/registry: registry.c registry_churn.c
$(OUT)/registry_list: registry_list.c
$(OUT)/registry_bench: ../../tools/registry_bench.c

$(REGISTRY_PROGRAMS:%=$(OUT)/%): $(REGISTRY_COMMON) | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) -lrt -lpthread
