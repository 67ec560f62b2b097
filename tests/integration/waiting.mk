# SPDX-License-Identifier: BSD-2-Clause
PROGRAMS += pingpong waiting

$(OUT)/pingpong: pingpong.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -O2 -o $@ $< $(AGNOCAST) -lpthread

$(OUT)/waiting: waiting.c harness.c asleep.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) $(AGNOCAST) -lpthread -lrt

PROGRAMS += lookout

$(OUT)/lookout: lookout.c harness.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) $(AGNOCAST) -lpthread -lrt

PROGRAMS += scale

$(OUT)/scale: scale.c harness.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) -lrt

PROGRAMS += descriptors

$(OUT)/descriptors: descriptors.c asleep.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.c,$^) $(AGNOCAST) -lpthread

PROGRAMS += realtime

$(OUT)/realtime: realtime.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -o $@ $< $(AGNOCAST)
