// SmallCell: a cell in this process whose rings, memory and caches are small, so that a test's few
// rows fill and wrap them. A plain value.
#pragma once

#include <cstdint>
#include <string>

#include "deploy/cell/cell.h"

namespace stele {

inline deploy::CellOptions SmallCell(const std::string& data_dir, uint32_t servers) {
  deploy::CellOptions options;
  options.data_dir = data_dir;
  options.tablet_servers = servers;
  options.engine.log.segment_bytes = 1u << 20;
  options.engine.memory_limit_bytes = 64u << 20;
  options.engine.block_cache_bytes = 8u << 20;
  options.engine.filter_cache_bytes = 1u << 20;
  options.io_threads = 2;
  return options;
}

}  // namespace stele
