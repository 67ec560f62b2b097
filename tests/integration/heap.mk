# SPDX-License-Identifier: BSD-2-Clause
#
# heap.mk - programs that heap.sh runs under LD_PRELOAD; none is linked with the library

HEAP_PROGRAMS := heap_family heap_fork heap_join heap_limits heap_ownmalloc heap_spawn \
	heap_threads
PROGRAMS += $(HEAP_PROGRAMS)

# No malloc of a test may be optimised away, whatever it asks for.
$(HEAP_PROGRAMS:%=$(OUT)/%): $(OUT)/%: %.c | $(OUT)
	$(CC) $(ALL_CFLAGS) -fno-builtin -o $@ $< -lpthread -ldl
