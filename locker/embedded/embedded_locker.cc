#include "locker/embedded/embedded_locker.h"

#include <utility>

#include "locker/embedded/locker_core.h"

namespace stele {
namespace {

class EmbeddedSession : public LockerSession {
 public:
  EmbeddedSession(std::shared_ptr<LockerCore> core, const std::string& owner)
      : core_(std::move(core)), id_(core_->BeginSession(owner)) {}
  ~EmbeddedSession() override { core_->EndSession(id_); }

  StatusOr<uint64_t> TryLock(const std::string& path, const std::string& data) override {
    return core_->TryLock(id_, path, data);
  }
  Status Unlock(const std::string& path) override { return core_->Unlock(id_, path); }
  StatusOr<uint64_t> CreateEphemeral(const std::string& path, const std::string& data) override {
    return core_->CreateEphemeral(id_, path, data);
  }
  StatusOr<LockerValue> Get(const std::string& path) override { return core_->Get(id_, path); }
  Status Create(const std::string& path, const std::string& value) override {
    return core_->Create(id_, path, value);
  }
  StatusOr<uint64_t> Set(const std::string& path, const std::string& value,
                         uint64_t expected) override {
    return core_->Set(id_, path, value, expected);
  }
  Status Delete(const std::string& path, uint64_t expected) override {
    return core_->Delete(id_, path, expected);
  }
  StatusOr<std::vector<std::string>> Children(const std::string& path) override {
    return core_->Children(id_, path);
  }
  Status Watch(const std::string& path, std::function<void()> changed) override {
    return core_->Watch(id_, path, std::move(changed));
  }
  Status Renew(const std::string& path, uint64_t epoch) override {
    return core_->Renew(id_, path, epoch);
  }
  int64_t session_timeout_ns() const override { return core_->session_timeout_ns(); }

 private:
  const std::shared_ptr<LockerCore> core_;
  const uint64_t id_;
};

class EmbeddedLocker : public Locker {
 public:
  explicit EmbeddedLocker(std::shared_ptr<LockerCore> core) : core_(std::move(core)) {}
  ~EmbeddedLocker() override { core_->StopThread(); }
  StatusOr<std::unique_ptr<LockerSession>> OpenSession(const std::string& owner) override {
    return std::make_unique<EmbeddedSession>(core_, owner);
  }

 private:
  const std::shared_ptr<LockerCore> core_;
};

}  // namespace

StatusOr<std::unique_ptr<Locker>> OpenEmbeddedLocker(BlobStore* store, Clock* clock,
                                                     const EmbeddedLockerOptions& options) {
  if (options.session_timeout_ns < 100'000'000) {
    return absl::InvalidArgumentError("session_timeout_ns is below its minimum of 100 ms");
  }
  auto core = std::make_shared<LockerCore>(store, clock, options);
  RETURN_IF_ERROR(core->Open());
  return std::make_unique<EmbeddedLocker>(std::move(core));
}

}  // namespace stele
