# SPDX-License-Identifier: BSD-2-Clause
#
# node.mk - the C++ API's tests

PROGRAMS += node_test node_processes

$(OUT)/node_test $(OUT)/node_processes: $(OUT)/%: %.cpp $(BUILD)/lib/libagnocast.so | $(OUT)
	$(CXX) -std=c++17 -pthread -Wall -Wextra -Werror -MMD -MP -I../../include $(CFLAGS) -o $@ $< $(AGNOCAST)
