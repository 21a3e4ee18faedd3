// Any bytes on a connection, garbage or well-formed frames with any body, cost at most that
// connection: the server goes on answering.
#include <memory>

#include "common/base/check.h"
#include "common/net/raw_connection.h"
#include "tests/fuzz/input.h"

namespace stele::net {
namespace {

std::unique_ptr<RpcServer> StartServer() {
  RpcOptions options;
  options.max_frame_bytes = 64 * 1024;
  auto server = RpcServer::Listen("127.0.0.1:0", options, [](RpcRequest request, RpcReply reply) {
    if (request.method == 1) return reply.Ok(std::move(request.body));
    reply.Error(absl::UnimplementedError("no such method"));
  });
  CHECK_OK(server.status());
  return *std::move(server);
}

// Frames with a right header and check, and now and then bytes that are none.
std::string BytesToSend(fuzz::FuzzInput& input) {
  std::string out;
  while (!input.empty() && out.size() < 256 * 1024) {
    const uint8_t choice = input.Number<uint8_t>();
    const Slice body = input.Bytes(input.Number<uint8_t>());
    switch (choice % 4) {
      case 0:
        out.append(body.data(), body.size());
        break;
      case 1:
        out += RequestFrame(input.Number<uint32_t>(), input.Number<uint16_t>(), body,
                            input.Number<int64_t>());
        break;
      default:
        out += PlainFrame(static_cast<FrameKind>(choice / 4), input.Number<uint32_t>(), body,
                          input.Number<uint16_t>());
    }
  }
  return out;
}

}  // namespace
}  // namespace stele::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace stele::net;
  static RpcServer* const server = StartServer().release();  // one for all inputs
  static RawConnection* const polite = new RawConnection(server->address());
  stele::fuzz::FuzzInput input(data, size);
  RawConnection hostile(server->address());
  hostile.ResetOnClose();
  hostile.Write(BytesToSend(input));
  CHECK(polite->Write(RequestFrame(7, 1, "hello")));
  FrameHeader header;
  std::string body;
  CHECK(polite->ReadFrame(&header, &body)) << "the server no longer answers";
  CHECK(header.request_id == 7 && body == "hello");
  return 0;
}
