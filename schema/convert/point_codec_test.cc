// Goal: what is written of one row is read as the general form, only a plain read of one row is
// taken for one, and hostile bytes do no harm on that way either.
#include "schema/convert/point_codec.h"

#include <gtest/gtest.h>

#include "common/testing/seeded_random.h"
#include "common/testing/status_asserts.h"
#include "schema/convert/codec.h"
#include "schema/model/limits.h"

namespace stele::wire {
namespace {

ReadRowsRequest OneRow() {
  ReadRowsRequest request;
  request.table = 17;
  request.tablet = 71;
  request.rows.keys = {"row"};
  request.rows_limit = 1;
  request.max_bytes = 1000;
  request.sample_seed = 5;
  return request;
}

bool IsPoint(const ReadRowsRequest& request) {
  PointRequest out;
  return DecodePoint(*Encode(request), &out);
}

TEST(PointCodec, TakesARequestForOneRowWithItsSelection) {
  ReadRowsRequest request = OneRow();
  PointRequest out;
  const net::Buffer plain = *Encode(request);
  ASSERT_TRUE(DecodePoint(plain, &out));
  EXPECT_EQ(out.table, 17u);
  EXPECT_EQ(out.tablet, 71u);
  EXPECT_EQ(out.row, "row");
  EXPECT_EQ(out.max_bytes, 1000u);
  EXPECT_EQ(out.selection, ReadSelection());
  request.selection.families = {"f"};
  request.selection.cells_per_column = 1;
  const net::Buffer selected = *Encode(request);
  ASSERT_TRUE(DecodePoint(selected, &out));
  EXPECT_EQ(out.selection, request.selection);
}

TEST(PointCodec, LeavesEveryOtherRequest) {
  const std::vector<void (*)(ReadRowsRequest*)> others = {
      [](ReadRowsRequest* r) { r->rows.keys.clear(); },
      [](ReadRowsRequest* r) { r->rows.keys.push_back("other"); },
      [](ReadRowsRequest* r) { r->rows.keys[0].clear(); },
      [](ReadRowsRequest* r) { r->rows.keys[0] = std::string(kMaxRowKeyBytes + 1, 'r'); },
      [](ReadRowsRequest* r) {
        r->rows.ranges.push_back({"a", false, "b", false});
      },
      [](ReadRowsRequest* r) { r->resume_after = "a"; },
      [](ReadRowsRequest* r) {
        r->cursor = {3, 4};
      },
      [](ReadRowsRequest* r) { r->filter = Filter::CellsPerRowLimit(2); },
      [](ReadRowsRequest* r) { r->reversed = true; },
      [](ReadRowsRequest* r) { r->release = true; },
      [](ReadRowsRequest* r) { r->explain = true; },
      [](ReadRowsRequest* r) { r->selection.families = {std::string(10'000, 'f')}; }};
  ASSERT_TRUE(IsPoint(OneRow()));
  for (size_t i = 0; i < others.size(); ++i) {
    ReadRowsRequest request = OneRow();
    others[i](&request);
    EXPECT_FALSE(IsPoint(request)) << i;
  }
}

TEST(PointCodec, DamagedRequestsDoNoHarm) {
  SeededRandom random(TestSeed());
  STELE_TRACE_SEED(TestSeed());
  ReadRowsRequest request = OneRow();
  request.selection.columns = {{"f", "q"}};
  const net::Buffer body = *Encode(request);
  size_t left = 0;
  for (int i = 0; i < 20'000; ++i) {
    net::Buffer damaged = net::Buffer::Copy(body.bytes());
    for (uint64_t flips = 1 + random.Below(4); flips > 0; --flips) {
      damaged.mutable_data()[random.Below(damaged.size())] ^=
          static_cast<char>(1 << random.Below(8));
    }
    PointRequest out;
    if (!DecodePoint(damaged, &out)) {
      ++left;
      continue;
    }
    // What is taken lies in the body, and is what the general form reads.
    ASSERT_GE(out.row.data(), damaged.bytes().data());
    ASSERT_LE(out.row.data() + out.row.size(), damaged.bytes().data() + damaged.size());
    ReadRowsRequest general;
    ASSERT_OK(Decode(damaged, &general));
    ASSERT_EQ(general.rows.keys, std::vector<std::string>{std::string(out.row)});
    ASSERT_EQ(general.selection, out.selection);
  }
  EXPECT_GT(left, 1000u) << "the damage must reach pointers, too";
  for (size_t n = 0; n < body.size(); ++n) {
    PointRequest out;
    EXPECT_FALSE(DecodePoint(net::Buffer::Copy(body.bytes().substr(0, n)), &out)) << n;
  }
}

TEST(PointCodec, AnAnswerIsReadAsAPage) {
  const std::string large(5000, 'v');
  const std::vector<CellSlices> cells = {
      {"f", "a", 3, large}, {"f", "a", 2, ""}, {"f", "", 1, "x"}, {"g", "b", 1, "y"}};
  const ReadStats stats = {1, 4, 5000, 2, 6, 7000};
  ReadRowsResponse page;
  ASSERT_OK(Decode(*EncodePoint("row", cells, stats), &page));
  ReadRowsResponse wanted;
  wanted.rows = {{"row",
                  {{"f", "a", 3, large, ""},
                   {"f", "a", 2, "", ""},
                   {"f", "", 1, "x", ""},
                   {"g", "b", 1, "y", ""}}}};
  wanted.done = true;
  wanted.stats = stats;
  EXPECT_EQ(page, wanted);
  ASSERT_OK(Decode(*EncodePoint("row", {}, {}), &page));
  EXPECT_EQ(page, ReadRowsResponse{.done = true});
}

TEST(PointCodec, AnAnswerOverTheLimitOfABodyIsAnError) {
  const std::string huge(kMaxFrameBytes, 'v');
  const std::vector<CellSlices> cells = {{"f", "q", 1, huge}};
  EXPECT_STATUS(kResourceExhausted, "limit", EncodePoint("row", cells, {}));
}

// It takes a shorter way than others.
TEST(PointCodec, OneAppliedRowIsAnAnswerLikeOthers) {
  MutateRowsResponse message, out;
  out.results.resize(3);
  out.results[0].status = absl::InternalError("of before");
  message.results.resize(1);
  const net::Buffer applied = *Encode(message);
  ASSERT_OK(Decode(applied, &out));
  EXPECT_EQ(out, message);
  for (const RowResult& other : {RowResult{absl::NotFoundError("family"), 0, false},
                                 RowResult{OkStatus(), 5, false}, RowResult{OkStatus(), 0, true}}) {
    message.results[0] = other;
    const net::Buffer body = *Encode(message);
    EXPECT_NE(body.bytes(), applied.bytes());
    ASSERT_OK(Decode(body, &out));
    EXPECT_EQ(out, message);
  }
  // Padded by a peer that says more: the same, found on the long way.
  net::Buffer longer = net::Buffer::Copy(std::string(applied.bytes()) + std::string(8, '\0'));
  longer.mutable_data()[4] += 1;
  ASSERT_OK(Decode(longer, &out));
  EXPECT_EQ(out.results.size(), 1u);
  EXPECT_EQ(out.results[0], RowResult());
}

}  // namespace
}  // namespace stele::wire
