// Goal: a value of the largest legal size is written and read through the SDK and the CLI, from
// memory, from files and after a restart, within the cell's memory limit; one byte more is refused.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/testing/proc_status.h"
#include "common/testing/sanitized.h"
#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "common/testing/temp_dir.h"
#include "schema/model/limits.h"
#include "stele/client.h"
#include "tests/integration/child_cell.h"

namespace stele {
namespace {

constexpr uint64_t kMiB = 1u << 20;

class LargeValueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(cell_.Start());
    Connect();
    TableSchema schema;
    schema.name = "t";
    schema.groups = {LocalityGroupSchema{.name = "default"}};
    schema.families = {FamilySchema{.name = "f"}};
    ASSERT_OK(client_->admin().CreateTable(schema, {}));
  }
  void Connect() {
    ASSERT_OK_AND_ASSIGN(client_, Client::Connect(cell_.rpc_address(), {.timeout_ms = 100'000}));
  }
  Status Write(const std::string& row, const std::string& value) {
    ASSIGN_OR_RETURN(Table table, client_->OpenTable("t"));
    RowMutationBuilder builder(row);
    builder.SetAt("f", "q", 1000, value);
    return table.Apply(builder.Build());
  }
  void ExpectValue(const std::string& row, const std::string& value) {
    ASSERT_OK_AND_ASSIGN(Table table, client_->OpenTable("t"));
    ASSERT_OK_AND_ASSIGN(std::optional<Row> found, table.ReadRow(row));
    ASSERT_TRUE(found.has_value());
    EXPECT_TRUE(found->cells.at(0).value == value) << row;
  }
  int Stele(const std::string& words) {
    const std::string to = " --cell " + cell_.rpc_address();
    return std::system((std::string(STELE_BINARY) + " " + words + to).c_str());
  }

  TempDir dir_;
  ChildCell cell_{STELE_BINARY, dir_.path(), {"--memory-limit", "1g", "--ring-limit", "512m"}};
  std::unique_ptr<Client> client_;
};

TEST_F(LargeValueTest, GoesThroughSdkAndCliWithinTheMemoryLimit) {
  const std::string value = SeededRandom(TestSeed()).Bytes(kMaxValueBytes);
  ASSERT_OK(Write("sdk", value));
  ASSERT_NO_FATAL_FAILURE(ExpectValue("sdk", value));
  EXPECT_STATUS(kInvalidArgument, "", Write("more", value + "x"));

  const std::string file = dir_.path() + "/value", out = dir_.path() + "/out";
  std::ofstream(file, std::ios::binary) << value;
  ASSERT_EQ(Stele("set t cli f:q --ts-us 1000 --value-file " + file), 0);
  std::ofstream(file, std::ios::binary | std::ios::app) << "x";
  EXPECT_NE(Stele("set t more f:q --value-file " + file + " 2> " + out), 0);
  ASSERT_NO_FATAL_FAILURE(ExpectValue("cli", value));
  ASSERT_EQ(Stele("read t cli > " + out), 0);
  EXPECT_GE(std::ifstream(out, std::ios::ate).tellg(), static_cast<std::streamoff>(value.size()));

  ASSERT_OK(client_->admin().FlushTable("t"));
  ASSERT_NO_FATAL_FAILURE(ExpectValue("sdk", value));
  ASSERT_OK(client_->admin().CompactTable("t"));
  const uint64_t peak = ProcStatusBytes(std::to_string(cell_.pid()), "VmHWM:");
  std::printf("peak resident %.0f MiB\n", static_cast<double>(peak) / kMiB);
  EXPECT_GT(peak, 100 * kMiB);
  if (!kSanitized) EXPECT_LE(peak, 1024 * kMiB);

  client_.reset();
  cell_.Kill();
  ASSERT_OK(cell_.Start());
  ASSERT_NO_FATAL_FAILURE(Connect());
  ASSERT_NO_FATAL_FAILURE(ExpectValue("sdk", value));
  ASSERT_NO_FATAL_FAILURE(ExpectValue("cli", value));
}

}  // namespace
}  // namespace stele
