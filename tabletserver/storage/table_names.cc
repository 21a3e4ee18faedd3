#include "tabletserver/storage/table_names.h"

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace stele::storage {
namespace {

// A bijection over 64 bits that spreads neighbours (the finalizer of splitmix64, public domain).
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t HashName(Slice name) {
  uint64_t h = name.size();
  for (char c : name) h = Mix(h + static_cast<uint8_t>(c) + 0x9e3779b97f4a7c15u);
  return h;
}

}  // namespace

TableNames::TableNames(Slice server_id, uint64_t log_epoch)
    : server_(HashName(server_id)), log_epoch_(log_epoch) {
  CHECK_LT(log_epoch, uint64_t{1} << 32);
}

TableFileName TableNames::Next(const TabletDescriptor& tablet, Epoch epoch) {
  const uint32_t count = counter_.fetch_add(1) + 1;
  CHECK_NE(count, 0u);
  TableFileName name;
  name.file_id = Mix(((log_epoch_ << 32) | count) + server_);
  name.blob = absl::StrFormat("%s/%x/%x/%x-%016x.sst", kTablesPrefix, tablet.table, tablet.id,
                              epoch, name.file_id);
  return name;
}

}  // namespace stele::storage
