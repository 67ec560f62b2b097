# SPDX-License-Identifier: BSD-2-Clause
#
# heap.mk - programs that heap.sh runs under LD_PRELOAD; none is linked with the
# library, but for those that speak its API

HEAP_PROGRAMS := heap_crowd heap_family heap_fork heap_join heap_limits heap_misuse \
	heap_ownmalloc heap_return heap_space heap_spawn heap_start heap_threads
PROGRAMS += $(HEAP_PROGRAMS) heap_deepbind heap_plugin.so heap_guest heap_places heap_places.so heap_message heap_mlock heap_join_at heap_join_fixed

# No malloc of a test may be optimised away, whatever it asks for.
$(HEAP_PROGRAMS:%=$(OUT)/%): $(OUT)/%: %.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -o $@ $< -lpthread -ldl

$(OUT)/heap_deepbind $(OUT)/heap_message $(OUT)/heap_mlock: $(OUT)/%: %.c $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -o $@ $< $(AGNOCAST)

$(OUT)/heap_join_fixed: heap_join.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -fno-pic -no-pie -o $@ $<

# A program that lies where the areas are. Most of crt is not made for that.
$(OUT)/heap_join_at: heap_join.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -fPIC -no-pie -nostartfiles -Wl,--no-relax \
		-Wl,-Ttext-segment=0x180000000000 $$($(CC) -print-file-name=Scrt1.o) -o $@ $<

$(OUT)/heap_places: heap_places.cpp | $(OUT)
	$(CXX) -std=c++17 -O1 -g -Wall -Wextra -Werror -fno-builtin -o $@ $< -lpthread -ldl

$(OUT)/heap_places.so: heap_places_plugin.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -fPIC -shared -o $@ $<

$(OUT)/heap_plugin.so: heap_plugin.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -fPIC -shared -o $@ $<

# Plain, and by each sanitizer of each compiler: heap_guest.gcc.address, ...
GUEST_FLAGS := -std=c++17 -g -Wall -Wextra -Werror -I../../include
SANITIZED := g++.address g++.thread clang++.address clang++.thread clang++.memory
PROGRAMS += $(SANITIZED:%=heap_guest.%)

$(OUT)/heap_guest: heap_guest.cpp ../../include/agnocast/agnocast.hpp \
		$(BUILD)/lib/libagnocast.so | $(OUT)
	$(CXX) $(GUEST_FLAGS) -o $@ $< $(AGNOCAST)

$(OUT)/heap_guest.%: heap_guest.cpp ../../include/agnocast/agnocast.hpp \
		$(BUILD)/lib/libagnocast.so | $(OUT)
	$(basename $*) $(GUEST_FLAGS) -fsanitize=$(patsubst .%,%,$(suffix $*)) -o $@ $< $(AGNOCAST)
