// A read of one row, the most frequent call there is, without what the general form of ReadRows
// costs: the request's row stays in the body, the answer is made of parts that lie elsewhere. The
// bytes are the same: codec.h reads what is written here. Pure functions.
#pragma once

#include "absl/types/span.h"
#include "common/net/rpc.h"
#include "schema/convert/messages.h"

namespace stele::wire {

struct PointRequest {
  TableId table = 0;
  TabletId tablet = 0;
  Slice row;  // in the body; not empty, within its limit
  ReadSelection selection;
  uint64_t max_bytes = 0;
};
// Whether the request is for one row from its beginning, without a filter and without a wish to
// hear how it was read. Of any other, also of a malformed one, `out` says nothing.
bool DecodePoint(const net::Buffer& body, PointRequest* out);

struct CellSlices {
  Slice family, qualifier;
  int64_t timestamp_us = 0;
  Slice value;
};
// The only page of a ReadRows that has come to its end: with the row, or without cells an empty
// one.
StatusOr<net::Buffer> EncodePoint(Slice row, absl::Span<const CellSlices> cells,
                                  const ReadStats& stats);

}  // namespace stele::wire
