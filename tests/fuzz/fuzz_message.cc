// Any bytes as the body of any message decode to a value or to an error.
#include "common/base/check.h"
#include "schema/convert/codec.h"
#include "tests/fuzz/input.h"

namespace stele::wire {
namespace {

template <typename Message>
void Try(const net::Buffer& body) {
  Message message;
  if (!Decode(body, &message).ok()) return;
  // What was accepted can be sent again.
  CHECK_OK(Encode(message).status());
}

}  // namespace
}  // namespace stele::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::wire;
  stele::fuzz::FuzzInput input(data, size);
  const uint8_t kind = input.Number<uint8_t>();
  const stele::net::Buffer body = stele::net::Buffer::Copy(input.Rest());
  switch (kind % 21) {
    case 0:
      Try<GetRootResponse>(body);
      break;
    case 1:
      Try<MutateRowsRequest>(body);
      break;
    case 2:
      Try<MutateRowsResponse>(body);
      break;
    case 3:
      Try<ReadRowsRequest>(body);
      break;
    case 4:
      Try<ReadRowsResponse>(body);
      break;
    case 5:
      Try<OpenTabletRequest>(body);
      break;
    case 6:
      Try<CloseTabletRequest>(body);
      break;
    case 7:
      Try<AlterTabletRequest>(body);
      break;
    case 8:
      Try<ReportTabletsResponse>(body);
      break;
    case 9:
      Try<ServerStatusResponse>(body);
      break;
    case 10:
      Try<CreateTableRequest>(body);
      break;
    case 11:
      Try<TableResponse>(body);
      break;
    case 12:
      Try<AlterTableRequest>(body);
      break;
    case 13:
      Try<GetTableResponse>(body);
      break;
    case 14:
      Try<ListTablesResponse>(body);
      break;
    case 15:
      Try<DropRowRangeRequest>(body);
      break;
    case 16:
      Try<DropTabletRowsRequest>(body);
      break;
    case 17:
      Try<SampleRowKeysRequest>(body);
      break;
    case 18:
      Try<SampleRowKeysResponse>(body);
      break;
    case 20:
      Try<VerifyTabletResponse>(body);
      break;
    default:
      Try<CellStatusResponse>(body);
      break;
  }
  return 0;
}
