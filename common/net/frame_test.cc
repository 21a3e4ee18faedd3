// Headers, statuses and the output queue keep what was put in, and refuse what is malformed.
#include "common/net/frame.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/cord.h"
#include "common/net/output_queue.h"
#include "common/net/status_coding.h"

namespace stele::net {
namespace {

TEST(FrameTest, HeaderLayoutIsTheDocumentedOne) {
  FrameHeader header;
  header.method = 0x0203;
  header.request_id = 0x04050607;
  char out[kFrameHeaderBytes];
  EncodeFrameHeader(header, "12345678", "abc", out);
  EXPECT_EQ(Slice(out, 20),
            Slice("STL1\x01\x01\x00\x00\x03\x02\x00\x00\x07\x06\x05\x04\x0b\x00\x00\x00", 20));
  EXPECT_TRUE(FrameCrcMatches(out, "12345678abc"));
  EXPECT_FALSE(FrameCrcMatches(out, "12345678abd"));
  FrameHeader back;
  ASSERT_TRUE(DecodeFrameHeader(out, 11, &back).ok());
  EXPECT_EQ(back.method, 0x0203);
  EXPECT_EQ(back.request_id, 0x04050607u);
  EXPECT_EQ(back.length, 11u);
  EXPECT_FALSE(DecodeFrameHeader(out, 10, &back).ok());
}

TEST(FrameTest, HeaderErrors) {
  FrameHeader header;
  char good[kFrameHeaderBytes];
  EncodeFrameHeader(header, "12345678", "", good);
  const std::pair<size_t, char> changes[] = {{0, 'X'}, {4, 2}, {5, 0},  {5, 6},  {6, 1}, {6, 2},
                                             {6, 3},   {6, 4}, {10, 1}, {16, 7}, {19, 1}};
  for (const auto& [at, value] : changes) {
    char bad[kFrameHeaderBytes];
    std::memcpy(bad, good, sizeof(bad));
    bad[at] = value;
    FrameHeader out;
    EXPECT_FALSE(DecodeFrameHeader(bad, 1000, &out).ok()) << "byte " << at;
  }
  header.kind = FrameKind::kReply;
  header.method = 1;
  EncodeFrameHeader(header, "", "", good);
  EXPECT_FALSE(DecodeFrameHeader(good, 1000, &header).ok()) << "a reply has no method";
  FrameHeader goaway;
  goaway.kind = FrameKind::kGoaway;
  EncodeFrameHeader(goaway, "", "x", good);
  EXPECT_FALSE(DecodeFrameHeader(good, 1000, &header).ok()) << "a goaway has no body";
  FrameHeader cancel;
  cancel.kind = FrameKind::kCancel;
  cancel.request_id = 9;
  EncodeFrameHeader(cancel, "", "", good);
  EXPECT_TRUE(DecodeFrameHeader(good, 1000, &header).ok());
  EXPECT_EQ(header.request_id, 9u);
  EncodeFrameHeader(cancel, "", "x", good);
  EXPECT_FALSE(DecodeFrameHeader(good, 1000, &header).ok()) << "a cancel has no body";
  cancel.flags = 1;
  EncodeFrameHeader(cancel, "", "", good);
  EXPECT_FALSE(DecodeFrameHeader(good, 1000, &header).ok()) << "a cancel has no flags";
}

TEST(FrameTest, StatusRoundTrip) {
  Status status = absl::AbortedError(std::string("bytes \0 and all", 15));
  status.SetPayload("a", absl::Cord("1"));
  status.SetPayload("b", absl::Cord(std::string(1000, 'x')));
  Status back;
  ASSERT_TRUE(DecodeStatus(EncodeStatus(status), &back));
  EXPECT_EQ(back, status);
  ASSERT_TRUE(DecodeStatus(EncodeStatus(OkStatus()), &back));
  EXPECT_TRUE(back.ok());
}

TEST(FrameTest, StatusesAreCutToTheLimits) {
  Status status = absl::AbortedError(std::string(kMaxStatusMessageBytes + 5, 'm'));
  status.SetPayload("large", absl::Cord(std::string(kMaxStatusPayloadBytes, 'x')));
  for (size_t i = 0; i < kMaxStatusPayloads + 3; i++) {
    status.SetPayload(absl::StrCat("p", i), absl::Cord("x"));
  }
  Status back;
  ASSERT_TRUE(DecodeStatus(EncodeStatus(status), &back));
  EXPECT_EQ(back.message().size(), kMaxStatusMessageBytes);
  EXPECT_FALSE(back.GetPayload("large").has_value());
  size_t payloads = 0;
  back.ForEachPayload([&](Slice, const absl::Cord&) { payloads++; });
  EXPECT_EQ(payloads, kMaxStatusPayloads);
}

TEST(FrameTest, MalformedStatuses) {
  Status status = absl::AbortedError("message");
  status.SetPayload("url", absl::Cord("value"));
  const std::string good = EncodeStatus(status);
  Status back;
  for (size_t n = 1; n < good.size(); n++)
    EXPECT_FALSE(DecodeStatus(good.substr(0, n), &back)) << n;
  EXPECT_FALSE(DecodeStatus(good + "x", &back)) << "trailing bytes";
  std::string zero = good;
  zero[0] = 0;
  EXPECT_FALSE(DecodeStatus(zero, &back)) << "OK has no message";
  std::string future = good;
  future[0] = 99;
  ASSERT_TRUE(DecodeStatus(future, &back));
  EXPECT_EQ(back.code(), absl::StatusCode::kUnknown);
}

std::string Drain(OutputQueue* queue, size_t step) {
  std::string out;
  while (!queue->empty()) {
    Slice pieces[4];
    const size_t count = queue->Pieces(pieces, 4);
    std::string all;
    for (size_t i = 0; i < count; i++) all += std::string(pieces[i]);
    all = all.substr(0, step);
    out += all;
    queue->Consume(all.size());
  }
  EXPECT_EQ(queue->bytes(), 0u);
  return out;
}

TEST(FrameTest, OutputQueueKeepsOrderAcrossSmallAndLargeBodies) {
  for (const size_t step : {1000u, 4097u, 1'000'000u}) {
    OutputQueue queue, more;
    std::string expected;
    auto add = [&](OutputQueue* to, char c, size_t size) {
      const std::string body(size, c);
      to->Add("header", "prefix", Buffer::Copy(body));
      expected += "headerprefix" + body;
    };
    add(&queue, 'a', 10);
    add(&queue, 'b', 100'000);
    add(&queue, 'c', 0);
    add(&queue, 'd', 4096);
    for (int i = 0; i < 40; i++) add(&queue, 'e', 3000);
    add(&more, 'f', 5000);
    queue.MoveFrom(&more);
    EXPECT_TRUE(more.empty());
    EXPECT_EQ(queue.bytes(), expected.size());
    EXPECT_EQ(Drain(&queue, step), expected);
  }
}

// What is used again must not show what was in it, whichever way a queue came by it.
TEST(FrameTest, OutputQueuesThatAreNeverQuiteEmptyKeepOrder) {
  OutputQueue queued, writing;
  std::string expected, written;
  for (int i = 0; i < 500; i++) {
    const std::string body(static_cast<size_t>(i * 37 % 9000), static_cast<char>('a' + i % 26));
    queued.Add("h", "p", Buffer::Copy(body));
    expected += "hp" + body;
    if (i % 3 == 0) writing.MoveFrom(&queued);
    Slice pieces[2];
    for (size_t n = writing.Pieces(pieces, 2), j = 0; j < n; j++) {
      const size_t part = pieces[j].size() / (i % 5 == 0 ? 1 : 2);
      written += std::string(pieces[j].substr(0, part));
      writing.Consume(part);
      if (part < pieces[j].size()) break;
    }
  }
  writing.MoveFrom(&queued);
  EXPECT_EQ(written + Drain(&writing, 5000), expected);
}

}  // namespace
}  // namespace stele::net
