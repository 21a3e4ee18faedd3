// ScanExplainer: notes what a ScanOp does in a ReadExplanation. Only a read that asks to be
// explained has one. Used by the one call chain of its ScanOp.
#pragma once

#include <memory>
#include <string>

#include "client/routing/locator.h"
#include "schema/convert/messages.h"
#include "stele/read_explanation.h"

namespace stele::routing {

class ScanExplainer {
 public:
  // All outlive it; `to` is shared with who asked.
  ScanExplainer(Core* core, Locator* locator, std::shared_ptr<ReadExplanation> to)
      : core_(core), locator_(locator), to_(std::move(to)) {}

  void LookUpBegins(TableId table, const std::string& row);
  void LookUpEnds(TableId table, const std::string& row, const Status& status);
  void RequestLeaves();
  void AnswerCame(const TabletLocation& from, const StatusOr<wire::ReadRowsResponse>& answer);

 private:
  ReadExplanation::Attempt* NewAttempt();

  Core* const core_;
  Locator* const locator_;
  const std::shared_ptr<ReadExplanation> to_;
  std::vector<ReadExplanation::Step> known_;  // before the look-up
  int64_t begun_ns_ = 0, found_ns_ = 0, sent_ns_ = 0;
};

}  // namespace stele::routing
