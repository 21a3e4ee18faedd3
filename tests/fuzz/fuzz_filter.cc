// Any bytes as the body of a read decode to a valid filter or to an error; a valid filter is sent
// again unchanged, runs over any row within its passes, and gives the same cells over what
// push-down reads.
#include "common/base/check.h"
#include "schema/convert/codec.h"
#include "schema/model/filter.h"
#include "stele/filter_text.h"
#include "tabletserver/filter/push_down.h"
#include "tabletserver/filter/row_filter.h"
#include "tests/fuzz/input.h"
#include "tests/reference/random_filter.h"

namespace stele::tabletserver {
namespace {

constexpr size_t kMaxCells = 16;

class RowOfInput : public RepeatableRow, public FilterOutput {
 public:
  explicit RowOfInput(const Row& row) : row_(row) {}
  Status Read(const std::function<bool(const CellView&)>& take) override {
    for (const Cell& c : row_.cells) {
      if (!take({c.family, c.qualifier, c.timestamp_us, c.value, {}})) break;
    }
    return OkStatus();
  }
  void AddCell(const CellView& cell) override {
    CHECK(cell.label.size() <= kMaxLabelBytes);
    ++cells;
  }
  uint64_t cells = 0;

 private:
  const Row& row_;
};

// Most made-up bytes are no message at all, so the fuzzer may also shape the filter itself.
Filter Shaped(fuzz::FuzzInput* input, int depth) {
  Filter f;
  f.kind = static_cast<Filter::Kind>(input->Number<uint8_t>() % 22);
  f.flag = input->Number<uint8_t>() != 0;
  f.count = input->Number<int32_t>();
  f.probability = input->Number<uint16_t>() / 65535.0;
  f.start_us = input->Number<int16_t>();
  f.end_us = input->Number<int16_t>();
  f.bytes = std::string(input->Bytes(input->Number<uint8_t>() % 32));
  f.family = std::string(input->Bytes(input->Number<uint8_t>() % 4));
  f.start = {static_cast<Bound::Kind>(input->Number<uint8_t>() % 4),
             std::string(input->Bytes(input->Number<uint8_t>() % 4))};
  f.end = {static_cast<Bound::Kind>(input->Number<uint8_t>() % 4),
           std::string(input->Bytes(input->Number<uint8_t>() % 4))};
  const uint8_t children = input->Number<uint8_t>() % 5;
  for (uint8_t i = 0; i < children && depth < 25 && !input->empty(); ++i) {
    f.children.push_back(Shaped(input, depth + 1));
  }
  return f;
}

uint64_t CellsOf(const RowFilter& filter, RowFilterRun* run, const Row& row) {
  RowOfInput source(row);
  CHECK_OK(FilterRow(run, row.key, &source, &source));
  CHECK(source.cells <= row.cells.size() * kMaxFilterSteps);
  CHECK(filter.passes() <= static_cast<int>(kMaxFilterDepth));
  return source.cells;
}

void RunFilter(const Filter& filter, uint64_t seed) {
  auto compiled = RowFilter::Compile(filter);
  CHECK_OK(compiled.status());
  RowFilterRun run(*compiled, seed);
  SeededRandom random(seed);
  const Row row = RandomRow(&random, kMaxCells);
  CellsOf(**compiled, &run, row);
  const PushDown push_down = FindPushDown(filter, {});
  CHECK_OK(ValidateSelection(push_down.selection));
  auto again = ParseFilter(PrintFilter(filter));
  if (filter.empty()) return;
  CHECK_OK(again.status());
  CHECK(*again == filter);
}

}  // namespace
}  // namespace stele::tabletserver

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using stele::wire::ReadRowsRequest;
  stele::fuzz::FuzzInput input(data, size);
  const uint64_t seed = input.Number<uint16_t>();
  ReadRowsRequest request;
  if (seed % 2 == 0) {
    const stele::net::Buffer body = stele::net::Buffer::Copy(input.Rest());
    if (!Decode(body, &request).ok()) return 0;
    CHECK_OK(ValidateFilter(request.filter));
  } else {
    request.filter = stele::tabletserver::Shaped(&input, 1);
    const bool valid = ValidateFilter(request.filter).ok();
    auto body = Encode(request);
    CHECK_OK(body.status());
    ReadRowsRequest decoded;
    const stele::Status status = Decode(*body, &decoded);
    // The wire leaves out what a kind does not use, so it may make a filter valid, never change it.
    CHECK(status.ok() || !valid);
    if (!status.ok()) return 0;
    request = decoded;
  }
  auto body = Encode(request);
  CHECK_OK(body.status());
  ReadRowsRequest again;
  CHECK_OK(Decode(*body, &again));
  CHECK(again.filter == request.filter);
  stele::tabletserver::RunFilter(request.filter, seed);
  return 0;
}
