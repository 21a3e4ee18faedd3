// Samples of a table's keys, and what is cut with them.
#include "client/routing/sample_op.h"
#include "client/routing/wait.h"
#include "client/table_state.h"

namespace stele {

StatusOr<std::vector<RowKeySample>> Table::SampleRowKeys(uint64_t step_bytes,
                                                         const CallOptions& call) {
  using Samples = StatusOr<std::vector<wire::RowKeySample>>;
  internal::Session* session = state_->session.get();
  internal::CallRecorder::Call recorded =
      session->calls()->Start(internal::CallKind::kSampleRowKeys);
  if (Status s = internal::CheckCall(call); !s.ok()) {
    recorded.End(s);
    return s;
  }
  const routing::CallTerms terms = session->Terms(call);
  auto waiter = std::make_shared<routing::Waiter<Samples>>();
  routing::SampleOp::Start(session->core(), session->locator(), state_->schema.id, step_bytes,
                           terms, [waiter](Samples samples) { waiter->Set(std::move(samples)); });
  std::optional<Samples> answer = waiter->Wait(session->core(), terms.deadline_ns);
  if (!answer.has_value()) answer = absl::DeadlineExceededError("no answer came by the deadline");
  recorded.End(answer->status());
  RETURN_IF_ERROR(answer->status());
  std::vector<RowKeySample> samples;
  for (wire::RowKeySample& sample : **answer) {
    samples.push_back({std::move(sample.row), sample.bytes, sample.rows});
  }
  return samples;
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
