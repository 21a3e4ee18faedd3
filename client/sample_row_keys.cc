// Samples of a table's keys, and what is cut with them.
#include "client/routing/sample_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"

namespace stele {

using Samples = StatusOr<std::vector<RowKeySample>>;

void Table::SampleRowKeysAsync(uint64_t step_bytes, std::function<void(Samples)> done,
                               const CallOptions& call) {
  internal::Session* session = state_->session.get();
  done = [recorded = internal::Record(session, internal::CallKind::kSampleRowKeys),
          done = std::move(done)](Samples samples) {
    recorded->End(samples.status());
    done(std::move(samples));
  };
  if (Status s = internal::CheckCall(call); !s.ok()) return done(s);
  routing::SampleOp::Start(
      session->core(), session->locator(), state_->schema.id, step_bytes, session->Terms(call),
      [done](StatusOr<std::vector<wire::RowKeySample>> answer) {
        if (!answer.ok()) return done(answer.status());
        std::vector<RowKeySample> samples;
        for (wire::RowKeySample& sample : *answer) {
          samples.push_back({std::move(sample.row), sample.bytes, sample.rows});
        }
        done(std::move(samples));
      });
}

std::future<Samples> Table::SampleRowKeysAsync(uint64_t step_bytes, const CallOptions& call) {
  std::future<Samples> future;
  SampleRowKeysAsync(step_bytes, internal::Fulfil(&future), call);
  return future;
}

Samples Table::SampleRowKeys(uint64_t step_bytes, const CallOptions& call) {
  const int64_t deadline_ns = state_->session->Deadline(call);
  auto waiter = std::make_shared<routing::Waiter<Samples>>();
  SampleRowKeysAsync(
      step_bytes, [waiter](Samples samples) { waiter->Set(std::move(samples)); }, call);
  std::optional<Samples> answer = waiter->Wait(state_->session->core(), deadline_ns);
  if (answer.has_value()) return *std::move(answer);
  return absl::DeadlineExceededError("no answer came by the deadline");
}

std::vector<RowRange> CutRows(const std::vector<RowKeySample>& samples, size_t parts) {
  std::vector<RowRange> ranges(1);
  if (samples.empty() || parts < 2) return ranges;
  const double a_part = static_cast<double>(samples.back().bytes) / static_cast<double>(parts);
  for (const RowKeySample& sample : samples) {
    const auto begun = static_cast<double>(ranges.size());
    if (sample.row.empty() || ranges.size() == parts) break;
    if (static_cast<double>(sample.bytes) < begun * a_part) continue;
    ranges.back().end = sample.row;
    ranges.back().end_open = false;
    ranges.emplace_back();
    ranges.back().start = sample.row;
    ranges.back().start_open = true;
  }
  return ranges;
}

}  // namespace stele
