// SPDX-License-Identifier: BSD-2-Clause
// cloud.cpp - containers of a message like sensor_msgs/PointCloud2

#include "loads.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace
{

struct Field {
	std::string name;
	uint32_t offset;
	uint8_t datatype;
	uint32_t count;
};

struct Cloud {
	std::string frame_id;
	std::vector<Field> fields;
	std::vector<uint8_t> data;
};

std::unique_ptr<Cloud> make(size_t points)
{
	static const char *const names[] = { "x", "y", "z", "intensity",
					     "a_time_stamp_per_point_in_ns", "ring" };
	auto cloud = std::make_unique<Cloud>();
	uint32_t offset = 0;

	cloud->frame_id = "lidar_top_front_left_link_of_vehicle";
	for (const char *name : names) {
		cloud->fields.push_back({ name, offset, 7, 1 });
		offset += 4;
	}
	cloud->data.resize(points * offset);
	return cloud;
}

}  // namespace

extern "C" void cloud_run(struct worker *w)
{
	std::array<std::unique_ptr<Cloud>, 10> kept;

	for (uint32_t i = 0; !stopped(w); i++) {
		auto cloud = make(500 + next_random(&w->seed) % 30000);
		auto filtered = std::make_unique<Cloud>(*cloud);

		filtered->data.resize(filtered->data.size() / 4);
		filtered->data.shrink_to_fit();
		kept[i % kept.size()] = std::move(filtered);
		w->ops++;
	}
}
