// Orders to change an option: which process they reach, and what is said of those that refuse.
#include "master/option_orders.h"

#include <gtest/gtest.h>

#include "common/base/mutex.h"
#include "schema/convert/codec.h"

namespace stele::master {
namespace {

// A tablet server that answers SetServerOption with `answer`, and keeps what it was asked.
class FakeServer {
 public:
  explicit FakeServer(Status answer) {
    auto handle = [this, answer](net::RpcRequest request, net::RpcReply reply) {
      EXPECT_EQ(request.method, static_cast<uint16_t>(wire::Method::kSetServerOption));
      wire::SetOptionRequest message;
      EXPECT_TRUE(wire::Decode(request.body, &message).ok());
      MutexLock lock(&mu_);
      asked_ = message.name + "=" + message.value + " by " + message.actor;
      if (!answer.ok()) return reply.Error(answer);
      reply.Send(wire::Encode(wire::TabletOrderResponse{{"done"}}));
    };
    auto rpc = net::RpcServer::Listen("127.0.0.1:0", net::RpcOptions(), handle);
    EXPECT_TRUE(rpc.ok());
    rpc_ = *std::move(rpc);
  }
  ~FakeServer() { rpc_->Stop(); }
  LiveServer live() const {
    LiveServer server;
    server.node.address = rpc_->address();
    return server;
  }
  std::string asked() const {
    MutexLock lock(&mu_);
    return asked_;
  }

 private:
  mutable Mutex mu_;
  std::string asked_ GUARDED_BY(mu_);
  std::unique_ptr<net::RpcServer> rpc_;
};

struct Own {
  explicit Own(const std::string& role) {
    options.role = role;
    options.has = [](const std::string& name) { return name != "server-only"; };
    options.shared = [](const std::string& name) { return name != "master-only"; };
    options.set = [this](const wire::SetOptionRequest& order) -> StatusOr<std::string> {
      if (order.name == "fixed") return absl::FailedPreconditionError("fixed");
      ++sets;
      return "own " + order.name;
    };
  }
  wire::ProcessOptions options;
  int sets = 0;
};

class OptionOrders : public testing::Test {
 protected:
  StatusOr<wire::TabletOrderResponse> Order(const char* role, const char* target,
                                            const char* name) {
    own_ = std::make_unique<Own>(role);
    servers_ = {{"ts-1", one_.live()}, {"ts-2", two_.live()}};
    return CarryOutOptionOrder({&own_->options, &servers_, client_.get(), 5'000},
                               {target, name, "7", "op:1"});
  }
  using Steps = std::vector<std::string>;

  FakeServer one_{OkStatus()}, two_{OkStatus()};
  std::unique_ptr<net::RpcClient> client_ = net::RpcClient::Create(net::RpcOptions());
  std::map<std::string, LiveServer> servers_;
  std::unique_ptr<Own> own_;
};

TEST_F(OptionOrders, ReachWhomTheyName) {
  auto done = Order("master", "ts-2", "x");
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->steps, Steps{"ts-2: done"});
  EXPECT_EQ(one_.asked(), "");
  EXPECT_EQ(two_.asked(), "x=7 by op:1");
  EXPECT_EQ(own_->sets, 0);
  EXPECT_EQ(Order("master", "master", "x")->steps, Steps{"own x"});
  EXPECT_EQ(Order("master", "all", "x")->steps, (Steps{"own x", "ts-1: done", "ts-2: done"}));
  EXPECT_EQ(Order("master", "all", "master-only")->steps, Steps{"own master-only"});
  EXPECT_EQ(Order("master", "all", "server-only")->steps, (Steps{"ts-1: done", "ts-2: done"}));
  // One process with all roles is changed once.
  for (const char* target : {"all", "master"}) {
    EXPECT_EQ(Order("local", target, "x")->steps, Steps{"own x"}) << target;
  }
}

TEST_F(OptionOrders, AServerThatSharesItsProcessIsNotChangedAlone) {
  EXPECT_EQ(Order("local", "ts-1", "x")->steps,
            Steps{"own x; of all servers, which share one process"});
  EXPECT_EQ(own_->sets, 1);
  EXPECT_EQ(Order("local", "ts-9", "x").status().code(), absl::StatusCode::kNotFound);
  const Own of_many("master");
  EXPECT_EQ(WhoElseChanges(&of_many.options, {"ts-1", "x", "7", ""}), "");
  EXPECT_EQ(WhoElseChanges(nullptr, {"ts-1", "x", "7", ""}), "");
}

TEST_F(OptionOrders, Refusals) {
  EXPECT_EQ(Order("master", "ts-9", "x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Order("master", "master", "fixed").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CarryOutOptionOrder({nullptr, &servers_, client_.get(), 1}, {"all", "x", "1", ""})
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(OptionOrders, OneThatRefusesIsNamedAndWhatIsDoneToo) {
  FakeServer refuses(absl::InvalidArgumentError("no such option"));
  own_ = std::make_unique<Own>("master");
  servers_ = {{"ts-1", one_.live()}, {"ts-3", refuses.live()}};
  const OptionOrderParts parts{&own_->options, &servers_, client_.get(), 5'000};
  auto done = CarryOutOptionOrder(parts, {"all", "server-only", "7", "op:1"});
  EXPECT_EQ(done.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(done.status().message(), "ts-3: no such option; done: ts-1: done");
  FakeServer stuck(absl::UnavailableError("it is ending"));
  servers_["ts-4"] = stuck.live();
  done = CarryOutOptionOrder(parts, {"all", "x", "7", "op:1"});
  EXPECT_EQ(done.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(done.status().message(),
            "ts-3: no such option; ts-4: it is ending; done: own x; ts-1: done");
  done = CarryOutOptionOrder(parts, {"ts-3", "server-only", "7", "op:1"});
  EXPECT_EQ(done.status().message(), "ts-3: no such option");
}

}  // namespace
}  // namespace stele::master
