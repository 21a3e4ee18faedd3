#include "client/cli/ycsb/core_workload.h"

#include <cctype>

namespace stele::cli::ycsb {
namespace {

//                                             read  update insert scan  rmw
constexpr CoreWorkload kWorkloads[] = {
    {'A', {0.50, 0.50, 0.00, 0.00, 0.00}, Distribution::kZipfian, "50 % reads, 50 % updates"},
    {'B', {0.95, 0.05, 0.00, 0.00, 0.00}, Distribution::kZipfian, "95 % reads, 5 % updates"},
    {'C', {1.00, 0.00, 0.00, 0.00, 0.00}, Distribution::kZipfian, "reads alone"},
    {'D',
     {0.95, 0.00, 0.05, 0.00, 0.00},
     Distribution::kLatest,
     "95 % reads of the latest, 5 % inserts"},
    {'E', {0.00, 0.00, 0.05, 0.95, 0.00}, Distribution::kZipfian, "95 % short scans, 5 % inserts"},
    {'F',
     {0.50, 0.00, 0.00, 0.00, 0.50},
     Distribution::kZipfian,
     "50 % reads, 50 % read-modify-writes"},
};

}  // namespace

const char* NameOf(OperationKind kind) {
  constexpr const char* kNames[kOperationKinds] = {"READ", "UPDATE", "INSERT", "SCAN",
                                                   "READ-MODIFY-WRITE"};
  return kNames[static_cast<size_t>(kind)];
}

std::optional<CoreWorkload> FindWorkload(const std::string& letter) {
  if (letter.size() != 1) return std::nullopt;
  for (const CoreWorkload& workload : kWorkloads) {
    if (workload.name == std::toupper(static_cast<unsigned char>(letter[0]))) return workload;
  }
  return std::nullopt;
}

std::string RecordKey(uint64_t record) { return "user" + std::to_string(ScatterHash(record)); }

OperationSource::OperationSource(const CoreWorkload& workload, uint64_t records,
                                 uint64_t most_records, uint64_t seed)
    : workload_(workload),
      draws_(seed),
      choice_(MakeKeyChoice(workload.distribution, records, most_records)) {}

Operation OperationSource::Next(uint64_t records) {
  Operation next;
  double left = draws_.Unit();
  for (size_t i = 0; i < kOperationKinds; ++i) {
    if (workload_.shares[i] == 0) continue;
    next.kind = static_cast<OperationKind>(i);
    left -= workload_.shares[i];
    if (left < 0) break;
  }
  if (next.kind != OperationKind::kInsert) next.record = choice_->Next(records, &draws_);
  if (next.kind == OperationKind::kScan) next.scan_rows = 1 + draws_.Below(kMaxScanRows);
  return next;
}

}  // namespace stele::cli::ycsb
