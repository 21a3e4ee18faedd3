#include "tests/reference/random_filter.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace stele {
namespace {

const char* const kFamilies[] = {"a", "ab", "b"};
const char* const kQualifiers[] = {"", "x", "xy", "y", "\xff"};
const char* const kValues[] = {"", "1", "12", "2", "\n", "\xf0\x0f"};

template <size_t N>
std::string Pick(SeededRandom* random, const char* const (&words)[N]) {
  return words[random->Below(N)];
}

Bound RandomBound(SeededRandom* random, const std::string& bytes) {
  if (random->OneIn(4)) return {};
  return random->OneIn(2) ? Bound::Closed(bytes) : Bound::Open(bytes);
}

template <size_t N>
void RandomRange(SeededRandom* random, const char* const (&words)[N], Filter* filter) {
  std::string low = Pick(random, words), high = Pick(random, words);
  if (low > high) std::swap(low, high);
  filter->start = RandomBound(random, low);
  filter->end = RandomBound(random, high);
}

Filter RandomRegex(SeededRandom* random) {
  static const char* const kRow[] = {"r.*", "r1", "\\C+", "r[12]", "(r1|r2)x?", "r1.*"};
  static const char* const kFamily[] = {"a", "a.*", "a|b", "ab", "c", "", "\\Ca?"};
  static const char* const kQualifier[] = {"", "x", "x.*", "x|y", "[^x]*", "\\xff", "\\C"};
  static const char* const kValue[] = {"", ".", ".*", "1.*", "\\C", "[0-9]+", "\n"};
  switch (random->Below(8)) {
    case 0:
      return Filter::RowKeyRegex(Pick(random, kRow));
    case 1:
    case 2:
      return Filter::FamilyNameRegex(Pick(random, kFamily));
    case 3:
    case 4:
    case 5:
      return Filter::QualifierRegex(Pick(random, kQualifier));
    default:
      return Filter::ValueRegex(Pick(random, kValue));
  }
}

Filter RandomLeaf(SeededRandom* random, bool in_condition) {
  static const char* const kMasks[] = {"\xff", "1", "\x10", "\xf0\x0f"};
  const auto few = [random](uint64_t from) {
    return static_cast<int32_t>(random->Between(from, 5));
  };
  const auto time = [random] { return static_cast<int64_t>(random->Below(5)) * 1000; };
  switch (random->Below(18)) {
    case 0:
      return Filter::PassAll();
    case 1:
      return random->OneIn(3) ? Filter::BlockAll() : Filter::StripValue();
    case 2:
      return in_condition ? Filter::PassAll() : Filter::Sink();
    case 3:
      return Filter::ApplyLabel(random->OneIn(2) ? "l-1" : "l2");
    case 4:
      return Filter::RowSample(random->OneIn(2) ? 0.5 : 0.9);
    case 5:
    case 6: {
      Filter range = Filter::ColumnRange(Pick(random, kFamilies), {}, {});
      RandomRange(random, kQualifiers, &range);
      return range;
    }
    case 7: {
      Filter range = Filter::ValueRange({}, {});
      RandomRange(random, kValues, &range);
      return range;
    }
    case 8: {
      const int64_t start = time();
      return Filter::TimestampRange(start, random->OneIn(2) ? 0 : start + time());
    }
    case 9:
      return Filter::CellsPerRowOffset(few(0));
    case 10:
      return Filter::CellsPerRowLimit(few(1));
    case 11:
    case 12:
      return Filter::CellsPerColumnLimit(few(1));
    case 13:
      return Filter::ValueBitmask(Pick(random, kMasks));
    default:
      return RandomRegex(random);
  }
}

Filter AnyFilter(SeededRandom* random, int depth, bool in_condition) {
  if (depth <= 1 || random->OneIn(4)) return RandomLeaf(random, in_condition);
  const uint64_t dice = random->Below(8);
  if (dice < 2) {
    auto branch = [&] { return AnyFilter(random, depth - 1, true); };
    Filter on_true = random->OneIn(5) ? Filter{} : branch();
    Filter on_false = !on_true.empty() && random->OneIn(4) ? Filter{} : branch();
    return Filter::Condition(branch(), std::move(on_true), std::move(on_false));
  }
  std::vector<Filter> parts;
  for (uint64_t n = 2 + random->Below(2); n > 0; --n) {
    parts.push_back(AnyFilter(random, depth - 1, in_condition));
  }
  return dice < 6 ? Filter::Chain(std::move(parts)) : Filter::Interleave(std::move(parts));
}

}  // namespace

Filter RandomFilter(SeededRandom* random, int depth) {
  for (;;) {  // two labels on a path, mostly, are thrown away
    Filter filter = AnyFilter(random, depth, /*in_condition=*/false);
    if (ValidateFilter(filter).ok()) return filter;
  }
}

Row RandomRow(SeededRandom* random, size_t cells) {
  Row row{.key = random->OneIn(2) ? "r1" : random->OneIn(2) ? "r2x" : "s\n"};
  std::set<std::tuple<std::string, std::string, int64_t>> identities;
  for (uint64_t n = random->Below(cells + 1); n > 0; --n) {
    identities.emplace(Pick(random, kFamilies), Pick(random, kQualifiers),
                       -static_cast<int64_t>(random->Below(6)) * 1000);
  }
  for (const auto& [family, qualifier, negated] : identities) {
    row.cells.push_back({family, qualifier, -negated, Pick(random, kValues)});
  }
  return row;
}

}  // namespace stele
