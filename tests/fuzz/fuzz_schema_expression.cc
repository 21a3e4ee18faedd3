// Any text as a family with its GC rule, and any rule that the model allows: read, shown, sent over
// the wire and read again it stays the same; all else is an error.
#include "client/cli/schema_expression.h"
#include "common/base/check.h"
#include "schema/convert/codec.h"
#include "schema/model/model.h"
#include "tests/fuzz/input.h"

namespace stele {
namespace {

void TryFamily(const FamilySchema& family) {
  if (!ValidateGcRule(family.gc).ok()) return;
  StatusOr<FamilySchema> shown = cli::ParseFamily(cli::FormatFamily(family));
  CHECK_OK(shown.status());
  CHECK(shown->name == family.name && shown->gc == family.gc);
  wire::AlterTableRequest request;
  request.changes.push_back({wire::FamilyChange::Kind::kCreate, family});
  StatusOr<net::Buffer> body = wire::Encode(request);
  CHECK_OK(body.status());
  wire::AlterTableRequest decoded;
  CHECK_OK(wire::Decode(*body, &decoded));
  CHECK(decoded == request);
}

GcRule AnyRule(fuzz::FuzzInput* input, int depth) {
  GcRule rule;
  rule.kind = static_cast<GcRule::Kind>(input->Number<uint8_t>() % 5);
  if (rule.kind == GcRule::Kind::kMaxVersions) rule.max_versions = input->Number<int32_t>();
  if (rule.kind == GcRule::Kind::kMaxAge) rule.max_age_us = input->Number<int64_t>();
  if (rule.kind < GcRule::Kind::kUnion || depth > 25) return rule;
  for (int n = input->Number<uint8_t>() % 4; n > 0; --n) {
    rule.rules.push_back(AnyRule(input, depth + 1));
  }
  return rule;
}

void TryText(Slice text) {
  StatusOr<FamilySchema> family = cli::ParseFamily({text.data(), text.size()});
  if (!family.ok()) {
    CHECK(absl::IsInvalidArgument(family.status()));
    return;
  }
  CHECK_OK(ValidateGcRule(family->gc));
  TryFamily(*family);
}

}  // namespace
}  // namespace stele

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele;
  fuzz::FuzzInput input(data, size);
  switch (input.Number<uint8_t>() % 3) {
    case 0:
      TryText(input.Rest());
      break;
    case 1:
      TryText(absl::StrCat("f:gc=", input.Rest()));
      break;
    default: {
      FamilySchema family{.name = "f", .locality_group = "g"};
      family.gc = AnyRule(&input, 0);
      TryFamily(family);
    }
  }
  return 0;
}
