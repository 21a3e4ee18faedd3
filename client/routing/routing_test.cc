// Look-ups, batches, scans and master calls over a scripted transport: what is asked of whom, what
// is tried again, and that every row is answered once.
#include <gtest/gtest.h>

#include "client/routing/batch_op.h"
#include "client/routing/fake_cell.h"
#include "client/routing/master_call.h"
#include "client/routing/point_read.h"
#include "client/routing/row_op.h"
#include "client/routing/scan_op.h"
#include "common/testing/manual_clock.h"
#include "schema/convert/error_payload.h"

namespace stele::routing {
namespace {

using wire::Method;
constexpr TableId kTable = FakeCell::kTable;
constexpr uint64_t kClientId = 77;

class RoutingTest : public ::testing::Test {
 protected:
  RoutingTest()
      : timers_(&clock_, [this](int64_t ns) { clock_.Advance(ns); }), cell_(&timers_), jitter_(42) {
    cell_.SetTablets({{"g", "ts:1"}, {"m", "ts:2"}, {"t", "ts:1"}, {"", "ts:3"}});
    options_.cell_address = FakeCell::kCellAddress;
    options_.client_id = kClientId;
    Restart();
  }

  ~RoutingTest() override { FinishAll(); }

  // Calls that nobody waits for any more still hold their pass of the gate.
  void FinishAll() {
    EXPECT_FALSE(cell_.Run([] { return false; }));
  }

  // A client without any memory, with the options as they are now.
  void Restart() {
    FinishAll();
    core_ = std::make_unique<Core>(Edges{&cell_, &timers_, &clock_, &jitter_}, options_);
    locator_ = std::make_unique<Locator>(core_.get());
  }

  static RowMutation Set(const std::string& row, int64_t timestamp_us = kServerTime) {
    return {row, {SetCell{"f", "q", timestamp_us, "v"}}};
  }

  CallTerms Terms(int64_t timeout_ms) {
    return {core_->DeadlineAfterMs(timeout_ms), call_.value_or(options_.retry)};
  }

  std::vector<Status> Apply(std::vector<RowMutation> rows, int64_t timeout_ms = 10'000) {
    std::optional<std::vector<Status>> result;
    BatchOp::Start(core_.get(), locator_.get(), kTable, std::move(rows), Terms(timeout_ms),
                   [&](std::vector<Status> statuses) {
                     EXPECT_FALSE(result.has_value()) << "answered twice";
                     result = std::move(statuses);
                   });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); })) << "never answered";
    return result.value_or(std::vector<Status>());
  }

  // As a write of one row goes, without a batch.
  Status ApplyOne(RowMutation row, int64_t timeout_ms = 10'000) {
    using Op = RowOp<wire::MutateRowsRequest, wire::MutateRowsResponse>;
    std::optional<Status> result;
    wire::MutateRowsRequest request;
    request.table = kTable;
    request.rows.push_back(std::move(row));
    Op::Start(core_.get(), locator_.get(), Method::kMutateRows, request, Terms(timeout_ms),
              [&](const StatusOr<wire::MutateRowsResponse>& answer) {
                EXPECT_FALSE(result.has_value()) << "answered twice";
                result = answer.status();
              });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); }));
    return result.value_or(absl::InternalError("never answered"));
  }

  StatusOr<std::optional<Row>> ReadOne(const std::string& row, int64_t timeout_ms = 10'000) {
    std::optional<StatusOr<std::optional<Row>>> result;
    PointRead::Start(core_.get(), locator_.get(), {kTable, row, ReadSelection(), Filter()},
                     Terms(timeout_ms), [&](StatusOr<std::optional<Row>> answer) {
                       EXPECT_FALSE(result.has_value()) << "answered twice";
                       result = std::move(answer);
                     });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); }));
    return result.value_or(absl::InternalError("never answered"));
  }

  // Row "c", of nine cells, comes in parts of four.
  void AddRowInParts() {
    Row& large = cell_.rows["c"];
    large.key = "c";
    for (int i = 0; i < 9; ++i) large.cells.push_back({"f", "q" + std::to_string(i), 0, "v"});
    cell_.cells_per_part = 4;
  }

  // A conditional change of row "n".
  Status Check(int64_t timeout_ms = 10'000) {
    using Op = RowOp<wire::CheckAndMutateRowRequest, wire::CheckAndMutateRowResponse>;
    std::optional<StatusOr<wire::CheckAndMutateRowResponse>> result;
    wire::CheckAndMutateRowRequest request;
    request.table = kTable;
    request.row = "n";
    request.if_true = {SetCell{"f", "q", 1000, "v"}};
    Op::Start(core_.get(), locator_.get(), Method::kCheckAndMutateRow, request, Terms(timeout_ms),
              [&](StatusOr<wire::CheckAndMutateRowResponse> answer) { result = answer; });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); }));
    return result->status();
  }

  StatusOr<TabletLocation> Locate(const std::string& row, TableId table = kTable,
                                  int64_t timeout_ms = 10'000) {
    std::optional<StatusOr<TabletLocation>> result;
    locator_->Locate(table, row, core_->DeadlineAfterMs(timeout_ms),
                     [&](StatusOr<TabletLocation> location) { result = std::move(location); });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); }));
    return result.value_or(absl::InternalError("never answered"));
  }

  // All rows' keys; the status of the first failure.
  StatusOr<std::vector<std::string>> Scan(RowSet rows, uint64_t limit = 0,
                                          int64_t timeout_ms = 10'000) {
    ScanSpec spec{kTable, *RowRanges::Create(rows), {}, limit, {}, 0, reversed_};
    spec.retry = Terms(0).retry;
    spec.explanation = explanation_;
    auto scan = ScanOp::Create(core_.get(), locator_.get(), std::move(spec));
    std::vector<std::string> keys;
    while (true) {
      if (!keys.empty() && between_pages_) between_pages_();
      std::optional<StatusOr<ScanOp::Page>> page;
      scan->NextPage(core_->DeadlineAfterMs(timeout_ms),
                     [&](StatusOr<ScanOp::Page> p) { page = std::move(p); });
      EXPECT_TRUE(cell_.Run([&] { return page.has_value(); }));
      RETURN_IF_ERROR(page->status());
      for (const Row& row : (*page)->rows) keys.push_back(row.key);
      cells_seen_ += (*page)->rows.empty() ? 0 : (*page)->rows.back().cells.size();
      if ((*page)->last) return keys;
    }
  }

  std::vector<std::string> Fill(int count) {
    std::vector<std::string> keys;
    for (int i = 0; i < count; ++i) {
      std::string key{static_cast<char>('a' + i % 26), static_cast<char>('a' + i / 26)};
      cell_.rows[key] = {key, {{"f", "q", 0, "v"}}};
    }
    for (const auto& [key, row] : cell_.rows) keys.push_back(key);
    return keys;
  }

  ManualClock clock_;
  FakeTimers timers_;
  FakeCell cell_;
  SeededJitter jitter_;
  CoreOptions options_;
  std::optional<RetryOptions> call_;  // of one call; none: the client's
  std::unique_ptr<Core> core_;
  std::unique_ptr<Locator> locator_;
  size_t cells_seen_ = 0;
  bool reversed_ = false;                         // Scan's order
  std::function<void()> between_pages_;           // called by Scan
  std::shared_ptr<ReadExplanation> explanation_;  // of Scan; null: not asked for
};

std::vector<std::string> Backwards(std::vector<std::string> keys) {
  std::reverse(keys.begin(), keys.end());
  return keys;
}

TEST_F(RoutingTest, LookUpWalksThreeLevelsOnceAndPrefetches) {
  ASSERT_TRUE(Locate("a").ok());
  ASSERT_EQ(cell_.sent.size(), 3u);
  EXPECT_EQ(cell_.sent[0].address, FakeCell::kCellAddress);
  EXPECT_EQ(cell_.sent[1].address, "root:1");
  EXPECT_EQ(cell_.sent[2].address, "meta:1");
  StatusOr<TabletLocation> neighbour = Locate("h");
  ASSERT_TRUE(neighbour.ok());
  EXPECT_EQ(neighbour->address, "ts:2");
  EXPECT_EQ(cell_.sent.size(), 3u) << "the neighbour came with the first look-up";
  ASSERT_TRUE(Locate("n").ok());
  EXPECT_EQ(cell_.CountSent(Method::kReadRows, "meta:2"), 1) << "past the METADATA tablet's end";
  EXPECT_EQ(cell_.CountSent(Method::kReadRows, "root:1"), 1);
  EXPECT_EQ(Locate("zz")->address, "ts:3");
  EXPECT_EQ(cell_.sent.size(), 4u);
}

TEST_F(RoutingTest, ManyAskersShareOneWalk) {
  int answered = 0;
  for (int i = 0; i < 50; ++i) {
    locator_->Locate(kTable, std::string(1, static_cast<char>('a' + i % 12)),
                     core_->DeadlineAfterMs(1000), [&](StatusOr<TabletLocation> location) {
                       EXPECT_TRUE(location.ok()) << location.status();
                       ++answered;
                     });
  }
  EXPECT_TRUE(cell_.Run([&] { return answered == 50; }));
  EXPECT_EQ(cell_.sent.size(), 3u);
}

TEST_F(RoutingTest, LookUpEndsByItsDeadline) {
  cell_.FailNext({Method::kGetRoot, OkStatus(), false, /*silent=*/true});
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Locate("a", kTable, 50).status()));
  EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, 50);
}

TEST_F(RoutingTest, AStandbyIsPassedOverAndWhoAnsweredIsAskedFirst) {
  options_.cell_address = absl::StrCat("standby:1,", FakeCell::kCellAddress);
  Restart();
  cell_.FailNext({Method::kGetRoot, absl::UnavailableError("this master stands by")});
  ASSERT_TRUE(Locate("a").ok());
  ASSERT_GE(cell_.sent.size(), 2u);
  EXPECT_EQ(cell_.sent[0].address, "standby:1");
  EXPECT_EQ(cell_.sent[1].address, FakeCell::kCellAddress);
  cell_.sent.clear();
  locator_->ForgetCell();
  std::optional<bool> found;
  locator_->GetCell(core_->DeadlineAfterMs(1000), [&](auto cell) { found = cell.ok(); });
  EXPECT_TRUE(cell_.Run([&] { return found.has_value(); }));
  EXPECT_TRUE(*found);
  ASSERT_EQ(cell_.sent.size(), 1u);
  EXPECT_EQ(cell_.sent[0].address, FakeCell::kCellAddress);
}

TEST_F(RoutingTest, AMasterThatHangsLeavesTimeForTheOther) {
  options_.cell_address = absl::StrCat("hanging:1,", FakeCell::kCellAddress);
  Restart();
  cell_.FailNext({Method::kGetRoot, OkStatus(), false, /*silent=*/true});
  std::optional<bool> found;
  locator_->GetCell(core_->DeadlineAfterMs(1000), [&](auto cell) { found = cell.ok(); });
  EXPECT_TRUE(cell_.Run([&] { return found.has_value(); }));
  EXPECT_TRUE(*found);
}

TEST_F(RoutingTest, WhenNoMasterAnswersTheLastSaysWhy) {
  options_.cell_address = "standby:1,standby:2";
  Restart();
  cell_.FailNext({Method::kGetRoot, absl::UnavailableError("first")});
  cell_.FailNext({Method::kGetRoot, absl::UnavailableError("second")});
  Status why;
  bool answered = false;
  locator_->GetCell(core_->DeadlineAfterMs(1000), [&](auto cell) {
    why = cell.status();
    answered = true;
  });
  EXPECT_TRUE(cell_.Run([&] { return answered; }));
  EXPECT_EQ(why.message(), "second");
  EXPECT_EQ(cell_.sent.size(), 2u);
}

TEST_F(RoutingTest, ImpatientAskerDoesNotFailTheOthers) {
  cell_.FailNext({Method::kReadRows, OkStatus(), false, /*silent=*/true});
  std::optional<Status> impatient, patient;
  locator_->Locate(kTable, "a", core_->DeadlineAfterMs(50),
                   [&](StatusOr<TabletLocation> l) { impatient = l.status(); });
  locator_->Locate(kTable, "b", core_->DeadlineAfterMs(9000),
                   [&](StatusOr<TabletLocation> l) { patient = l.status(); });
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(cell_.Run([&] { return impatient.has_value(); }));
  EXPECT_TRUE(absl::IsDeadlineExceeded(*impatient));
  EXPECT_FALSE(patient.has_value());
  EXPECT_TRUE(cell_.Run([&] { return patient.has_value(); }));
  EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, options_.attempt_timeout_ms);
}

TEST_F(RoutingTest, UnknownTableIsNotFound) {
  EXPECT_TRUE(IsNotFound(Locate("a", kTable + 5).status()));
}

TEST_F(RoutingTest, MovedMetadataTabletIsFoundAgain) {
  ASSERT_TRUE(Locate("a").ok());
  cell_.MoveMetadata(kFirstMetadataTablet, "meta:9");
  cell_.Move("g", "ts:9");
  EXPECT_EQ(Apply({Set("a")}), std::vector<Status>{OkStatus()});
  EXPECT_EQ(cell_.times_applied["a"], 1);
  EXPECT_EQ(cell_.CountSent(Method::kMutateRows, "ts:9"), 1);
}

TEST_F(RoutingTest, AMetadataServerThatHangsHoldsUpItsOwnRangeOnly) {
  options_.prefetch_locations = 1;
  cell_.SetTablets({{"c", "ts:1"}, {"g", "ts:2"}, {"p", "ts:3"}, {"", "ts:4"}});
  Restart();
  ASSERT_TRUE(Locate("a").ok());
  ASSERT_TRUE(Locate("n").ok());
  cell_.sent.clear();
  cell_.FailNext({Method::kReadRows, OkStatus(), false, /*silent=*/true});
  std::optional<Status> hangs, same, other;
  auto into = [](std::optional<Status>* out) {
    return [out](StatusOr<TabletLocation> l) { *out = l.status(); };
  };
  const int64_t deadline = core_->DeadlineAfterMs(9000);
  locator_->Locate(kTable, "e", deadline, into(&hangs));
  locator_->Locate(kTable, "f", deadline, into(&same));
  locator_->Locate(kTable, "x", deadline, into(&other));
  EXPECT_TRUE(cell_.Run([&] { return other.has_value(); }));
  EXPECT_TRUE(other->ok()) << *other;
  EXPECT_FALSE(hangs.has_value() || same.has_value());
  EXPECT_TRUE(cell_.Run([&] { return hangs.has_value() && same.has_value(); }));
  EXPECT_EQ(cell_.CountSent(Method::kReadRows, "meta:1"), 1) << "one look-up a range";
  ASSERT_TRUE(Locate("e").ok()) << "it is asked again";
}

TEST_F(RoutingTest, AColdClientAsksEachMetadataTabletOnce) {
  options_.prefetch_locations = 100;
  Restart();
  int answered = 0;
  for (int i = 0; i < 52; ++i) {
    locator_->Locate(kTable, std::string(1, static_cast<char>('a' + i % 26)),
                     core_->DeadlineAfterMs(1000), [&](StatusOr<TabletLocation> location) {
                       EXPECT_TRUE(location.ok()) << location.status();
                       ++answered;
                     });
  }
  EXPECT_TRUE(cell_.Run([&] { return answered == 52; }));
  for (const char* address : {"root:1", "meta:1", "meta:2"}) {
    EXPECT_EQ(cell_.CountSent(Method::kReadRows, address), 1) << address;
  }
}

TEST_F(RoutingTest, ARootThatMovedIsAskedForAnew) {
  options_.prefetch_locations = 1;
  for (bool hints : {false, true}) {
    cell_.hints = hints;
    Restart();
    ASSERT_TRUE(Locate("a").ok());
    cell_.MoveMetadata(kRootTablet, hints ? "root:3" : "root:2");
    EXPECT_EQ(Apply({Set("z")}), std::vector<Status>{OkStatus()});
    EXPECT_EQ(cell_.CountSent(Method::kReadRows, hints ? "root:3" : "root:2"), 1);
  }
}

TEST_F(RoutingTest, BatchGroupsRowsByTablet) {
  std::vector<RowMutation> rows;
  for (int i = 0; i < 100; ++i) {
    rows.push_back(Set(std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i)));
  }
  const std::vector<Status> statuses = Apply(rows);
  EXPECT_EQ(statuses, std::vector<Status>(100));
  EXPECT_EQ(cell_.CountSent(Method::kMutateRows), 4);
  for (const RowMutation& row : rows) EXPECT_EQ(cell_.times_applied[row.row], 1) << row.row;
}

TEST_F(RoutingTest, BatchBoundsRequestsInSizeAndNumber) {
  options_.request_bytes = 500;
  options_.requests_in_flight = 3;
  Restart();
  std::vector<RowMutation> rows;
  for (int i = 0; i < 200; ++i) rows.push_back(Set("a" + std::to_string(i)));
  EXPECT_EQ(Apply(rows), std::vector<Status>(200));
  EXPECT_GT(cell_.CountSent(Method::kMutateRows), 20);
  EXPECT_EQ(cell_.most_in_flight, 3u);
}

TEST_F(RoutingTest, EachRowHasItsOwnStatus) {
  cell_.refused_rows = {"b", "n"};
  const std::vector<Status> statuses =
      Apply({Set("a"), Set("b"), Set(""), Set("n"), Set("a"), Set("z", 7)});
  ASSERT_EQ(statuses.size(), 6u);
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_TRUE(IsNotFound(statuses[1]));
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[2])) << statuses[2];
  EXPECT_TRUE(IsNotFound(statuses[3]));
  EXPECT_TRUE(statuses[4].ok());
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[5])) << "a timestamp that is no millisecond";
  EXPECT_EQ(cell_.times_applied["a"], 2);
  EXPECT_EQ(cell_.times_applied.count(""), 0u);
}

TEST_F(RoutingTest, MoveIsNotSeenByTheCaller) {
  ASSERT_TRUE(Apply({Set("a")})[0].ok());
  for (bool hints : {false, true}) {
    cell_.hints = hints;
    cell_.sent.clear();
    cell_.Move("g", hints ? "ts:7" : "ts:8");
    EXPECT_TRUE(Apply({Set("b")})[0].ok());
    EXPECT_EQ(cell_.CountSent(Method::kReadRows), hints ? 0 : 1) << "a hint saves the look-up";
  }
  EXPECT_EQ(cell_.times_applied["b"], 2);
}

TEST_F(RoutingTest, UnknownOutcomeIsRepeatedUnderItsId) {
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(Apply({Set("a")})[0].ok());
  EXPECT_EQ(cell_.times_applied["a"], 2) << "a real server would do it once";
  ASSERT_EQ(cell_.ids_of["a"].size(), 2u);
  EXPECT_EQ(cell_.ids_of["a"][0], cell_.ids_of["a"][1]);
  EXPECT_EQ(cell_.ids_of["a"][0], (RequestId{kClientId, 1, 1}));
  EXPECT_TRUE(Apply({Set("b"), Set("c")})[0].ok());
  EXPECT_EQ(cell_.ids_of["b"][0], (RequestId{kClientId, 2, 2}));
  EXPECT_EQ(cell_.ids_of["c"][0], (RequestId{kClientId, 3, 2}));
}

TEST_F(RoutingTest, UnknownOutcomeIsReportedWhenItMayNotBeRepeated) {
  options_.retry.retry_after_unknown = false;
  Restart();
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("b", 1000)})[0]));
  EXPECT_EQ(cell_.times_applied["b"], 1);
  options_.retry.retry_after_unknown = true;
  options_.client_id = 0;
  Restart();
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("b", 1000)})[0])) << "it has no id";
  EXPECT_EQ(cell_.times_applied["b"], 2);
}

TEST_F(RoutingTest, UnknownOutcomeIsNotRepeatedForEver) {
  for (int i = 0; i < 200; ++i) {
    cell_.FailNext({Method::kMutateRows, OkStatus(), true, /*silent=*/true});
  }
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("a")}, 3'600'000)[0]));
  const int64_t seconds = (clock_.BootNanos() - start) / 1'000'000'000;
  EXPECT_LT(seconds, kRequestMemoryMs / 1000) << "servers forget it";
  EXPECT_GT(seconds, kRequestMemoryMs / 2000);
}

TEST_F(RoutingTest, ConditionalChangesAreRepeatedUnderTheirId) {
  cell_.FailNext({Method::kCheckAndMutateRow, absl::UnavailableError("lost"), true});
  cell_.FailNext({Method::kCheckAndMutateRow, wire::OverloadedError("busy", 30)});
  cell_.Move("t", "ts:9");
  EXPECT_TRUE(Check().ok());
  ASSERT_EQ(cell_.ids_of["n"].size(), 2u);
  EXPECT_EQ(cell_.ids_of["n"][0], cell_.ids_of["n"][1]);
  cell_.refused_rows = {"n"};
  EXPECT_TRUE(absl::IsNotFound(Check()));
  cell_.FailNext({Method::kCheckAndMutateRow, absl::UnavailableError("lost"), true});
  EXPECT_TRUE(absl::IsUnknown(Check())) << "the first attempt may have been done";
  cell_.FailNext({Method::kCheckAndMutateRow, absl::UnavailableError("lost"), true});
  cell_.FailNext({Method::kCheckAndMutateRow, absl::AlreadyExistsError("it was done, once")});
  EXPECT_TRUE(absl::IsAlreadyExists(Check())) << "known to be done, its answer is lost";
  EXPECT_EQ(core_->ids()->first_incomplete(), 5u);
}

// A call's own terms, against a client that has others.
TEST_F(RoutingTest, ACallMayBeTriedOnceOnly) {
  call_ = RetryOptions{.retry = false};
  const std::pair<Status, absl::StatusCode> cases[] = {
      {wire::OverloadedError("busy", 1), absl::StatusCode::kResourceExhausted},
      {absl::UnavailableError("lost"), absl::StatusCode::kUnknown}};
  for (const auto& [why, code] : cases) {
    const bool executed = code == absl::StatusCode::kUnknown;
    cell_.FailNext({Method::kMutateRows, why, executed});
    EXPECT_EQ(Apply({Set("a")})[0].code(), code);
    cell_.FailNext({Method::kCheckAndMutateRow, why, executed});
    EXPECT_EQ(Check().code(), code);
  }
  EXPECT_EQ(cell_.CountSent(Method::kMutateRows), 2);
  EXPECT_EQ(cell_.CountSent(Method::kCheckAndMutateRow), 2);
  cell_.FailNext({Method::kReadRows, absl::UnavailableError("lost")});
  EXPECT_TRUE(absl::IsUnavailable(Scan({}).status()));
}

TEST_F(RoutingTest, ACallMayBeRepeatedOnlyWithoutEffect) {
  call_ = RetryOptions{.retry_after_unknown = false};
  cell_.FailNext({Method::kMutateRows, wire::OverloadedError("busy", 1)});
  EXPECT_TRUE(Apply({Set("a")})[0].ok()) << "it had no effect";
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("lost"), true});
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("b")})[0]));
  EXPECT_EQ(cell_.times_applied["b"], 1);
}

TEST_F(RoutingTest, ACallMayBeRepeatedThoughItsClientDoesNot) {
  options_.retry.retry = options_.retry.retry_after_unknown = false;
  Restart();
  call_ = RetryOptions();
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("lost"), true});
  EXPECT_TRUE(Apply({Set("a")})[0].ok());
  ASSERT_EQ(cell_.ids_of["a"].size(), 2u);
  EXPECT_EQ(cell_.ids_of["a"][0], cell_.ids_of["a"][1]);
}

TEST_F(RoutingTest, AttemptsOfACallAreCounted) {
  call_ = RetryOptions{.max_attempts = 3};
  for (int failures : {2, 3}) {
    for (const Method method : {Method::kMutateRows, Method::kCheckAndMutateRow}) {
      for (int i = 0; i < failures; ++i) cell_.FailNext({method, wire::OverloadedError("busy", 1)});
    }
    const auto want = failures < 3 ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted;
    EXPECT_EQ(Apply({Set("a")})[0].code(), want);
    EXPECT_EQ(Check().code(), want);
  }
  EXPECT_EQ(cell_.CountSent(Method::kMutateRows), 6);
  EXPECT_EQ(cell_.CountSent(Method::kCheckAndMutateRow), 6);
  ASSERT_TRUE(Locate("a").ok());
  cell_.sent.clear();
  for (int i = 0; i < 4; ++i) cell_.FailNext({Method::kReadRows, absl::ResourceExhaustedError("")});
  EXPECT_TRUE(absl::IsResourceExhausted(Scan({}).status()));
  EXPECT_EQ(cell_.CountSent(Method::kReadRows), 3);
}

TEST_F(RoutingTest, BackoffOfACallIsItsOwn) {
  call_ = RetryOptions{.first_backoff_ms = 1, .max_backoff_ms = 1, .max_attempts = 6};
  const Status refused = NothingSent(absl::UnavailableError("refused"));
  for (int i = 0; i < 5; ++i) cell_.FailNext({Method::kMutateRows, refused});
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(Apply({Set("a")})[0].ok());
  EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, 5);
}

// Regression: an attempt after which nothing would follow was given up as early as one that is
// repeated, so that a slow server looked like a lost one.
TEST_F(RoutingTest, TheOnlyAttemptIsWaitedForUntilTheDeadline) {
  for (const bool retry : {false, true}) {
    call_ = RetryOptions{.retry = retry, .retry_after_unknown = false};
    cell_.FailNext({Method::kMutateRows, OkStatus(), true, /*silent=*/true});
    cell_.FailNext({Method::kCheckAndMutateRow, OkStatus(), true, /*silent=*/true});
    const int64_t start = clock_.BootNanos();
    EXPECT_TRUE(absl::IsUnknown(Apply({Set("a")}, 20'000)[0]));
    EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, 20'000);
    EXPECT_FALSE(Check(20'000).ok());
    EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, 40'000);
  }
}

TEST_F(RoutingTest, NotSentIsRepeatedForAll) {
  const Status refused = NothingSent(absl::UnavailableError("refused"));
  for (int i = 0; i < 3; ++i) cell_.FailNext({Method::kMutateRows, refused});
  EXPECT_TRUE(Apply({Set("a")})[0].ok());
  EXPECT_EQ(cell_.times_applied["a"], 1);
}

TEST_F(RoutingTest, OnceUnknownAlwaysUnknownUntilItSucceeds) {
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("lost"), true});
  cell_.FailNext({Method::kMutateRows, absl::NotFoundError("no such table")});
  const Status status = Apply({Set("a", 1000)})[0];
  EXPECT_TRUE(absl::IsUnknown(status)) << "the first attempt was applied: " << status;
}

TEST_F(RoutingTest, DeadlineWithoutAnySendIsDefinite) {
  const Status refused = NothingSent(absl::UnavailableError("refused"));
  for (int i = 0; i < 100; ++i) cell_.FailNext({Method::kMutateRows, refused});
  const int64_t start = clock_.BootNanos();
  const Status status = Apply({Set("a")}, 300)[0];
  EXPECT_FALSE(absl::IsUnknown(status)) << status;
  EXPECT_FALSE(status.ok());
  EXPECT_LE((clock_.BootNanos() - start) / 1'000'000, 300);
  EXPECT_EQ(cell_.times_applied.count("a"), 0u);
}

TEST_F(RoutingTest, SilentServerIsUnknownAtTheDeadline) {
  cell_.FailNext({Method::kMutateRows, OkStatus(), true, /*silent=*/true});
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("a")}, 200)[0]));
  EXPECT_EQ((clock_.BootNanos() - start) / 1'000'000, 200);
}

TEST_F(RoutingTest, NoRetryIsOneAttempt) {
  options_.retry.retry = false;
  Restart();
  ASSERT_TRUE(Apply({Set("a")})[0].ok());
  cell_.Move("g", "ts:5");
  EXPECT_TRUE(absl::IsUnavailable(Apply({Set("a")})[0]));
  EXPECT_TRUE(Apply({Set("a")})[0].ok()) << "the failure taught the new location";
}

TEST_F(RoutingTest, WrongNumberOfResultsIsUnknown) {
  class Truncating : public FakeCell {
    using FakeCell::FakeCell;
    void Call(const std::string& a, uint16_t m, net::Buffer b, int64_t t, Callback done) override {
      if (m != static_cast<uint16_t>(Method::kMutateRows)) {
        return FakeCell::Call(a, m, std::move(b), t, std::move(done));
      }
      done(wire::Encode(wire::MutateRowsResponse()));
    }
  } cell(&timers_);
  cell.SetTablets({{"", "ts:1"}});
  Core core({&cell, &timers_, &clock_, &jitter_}, options_);
  Locator locator(&core);
  std::vector<Status> statuses;
  BatchOp::Start(&core, &locator, kTable, {Set("a")}, {core.DeadlineAfterMs(1000), {}},
                 [&](std::vector<Status> s) { statuses = std::move(s); });
  ASSERT_TRUE(cell.Run([&] { return !statuses.empty(); }));
  EXPECT_TRUE(absl::IsUnknown(statuses[0])) << statuses[0];
}

TEST_F(RoutingTest, EmptyBudgetSlowsRetriesDown) {
  options_.retry.budget_burst = 2;
  options_.retry.budget_per_second = 1;
  Restart();
  for (int i = 0; i < 100; ++i) {
    cell_.FailNext({Method::kMutateRows, wire::OverloadedError("busy", 1)});
  }
  EXPECT_FALSE(Apply({Set("a")}, 5000)[0].ok());
  EXPECT_LE(cell_.CountSent(Method::kMutateRows), 1 + 2 + 5) << "a call, the burst, one a second";
  EXPECT_GE(cell_.CountSent(Method::kMutateRows), 5);
}

TEST_F(RoutingTest, AttemptsThatReachedNobodyCostNoBudget) {
  options_.retry.budget_burst = 1;
  options_.retry.budget_per_second = 1;
  Restart();
  const Status refused = NothingSent(absl::UnavailableError("refused"));
  for (int i = 0; i < 20; ++i) cell_.FailNext({Method::kMutateRows, refused});
  for (int i = 0; i < 20; ++i) cell_.FailNext({Method::kGetRoot, refused});
  EXPECT_TRUE(Apply({Set("a")}, 60'000)[0].ok());
  EXPECT_EQ(cell_.CountSent(Method::kMutateRows), 21);
}

// The end of a fail-over is not slept through.
TEST_F(RoutingTest, BackoffStaysShortWhileNobodyServesTheTablet) {
  constexpr int kAttempts = 100;
  for (const Status& failure : {NothingSent(absl::UnavailableError("refused")),
                                wire::NotServedError("tablet 3 is opening", nullptr)}) {
    for (int i = 0; i < kAttempts; ++i) cell_.FailNext({Method::kMutateRows, failure});
    const int64_t start = clock_.BootNanos();
    EXPECT_TRUE(Apply({Set("a")}, 600'000)[0].ok());
    EXPECT_LT((clock_.BootNanos() - start) / 1'000'000, kAttempts * 250) << failure;
  }
}

TEST_F(RoutingTest, ServersDelayIsKept) {
  cell_.FailNext({Method::kMutateRows, wire::OverloadedError("busy", 700)});
  const int64_t start = clock_.BootNanos();
  EXPECT_TRUE(Apply({Set("a")})[0].ok());
  EXPECT_GT((clock_.BootNanos() - start) / 1'000'000, 700);
}

TEST_F(RoutingTest, ScanCrossesTabletsInOrderWhateverThePageSize) {
  const std::vector<std::string> keys = Fill(100);
  for (bool reversed : {false, true}) {
    reversed_ = reversed;
    for (uint64_t page : {1, 3, 7, 1000}) {
      cell_.rows_per_page = page;
      StatusOr<std::vector<std::string>> got = Scan({});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(*got, reversed ? Backwards(keys) : keys) << "page of " << page;
    }
  }
}

TEST_F(RoutingTest, ScanTakesKeysRangesAndLimits) {
  Fill(100);
  RowSet rows{{"zd", "aa", "none"}, {{"ga", false, "ha", true}, {"ma", true, "mc", false}}};
  StatusOr<std::vector<std::string>> got = Scan(rows);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, (std::vector<std::string>{"aa", "ga", "gb", "gc", "gd", "mb", "mc"}));
  EXPECT_EQ(*Scan(rows, 3), (std::vector<std::string>{"aa", "ga", "gb"}));
  EXPECT_EQ(Scan({{}, {{"x", false, "x", true}}})->size(), 0u);
}

TEST_F(RoutingTest, ScanOfMoreKeysThanARequestHolds) {
  Fill(600);
  RowSet rows;
  std::vector<std::string> expected;
  for (const auto& [key, row] : cell_.rows) {
    rows.keys.push_back(key);
    rows.keys.push_back(key + "-absent");
    rows.keys.push_back(key + "-missing");
    expected.push_back(key);
  }
  for (bool reversed : {false, true}) {
    reversed_ = reversed;
    StatusOr<std::vector<std::string>> got = Scan(rows);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, reversed ? Backwards(expected) : expected);
  }
}

TEST_F(RoutingTest, ScanGoesOnAfterFailuresAndMoves) {
  const std::vector<std::string> keys = Fill(100);
  cell_.rows_per_page = 5;
  for (bool reversed : {false, true}) {
    reversed_ = reversed;
    ASSERT_TRUE(Locate("a").ok());
    ASSERT_TRUE(Locate("z").ok());
    for (int i = 0; i < 5; ++i) {
      cell_.FailNext({Method::kReadRows, absl::UnavailableError("connection lost")});
    }
    cell_.Move("m", reversed ? "ts:8" : "ts:9");
    StatusOr<std::vector<std::string>> got = Scan({});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, reversed ? Backwards(keys) : keys);
  }
}

// The tree's three levels, what was known of them, each request and what became of it.
TEST_F(RoutingTest, AnExplainedScanTellsItsWay) {
  Fill(10);
  explanation_ = std::make_shared<ReadExplanation>();
  ASSERT_TRUE(Scan({{"b"}, {}}).ok());
  const auto first = *explanation_;
  ASSERT_EQ(first.steps.size(), 3u);
  EXPECT_EQ(first.steps[0].what, "root tablet");
  EXPECT_EQ(first.steps[1].what, "METADATA tablet");
  EXPECT_EQ(first.steps[2].what, "tablet");
  for (const auto& step : first.steps) {
    EXPECT_FALSE(step.cached) << step.what;
    EXPECT_FALSE(step.address.empty()) << step.what;
  }
  ASSERT_EQ(first.attempts.size(), 1u);
  EXPECT_EQ(first.attempts[0].address, first.steps[2].address);
  EXPECT_EQ(first.attempts[0].tablet, first.steps[2].tablet);
  EXPECT_TRUE(first.attempts[0].status.ok());
  EXPECT_FALSE(first.attempts[0].traced) << "this server tells nothing";

  explanation_ = std::make_shared<ReadExplanation>();
  cell_.FailNext({Method::kReadRows, absl::UnavailableError("connection lost")});
  ASSERT_TRUE(Scan({{"b"}, {}}).ok());
  const auto& second = *explanation_;
  ASSERT_GE(second.steps.size(), 3u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(second.steps[i].cached) << second.steps[i].what;
  ASSERT_EQ(second.attempts.size(), 2u);
  EXPECT_TRUE(absl::IsUnavailable(second.attempts[0].status));
  EXPECT_TRUE(second.attempts[1].status.ok());
}

TEST_F(RoutingTest, ScanStopsAtAFailureThatStays) {
  Fill(10);
  ASSERT_TRUE(Locate("a").ok());
  cell_.FailNext({Method::kReadRows, absl::DataLossError("block 7 is damaged")});
  StatusOr<std::vector<std::string>> got = Scan({});
  EXPECT_TRUE(IsCorrupt(got.status())) << got.status();
}

TEST_F(RoutingTest, ReversedScanTakesKeysRangesAndLimits) {
  Fill(100);
  reversed_ = true;
  // m and t end tablets, so each side of them is asked of another server.
  for (const char* key : {"g", "m", "t"}) cell_.rows[key] = {key, {{"f", "q", 0, "v"}}};
  RowSet rows{{"zd", "aa", "none", "t", "m"},
              {{"fc", false, "ha", true}, {"ma", true, "mc", false}, {"x", false, "x", true}}};
  const std::vector<std::string> all = {"t",  "mc", "mb", "m",  "gd", "gc",
                                        "gb", "ga", "g",  "fd", "fc", "aa"};
  StatusOr<std::vector<std::string>> got = Scan(rows);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, all);
  for (uint64_t page : {1, 2, 1000}) {
    cell_.rows_per_page = page;
    for (size_t limit = 1; limit <= all.size() + 1; ++limit) {
      const size_t expected = std::min(limit, all.size());
      EXPECT_EQ(*Scan(rows, limit), std::vector<std::string>(all.begin(), all.begin() + expected));
    }
  }
  EXPECT_EQ(Scan({{}, {{"x", false, "x", true}}})->size(), 0u);
  EXPECT_EQ(*Scan({{"aa"}, {}}), std::vector<std::string>{"aa"});
}

TEST_F(RoutingTest, ScanGoesOnWhileTabletsSplit) {
  const std::vector<std::string> keys = Fill(100);
  cell_.rows_per_page = 4;
  for (bool reversed : {false, true}) {
    for (bool hints : {false, true}) {
      cell_.SetTablets({{"g", "ts:1"}, {"m", "ts:2"}, {"t", "ts:1"}, {"", "ts:3"}});
      cell_.hints = hints;
      Restart();
      reversed_ = reversed;
      int pages = 0;
      between_pages_ = [&] {
        if (++pages == 2) {  // one tablet behind the scan, one under it, one before it
          for (const char* at : {"c", "j", "w"}) cell_.Split(at, "ts:9");
        }
      };
      StatusOr<std::vector<std::string>> got = Scan({});
      ASSERT_TRUE(got.ok()) << got.status();
      EXPECT_EQ(*got, reversed ? Backwards(keys) : keys) << (hints ? "with" : "no") << " hints";
      EXPECT_GT(cell_.CountSent(Method::kReadRows, "ts:9"), 0);
    }
  }
}

TEST_F(RoutingTest, ReversedRowsOutOfOrderAreNotBelieved) {
  Fill(10);
  reversed_ = true;
  cell_.ascending_whatever_is_asked = true;
  EXPECT_TRUE(IsCorrupt(Scan({}).status()));
}

TEST_F(RoutingTest, RowInPartsIsOneRow) {
  Row& large = cell_.rows["c"];
  large.key = "c";
  for (int i = 0; i < 10; ++i) large.cells.push_back({"f", "q" + std::to_string(i), 0, "v"});
  cell_.rows["b"] = {"b", {{"f", "q", 0, "v"}}};
  cell_.rows["d"] = {"d", {{"f", "q", 0, "v"}}};
  cell_.cells_per_part = 3;
  EXPECT_EQ(*Scan({}), (std::vector<std::string>{"b", "c", "d"}));
  cells_seen_ = 0;
  EXPECT_EQ(*Scan({{"c"}, {}}), (std::vector<std::string>{"c"}));
  EXPECT_EQ(cells_seen_, 10u);
  reversed_ = true;
  EXPECT_EQ(*Scan({}), (std::vector<std::string>{"d", "c", "b"}));
  EXPECT_EQ(*Scan({}, 2), (std::vector<std::string>{"d", "c"}));
}

TEST_F(RoutingTest, RowInPartsIsBegunAnewAfterAFailure) {
  Row& large = cell_.rows["c"];
  large.key = "c";
  for (int i = 0; i < 9; ++i) large.cells.push_back({"f", "q" + std::to_string(i), 0, "v"});
  cell_.cells_per_part = 4;
  ASSERT_TRUE(Locate("c").ok());
  auto scan = ScanOp::Create(core_.get(), locator_.get(), {kTable, *RowRanges::Create({}), {}, 1});
  std::optional<StatusOr<ScanOp::Page>> page;
  scan->NextPage(core_->DeadlineAfterMs(5000),
                 [&](StatusOr<ScanOp::Page> p) { page = std::move(p); });
  const size_t before = cell_.sent.size();
  ASSERT_FALSE(cell_.Run([&] { return page.has_value() || cell_.sent.size() == before + 2; }) &&
               page.has_value());
  cell_.FailNext({Method::kReadRows, absl::NotFoundError("the scanner is gone")});
  ASSERT_TRUE(cell_.Run([&] { return page.has_value(); }));
  ASSERT_TRUE(page->ok()) << page->status();
  ASSERT_EQ((*page)->rows.size(), 1u);
  EXPECT_EQ((*page)->rows[0].cells.size(), 9u);
  EXPECT_TRUE((*page)->last);
}

TEST_F(RoutingTest, PartsComeOneByOneAndTellWhenTheRowBeginsAnew) {
  Row& large = cell_.rows["c"];
  large.key = "c";
  for (int i = 0; i < 9; ++i) large.cells.push_back({"f", "q" + std::to_string(i), 0, "v"});
  cell_.rows["d"] = {"d", {{"f", "q", 0, "v"}}};
  cell_.cells_per_part = 4;
  auto scan = ScanOp::Create(core_.get(), locator_.get(), {kTable, *RowRanges::Create({}), {}, 0});
  std::string seen;  // key, cells, < first, > last
  for (int calls = 0;; ++calls) {
    ASSERT_LT(calls, 10);
    if (calls == 1) cell_.FailNext({Method::kReadRows, absl::NotFoundError("it is gone")});
    std::optional<StatusOr<ScanOp::Parts>> page;
    scan->NextParts(core_->DeadlineAfterMs(5000),
                    [&](StatusOr<ScanOp::Parts> p) { page = std::move(p); });
    ASSERT_TRUE(cell_.Run([&] { return page.has_value(); }));
    ASSERT_TRUE(page->ok()) << page->status();
    for (const RowPart& part : (*page)->parts) {
      seen += (part.first ? "<" : " ") + part.key + std::to_string(part.cells.size()) +
              (part.last ? ">" : " ");
    }
    if ((*page)->last) break;
  }
  EXPECT_EQ(seen, "<c4 <c4  c4  c1><d1>");
}

TEST_F(RoutingTest, ACancelledScanEndsAndGivesBackWhatServersKeep) {
  Row& large = cell_.rows["c"];
  large.key = "c";
  for (int i = 0; i < 9; ++i) large.cells.push_back({"f", "q" + std::to_string(i), 0, "v"});
  cell_.cells_per_part = 4;
  for (const bool under_way : {false, true}) {
    auto scan =
        ScanOp::Create(core_.get(), locator_.get(), {kTable, *RowRanges::Create({}), {}, 0});
    std::optional<StatusOr<ScanOp::Parts>> page;
    auto next = [&] {
      page.reset();
      scan->NextParts(core_->DeadlineAfterMs(5000),
                      [&](StatusOr<ScanOp::Parts> p) { page = std::move(p); });
    };
    next();
    ASSERT_TRUE(cell_.Run([&] { return page.has_value(); }));
    ASSERT_TRUE(page->ok()) << page->status();
    if (under_way) next();
    scan->Cancel();
    scan->Cancel();
    if (!under_way) next();
    ASSERT_TRUE(cell_.Run([&] { return page.has_value(); }));
    EXPECT_TRUE(absl::IsCancelled(page->status())) << page->status();
    FinishAll();
    EXPECT_EQ(cell_.cancelled_calls, under_way ? 1u : 0u);
    EXPECT_EQ(cell_.released.size(), under_way ? 2u : 1u) << "once each";
  }
}

TEST_F(RoutingTest, ACancelledScanIsNotTriedAgain) {
  Fill(10);
  ASSERT_TRUE(Locate("a").ok());
  auto scan = ScanOp::Create(core_.get(), locator_.get(), {kTable, *RowRanges::Create({}), {}, 0});
  std::optional<StatusOr<ScanOp::Page>> page;
  cell_.FailNext({Method::kReadRows, absl::UnavailableError("connection lost")});
  scan->NextPage(core_->DeadlineAfterMs(5000),
                 [&](StatusOr<ScanOp::Page> p) { page = std::move(p); });
  const size_t before = cell_.sent.size();
  cell_.Run([&] { return cell_.sent.size() == before + 1; });  // it waits to try again
  ASSERT_FALSE(page.has_value());
  scan->Cancel();
  ASSERT_TRUE(cell_.Run([&] { return page.has_value(); }));
  EXPECT_TRUE(absl::IsCancelled(page->status())) << page->status();
  EXPECT_EQ(cell_.sent.size(), before + 1);
}

TEST_F(RoutingTest, AWriteRefusedUntilTheDeadlineSaysWhatItWasRefusedFor) {
  cell_.refuse_writes = wire::OverloadedError("the disk is full", 500);
  const std::vector<Status> results = Apply({Set("a"), Set("z")}, 3000);
  for (const Status& status : results) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_NE(status.message().find("the disk is full"), std::string::npos) << status;
  }
  EXPECT_GE(cell_.CountSent(Method::kMutateRows), 4) << "it is tried again until then";
  // What may have been done before it was refused is still unknown.
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(absl::IsUnknown(Apply({Set("a", 1000)}, 3000)[0]));
  // There is room again.
  cell_.FailNext({Method::kMutateRows, wire::OverloadedError("the disk is full", 500)});
  cell_.refuse_writes = OkStatus();
  EXPECT_TRUE(Apply({Set("a")}, 3000)[0].ok());
}

TEST_F(RoutingTest, OneWriteIsARequestAndRepeatedUnderItsId) {
  ASSERT_TRUE(ApplyOne(Set("a")).ok());
  const size_t before = cell_.sent.size();
  ASSERT_TRUE(ApplyOne(Set("b")).ok());
  EXPECT_EQ(cell_.sent.size(), before + 1);
  cell_.Move("g", "ts:5");
  EXPECT_TRUE(ApplyOne(Set("a")).ok()) << "a move is not seen by the caller";
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(ApplyOne(Set("z")).ok());
  const std::vector<RequestId>& ids = cell_.ids_of["z"];
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0].client_id, kClientId);
}

TEST_F(RoutingTest, OneWriteFailsAsOneOfABatchDoes) {
  cell_.refused_rows = {"a"};
  EXPECT_TRUE(absl::IsNotFound(ApplyOne(Set("a"))));
  cell_.refuse_writes = wire::OverloadedError("the disk is full", 500);
  EXPECT_TRUE(absl::IsResourceExhausted(ApplyOne(Set("a"), 3000)));
  cell_.refuse_writes = absl::UnavailableError("closing");
  const Status late = ApplyOne(Set("b"), 3000);
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
  EXPECT_NE(late.message().find("closing"), std::string::npos) << late;
  cell_.refuse_writes = OkStatus();
  cell_.FailNext({Method::kMutateRows, OkStatus(), true, /*silent=*/true});
  EXPECT_TRUE(absl::IsUnknown(ApplyOne(Set("b"), 200)));
  // Without a client there are no ids, so nothing is repeated.
  options_.client_id = 0;
  Restart();
  EXPECT_TRUE(ApplyOne(Set("q")).ok());
  EXPECT_EQ(cell_.ids_of.count("q"), 0u);
  cell_.FailNext({Method::kMutateRows, absl::UnavailableError("connection lost"), true});
  EXPECT_TRUE(absl::IsUnknown(ApplyOne(Set("q"))));
}

TEST_F(RoutingTest, AnAnswerForAnotherNumberOfRowsIsUnknown) {
  const auto none = [](const StatusOr<net::Buffer>&) {
    return wire::Encode(wire::MutateRowsResponse());
  };
  cell_.rewrite_answer = {Method::kMutateRows, none};
  EXPECT_TRUE(absl::IsUnknown(ApplyOne(Set("a"))));
}

TEST_F(RoutingTest, APointReadIsOneRequest) {
  cell_.rows["a"] = {"a", {{"f", "q", 0, "v"}}};
  ASSERT_TRUE(Locate("a").ok());
  const size_t before = cell_.sent.size();
  auto row = ReadOne("a");
  ASSERT_TRUE(row.ok() && row->has_value()) << row.status();
  EXPECT_EQ(**row, cell_.rows["a"]);
  row = ReadOne("absent");
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_FALSE(row->has_value());
  EXPECT_EQ(cell_.sent.size(), before + 2);
}

TEST_F(RoutingTest, APointReadIsTriedAgainUntilItsDeadline) {
  cell_.rows["a"] = {"a", {{"f", "q", 0, "v"}}};
  ASSERT_TRUE(ReadOne("a")->has_value());
  cell_.Move("g", "ts:5");
  EXPECT_TRUE(ReadOne("a")->has_value());
  for (const Status& status : {absl::UnavailableError("lost"), absl::UnknownError("?")}) {
    cell_.FailNext({Method::kReadRows, status});
    EXPECT_TRUE(ReadOne("a")->has_value());
  }
  cell_.FailNext({Method::kReadRows, absl::NotFoundError("no such family")});
  EXPECT_TRUE(absl::IsNotFound(ReadOne("a").status()));
  for (int i = 0; i < 100; ++i) {
    cell_.FailNext({Method::kReadRows, absl::ResourceExhaustedError("busy")});
  }
  EXPECT_FALSE(ReadOne("a", 500).ok());
  cell_.FailNext({Method::kGetRoot, absl::NotFoundError("no cell")});
  Restart();
  EXPECT_FALSE(ReadOne("a", 500).ok());
}

TEST_F(RoutingTest, APointReadPutsPartsTogetherAndBeginsAnewAfterAFailure) {
  AddRowInParts();
  auto row = ReadOne("c");
  ASSERT_TRUE(row.ok() && row->has_value()) << row.status();
  EXPECT_EQ((*row)->cells.size(), 9u);
  // After the second the tablet is looked up anew.
  for (const auto& [status, requests] : {std::pair(absl::NotFoundError("the scanner is gone"), 5),
                                         std::pair(absl::UnavailableError("lost"), 6)}) {
    const int before = cell_.CountSent(Method::kReadRows);
    cell_.FailAfter(Method::kReadRows, 1, status);
    row = ReadOne("c");
    ASSERT_TRUE(row.ok() && row->has_value()) << row.status();
    EXPECT_EQ((*row)->cells.size(), 9u);
    EXPECT_EQ(cell_.CountSent(Method::kReadRows), before + requests)
        << "a part, a failure, three parts";
  }
}

TEST_F(RoutingTest, APointReadBelievesNoWrongAnswer) {
  cell_.rows["a"] = {"a", {{"f", "q", 0, "v"}}};
  ASSERT_TRUE(ReadOne("a")->has_value());
  const Row a = cell_.rows["a"], b{"b", a.cells};
  using Page = wire::ReadRowsResponse;
  for (const Page& wrong : {Page{{b}, true, {}, {}, {}}, Page{{a, b}, true, {}, {}, {}},
                            Page{{}, false, {}, {9, 1}, {}}}) {
    cell_.rewrite_answer = {Method::kReadRows,
                            [&](const StatusOr<net::Buffer>&) { return wire::Encode(wrong); }};
    EXPECT_TRUE(absl::IsDataLoss(ReadOne("a").status()));
  }
  // The first part comes, and then the end of the tablet.
  int pages = 0;
  cell_.rewrite_answer = {Method::kReadRows, [&](const StatusOr<net::Buffer>&) {
                            return wire::Encode(++pages == 1 ? Page{{a}, false, {}, {9, 1}, {}}
                                                             : Page{{}, true, {}, {}, {}});
                          }};
  EXPECT_TRUE(absl::IsDataLoss(ReadOne("a").status()));
  // But of a row that a filter left nothing of nothing more comes.
  pages = 0;
  cell_.rewrite_answer = {Method::kReadRows, [&](const StatusOr<net::Buffer>&) {
                            return wire::Encode(++pages == 1
                                                    ? Page{{{"a", {}}}, false, {}, {9, 1}, {}}
                                                    : Page{{}, true, {}, {}, {}});
                          }};
  const auto none = ReadOne("a");
  EXPECT_TRUE(none.ok() && !none->has_value()) << none.status();
  EXPECT_EQ(pages, 2);
  // Pages without an end are asked for until the time is over.
  cell_.rewrite_answer = {Method::kReadRows, [&](const StatusOr<net::Buffer>&) {
                            clock_.Advance(100'000'000);
                            return wire::Encode(Page());
                          }};
  EXPECT_TRUE(absl::IsDeadlineExceeded(ReadOne("a", 1000).status()));
}

TEST_F(RoutingTest, MasterCallRepeatsOnlyWhatIsRepeatable) {
  auto call = [&](Method method, bool repeatable) {
    std::optional<Status> result;
    MasterCall<wire::Empty, wire::TableNameRequest>::Start(
        core_.get(), locator_.get(), method, {"t"}, repeatable, core_->DeadlineAfterMs(5000),
        [&](StatusOr<wire::Empty> answer) { result = answer.status(); });
    EXPECT_TRUE(cell_.Run([&] { return result.has_value(); }));
    return result.value_or(absl::InternalError("never answered"));
  };
  cell_.FailNext({Method::kListTables, absl::UnavailableError("lost")});
  EXPECT_TRUE(call(Method::kListTables, true).ok());
  cell_.FailNext({Method::kDropTable, absl::UnavailableError("lost"), true});
  EXPECT_TRUE(absl::IsUnknown(call(Method::kDropTable, false)));
  const Status refused = NothingSent(absl::UnavailableError("refused"));
  cell_.FailNext({Method::kDropTable, refused});
  EXPECT_TRUE(call(Method::kDropTable, false).ok());
  cell_.FailNext({Method::kDropTable, absl::FailedPreconditionError("protected")});
  EXPECT_TRUE(absl::IsFailedPrecondition(call(Method::kDropTable, false)));
}

TEST_F(RoutingTest, ClosedClientRefuses) {
  core_->gate()->CloseAndDrain();
  EXPECT_TRUE(absl::IsCancelled(Apply({Set("a")})[0]));
  EXPECT_TRUE(absl::IsCancelled(ApplyOne(Set("a"))));
  EXPECT_TRUE(absl::IsCancelled(ReadOne("a").status()));
  EXPECT_TRUE(absl::IsCancelled(Scan({}).status()));
  EXPECT_TRUE(absl::IsCancelled(Locate("a").status()));
}

}  // namespace
}  // namespace stele::routing
