# SPDX-License-Identifier: BSD-2-Clause
#
# heap.mk - what the heap is made of; included by Makefile, which sets OUT

.DEFAULT_GOAL := all

HEAP_SRCS := \
	area.c \
	bitmap.c \
	cgroup.c \
	config.c \
	copy.c \
	fork.c \
	heap.c \
	heap_cache.c \
	heap_os.c \
	host.c \
	maps.c \
	memlock.c \
	pagemap.c \
	pages.c \
	pi_mutex.c \
	probes.c \
	shmfile.c \
	start.c \
	# EOL

# Large tables behind all that is small, which a start touches and so lies together.
HEAP_OBJS := $(OBJ)/window.o $(OBJ)/heap_check.o $(OBJ)/block.o $(OUT)/jemalloc_area.o

# The compiler may not turn calls inside the malloc family into each other.
CFLAGS_heap := -fno-builtin
CFLAGS_heap_check := -fno-builtin

# Exits non-zero if this jemalloc would still get memory past heap_os.c.
$(OUT)/jemalloc_area.o: ../tools/jemalloc.sh
	CC="$(CC)" sh ../tools/jemalloc.sh $@
