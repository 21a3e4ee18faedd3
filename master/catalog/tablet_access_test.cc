// Goal: reads and writes of system tablets put pages and parts together, stop at the first failure,
// and take no answer for another: failed calls, refused rows, wrong counts, garbage, no progress.
#include "master/catalog/tablet_access.h"

#include <gtest/gtest.h>

#include <deque>

#include "common/testing/status_asserts.h"
#include "schema/convert/codec.h"
#include "schema/wire/method.h"

namespace stele::master {
namespace {

// Answers the calls in order with what was scripted, and keeps what it was sent.
class ScriptedClient : public net::RpcClient {
 public:
  void Call(const std::string&, uint16_t, net::Buffer, int64_t, Callback done) override {
    done(absl::InternalError("not scripted"));
  }
  StatusOr<net::Buffer> CallSync(const std::string& address, uint16_t method, net::Buffer body,
                                 int64_t timeout_ms) override {
    EXPECT_EQ(address, "ts:1");
    EXPECT_EQ(timeout_ms, 1234);
    methods.push_back(static_cast<wire::Method>(method));
    sent.push_back(std::move(body));
    if (answers.empty()) return absl::InternalError("one call too many");
    StatusOr<net::Buffer> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  std::deque<StatusOr<net::Buffer>> answers;
  std::vector<wire::Method> methods;
  std::vector<net::Buffer> sent;
};

class TabletAccessTest : public ::testing::Test {
 protected:
  TabletAccessTest() {
    tablet_.tablet = {.id = 2, .table = 1, .start_row = "", .end_row = ""};
    tablet_.server_id = "ts-1";
    tablet_.address = "ts:1";
  }
  static Row OneCell(const std::string& key, const std::string& qualifier) {
    return {key, {{"f", qualifier, 1000, "v"}}};
  }
  void Answer(const wire::ReadRowsResponse& page) { client_.answers.push_back(wire::Encode(page)); }
  void AnswerWrites(std::vector<Status> results) {
    wire::MutateRowsResponse response;
    for (Status& status : results) {
      wire::RowResult& result = response.results.emplace_back();
      result.status = std::move(status);
    }
    client_.answers.push_back(wire::Encode(response));
  }
  static std::vector<RowMutation> Rows(size_t n) {
    std::vector<RowMutation> rows;
    for (size_t i = 0; i < n; ++i) {
      rows.push_back({absl::StrCat("row", i), {SetCell{"f", "q", 1000, "v"}}});
    }
    return rows;
  }

  ScriptedClient client_;
  TabletAccess access_{&client_, 1234};
  TabletLocation tablet_;
};

TEST_F(TabletAccessTest, PutsPagesAndPartsTogether) {
  wire::ReadRowsResponse page;
  page.rows = {OneCell("a", "1"), OneCell("b", "1")};
  page.resume_after = "a";
  page.cursor = {7, 1};
  Answer(page);
  page.rows = {OneCell("b", "2")};
  page.resume_after = "b";
  page.cursor = {};
  page.done = true;
  Answer(page);
  ASSERT_OK_AND_ASSIGN(std::vector<Row> rows, access_.ReadAll(tablet_, {}));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].cells.size(), 2u);
  ASSERT_EQ(client_.sent.size(), 2u);
  wire::ReadRowsRequest second;
  ASSERT_OK(wire::Decode(client_.sent[1], &second));
  EXPECT_EQ(second.resume_after, "a");
  EXPECT_EQ(second.cursor.scanner_id, 7u);
}

TEST_F(TabletAccessTest, AFailedReadNamesTheTablet) {
  client_.answers.push_back(absl::UnavailableError("connection lost"));
  EXPECT_STATUS(kUnavailable, "tablet 2 on ts-1", access_.ReadAll(tablet_, {}));
  wire::ReadRowsResponse page;
  page.rows = {OneCell("a", "1")};
  page.resume_after = "a";
  Answer(page);
  client_.answers.push_back(absl::DeadlineExceededError("late"));
  EXPECT_STATUS(kDeadlineExceeded, "tablet 2", access_.ReadAll(tablet_, {}));
  client_.answers.push_back(net::Buffer::Copy("garbage!"));
  EXPECT_FALSE(access_.ReadAll(tablet_, {}).ok());
}

TEST_F(TabletAccessTest, AServerThatMakesNoProgressIsAnError) {
  wire::ReadRowsResponse page;
  Answer(page);
  EXPECT_STATUS(kInternal, "no progress", access_.ReadAll(tablet_, {}));
  EXPECT_EQ(client_.sent.size(), 1u) << "or it would be asked for ever";
}

TEST_F(TabletAccessTest, WritesInBoundedBatches) {
  AnswerWrites(std::vector<Status>(1000, OkStatus()));
  AnswerWrites(std::vector<Status>(1, OkStatus()));
  EXPECT_OK(access_.Write(tablet_, Rows(1001)));
  EXPECT_EQ(client_.methods,
            (std::vector<wire::Method>{wire::Method::kMutateRows, wire::Method::kMutateRows}));
  EXPECT_OK(access_.Write(tablet_, {}));
  EXPECT_EQ(client_.sent.size(), 2u) << "nothing to write, nothing sent";
}

TEST_F(TabletAccessTest, AWriteStopsAtTheFirstFailure) {
  client_.answers.push_back(absl::UnavailableError("connection lost"));
  EXPECT_STATUS(kUnavailable, "tablet 2 on ts-1", access_.Write(tablet_, Rows(1001)));
  EXPECT_EQ(client_.sent.size(), 1u);
  AnswerWrites({OkStatus(), absl::AbortedError("fenced")});
  EXPECT_STATUS(kAborted, "fenced", access_.Write(tablet_, Rows(2)));
  AnswerWrites({OkStatus()});
  EXPECT_STATUS(kDataLoss, "1 results for 2 rows", access_.Write(tablet_, Rows(2)));
  client_.answers.push_back(net::Buffer::Copy("garbage!"));
  EXPECT_FALSE(access_.Write(tablet_, Rows(1)).ok());
}

}  // namespace
}  // namespace stele::master
