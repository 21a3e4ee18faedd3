#include "schema/model/conditional.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/bytes/coding.h"

namespace stele {
namespace {

Status Invalid(Slice message) { return absl::InvalidArgumentError(message); }

// Validated as the cell that the rule writes.
Status ValidateRule(const ReadModifyWriteRule& rule, const TableSchema* schema) {
  RowMutation cell;
  cell.row = "row";
  const FamilySchema* family = nullptr;
  std::visit(
      [&](const auto& r) {
        cell.mutations.push_back(DeleteFromColumn{r.family, r.qualifier, 0, 0});
        if (schema != nullptr) family = schema->FindFamily(r.family);
      },
      rule);
  RETURN_IF_ERROR(ValidateRowMutation(cell, schema));
  if (family != nullptr && family->aggregate != Aggregate::kNone) {
    return Invalid(absl::StrCat("read-modify-write in aggregate family '", family->name,
                                "'; it takes AddToCell, MergeToCell and deletes"));
  }
  const auto* append = std::get_if<AppendToValue>(&rule);
  if (append == nullptr || append->value.size() <= kMaxValueBytes) return OkStatus();
  return Invalid(absl::StrCat("appended value has ", append->value.size(), " bytes; the limit is ",
                              kMaxValueBytes));
}

}  // namespace

Status ValidateReadModifyWrite(Slice row, const std::vector<ReadModifyWriteRule>& rules,
                               const TableSchema* schema) {
  RETURN_IF_ERROR(ValidateRowKey(row));
  if (rules.empty()) return Invalid("No rules provided");
  if (rules.size() > kMaxReadModifyWriteRules) {
    return Invalid(absl::StrCat(rules.size(), " rules; the limit is ", kMaxReadModifyWriteRules));
  }
  for (const ReadModifyWriteRule& rule : rules) RETURN_IF_ERROR(ValidateRule(rule, schema));
  return OkStatus();
}

Status ValidateCheckAndMutate(Slice row, const std::vector<Mutation>& if_true,
                              const std::vector<Mutation>& if_false, const TableSchema* schema) {
  RETURN_IF_ERROR(ValidateRowKey(row));
  if (if_true.empty() && if_false.empty()) {
    return Invalid("No mutations provided: true_mutations and false_mutations are both empty");
  }
  for (const auto& [branch, name] :
       {std::pair(&if_true, "true_mutations"), std::pair(&if_false, "false_mutations")}) {
    if (branch->empty()) continue;
    RETURN_IF_ERROR(
        WithContext(ValidateRowMutation(RowMutation{std::string(row), *branch}, schema), name));
  }
  return OkStatus();
}

Status ValidateRequestId(const RequestId& id) {
  if (id.client_id == 0) return OkStatus();
  if (id.sequence == 0) return Invalid("request sequence is 0; it must be at least 1");
  if (id.first_incomplete <= id.sequence) return OkStatus();
  return Invalid(absl::StrCat("request sequence ", id.sequence, " is below first_incomplete ",
                              id.first_incomplete));
}

std::string EncodeCounter(int64_t value) {
  std::string out;
  PutBig64(&out, static_cast<uint64_t>(value));
  return out;
}

StatusOr<int64_t> DecodeCounter(Slice value) {
  if (value.size() != kAggregateBytes) {
    return Invalid(absl::StrCat("the value has ", value.size(), " bytes; a counter has exactly ",
                                kAggregateBytes));
  }
  return static_cast<int64_t>(DecodeBig64(value.data()));
}

int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

int64_t Combine(Aggregate kind, int64_t state, int64_t input) {
  switch (kind) {
    case Aggregate::kSum:
      return WrappingSum(state, input);
    case Aggregate::kMin:
      return std::min(state, input);
    case Aggregate::kMax:
      return std::max(state, input);
    case Aggregate::kNone:
      break;
  }
  CHECK(false) << " not an aggregate";
  return 0;
}

bool HasAdditions(const std::vector<Mutation>& mutations) {
  return std::any_of(mutations.begin(), mutations.end(), [](const Mutation& m) {
    return std::holds_alternative<AddToCell>(m) || std::holds_alternative<MergeToCell>(m);
  });
}

}  // namespace stele
