// Goal: 1 GB of 1,000-byte values is written, read back and scanned with a memory limit of 512 MB
// and a ring of 256 MB; the process stays within its limit, the ring wraps at least three times and
// space is used again.
//
// STELE_MEMORY_TEST_ROWS overrides the 1,000,000 rows (wraps are then not checked).
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

#include "common/base/mutex.h"
#include "common/bytes/coding.h"
#include "common/store/blob_store.h"
#include "common/store/fs.h"
#include "common/testing/proc_status.h"
#include "common/testing/sanitized.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "tabletserver/storage/engine.h"

namespace stele::storage {
namespace {

constexpr uint64_t kMiB = 1u << 20;
constexpr uint64_t kMemoryLimit = 512 * kMiB;
constexpr uint64_t kSegmentBytes = 16 * kMiB;
constexpr uint32_t kRingSegments = 16;  // 256 MiB
constexpr size_t kValueBytes = 1000;

uint64_t RowCount() {
  const char* text = std::getenv("STELE_MEMORY_TEST_ROWS");
  return text == nullptr ? 1'000'000 : std::strtoull(text, nullptr, 10);
}

// A 20-byte key whose order is not the order of writing.
std::string RowKey(uint64_t i) {
  std::string digits = std::to_string(1'000'000'000'000ull + (i * 7'919ull) % RowCount());
  return "row-" + std::string(16 - digits.size(), '0') + digits;
}

// 1,000 incompressible bytes that the row number determines.
std::string Value(uint64_t i) { return SeededRandom(i + 1).Bytes(kValueBytes); }

uint64_t PeakResidentBytes() { return ProcStatusBytes("self", "VmHWM:"); }

TableSchema Schema() {
  TableSchema schema;
  schema.name = "big";
  schema.id = 100;
  schema.version = 1;
  schema.next_family_id = 2;
  schema.groups = {LocalityGroupSchema{.name = "default"}};
  schema.families = {FamilySchema{.name = "f", .id = 1}};
  return schema;
}

// Checks every row it sees against Value() and counts them.
class CheckingSink : public RowSink {
 public:
  void StartRow(Slice row) override {
    ascending_ = ascending_ && row > Slice(last_);
    last_.assign(row.data(), row.size());
  }
  void AddCell(Slice family, Slice qualifier, int64_t timestamp_us, Slice value) override {
    if (value.size() == kValueBytes) ++cells_;
    sum_ += value.size() >= 8 ? DecodeFixed64(value.data()) : 0;
  }
  bool EndRow() override {
    ++rows_;
    return true;
  }
  uint64_t rows_ = 0, cells_ = 0, sum_ = 0;
  bool ascending_ = true;
  std::string last_;
};

class MemoryLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(store_, OpenPosixStore(PosixFs(), dir_.path() + "/data", true));
    EngineOptions options;
    options.memory_limit_bytes = kMemoryLimit;
    options.memtable_bytes = 32 * kMiB;
    options.block_cache_bytes = 128 * kMiB;
    options.filter_cache_bytes = 32 * kMiB;
    options.log.segment_bytes = kSegmentBytes;
    options.log.max_segments = kRingSegments;
    EngineEnv env;
    env.store = store_.get();
    env.clock = SystemClock();
    env.server_id = "ts-1";
    env.lease_check = [] { return OkStatus(); };
    env.on_fatal = [this](const Status& s) { fatal_ = s; };
    ASSERT_OK_AND_ASSIGN(engine_, Engine::Open(options, env));
    TabletDescriptor tablet{.id = 1000, .table = 100};
    ASSERT_OK(engine_->CreateTablet(tablet, Schema(), 1));
    ASSERT_OK_AND_ASSIGN(tablet_, engine_->OpenTablet(1000, 1));
  }

  // Keeps up to 256 writes in flight; a refused one is tried again once an earlier one is done.
  void WriteAll() {
    for (uint64_t i = 0; i < RowCount(); ++i) {
      RowMutation mutation{.row = RowKey(i), .mutations = {SetCell{"f", "q", 1000, Value(i)}}};
      value_sum_ += DecodeFixed64(std::get<SetCell>(mutation.mutations[0]).value.data());
      {
        MutexLock lock(&mu_);
        while (in_flight_ >= 256) changed_.Wait(&mu_);
        ++in_flight_;
      }
      Status queued = tablet_->Write(mutation, [this](const Status& s) { Done(s); });
      if (queued.code() == absl::StatusCode::kResourceExhausted) {
        Done(OkStatus());
        queued = tablet_->WriteSync(mutation);
      }
      ASSERT_OK(queued);
    }
    MutexLock lock(&mu_);
    while (in_flight_ > 0) changed_.Wait(&mu_);
    ASSERT_OK(failed_);
  }
  void Done(const Status& s) {
    MutexLock lock(&mu_);
    --in_flight_;
    if (!s.ok()) failed_ = s;
    changed_.SignalAll();
  }

  TempDir dir_;
  std::unique_ptr<BlobStore> store_;
  Status fatal_;
  Mutex mu_;
  CondVar changed_;
  int in_flight_ GUARDED_BY(mu_) = 0;
  Status failed_ GUARDED_BY(mu_);
  uint64_t value_sum_ = 0;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<TabletStore> tablet_;
};

TEST_F(MemoryLimitTest, OneGigabyteWithinHalfAGigabyte) {
  const uint64_t before = PeakResidentBytes();
  WriteAll();
  const EngineStats written = engine_->stats();
  EXPECT_LE(written.ring.segments * written.ring.segment_bytes, kRingSegments * kSegmentBytes);
  const bool whole_load = RowCount() >= 1'000'000;
  EXPECT_GE(written.ring.wraps, whole_load ? 3 * kRingSegments : 0);

  SeededRandom random(TestSeed());
  for (int n = 0; n < 2'000; ++n) {
    const uint64_t i = random.Below(RowCount());
    CheckingSink sink;
    ASSERT_OK(tablet_->ReadRow(RowKey(i), ReadOptions{}, &sink));
    ASSERT_EQ(sink.rows_, 1u) << RowKey(i);
    ASSERT_EQ(sink.sum_, DecodeFixed64(Value(i).data())) << RowKey(i);
  }

  CheckingSink scan;
  RowRange range;
  ReadOptions options;
  options.fill_cache = false;
  for (bool done = false; !done;) {
    ASSERT_OK_AND_ASSIGN(ReadProgress progress, tablet_->Read(range, options, &scan));
    done = progress.done;
    range.start = progress.resume_after;
    range.start_open = true;
  }
  EXPECT_EQ(scan.rows_, RowCount());
  EXPECT_EQ(scan.cells_, RowCount());
  EXPECT_EQ(scan.sum_, value_sum_);
  EXPECT_TRUE(scan.ascending_);

  const uint64_t peak = PeakResidentBytes();
  std::printf(
      "peak resident %.0f MiB (%.0f before), limit %.0f MiB, ring wraps of one segment %llu\n",
      double(peak) / kMiB, double(before) / kMiB, double(kMemoryLimit) / kMiB,
      static_cast<unsigned long long>(written.ring.wraps));
  if (!kSanitized) {
    EXPECT_LE(peak, kMemoryLimit + kMemoryLimit / 10);
  }
  ASSERT_OK(fatal_);
  tablet_.reset();
  ASSERT_OK(engine_->Close());
}

}  // namespace
}  // namespace stele::storage
