#include "tests/bench/driver.h"
#include "tests/bench/raw_log.h"

namespace stele::bench {
namespace {

class RawLogDriver : public Driver {
 public:
  explicit RawLogDriver(const DriverOptions& options) : log_(options.directory) {}

  void Put(Slice key, Slice value) override { PutSync(key, value); }
  void PutSync(Slice key, Slice value) override { log_.Await(log_.Submit(key, value)); }
  bool Get(Slice key, std::string* value) override { return false; }
  uint64_t Scan(Slice start, uint64_t rows, uint64_t* bytes) override { return 0; }
  void Settle(bool compact) override {}
  std::string Describe() const override { return RawLog::Describe(); }

 private:
  RawLog log_;
};

}  // namespace

std::unique_ptr<Driver> OpenRawLog(const DriverOptions& options) {
  return std::make_unique<RawLogDriver>(options);
}

}  // namespace stele::bench
