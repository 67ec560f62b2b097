# SPDX-License-Identifier: BSD-2-Clause
PROGRAMS += flow

$(OUT)/flow: flow.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(AGNOCAST) -lpthread
