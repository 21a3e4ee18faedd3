// Any bytes as an input file of import, in each format, are cut into records and parsed or
// rejected; what is parsed and printed parses to the same again.
#include <algorithm>
#include <utility>

#include "client/cli/row_parser.h"
#include "client/cli/row_text.h"
#include "common/base/check.h"
#include "tests/fuzz/input.h"

namespace stele::cli {
namespace {

class BytesSource : public ByteSource {
 public:
  BytesSource(Slice bytes, size_t step) : bytes_(bytes), step_(step) {}
  StatusOr<size_t> Read(char* buffer, size_t n) override {
    const size_t got = std::min({n, step_, bytes_.size()});
    std::copy_n(bytes_.data(), got, buffer);
    bytes_.remove_prefix(got);
    return got;
  }
  uint64_t file_bytes() const override { return 0; }

 private:
  Slice bytes_;
  const size_t step_;
};

void CheckPrinted(const RowMutation& mutation) {
  Row row{mutation.row, {}};
  for (const Mutation& change : mutation.mutations) {
    const auto& set = std::get<SetCell>(change);
    if (!IsUtf8(set.family)) return;
    row.cells.push_back({set.family, set.qualifier, set.timestamp_us, set.value});
  }
  const StatusOr<Row> back = ParseJsonRow(RowAsJson(row), 0);
  CHECK(back.ok());
  CHECK(*back == row);
}

}  // namespace
}  // namespace stele::cli

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::cli;
  stele::fuzz::FuzzInput input(data, size);
  ParserOptions options;
  options.form = static_cast<InputForm>(input.Number<uint8_t>() % 4);
  options.encoding = static_cast<TextEncoding>(input.Number<uint8_t>() % 4);
  options.key = input.Number<uint8_t>() % 2 == 0 ? "k" : "";
  options.family = input.Number<uint8_t>() % 2 == 0 ? "f" : "";
  BytesSource source(input.Rest(), 1 + size % 7);
  RecordSplitter splitter(&source, BoundaryOf(options.form), 64 + size % 1024);
  RecordSplitter::Record record;
  if (HasHeader(options.form) && !*splitter.Next(&record)) return 0;
  const auto parser = RowParser::Create(options, record.text);
  if (!parser.ok()) return 0;
  while (*splitter.Next(&record)) {
    const auto row = parser->Parse(record.text);
    if (row.ok()) CheckPrinted(*row);
  }
  return 0;
}
