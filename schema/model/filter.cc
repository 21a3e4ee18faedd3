#include "schema/model/filter.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "schema/model/filter_regex.h"

namespace stele {
namespace {

using Kind = Filter::Kind;

constexpr uint64_t kManySteps = uint64_t{1} << 40;  // where counting stops

Status Invalid(const Filter& filter, Slice what) {
  return absl::InvalidArgumentError(
      absl::StrCat("Error in field '", FilterKindName(filter.kind), "' : ", what));
}

size_t VarintBytes(uint64_t v) {
  size_t n = 1;
  for (; v >= 0x80; v >>= 7) ++n;
  return n;
}
size_t StringBytes(const std::string& s) { return VarintBytes(s.size()) + s.size(); }
size_t BoundBytes(const Bound& bound) {
  return 1 + (bound.kind == Bound::Kind::kUnbounded ? 0 : StringBytes(bound.bytes));
}

bool IsRegex(Kind kind) {
  return kind == Kind::kRowKeyRegex || kind == Kind::kFamilyNameRegex ||
         kind == Kind::kColumnQualifierRegex || kind == Kind::kValueRegex;
}

size_t CountRegexes(const Filter& filter) {
  size_t n = IsRegex(filter.kind) ? 1 : 0;
  for (const Filter& child : filter.children) n += CountRegexes(child);
  return n;
}

// Size and depth, before anything recurses deeper than it may.
Status CheckSize(const Filter& filter, size_t depth, size_t* bytes) {
  if (depth > kMaxFilterDepth) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter is more than ", kMaxFilterDepth, " deep, which is the limit"));
  }
  *bytes += FilterNodeBytes(filter);
  if (*bytes > kMaxFilterBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter has ", *bytes, " bytes or more; the limit is ", kMaxFilterBytes));
  }
  for (const Filter& child : filter.children) RETURN_IF_ERROR(CheckSize(child, depth + 1, bytes));
  return OkStatus();
}

Status CheckBound(const Filter& filter, const Bound& bound) {
  if (bound.kind > Bound::Kind::kOpen) return Invalid(filter, "a bound of unknown kind");
  if (bound.kind == Bound::Kind::kUnbounded && !bound.bytes.empty()) {
    return Invalid(filter, "a bound that is not set has bytes");
  }
  return OkStatus();
}

Status CheckRange(const Filter& filter) {
  RETURN_IF_ERROR(CheckBound(filter, filter.start));
  RETURN_IF_ERROR(CheckBound(filter, filter.end));
  if (filter.start.kind != Bound::Kind::kUnbounded && filter.end.kind != Bound::Kind::kUnbounded &&
      filter.start.bytes > filter.end.bytes) {
    return Invalid(filter, absl::StrCat("the range is reversed: it starts at \"",
                                        absl::CHexEscape(filter.start.bytes), "\" and ends at \"",
                                        absl::CHexEscape(filter.end.bytes), "\""));
  }
  return OkStatus();
}

Status CheckTimes(const Filter& filter) {
  const std::string range = absl::StrCat("[", filter.start_us, ", ", filter.end_us, ")");
  if (filter.start_us < 0 || filter.end_us < 0) {
    return Invalid(filter, absl::StrCat("the range ", range, " has a negative bound"));
  }
  if (filter.end_us != 0 && filter.start_us > filter.end_us) {
    return Invalid(filter, absl::StrCat("the range ", range, " is reversed"));
  }
  return OkStatus();
}

Status CheckLabel(const Filter& filter) {
  auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!filter.bytes.empty() && filter.bytes.size() <= kMaxLabelBytes &&
      std::all_of(filter.bytes.begin(), filter.bytes.end(), good)) {
    return OkStatus();
  }
  return Invalid(filter, absl::StrCat("the label \"", absl::CHexEscape(filter.bytes.substr(0, 64)),
                                      "\" of ", filter.bytes.size(),
                                      " bytes does not match [a-z0-9\\-]{1,", kMaxLabelBytes, "}"));
}

// What a part that has no children must keep.
Status CheckLeaf(const Filter& filter) {
  switch (filter.kind) {
    case Kind::kPassAll:
    case Kind::kBlockAll:
    case Kind::kSink:
    case Kind::kStripValue:
      return filter.flag ? OkStatus() : Invalid(filter, "the flag must be true");
    case Kind::kRowKeyRegex:
      return filter.bytes.empty() ? Invalid(filter, "the regex is empty") : OkStatus();
    case Kind::kRowSample:
      if (filter.probability > 0 && filter.probability < 1) return OkStatus();
      return Invalid(filter, absl::StrCat("the probability is ", filter.probability,
                                          "; it must be above 0 and below 1"));
    case Kind::kColumnRange:
      RETURN_IF_ERROR(ValidateFamilyName(filter.family));
      return CheckRange(filter);
    case Kind::kValueRange:
      return CheckRange(filter);
    case Kind::kTimestampRange:
      return CheckTimes(filter);
    case Kind::kCellsPerRowOffset:
      if (filter.count >= 0) return OkStatus();
      return Invalid(filter, absl::StrCat("the offset ", filter.count, " is negative"));
    case Kind::kCellsPerRowLimit:
    case Kind::kCellsPerColumnLimit:
      if (filter.count > 0) return OkStatus();
      return Invalid(filter,
                     absl::StrCat("the limit is ", filter.count, "; it must be at least 1"));
    case Kind::kApplyLabel:
      return CheckLabel(filter);
    case Kind::kValueBitmask:
      return filter.bytes.empty() ? Invalid(filter, "the mask is empty") : OkStatus();
    default:
      return OkStatus();
  }
}

Status CheckChildren(const Filter& filter) {
  const size_t n = filter.children.size();
  switch (filter.kind) {
    case Kind::kChain:
    case Kind::kInterleave:
      if (n >= 2) return OkStatus();
      return Invalid(filter, absl::StrCat(n, " filters; it must have at least 2"));
    case Kind::kCondition:
      if (n != 3) return Invalid(filter, "it must have a predicate and two branches");
      if (filter.children[0].empty()) return Invalid(filter, "it has no predicate");
      if (filter.children[1].empty() && filter.children[2].empty()) {
        return Invalid(filter, "it has neither a true nor a false filter");
      }
      return OkStatus();
    default:
      return n == 0 ? OkStatus() : Invalid(filter, "it has filters inside, and can have none");
  }
}

Status CheckParts(const Filter& filter, bool in_condition, size_t regexes) {
  if (filter.kind > Kind::kValueBitmask) {
    return absl::InvalidArgumentError(
        absl::StrCat("filter of unknown kind ", static_cast<int>(filter.kind)));
  }
  if (filter.empty()) return absl::InvalidArgumentError("a filter inside another is not set");
  if (filter.kind == Kind::kSink && in_condition) {
    return Invalid(filter, "a sink cannot stand inside a condition");
  }
  RETURN_IF_ERROR(CheckChildren(filter));
  RETURN_IF_ERROR(CheckLeaf(filter));
  if (IsRegex(filter.kind)) {
    RETURN_IF_ERROR(
        CompileFilterRegex(FilterKindName(filter.kind), filter.bytes, regexes).status());
  }
  const bool condition = filter.kind == Kind::kCondition;
  for (const Filter& child : filter.children) {
    if (condition && child.empty()) continue;
    RETURN_IF_ERROR(CheckParts(child, in_condition || condition, regexes));
  }
  return OkStatus();
}

// What arrives at a part and what leaves it, at the worst.
struct Flow {
  int labels = 0;       // on a cell
  uint64_t copies = 0;  // of one cell
};

// `steps` sums the copies that reach each part.
StatusOr<Flow> Follow(const Filter& filter, Flow in, uint64_t* steps) {
  *steps = std::min(kManySteps, *steps + in.copies);
  Flow out;
  switch (filter.kind) {
    case Kind::kSink:
      return out;
    case Kind::kApplyLabel:
      if (in.labels > 0) {
        return Invalid(filter, absl::StrCat("label \"", filter.bytes,
                                            "\" would be the second one on its path"));
      }
      return Flow{1, in.copies};
    case Kind::kChain:
      out = in;
      for (const Filter& child : filter.children) {
        ASSIGN_OR_RETURN(out, Follow(child, out, steps));
      }
      return out;
    case Kind::kInterleave:
      for (const Filter& child : filter.children) {
        ASSIGN_OR_RETURN(const Flow branch, Follow(child, in, steps));
        out.labels = std::max(out.labels, branch.labels);
        out.copies = std::min(kManySteps, out.copies + branch.copies);
      }
      return out;
    case Kind::kCondition:
      RETURN_IF_ERROR(Follow(filter.children[0], in, steps).status());
      for (size_t i = 1; i < filter.children.size(); ++i) {
        if (filter.children[i].empty()) continue;
        ASSIGN_OR_RETURN(const Flow branch, Follow(filter.children[i], in, steps));
        out.labels = std::max(out.labels, branch.labels);
        out.copies = std::max(out.copies, branch.copies);
      }
      return out;
    default:
      return in;
  }
}

}  // namespace

Filter Filter::Of(Kind kind, std::vector<Filter> children) {
  Filter f = Of(kind);
  f.children = std::move(children);
  return f;
}
Filter Filter::Of(Kind kind, std::string_view bytes) {
  Filter f = Of(kind);
  f.bytes.assign(bytes.data(), bytes.size());
  return f;
}
Filter Filter::Of(Kind kind, int32_t count) {
  Filter f = Of(kind);
  f.count = count;
  return f;
}
Filter Filter::Join(Kind kind, Filter a, Filter b) {
  std::vector<Filter> children;
  for (Filter* side : {&a, &b}) {
    if (side->kind == kind) {
      for (Filter& child : side->children) children.push_back(std::move(child));
    } else {
      children.push_back(std::move(*side));
    }
  }
  return Of(kind, std::move(children));
}
Filter Filter::Condition(Filter predicate, Filter on_true, Filter on_false) {
  Filter f = Of(Kind::kCondition);
  f.children.reserve(3);
  f.children.push_back(std::move(predicate));
  f.children.push_back(std::move(on_true));
  f.children.push_back(std::move(on_false));
  return f;
}
Filter Filter::RowSample(double probability) {
  Filter f = Of(Kind::kRowSample);
  f.probability = probability;
  return f;
}
Filter Filter::ColumnRange(std::string_view family, Bound start, Bound end) {
  Filter f = Of(Kind::kColumnRange);
  f.family.assign(family.data(), family.size());
  f.start = std::move(start);
  f.end = std::move(end);
  return f;
}
Filter Filter::ValueRange(Bound start, Bound end) {
  Filter f = Of(Kind::kValueRange);
  f.start = std::move(start);
  f.end = std::move(end);
  return f;
}
Filter Filter::TimestampRange(int64_t start_us, int64_t end_us) {
  Filter f = Of(Kind::kTimestampRange);
  f.start_us = start_us;
  f.end_us = end_us;
  return f;
}

const char* FilterKindName(Filter::Kind kind) {
  static constexpr const char* kNames[] = {"none",
                                           "pass_all",
                                           "block_all",
                                           "sink",
                                           "strip_value",
                                           "chain",
                                           "interleave",
                                           "condition",
                                           "row_key_regex",
                                           "row_sample",
                                           "family_name_regex",
                                           "column_qualifier_regex",
                                           "value_regex",
                                           "column_range",
                                           "value_range",
                                           "timestamp_range",
                                           "cells_per_row_offset",
                                           "cells_per_row_limit",
                                           "cells_per_column_limit",
                                           "apply_label",
                                           "value_bitmask"};
  static_assert(std::size(kNames) == static_cast<size_t>(Kind::kValueBitmask) + 1);
  return kind <= Kind::kValueBitmask ? kNames[static_cast<size_t>(kind)] : "unknown";
}

size_t FilterNodeBytes(const Filter& filter) {
  constexpr size_t kFixedBytes = 8;
  switch (filter.kind) {
    case Kind::kChain:
    case Kind::kInterleave:
    case Kind::kCondition:
      return 1 + VarintBytes(filter.children.size());
    case Kind::kRowSample:
      return 1 + kFixedBytes;
    case Kind::kRowKeyRegex:
    case Kind::kFamilyNameRegex:
    case Kind::kColumnQualifierRegex:
    case Kind::kValueRegex:
    case Kind::kApplyLabel:
    case Kind::kValueBitmask:
      return 1 + StringBytes(filter.bytes);
    case Kind::kColumnRange:
      return 1 + StringBytes(filter.family) + BoundBytes(filter.start) + BoundBytes(filter.end);
    case Kind::kValueRange:
      return 1 + BoundBytes(filter.start) + BoundBytes(filter.end);
    case Kind::kTimestampRange:
      return 1 + 2 * kFixedBytes;
    case Kind::kCellsPerRowOffset:
    case Kind::kCellsPerRowLimit:
    case Kind::kCellsPerColumnLimit:
      return 1 + VarintBytes(static_cast<uint32_t>(filter.count));
    default:
      return 1;
  }
}

size_t FilterBytes(const Filter& filter) {
  size_t bytes = FilterNodeBytes(filter);
  for (const Filter& child : filter.children) bytes += FilterBytes(child);
  return bytes;
}

Status ValidateFilter(const Filter& filter) {
  if (filter.empty()) return OkStatus();
  size_t bytes = 0;
  RETURN_IF_ERROR(CheckSize(filter, 1, &bytes));
  RETURN_IF_ERROR(CheckParts(filter, /*in_condition=*/false, CountRegexes(filter)));
  uint64_t steps = 0;
  RETURN_IF_ERROR(Follow(filter, Flow{0, 1}, &steps).status());
  if (steps > kMaxFilterSteps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "filter: one cell takes ", steps,
        " steps through it or more, for interleaves multiply; the limit is ", kMaxFilterSteps));
  }
  return OkStatus();
}

}  // namespace stele
