#include "client/cli/schema_expression.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/bytes_text.h"
#include "schema/model/limits.h"
#include "schema/model/schema_names.h"

namespace stele::cli {
namespace {

constexpr int kMaxRuleDepth = 20;

Status Bad(std::string_view word, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", Escape(word), "\": ", FromStd(what)));
}

// The words between commas that are not inside parentheses.
StatusOr<std::vector<std::string_view>> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i == text.size() ? ',' : text[i];
    if (c == '(') ++depth;
    if (c == ')' && --depth < 0) return Bad(text, "a parenthesis closes what none opened");
    if (c == ',' && (depth == 0 || i == text.size())) {
      words.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  if (depth != 0) return Bad(text, "a parenthesis is not closed");
  return words;
}

bool TakePrefix(std::string_view* text, std::string_view prefix) {
  if (text->substr(0, prefix.size()) != prefix) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// Of "name(inside)" leaves the inside.
bool TakeCall(std::string_view* text, std::string_view name) {
  if (text->size() < name.size() + 2 || text->substr(0, name.size()) != name ||
      (*text)[name.size()] != '(' || text->back() != ')') {
    return false;
  }
  *text = text->substr(name.size() + 1, text->size() - name.size() - 2);
  return true;
}

StatusOr<GcRule> ParseRule(std::string_view word, int depth) {
  GcRule rule;
  std::string_view rest = word;
  if (depth > kMaxRuleDepth) return Bad(word, "rules are nested too deep");
  if (TakeCall(&rest, "max_versions") || TakePrefix(&rest, "max_versions=")) {
    rule.kind = GcRule::Kind::kMaxVersions;
    if (!absl::SimpleAtoi(FromStd(rest), &rule.max_versions) || rule.max_versions < 1) {
      return Bad(word, "max_versions is a number from 1");
    }
    return rule;
  }
  if (TakeCall(&rest, "max_age") || TakePrefix(&rest, "max_age=")) {
    rule.kind = GcRule::Kind::kMaxAge;
    ASSIGN_OR_RETURN(rule.max_age_us, ParseDurationUs(rest));
    if (rule.max_age_us < 1000) return Bad(word, "max_age is at least 1ms");
    return rule;
  }
  const bool any = TakeCall(&rest, "any") || TakeCall(&rest, "union");
  if (any || TakeCall(&rest, "all") || TakeCall(&rest, "intersection")) {
    rule.kind = any ? GcRule::Kind::kUnion : GcRule::Kind::kIntersection;
    ASSIGN_OR_RETURN(std::vector<std::string_view> words, SplitWords(rest));
    for (std::string_view inner : words) {
      ASSIGN_OR_RETURN(GcRule part, ParseRule(inner, depth + 1));
      rule.rules.push_back(std::move(part));
    }
    return rule;
  }
  return Bad(
      word,
      "is none of max_versions(N), max_age(DURATION), union(RULE,...), intersection(RULE,...), "
      "group=GROUP, aggregate=sum|min|max");
}

StatusOr<Codec> ParseCodec(std::string_view name) {
  for (size_t i = 0; i < std::size(kCodecNames); ++i) {
    if (name == kCodecNames[i]) return static_cast<Codec>(i);
  }
  return Bad(name, "is none of the codecs none, snappy, lz4, zstd");
}

StatusOr<Aggregate> ParseAggregate(std::string_view name) {
  for (size_t i = 1; i < std::size(kAggregateNames); ++i) {
    if (name == kAggregateNames[i]) return static_cast<Aggregate>(i);
  }
  return Bad(name, "is none of the aggregates sum, min, max");
}

std::string JoinRules(const std::vector<GcRule>& rules) {
  return absl::StrJoin(rules, ",", [](std::string* out, const GcRule& rule) {
    absl::StrAppend(out, FormatGcRule(rule));
  });
}

}  // namespace

StatusOr<FamilySchema> ParseFamily(std::string_view text) {
  FamilySchema family;
  family.locality_group.clear();
  const size_t colon = text.find(':');
  family.name = std::string(text.substr(0, colon));
  RETURN_IF_ERROR(ValidateFamilyName(family.name));
  if (colon == text.npos || colon + 1 == text.size()) return family;
  ASSIGN_OR_RETURN(std::vector<std::string_view> words, SplitWords(text.substr(colon + 1)));
  std::vector<GcRule> rules;
  for (std::string_view word : words) {
    if (TakePrefix(&word, "group=")) {
      if (word.size() > kMaxFamilyNameBytes) {
        return absl::InvalidArgumentError(absl::StrCat("locality group name: ", word.size(),
                                                       " bytes, limit ", kMaxFamilyNameBytes));
      }
      family.locality_group = std::string(word);
      continue;
    }
    if (TakePrefix(&word, "aggregate=")) {
      ASSIGN_OR_RETURN(family.aggregate, ParseAggregate(word));
      continue;
    }
    TakePrefix(&word, "gc=");
    ASSIGN_OR_RETURN(GcRule rule, ParseRule(word, 1));
    rules.push_back(std::move(rule));
  }
  if (rules.size() == 1) {
    family.gc = std::move(rules.front());
  } else if (rules.size() > 1) {
    family.gc.kind = GcRule::Kind::kUnion;
    family.gc.rules = std::move(rules);
  }
  RETURN_IF_ERROR(ValidateGcRule(family.gc));
  return family;
}

StatusOr<LocalityGroupSchema> ParseGroup(std::string_view text) {
  LocalityGroupSchema group;
  const size_t colon = text.find(':');
  group.name = std::string(text.substr(0, colon));
  if (group.name.empty()) return Bad(text, "a locality group needs a name");
  if (colon == text.npos || colon + 1 == text.size()) return group;
  ASSIGN_OR_RETURN(std::vector<std::string_view> words, SplitWords(text.substr(colon + 1)));
  for (std::string_view word : words) {
    std::string_view rest = word;
    if (TakePrefix(&rest, "codec=")) {
      ASSIGN_OR_RETURN(group.codec, ParseCodec(rest));
    } else if (TakePrefix(&rest, "block=")) {
      ASSIGN_OR_RETURN(uint64_t bytes, ParseBytes(rest));
      if (bytes == 0 || bytes > UINT32_MAX) return Bad(word, "is out of range");
      group.block_bytes = static_cast<uint32_t>(bytes);
    } else if (TakePrefix(&rest, "bloom=")) {
      if (!absl::SimpleAtoi(FromStd(rest), &group.bloom_bits_per_key)) {
        return Bad(word, "bloom is a number of bits a key, 0 for no filter");
      }
    } else if (word == "bloom_columns") {
      group.bloom_columns = true;
    } else if (word == "in_memory") {
      group.in_memory = true;
    } else {
      return Bad(word, "is none of codec=, block=, bloom=, bloom_columns, in_memory");
    }
  }
  return group;
}

std::string FormatGcRule(const GcRule& rule) {
  switch (rule.kind) {
    case GcRule::Kind::kNone:
      return "";
    case GcRule::Kind::kMaxVersions:
      return absl::StrCat("max_versions(", rule.max_versions, ")");
    case GcRule::Kind::kMaxAge:
      return absl::StrCat("max_age(", FormatDurationUs(rule.max_age_us), ")");
    case GcRule::Kind::kUnion:
      return absl::StrCat("union(", JoinRules(rule.rules), ")");
    case GcRule::Kind::kIntersection:
      return absl::StrCat("intersection(", JoinRules(rule.rules), ")");
  }
  return "";
}

std::string FormatFamily(const FamilySchema& family) {
  const std::string rule = FormatGcRule(family.gc);
  const bool plain = family.aggregate == Aggregate::kNone;
  return absl::StrCat(family.name, ":", rule.empty() ? "" : "gc=", rule, rule.empty() ? "" : ",",
                      "group=", family.locality_group,
                      plain ? "" : ",aggregate=", NameOf(family.aggregate));
}

std::string FormatGroup(const LocalityGroupSchema& group) {
  return absl::StrCat(group.name, ":codec=", NameOf(group.codec), ",block=", group.block_bytes,
                      ",bloom=", group.bloom_bits_per_key,
                      group.bloom_columns ? ",bloom_columns" : "",
                      group.in_memory ? ",in_memory" : "");
}

}  // namespace stele::cli
