# SPDX-License-Identifier: BSD-2-Clause
# The demo's PCD reader, simulator and voxel grid: C++, with generated messages.
TESTS += test_lidar
CXX_TESTS += test_lidar

LIDAR_MSG := $(BUILD)/examples/msg
LIDAR_SRC := test_lidar.cpp $(addprefix ../../examples/lidar/,cloud.cpp crc32c.cpp pcd.cpp \
	pcd_header.cpp sim.cpp voxel.cpp)
LIDAR_FLAGS := -std=c++17 -Wall -Wextra -Werror -I../../examples/lidar -isystem $(LIDAR_MSG) \
	-isystem /usr/include/rosidl_runtime_cpp -isystem /usr/include/rosidl_runtime_c \
	-DLIDAR_DATA_DEFAULT='"$(abspath ../../../shared/data)"'

$(LIDAR_MSG)/stamp:
	$(MAKE) -C ../../examples BUILD=$(BUILD) $@

$(OUT)/test_lidar: $(LIDAR_SRC) $(wildcard ../../examples/lidar/*.hpp) $(LIDAR_MSG)/stamp | $(OUT)
	$(CXX) $(LIDAR_FLAGS) $(CXXFLAGS) -O1 -g $(EXTRA) -o $@ $(LIDAR_SRC) $(LDFLAGS) -lcriterion
