# SPDX-License-Identifier: BSD-2-Clause
#
# make            build everything that needs no root
# make demo       install what it needs, run the lidar pipeline, show the result
#                 [SECONDS=5] [RATE=10] [PCD="a.pcd b.pcd"]
# make test       install what it needs, run every test, count them
# make check      unit tests only                              (seconds)
# make integration  real processes against agnocastd           (a minute)
# make stress     random life and death under checks           (STRESS_SECONDS=60)
# make arm64      the library for arm64, and unit tests of it under qemu-user
# make model      the message protocol, model checked in large sizes (long)
# make vm         the module under QEMU, Debian's 6.1 and 6.12 (minutes)
# make vm-debug   the module on a kernel with KASAN, lockdep and failing allocations
# make vm-kcsan   the module on a kernel that looks for data races
# make lint-kernel  W=1, sparse and checkpatch on the module
# make vm-demo    the demo on /dev/agnocast in QEMU
# make vm-shell   a shell in QEMU with the module loaded
# make module     build build/module/kernel/agnocast.ko for KDIR
# make install    what make built; DESTDIR= and PREFIX= are honoured
# make install-dkms  the module's source, for dkms; uninstall, uninstall-dkms
# make compat     other programs under LD_PRELOAD, at length    (minutes)
# make bench      measure against other transports   [QUICK=1] [BENCH_SECONDS=0.3]
# make bench-heap  the heap against other allocators           [BENCH_RUNS=3]
# make bench-docs  the tables and plots of docs/ from build/bench.json
# make clean      remove build/
#
# V=1 shows commands, BUILD= is where output goes, KDIR= picks the kernel tree.

BUILD	?= $(CURDIR)/build
KDIR	?= /lib/modules/$(shell uname -r)/build
SECONDS	?= 10
RATE	?= 10

export BUILD

ifneq ($(V),1)
MAKEFLAGS += --no-print-directory
Q := @
endif

all: lib tools bpf cli examples

lib:
	$(Q)$(MAKE) -C lib

tools:
	$(Q)$(MAKE) -C tools/agnocastd

bpf:
	$(Q)$(MAKE) -C bpf

cli: bpf
	$(Q)$(MAKE) -C cli

examples: lib
	$(Q)$(MAKE) -C examples

demo:
	$(Q)tools/deps.sh demo
	$(Q)$(MAKE) all
	$(Q)! [ -d "$(KDIR)" ] || $(MAKE) module || echo "demo: the module does not build here"
	$(Q)SECONDS_TO_RUN=$(SECONDS) RATE=$(RATE) PCD="$(PCD)" tools/demo.sh

test:
	$(Q)tools/deps.sh test
	$(Q)$(MAKE) all
	$(Q)tests/run.sh

check:
	$(Q)$(MAKE) -C tests/unit run

test-programs: lib
	$(Q)$(MAKE) -s -C tests/integration
	$(Q)$(MAKE) -s -C tests/vm
	$(Q)$(MAKE) -s -C tests/stress

integration: all test-programs
	$(Q)tests/integration/native.sh

compat: lib tools
	$(Q)tools/deps.sh compat
	$(Q)$(MAKE) -s -C tests/compat
	$(Q)tests/compat/run.sh long

bench:
	$(Q)tools/deps.sh bench
	$(Q)$(MAKE) lib tools examples
	$(Q)$(MAKE) -s -C tests/bench
	$(Q)$(MAKE) -s -C tests/bench/pipeline
	$(Q)status=0; \
	BENCH_COMMAND='make bench$(if $(QUICK), QUICK=1)$(if $(BENCH_SECONDS), BENCH_SECONDS=$(BENCH_SECONDS))' \
	tests/bench/run.py $(if $(QUICK),--quick) \
		$(if $(BENCH_SECONDS),--seconds $(BENCH_SECONDS)) || status=1; \
	[ ! -f tests/bench/heap/Makefile ] || \
		BENCH_RUNS=$(if $(QUICK),1,3) $(if $(QUICK),BENCH_ONLY='speed startup') \
		$(MAKE) -s -C tests/bench/heap run || status=1; \
	exit $$status

bench-heap: lib tools
	$(Q)tools/deps.sh bench
	$(Q)$(MAKE) -s -C tests/bench/heap run

bench-docs:
	$(Q)tests/bench/report.py

arm64:
	$(Q)tests/arm64/run.sh

model:
	$(Q)$(MAKE) -C tests/model exhaustive

stress: all test-programs
	$(Q)tests/stress/run.sh

# Kbuild writes beside its sources, so it gets a copy.
module:
	$(Q)mkdir -p $(BUILD)/module
	$(Q)cp -ru kernel include $(BUILD)/module/
	$(Q)$(MAKE) -C $(KDIR) M=$(BUILD)/module/kernel modules

lint-kernel:
	$(Q)tools/lint-kernel.sh

VM_NEEDS := all test-programs
include tools/vm/vm.mk
include tools/install/install.mk

clean:
	$(RM) -r $(BUILD)

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

.PHONY: all arm64 bench bench-docs bench-heap bpf check clean cli compat demo examples help integration lib lint-kernel model module stress test \
	test-programs tools
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
