#include "client/cli/progress.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"

namespace stele::cli {
namespace {

constexpr int64_t kRedrawNs = 200'000'000;
constexpr char kClearLine[] = "\r\x1b[K";

std::string TimeLeft(uint64_t seconds) {
  if (seconds < 60) return absl::StrCat(seconds, " s left");
  if (seconds < 3600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s left");
  return absl::StrCat(seconds / 3600, " h ", seconds % 3600 / 60, " min left");
}

}  // namespace

std::string WithCommas(uint64_t n) {
  std::string out = absl::StrCat(n);
  for (size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, ",");
  return out;
}

std::string Progress::Line(uint64_t done, uint64_t total, int64_t elapsed_ns,
                           const std::string& unit, uint64_t first) {
  const double seconds = std::max<double>(static_cast<double>(elapsed_ns) / 1e9, 1e-3);
  const double rate = static_cast<double>(done - first) / seconds;
  std::string line = WithCommas(done);
  if (total > 0) absl::StrAppend(&line, " of ", WithCommas(total));
  absl::StrAppend(&line, " ", unit, ", ", WithCommas(static_cast<uint64_t>(rate)), "/s");
  if (total > done && rate > 0) {
    const double left = static_cast<double>(total - done) / rate;
    absl::StrAppend(&line, ", ", TimeLeft(static_cast<uint64_t>(std::min(left, 1e9)) + 1));
  }
  return line;
}

Progress::Progress(std::ostream* err, bool enabled, Clock* clock, std::string unit, uint64_t total,
                   uint64_t first)
    : err_(err),
      enabled_(enabled),
      clock_(clock),
      unit_(std::move(unit)),
      total_(total),
      first_(first),
      started_ns_(clock->BootNanos()) {}

Progress::~Progress() {
  if (drawn_ns_ != 0) *err_ << kClearLine << std::flush;
}

void Progress::Update(uint64_t done, uint64_t total) {
  if (!enabled_) return;
  const int64_t now = clock_->BootNanos();
  if (now - drawn_ns_ < kRedrawNs) return;
  drawn_ns_ = now;
  *err_ << kClearLine << Line(done, total, now - started_ns_, unit_, first_) << std::flush;
}

}  // namespace stele::cli
