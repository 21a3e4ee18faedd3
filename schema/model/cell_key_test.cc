// Goal: bytewise order of encoded keys is the data model's order, parse undoes encode, seek targets
// stand where they say, and whatever is not a key is DataLoss.
#include "schema/model/cell_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "common/testing/seeded_random.h"

namespace stele {
namespace {

const uint64_t kSeed = TestSeed();

// What a key stands for, in a form whose operator< is written down from the data model alone.
struct Decoded {
  std::string row, family;
  uint16_t family_id = 0;
  bool has_qualifier = false;
  std::string qualifier;
  bool is_cell = false;
  int64_t timestamp_us = 0;
  uint64_t sequence = 0;
  CellKind kind = CellKind::kSet;

  auto Order() const {
    return std::make_tuple(row, family, family_id, has_qualifier, qualifier, is_cell, -timestamp_us,
                           ~sequence, -static_cast<int>(kind));
  }
  std::string Encode() const {
    std::string out;
    switch (kind) {
      case CellKind::kSet:
        AppendSetKey(&out, row, family, family_id, qualifier, timestamp_us, sequence);
        break;
      case CellKind::kDeleteColumn:
        AppendColumnMarkerKey(&out, row, family, family_id, qualifier, sequence);
        break;
      case CellKind::kDeleteFamily:
        AppendFamilyMarkerKey(&out, row, family, family_id, sequence);
        break;
      case CellKind::kDeleteRow:
        AppendRowMarkerKey(&out, row, sequence);
        break;
    }
    return out;
  }
};

class KeyMaker {
 public:
  explicit KeyMaker(uint64_t seed) : random_(seed) {}
  size_t Below(size_t n) { return random_.Below(n); }
  // Short strings over the bytes that the escaping has to keep apart.
  std::string Bytes(size_t min_size) {
    static constexpr char kAlphabet[] = {'\x00', '\x01', '\x02', '\xff', 'a', 'b'};
    std::string s;
    for (size_t n = min_size + Below(4); n > 0; --n) s.push_back(kAlphabet[Below(6)]);
    return s;
  }
  Decoded Next() {
    static const char* const kFamilies[] = {"a", "a-", "aa", "b"};
    static constexpr int64_t kTimes[] = {0, 1000, 255000, 256000, INT64_MAX - 807};
    static constexpr uint64_t kSequences[] = {0, 1, 255, 256, kMaxSequence};
    Decoded d;
    d.row = Bytes(1);
    d.sequence = kSequences[Below(5)];
    d.kind = static_cast<CellKind>(1 + Below(4));
    if (d.kind == CellKind::kDeleteRow) return d;
    d.family = kFamilies[Below(4)];
    d.family_id = static_cast<uint16_t>(1 + Below(3) * 255);
    if (d.kind == CellKind::kDeleteFamily) return d;
    d.has_qualifier = true;
    d.qualifier = Bytes(0);
    if (d.kind == CellKind::kDeleteColumn) return d;
    d.is_cell = true;
    d.timestamp_us = kTimes[Below(5)];
    return d;
  }

 private:
  SeededRandom random_;
};

TEST(CellKeyTest, BytewiseOrderIsTheModelsOrder) {
  KeyMaker maker(kSeed);
  for (int i = 0; i < 200'000; ++i) {
    Decoded a = maker.Next(), b = maker.Next();
    if (i % 2 == 0) b.row = a.row;  // else two keys hardly ever meet in a row
    if (i % 4 == 0) b.family = a.family.empty() ? b.family : a.family;
    if (b.kind == CellKind::kDeleteRow) b.family.clear();
    const std::string ka = a.Encode(), kb = b.Encode();
    ASSERT_EQ(ka < kb, a.Order() < b.Order()) << "seed " << kSeed << " case " << i;
    ASSERT_EQ(ka == kb, a.Order() == b.Order()) << "seed " << kSeed << " case " << i;
  }
}

TEST(CellKeyTest, ParseUndoesEncode) {
  KeyMaker maker(kSeed + 1);
  std::string scratch;
  for (int i = 0; i < 50'000; ++i) {
    Decoded d = maker.Next();
    const std::string key = d.Encode();
    ParsedCellKey parsed;
    ASSERT_TRUE(ParseCellKey(key, &parsed, &scratch).ok());
    EXPECT_EQ(parsed.row, d.row);
    EXPECT_EQ(parsed.family, d.family);
    EXPECT_EQ(parsed.family_id, d.family_id);
    EXPECT_EQ(parsed.qualifier, d.qualifier);
    EXPECT_EQ(parsed.timestamp_us, d.timestamp_us);
    EXPECT_EQ(parsed.sequence, d.sequence);
    EXPECT_EQ(parsed.kind, d.kind);
    EXPECT_EQ(KeySequence(key), d.sequence);
    EXPECT_EQ(KeyKind(key), d.kind);
    std::string row;
    AppendRowStart(&row, d.row);
    EXPECT_EQ(EncodedRow(key), row);
    std::string unescaped;
    ASSERT_TRUE(Unescape(row, &unescaped).ok());
    EXPECT_EQ(unescaped, d.row);
  }
}

TEST(CellKeyTest, SeekTargetsEncloseTheirKeys) {
  KeyMaker maker(kSeed + 2);
  for (int i = 0; i < 50'000; ++i) {
    Decoded d = maker.Next(), other = maker.Next();
    const std::string key = d.Encode(), other_key = other.Encode();
    std::string start, end;
    AppendRowStart(&start, other.row);
    AppendRowEnd(&end, other.row);
    ASSERT_EQ(start <= key && key < end, d.row == other.row) << "seed " << kSeed << " case " << i;
    ASSERT_EQ(key < start, d.row < other.row);
    if (other.family.empty()) continue;
    std::string family;
    AppendFamilyStart(&family, other.row, other.family, other.family_id);
    ASSERT_LE(family, other_key);
    ASSERT_EQ(key < family, std::tie(d.row, d.family, d.family_id) <
                                std::tie(other.row, other.family, other.family_id));
    if (!other.has_qualifier) continue;
    std::string column;
    AppendColumnStart(&column, other.row, other.family, other.family_id, other.qualifier);
    ASSERT_LE(column, other_key);
    ASSERT_EQ(EncodedColumn(other_key), column);
    ASSERT_EQ(key < column, std::tie(d.row, d.family, d.family_id, d.has_qualifier, d.qualifier) <
                                std::tie(other.row, other.family, other.family_id,
                                         other.has_qualifier, other.qualifier));
  }
}

TEST(CellKeyTest, EveryCutAndEveryFlippedByteIsDataLossOrAnotherKey) {
  KeyMaker maker(kSeed + 3);
  std::string scratch;
  for (int i = 0; i < 500; ++i) {
    const std::string key = maker.Next().Encode();
    ParsedCellKey parsed;
    for (size_t n = 0; n < key.size(); ++n) {
      EXPECT_TRUE(IsCorrupt(ParseCellKey(Slice(key).substr(0, n), &parsed, &scratch)));
    }
    EXPECT_TRUE(IsCorrupt(ParseCellKey(key + "x", &parsed, &scratch)));
    for (size_t n = 0; n < key.size(); ++n) {
      std::string damaged = key;
      damaged[n] ^= static_cast<char>(1u << maker.Below(8));
      Status s = ParseCellKey(damaged, &parsed, &scratch);
      EXPECT_TRUE(s.ok() || IsCorrupt(s));
      if (!s.ok()) continue;
      const Decoded other{.row = std::string(parsed.row),
                          .family = std::string(parsed.family),
                          .family_id = parsed.family_id,
                          .qualifier = std::string(parsed.qualifier),
                          .timestamp_us = parsed.timestamp_us,
                          .sequence = parsed.sequence,
                          .kind = parsed.kind};
      EXPECT_EQ(other.Encode(), damaged) << "what reads is what its parts make";
    }
  }
}

// A key put together by hand: row "r", family part, column part, timestamp field, kind.
std::string Raw(Slice family_part, Slice column_part, uint64_t timestamp_field, int kind) {
  std::string key("r\x00\x01", 3);
  key.append(family_part.data(), family_part.size());
  key.append(column_part.data(), column_part.size());
  PutBig64(&key, timestamp_field);
  PutBig64(&key, ~((uint64_t{7} << 8) | static_cast<uint64_t>(kind)));
  return key;
}

TEST(CellKeyTest, KindMustFitItsPlace) {
  const Slice family("f\x00\x00\x01", 4), none("\x00\x00\x00", 3), id_only("\x00\x00\x05", 3);
  const Slice column("q\x00\x01", 3), no_column("\x00\x00", 2), bad_column("q\x00\x03", 3);
  const uint64_t cell = ~uint64_t{1000};
  ParsedCellKey parsed;
  std::string scratch;
  auto ok = [&](const std::string& key) { return ParseCellKey(key, &parsed, &scratch).ok(); };
  EXPECT_TRUE(ok(Raw(family, column, cell, 1)));
  EXPECT_TRUE(ok(Raw(family, column, 0, 2)));
  EXPECT_TRUE(ok(Raw(family, no_column, 0, 3)));
  EXPECT_TRUE(ok(Raw(none, no_column, 0, 4)));
  EXPECT_FALSE(ok(Raw(family, no_column, cell, 1)));
  EXPECT_FALSE(ok(Raw(none, column, cell, 1)));
  EXPECT_FALSE(ok(Raw(family, column, 0, 1)));
  EXPECT_FALSE(ok(Raw(family, column, 1000, 1)));  // a negative timestamp
  EXPECT_FALSE(ok(Raw(family, column, cell, 2)));
  EXPECT_FALSE(ok(Raw(family, no_column, 0, 2)));
  EXPECT_FALSE(ok(Raw(family, column, 0, 3)));
  EXPECT_FALSE(ok(Raw(family, no_column, 0, 4)));
  EXPECT_FALSE(ok(Raw(id_only, no_column, 0, 4)));
  EXPECT_FALSE(ok(Raw(family, column, cell, 0)));
  EXPECT_FALSE(ok(Raw(family, column, cell, 5)));
  EXPECT_FALSE(ok(Raw(family, bad_column, cell, 1)));
  std::string empty_row = Raw(family, column, cell, 1).substr(1);
  EXPECT_FALSE(ok(empty_row));
}

TEST(CellKeyTest, UnescapeRefusesWhatIsNotEscaped) {
  std::string out;
  for (Slice bad : {Slice(""), Slice("a"), Slice("a\x00", 2), Slice("a\x00\x02", 3),
                    Slice("a\x00\x01z", 4), Slice("a\x00\xff", 3)}) {
    EXPECT_TRUE(IsCorrupt(Unescape(bad, &out)));
  }
}

TEST(CellKeyTest, MarkerRangeRoundTripAndDamage) {
  for (auto [start, end] : {std::pair<int64_t, int64_t>{0, 0}, {1000, INT64_MAX}, {5000, 6000}}) {
    std::string value;
    AppendMarkerRange(&value, start, end);
    int64_t s, e;
    ASSERT_TRUE(ParseMarkerRange(value, &s, &e).ok());
    EXPECT_EQ(s, start);
    EXPECT_EQ(e, end);
    EXPECT_TRUE(IsCorrupt(ParseMarkerRange(value + "x", &s, &e)));
    EXPECT_TRUE(IsCorrupt(ParseMarkerRange(value.substr(0, value.size() - 1), &s, &e)));
  }
  std::string too_big;
  PutVarint64(&too_big, uint64_t{1} << 63);
  PutVarint64(&too_big, 0);
  int64_t s, e;
  EXPECT_TRUE(IsCorrupt(ParseMarkerRange(too_big, &s, &e)));
}

}  // namespace
}  // namespace stele
