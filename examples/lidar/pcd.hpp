// SPDX-License-Identifier: BSD-2-Clause
/*
 * pcd.hpp - read PCD v0.7 point cloud files
 *
 * All three kinds of DATA (ascii, binary, binary_compressed), any fields.
 * Fields become PointFields as they are: name, type, count, place. Padding
 * (fields named "_") keeps its place and gets no PointField. VIEWPOINT is
 * checked for nothing and dropped: a PointCloud2 has no room for it.
 */
#ifndef LIDAR_PCD_HPP
#define LIDAR_PCD_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud.hpp"

namespace lidar {

/*
 * Throws std::runtime_error "NAME: what is wrong". A hostile file costs at
 * most about a hundred times its own size in memory, and reads nothing beyond it.
 */
cloud parse_pcd(const std::string &name, std::string_view file);

/* Throws std::runtime_error, also if @path cannot be read. */
cloud read_pcd(const std::string &path);

/*
 * LZF: expand @in to exactly @out_size bytes at @out. False: damaged, or of
 * another size.
 */
bool lzf_expand(std::string_view in, uint8_t *out, size_t out_size);

} // namespace lidar

#endif
