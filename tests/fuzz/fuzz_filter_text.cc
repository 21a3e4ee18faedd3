// Any text parses to a valid filter or to an error that names a column; what parses is printed as
// text that parses to the same.
#include "common/base/check.h"
#include "schema/model/filter.h"
#include "schema/model/time_text.h"
#include "stele/filter_text.h"
#include "tests/fuzz/input.h"

namespace stele {
namespace {

// Random bytes are no expression; a table of words lets blind inputs reach the inside too.
std::string FromWords(Slice bytes) {
  static constexpr const char* kWords[] = {"pass",       "block",
                                           "sink",       "strip",
                                           "family",     "row",
                                           "qualifier",  "value",
                                           "column",     "time",
                                           "versions",   "limit",
                                           "offset",     "sample",
                                           "label",      "mask",
                                           "if",         "none",
                                           "(",          ")",
                                           "(",          ")",
                                           "&",          "|",
                                           ",",          "..",
                                           "<..",        "=",
                                           "~",          "\"a\"",
                                           "b\"\\xff\"", "\"[a\\.]*\"",
                                           "\"",         "\\",
                                           "1",          "0.5",
                                           "-3",         "abc",
                                           " ",          "2024-01-01T00:00:00Z",
                                           "pass&",      "(pass|",
                                           "if(pass,",   "family(a)",
                                           "limit(2)",   "value(\"a\"..\"b\")",
                                           "label(x)",   "time(1..)"};
  std::string text;
  for (char c : bytes) text += kWords[static_cast<unsigned char>(c) % std::size(kWords)];
  return text;
}

}  // namespace
}  // namespace stele

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  stele::fuzz::FuzzInput input(data, size);
  const bool words = input.Number<uint8_t>() % 2 == 0;
  const stele::Slice rest = input.Rest();
  const std::string text = words ? stele::FromWords(rest) : std::string(rest);
  auto filter = stele::ParseFilter(text);
  if (!filter.ok()) {
    CHECK(filter.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(!filter.status().message().empty());
  } else {
    CHECK_OK(ValidateFilter(*filter));
    auto again = stele::ParseFilter(stele::PrintFilter(*filter));
    CHECK_OK(again.status());
    CHECK(*again == *filter);
  }
  if (auto us = stele::ParseTimeUs(text); us.ok()) {
    auto again = stele::ParseTimeUs(stele::FormatTimeUs(*us));
    CHECK_OK(again.status());
    CHECK(*again == *us);
  }
  return 0;
}
