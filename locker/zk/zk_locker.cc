#include "locker/zk/zk_locker.h"

#include "locker/zk/zk_address.h"
#include "locker/zk/zk_session.h"

namespace stele {
namespace {

constexpr int64_t kMinTimeoutNs = 100'000'000;

class ZkLocker : public Locker {
 public:
  ZkLocker(ZkLockerOptions options, Clock* clock) : options_(std::move(options)), clock_(clock) {}
  StatusOr<std::unique_ptr<LockerSession>> OpenSession(const std::string& owner) override {
    return ZkSession::Open(options_, owner, clock_);
  }

 private:
  const ZkLockerOptions options_;
  Clock* const clock_;
};

}  // namespace

StatusOr<std::unique_ptr<Locker>> OpenZkLocker(const ZkLockerOptions& options, Clock* clock) {
  RETURN_IF_ERROR(ParseZkAddress(options.address).status());
  if (options.session_timeout_ns < kMinTimeoutNs || options.call_timeout_ns < kMinTimeoutNs) {
    return absl::InvalidArgumentError("a timeout of the locker is below its minimum of 100 ms");
  }
  const size_t colon = options.credentials.find(':');
  if (!options.credentials.empty() && (colon == 0 || colon == std::string::npos)) {
    return absl::InvalidArgumentError("the locker's credentials are not of the form user:password");
  }
  return std::make_unique<ZkLocker>(options, clock);
}

}  // namespace stele
