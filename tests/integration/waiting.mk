# SPDX-License-Identifier: BSD-2-Clause
PROGRAMS += pingpong

$(OUT)/pingpong: pingpong.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -O2 -o $@ $< $(AGNOCAST) -lpthread
