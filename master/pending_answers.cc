#include "master/pending_answers.h"

#include <utility>

namespace stele::master {
namespace {

constexpr int64_t kLongestWaitNs = 120'000'000'000;

}  // namespace

void PendingAnswers::Add(net::RpcReply reply, int64_t deadline_boot_ns, Poll poll) {
  if (deadline_boot_ns == 0) deadline_boot_ns = clock_->BootNanos() + kLongestWaitNs;
  waiting_.push_back({std::move(reply), deadline_boot_ns, std::move(poll)});
}

void PendingAnswers::PollAll() {
  std::vector<Waiting> next;
  for (Waiting& waiting : waiting_) {
    if (waiting.poll(&waiting.reply)) continue;
    if (clock_->BootNanos() >= waiting.deadline_boot_ns) {
      waiting.reply.Error(absl::DeadlineExceededError("the master goes on with it"));
      continue;
    }
    next.push_back(std::move(waiting));
  }
  waiting_ = std::move(next);
}

}  // namespace stele::master
