// Goal: a real cell on a small file system that fills up refuses writes with RESOURCE_EXHAUSTED,
// goes on reading, loses nothing over kill -9, and takes writes again by itself within 10 s of
// space returning. Needs the right to mount a tmpfs; skipped without it.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr char kDiskSize[] = "size=192m";
constexpr size_t kValueBytes = 200'000;
constexpr int64_t kTimeoutMs = 3'000;

double SecondsSince(int64_t start_ns) {
  return static_cast<double>(SystemClock()->BootNanos() - start_ns) / 1e9;
}

class DiskFullTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(disk_);
    if (mount("tmpfs", disk_.c_str(), "tmpfs", 0, kDiskSize) != 0) {
      GTEST_SKIP() << "a tmpfs cannot be mounted here: " << std::strerror(errno);
    }
    mounted_ = true;
    cell_ = std::make_unique<ChildCell>(
        STELE_BINARY, disk_,
        std::vector<std::string>{"--memory-limit", "256m", "--ring-limit", "32m", "--ring-segment",
                                 "8m", "--disk-reserve", "16m"});
    ASSERT_OK(cell_->Start());
    ASSERT_OK_AND_ASSIGN(client_,
                         Client::Connect(cell_->rpc_address(), {.timeout_ms = kTimeoutMs}));
    TableSchema schema;
    schema.name = "t";
    schema.groups = {LocalityGroupSchema{.name = "default", .codec = Codec::kNone}};
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {}));
  }
  void TearDown() override {
    client_.reset();
    cell_.reset();
    if (mounted_) EXPECT_EQ(umount2(disk_.c_str(), MNT_DETACH), 0);
  }

  // Writes the next row, as often as it is not refused.
  Status WriteOne() {
    ASSIGN_OR_RETURN(Table table, client_->OpenTable("t"));
    const uint64_t n = next_++;
    const std::string row = "row-" + std::to_string(n);
    RowMutationBuilder builder(row);
    builder.SetAt("f", "q", 1000, SeededRandom(n + 1).Bytes(kValueBytes));
    Status status = table.Apply(builder.Build());
    if (status.ok()) acked_[row] = n;
    return status;
  }

  void CheckAcked() {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    for (const auto& [key, n] : acked_) {
      ASSERT_OK_AND_ASSIGN(std::optional<Row> row, table.ReadRow(key));
      ASSERT_TRUE(row.has_value()) << key;
      ASSERT_TRUE(row->cells.at(0).value == SeededRandom(n + 1).Bytes(kValueBytes)) << key;
    }
  }

  // Takes what is left of the disk.
  void Fill() {
    std::ofstream out(disk_ + "/filler", std::ios::binary);
    const std::string piece(1u << 16, 'x');
    while (out.write(piece.data(), static_cast<std::streamsize>(piece.size())).flush()) {
    }
  }

  void ExpectRefused() {
    // The server looks at its disk every half second at least; until then the log has room.
    Status status;
    const int64_t begin = SystemClock()->BootNanos();
    int64_t start = begin;
    do {
      start = SystemClock()->BootNanos();
      status = WriteOne();
    } while (status.ok() && SecondsSince(begin) < 5);
    EXPECT_STATUS(kResourceExhausted, "the disk is full", status);
    EXPECT_LT(SecondsSince(start), kTimeoutMs / 1000.0 + 1);
  }

  std::string StandardError() const {
    std::ifstream in(disk_ + "/stderr");
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void ExpectBackWithinTenSeconds() {
    const int64_t start = SystemClock()->BootNanos();
    Status status;
    do {
      status = WriteOne();
    } while (!status.ok() && SecondsSince(start) < 30);
    EXPECT_OK(status);
    EXPECT_LT(SecondsSince(start), 10);
    std::printf("writes are taken again after %.1f s\n", SecondsSince(start));
  }

  TempDir dir_;
  const std::string disk_ = dir_.path() + "/disk";
  bool mounted_ = false;
  std::unique_ptr<ChildCell> cell_;
  std::unique_ptr<Client> client_;
  uint64_t next_ = 0;
  std::map<std::string, uint64_t> acked_;
};

TEST_F(DiskFullTest, IsSaidPlainlyAndPassesByItself) {
  for (int i = 0; i < 100; ++i) ASSERT_OK(WriteOne());
  Fill();
  ExpectRefused();
  CheckAcked();
  ASSERT_TRUE(cell_->running());
  std::filesystem::remove(disk_ + "/filler");
  ExpectBackWithinTenSeconds();

  // Now by its own data.
  Status status;
  for (int i = 0; i < 2000 && status.ok(); ++i) status = WriteOne();
  EXPECT_STATUS(kResourceExhausted, "", status);
  ExpectRefused();
  CheckAcked();
  std::printf("%zu rows of %zu bytes were acknowledged\n", acked_.size(), kValueBytes);

  // The reserve is enough to start again.
  cell_->Kill();
  ASSERT_OK(cell_->Start());
  CheckAcked();
  ExpectRefused();
  EXPECT_OK(client_->admin().DropTable("t")) << "this is how room is made";
  EXPECT_EQ(cell_->Stop(), 0) << StandardError();
}

}  // namespace
}  // namespace stele
