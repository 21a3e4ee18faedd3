// SampleOp: samples of a table's keys, asked of its tablets one after the other in key order and
// put together with sums over all tablets. A tablet that moves is asked again where it is then; one
// that was split or merged meanwhile is met as what it has become. Lives as long as its callbacks;
// used by one call chain at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/routing/locator.h"

namespace stele::routing {

class SampleOp : public std::enable_shared_from_this<SampleOp> {
 public:
  // Ascending; the last has an empty row and the totals.
  using Done = std::function<void(StatusOr<std::vector<wire::RowKeySample>>)>;
  // `done` runs once.
  static void Start(Core* core, Locator* locator, TableId table, uint64_t step_bytes,
                    const CallTerms& terms, Done done);

 private:
  SampleOp(Core* core, Locator* locator, TableId table, uint64_t step_bytes, const CallTerms& terms,
           Done done);

  void Attempt();
  void Ask(const TabletLocation& location);
  void OnAnswer(const TabletLocation& location, StatusOr<wire::SampleRowKeysResponse> answer);
  Status TakeIn(wire::SampleRowKeysResponse answer);
  void Failed(const Status& status);
  void Answer(StatusOr<std::vector<wire::RowKeySample>> result);

  Core* const core_;
  Locator* const locator_;
  const TableId table_;
  const uint64_t step_bytes_;
  const CallTerms terms_;
  Done done_;
  Gate::Pass pass_;
  uint32_t attempt_ = 0;
  std::vector<wire::RowKeySample> samples_;  // so far; the last is the end of a tablet
};

}  // namespace stele::routing
