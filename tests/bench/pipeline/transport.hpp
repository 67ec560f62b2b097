// SPDX-License-Identifier: BSD-2-Clause
/*
 * transport.hpp - how a PointCloud2 gets from one program of the pipeline to the next
 *
 * transport_*.cpp implements it once for each transport; the programs are the
 * same. A transport that cannot carry the object serialises it.
 */
#ifndef PIPELINE_TRANSPORT_HPP
#define PIPELINE_TRANSPORT_HPP

#include <memory>
#include <string>

#include "../../../examples/lidar/cloud.hpp"

namespace transport {

extern const char *const name;

/* Before the first endpoint. */
void start(const std::string &role);

class publisher {
public:
	explicit publisher(const std::string &topic);
	~publisher();
	void publish(std::unique_ptr<lidar::cloud> &&c);

private:
	struct impl;
	std::unique_ptr<impl> impl_;
};

class subscription {
public:
	explicit subscription(const std::string &topic);
	~subscription();
	/* Waits; nullptr: look again. Valid until the next take. */
	const lidar::cloud *take();

private:
	struct impl;
	std::unique_ptr<impl> impl_;
};

} // namespace transport

#endif
