#include "tabletserver/rpc/master_terms.h"

#include <utility>

namespace stele::tabletserver {

Status MasterTerms::CheckLocked(uint64_t term) {
  if (term == 0) return OkStatus();
  if (term < latest_) {
    return FencedError(
        absl::StrCat("the master of term ", term, " is past: that of term ", latest_, " was here"));
  }
  if (term > latest_) {
    latest_ = term;
    past_writes_ += std::exchange(writes_, 0);
  }
  if (past_writes_ > 0) {
    return absl::UnavailableError(
        absl::StrCat(past_writes_, " writes of a master before this one are under way"));
  }
  return OkStatus();
}

Status MasterTerms::Check(uint64_t term) {
  MutexLock lock(&mu_);
  return CheckLocked(term);
}

StatusOr<MasterTerms::Write> MasterTerms::BeginWrite(uint64_t term) {
  if (term == 0) return Write();
  MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckLocked(term));
  ++writes_;
  return Write(static_cast<void*>(this), [this, term](void*) { EndWrite(term); });
}

void MasterTerms::EndWrite(uint64_t term) {
  MutexLock lock(&mu_);
  --(term == latest_ ? writes_ : past_writes_);
}

}  // namespace stele::tabletserver
