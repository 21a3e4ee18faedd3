// AsyncScan: a scan in callback form: one page is fetched, its rows are given out, the next is
// asked for. Not part of the SDK's face. Lives as long as its callbacks; used by one call chain at
// a time.
#pragma once

#include <functional>
#include <memory>

#include "client/call_recorder.h"
#include "client/routing/scan_op.h"
#include "client/session.h"

namespace stele::internal {

class AsyncScan : public std::enable_shared_from_this<AsyncScan> {
 public:
  using OnRow = std::function<bool(Row)>;
  using Done = std::function<void(Status)>;
  // Exactly one call of `done`, after the last of `row`.
  static void Start(std::shared_ptr<Session> session, std::shared_ptr<routing::ScanOp> scan,
                    OnRow row, Done done, const CallOptions& call);

 private:
  AsyncScan(std::shared_ptr<Session> session, std::shared_ptr<routing::ScanOp> scan, OnRow row,
            Done done, const CallOptions& call);
  void Fetch();
  void OnPage(StatusOr<routing::ScanOp::Page> page);
  void Finish(const Status& status);

  const std::shared_ptr<Session> session_;
  const std::shared_ptr<routing::ScanOp> scan_;
  const OnRow row_;
  const Done done_;
  const int64_t timeout_ms_;
  const int64_t scan_deadline_ns_;
  CallRecorder::Call recorded_;
};

}  // namespace stele::internal
