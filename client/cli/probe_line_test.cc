// The probe's line language, and the form of its answers.
#include "client/cli/probe_line.h"

#include <gtest/gtest.h>

namespace stele::cli {
namespace {

using Kind = ProbeRequest::Kind;

ProbeRequest Parse(std::string_view line) {
  ProbeRequest request;
  Status status = ParseProbeLine(line, &request);
  EXPECT_TRUE(status.ok()) << line << ": " << status;
  return request;
}

TEST(ProbeLine, Put) {
  ProbeRequest request = Parse("7 put t 726f77 66 _ 00ff ts_us=5000 deadline_ms=30");
  EXPECT_EQ(request.id, "7");
  EXPECT_EQ(request.kind, Kind::kPut);
  EXPECT_EQ(request.table, "t");
  EXPECT_EQ(request.deadline_ms, 30);
  ASSERT_EQ(request.rows.size(), 1u);
  EXPECT_EQ(request.rows[0].row, "row");
  const SetCell& set = std::get<SetCell>(request.rows[0].mutations[0]);
  EXPECT_EQ(set.family, "f");
  EXPECT_EQ(set.qualifier, "");
  EXPECT_EQ(set.value, std::string("\0\xFF", 2));
  EXPECT_EQ(set.timestamp_us, 5000);
  EXPECT_EQ(std::get<SetCell>(Parse("1 put t 61 66 71 _").rows[0].mutations[0]).timestamp_us,
            kServerTime);
}

TEST(ProbeLine, Delete) {
  EXPECT_TRUE(std::holds_alternative<DeleteFromRow>(Parse("1 del t 61").rows[0].mutations[0]));
  EXPECT_EQ(std::get<DeleteFromFamily>(Parse("1 del t 61 66").rows[0].mutations[0]).family, "f");
  const auto column = std::get<DeleteFromColumn>(Parse("1 del t 61 66 71").rows[0].mutations[0]);
  EXPECT_EQ(column.qualifier, "q");
  EXPECT_EQ(column.end_us, 0);
}

TEST(ProbeLine, GetScanBatch) {
  ProbeRequest get = Parse("a-1 get t 61 66 71");
  EXPECT_EQ(get.kind, Kind::kGet);
  EXPECT_EQ(get.row + get.family + get.qualifier, "afq");
  ProbeRequest scan = Parse("2 scan t _ 7a 10 deadline_ms=5");
  EXPECT_EQ(scan.kind, Kind::kScan);
  EXPECT_EQ(scan.start, "");
  EXPECT_EQ(scan.end, "z");
  EXPECT_EQ(scan.limit, 10u);
  ProbeRequest batch = Parse("3 batch t 61 66 71 31 62 66 71 32");
  EXPECT_EQ(batch.kind, Kind::kBatch);
  ASSERT_EQ(batch.rows.size(), 2u);
  EXPECT_EQ(batch.rows[1].row, "b");
}

TEST(ProbeLine, ConditionalChanges) {
  const ProbeRequest append = Parse("1 append t 61 66 71 6263");
  EXPECT_EQ(append.kind, Kind::kModify);
  EXPECT_EQ(append.modify.row, "a");
  EXPECT_EQ(append.modify.rules, std::vector<ReadModifyWriteRule>{(AppendToValue{"f", "q", "bc"})});
  const ProbeRequest incr = Parse("1 incr t 61 66 71 -5 deadline_ms=9");
  EXPECT_EQ(incr.modify.rules, std::vector<ReadModifyWriteRule>{(IncrementValue{"f", "q", -5})});
  const ProbeRequest cas = Parse("1 cas t 61 66 71 62 63");
  EXPECT_EQ(cas.kind, Kind::kCheck);
  EXPECT_EQ(cas.check.if_true, std::vector<Mutation>{(SetCell{"f", "q", kServerTime, "c"})});
  EXPECT_FALSE(cas.apply_if_false);
  const ProbeRequest absent = Parse("1 cas t 61 66 71 - 63");
  EXPECT_TRUE(absent.apply_if_false);
  EXPECT_EQ(absent.check.if_false.size(), 1u);
  const Filter newest = Filter::Column("f", "q") & Filter::Versions(1);
  EXPECT_EQ(absent.check.predicate, newest);
  EXPECT_EQ(cas.check.predicate,
            newest & Filter::ValueRange(Bound::Closed("b"), Bound::Closed("b")));
}

TEST(ProbeLine, MalformedLinesKeepTheirId) {
  for (const char* line : {"x",
                           "x put",
                           "x put t",
                           "x put t 61",
                           "x put t 61 66 71",
                           "x put t 6 66 71 61",
                           "x put t 61 66 71 zz",
                           "x put t 61 66 71 61 ts_us=",
                           "x get t 61 66",
                           "x del t",
                           "x del t 61 66 71 61",
                           "x scan t _ _",
                           "x scan t _ _ many",
                           "x batch t 61 66 71",
                           "x batch t",
                           "x frob t",
                           "x get t 61 66 71 deadline_ms=0",
                           "x append t 61 66 71",
                           "x incr t 61 66 71",
                           "x incr t 61 66 71 x",
                           "x cas t 61 66 71 -",
                           "x get t 61 66 71 deadline_ms=z"}) {
    ProbeRequest request;
    EXPECT_TRUE(absl::IsInvalidArgument(ParseProbeLine(line, &request))) << line;
    EXPECT_EQ(request.id, "x") << line;
  }
  ProbeRequest request;
  EXPECT_FALSE(ParseProbeLine("", &request).ok());
  EXPECT_EQ(request.id, "?");
}

TEST(ProbeRows, AreJsonWithoutBlanks) {
  EXPECT_EQ(ProbeRows({}), "[]");
  EXPECT_EQ(ProbeRows({{"a", {{"f", "", 1000, "v"}, {"f", "q", 2000, ""}}}, {"b", {}}}),
            R"([["61",[["66","_",1000,"76"],["66","71",2000,"_"]]],["62",[]]])");
}

TEST(CodeName, IsTheCodeInCapitals) {
  EXPECT_EQ(CodeName(absl::NotFoundError("x")), "NOT_FOUND");
  EXPECT_EQ(CodeName(absl::UnimplementedError("x")), "UNIMPLEMENTED");
}

}  // namespace
}  // namespace stele::cli
