#include <utility>

#include "common/base/check.h"
#include "common/net/rpc.h"

namespace stele::net {
namespace {

class SenderTaker : public RpcReply::Taker {
 public:
  explicit SenderTaker(RpcReply::Sender sender) : sender_(std::move(sender)) {
    CHECK(sender_ != nullptr);
  }
  void Take(const Status& status, Buffer body) override { sender_(status, std::move(body)); }

 private:
  const RpcReply::Sender sender_;
};

}  // namespace

RpcReply::RpcReply(Sender sender) : taker_(std::make_shared<SenderTaker>(std::move(sender))) {}

RpcReply::RpcReply(std::shared_ptr<Taker> taker) : taker_(std::move(taker)) {
  CHECK(taker_ != nullptr);
}

RpcReply::RpcReply(RpcReply&& other) noexcept : taker_(std::move(other.taker_)) {}

RpcReply& RpcReply::operator=(RpcReply&& other) noexcept {
  if (this == &other) return *this;
  DropUnanswered();
  taker_ = std::move(other.taker_);
  return *this;
}

RpcReply::~RpcReply() { DropUnanswered(); }

void RpcReply::DropUnanswered() {
  if (taker_ != nullptr) Error(absl::UnavailableError("the server dropped the request"));
}

void RpcReply::Answer(const Status& status, Buffer body) {
  CHECK(taker_ != nullptr) << "answered twice";
  const std::shared_ptr<Taker> taker = std::move(taker_);
  taker->Take(status, std::move(body));
}

void RpcReply::Ok(Buffer body) { Answer(OkStatus(), std::move(body)); }

void RpcReply::Error(const Status& status) {
  CHECK(!status.ok());
  Answer(status, Buffer());
}

void RpcReply::Send(StatusOr<Buffer> answer) {
  if (answer.ok()) {
    Ok(*std::move(answer));
  } else {
    Error(answer.status());
  }
}

}  // namespace stele::net
