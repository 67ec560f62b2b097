# SPDX-License-Identifier: BSD-2-Clause
# Programs that fail in known ways, for trace.sh.
.DEFAULT_GOAL := all
PROGRAMS += trace_victim trace_victim_asan trace_writer

$(OUT)/trace_victim: trace_victim.c | $(OUT)
	$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CFLAGS)) -o $@ $< -lrt

$(OUT)/trace_victim_asan: trace_victim.c | $(OUT)
	$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CFLAGS)) -fsanitize=address -o $@ $< -lrt

$(OUT)/trace_writer: trace_writer.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(AGNOCAST) -lpthread

# The tools under sanitizers, beside the plain ones: the tests of the tools run these.
PROGRAMS += cli-san

$(OUT)/cli-san: $(BUILD)/cli/agnocast $(BUILD)/cli/agnocast-top | $(OUT)
	$(MAKE) -C ../../cli BUILD=$(BUILD) OUT=$(BUILD)/cli-san \
		CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined'
	touch $@
