# SPDX-License-Identifier: BSD-2-Clause
#
# vm.mk - the targets that boot a kernel with agnocast.ko in QEMU; included at
# the end of the top-level Makefile
#
# make vm         the tests that need the real module, on each kernel (minutes)
# make vm-demo    tools/demo.sh on one kernel, its output shown
# make vm-debug   the module on kernels that look for mistakes (an hour)
# make vm-kcsan   the same for data races
# make vm-shell   a shell on the console of one kernel; exit powers off
#
# VM_KERNELS  for vm: any of 6.1 6.12 6.1-rt 6.12-rt      [6.1 6.12]
# VM_TESTS    for vm: commands that end with a count line [integration, vm, stress]
# VM_TIMEOUT  for vm: seconds for each kernel             [900]
# KERNEL      for vm-demo and vm-shell                    [6.12]
# VM_DEBUG_SECONDS  for vm-debug and vm-kcsan: how long each race goes on  [300]
# VM_SECONDS  for vm-demo: an emulated machine is slow    [20]
# VM_RATE     for vm-demo: clouds a second                [5]
# VM_DEMO     for vm-demo: the command                    [tools/demo.sh]
# VM_OUT      for vm-demo: file that gets what the command wrote to $AGNOCAST_OUT
# VM_NEEDS    what must be made before                    [all]
#
# Environment variables and the files in $(BUILD)/vm: see run.sh.

VM_KERNELS	?= 6.1 6.12
VM_TESTS	?= tests/integration/run.sh tests/vm/run.sh tests/stress/run.sh
VM_TIMEOUT	?= 900
VM_SECONDS	?= 20
VM_RATE		?= 5
VM_DEMO		?= DEMO_OUT=$$AGNOCAST_OUT SECONDS_TO_RUN=$(VM_SECONDS) RATE=$(VM_RATE) \
	PCD="$(PCD)" tools/demo.sh
VM_OUT		?= $(BUILD)/vm/demo.json
VM_DEBUG_SECONDS ?= 300
VM_NEEDS	?= all
KERNEL		?= 6.12

VM_RUN := $(dir $(lastword $(MAKEFILE_LIST)))run.sh

vm: $(VM_NEEDS)
	$(Q)BUILD='$(BUILD)' $(VM_RUN) --timeout $(VM_TIMEOUT) \
		$(VM_KERNELS:%=--kernel %) $(VM_TESTS:%=--test %)

vm-demo: $(VM_NEEDS)
	$(Q)BUILD='$(BUILD)' $(VM_RUN) --timeout $(VM_TIMEOUT) --verbose \
		--kernel $(KERNEL) $(if $(VM_OUT),--out $(VM_OUT)) --cmd '$(VM_DEMO)'

# What fails on purpose goes by itself: there a stack trace is no complaint.
vm-debug: $(VM_NEEDS)
	$(Q)BUILD='$(BUILD)' VM_MEM=3G $(VM_RUN) --timeout 4000 --kernel debug --traces \
		--test '$$BUILD/tests/vm/faults'
	$(Q)BUILD='$(BUILD)' VM_MEM=3G $(VM_RUN) --timeout 7000 --kernel debug \
		--test '$$BUILD/tests/vm/module' --test '$$BUILD/tests/vm/hostile' \
		--test '$$BUILD/tests/vm/trace' --test 'ONLY=registry tests/integration/run.sh' \
		--test '$$BUILD/tests/vm/fuzz --seconds $(VM_DEBUG_SECONDS)' \
		--test tests/vm/locks.sh --test 'tests/vm/stress.sh $(VM_DEBUG_SECONDS)'

vm-kcsan: $(VM_NEEDS)
	$(Q)BUILD='$(BUILD)' $(VM_RUN) --timeout 4000 --kernel kcsan \
		--test 'tests/vm/races.sh $(VM_DEBUG_SECONDS)'

vm-shell: $(VM_NEEDS)
	$(Q)BUILD='$(BUILD)' $(VM_RUN) --kernel $(KERNEL) --shell

.PHONY: vm vm-debug vm-demo vm-kcsan vm-shell
