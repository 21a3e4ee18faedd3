// CoreWorkload: the workloads A to F of YCSB as numbers: which operation comes next, on which
// record, how records look. Plain values and pure functions but for OperationSource, which is
// thread-compatible: one for each thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/cli/ycsb/key_choice.h"

namespace stele::cli::ycsb {

enum class OperationKind { kRead, kUpdate, kInsert, kScan, kReadModifyWrite };
inline constexpr size_t kOperationKinds = 5;
// "READ", as YCSB calls it.
const char* NameOf(OperationKind kind);

inline constexpr uint64_t kMaxScanRows = 100;  // a scan takes 1 .. so many, all as likely

struct CoreWorkload {
  char name = 'A';
  std::array<double, kOperationKinds> shares{};  // by OperationKind; they add up to 1
  Distribution distribution = Distribution::kZipfian;
  const char* summary = "";

  double share(OperationKind kind) const { return shares[static_cast<size_t>(kind)]; }
};
// By its letter, large or small; nothing when there is no such one.
std::optional<CoreWorkload> FindWorkload(const std::string& letter);

// "user" and the scattered number: records stand in no order of their making.
std::string RecordKey(uint64_t record);

struct Operation {
  OperationKind kind = OperationKind::kRead;
  uint64_t record = 0;     // not of an insert, whose number its runner gives
  uint64_t scan_rows = 0;  // of a scan
};

class OperationSource {
 public:
  // Of a table that has so many records, and will have at most so many.
  OperationSource(const CoreWorkload& workload, uint64_t records, uint64_t most_records,
                  uint64_t seed);
  // Of a table that has so many records by now.
  Operation Next(uint64_t records);
  Draws* draws() { return &draws_; }

 private:
  const CoreWorkload workload_;
  Draws draws_;
  const std::unique_ptr<KeyChoice> choice_;
};

}  // namespace stele::cli::ycsb
