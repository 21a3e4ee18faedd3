#include "tests/process/zk_ensemble.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace stele {
namespace {

constexpr int kStartTimeoutMs = 60'000;
constexpr int kAnswerTimeoutMs = 1'000;

// What a server answers to one of ZooKeeper's four-letter words; "" when it does not.
std::string Ask(const std::string& address, int port, const std::string& word) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  CHECK_EQ(inet_pton(AF_INET, address.c_str(), &to.sin_addr), 1);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0 &&
      send(fd, word.data(), word.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(word.size())) {
    pollfd wait{.fd = fd, .events = POLLIN, .revents = 0};
    char buffer[4096];
    ssize_t n = 0;
    while (poll(&wait, 1, kAnswerTimeoutMs) > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
      answer.append(buffer, static_cast<size_t>(n));
    }
  }
  close(fd);
  return answer;
}

}  // namespace

ZkEnsemble::ZkEnsemble(int servers, std::string address, std::vector<std::string> on_host)
    : address_(std::move(address)), on_host_(std::move(on_host)) {
  for (int i = 0; i < servers; ++i) {
    auto node = std::make_unique<Node>();
    node->directory = absl::StrCat(dir_.path(), "/zk-", i + 1);
    node->client_port = FreePort();
    node->quorum_port = FreePort();
    node->election_port = FreePort();
    nodes_.push_back(std::move(node));
  }
  for (int i = 0; i < servers; ++i) WriteFiles(i);
}

void ZkEnsemble::WriteFiles(int server) const {
  const Node& node = *nodes_[server];
  std::filesystem::create_directories(node.directory + "/data");
  std::ofstream config(node.directory + "/zoo.cfg");
  config << "tickTime=" << kTickMs << "\ninitLimit=100\nsyncLimit=50\n"
         << "dataDir=" << node.directory << "/data\n"
         << "clientPort=" << node.client_port << "\nclientPortAddress=" << address_
         << "\n"
         // Tests cut no power: a busy disk of the machine must not end everybody's session.
         << "forceSync=no\n"
         << "admin.enableServer=false\n4lw.commands.whitelist=*\nmaxClientCnxns=0\n";
  for (size_t i = 0; i < nodes_.size() && nodes_.size() > 1; ++i) {
    config << "server." << i + 1 << '=' << address_ << ':' << nodes_[i]->quorum_port << ':'
           << nodes_[i]->election_port << '\n';
  }
  std::ofstream(node.directory + "/data/myid") << server + 1 << '\n';
  std::ofstream(node.directory + "/log4j.properties")
      << "log4j.rootLogger=INFO, stderr\n"
         "log4j.appender.stderr=org.apache.log4j.ConsoleAppender\n"
         "log4j.appender.stderr.Target=System.err\n"
         "log4j.appender.stderr.layout=org.apache.log4j.PatternLayout\n"
         "log4j.appender.stderr.layout.ConversionPattern=%d %-5p %c{1} %m%n\n";
}

Status ZkEnsemble::Launch(int server) {
  Node& node = *nodes_[server];
  std::vector<std::string> words = on_host_;
  words.insert(words.end(),
               {"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
                absl::StrCat("-Dlog4j.configuration=file:", node.directory, "/log4j.properties"),
                "-cp", "/usr/share/java/zookeeper.jar",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain", node.directory + "/zoo.cfg"});
  return node.process.Start(words, node.directory + "/stderr");
}

Status ZkEnsemble::AwaitServing(int server) {
  if (Eventually([&] { return !Mode(server).empty(); }, kStartTimeoutMs)) return OkStatus();
  return absl::UnavailableError("ZooKeeper did not come up:\n" +
                                TailOf(nodes_[server]->directory + "/stderr"));
}

Status ZkEnsemble::Start() {
  for (int i = 0; i < size(); ++i) RETURN_IF_ERROR(Launch(i));
  for (int i = 0; i < size(); ++i) RETURN_IF_ERROR(AwaitServing(i));
  return OkStatus();
}

Status ZkEnsemble::StartServer(int server) {
  RETURN_IF_ERROR(Launch(server));
  return AwaitServing(server);
}

std::string ZkEnsemble::server(int index) const {
  return absl::StrCat(address_, ":", nodes_[index]->client_port);
}

std::string ZkEnsemble::servers() const {
  std::string all;
  for (int i = 0; i < size(); ++i) absl::StrAppend(&all, i == 0 ? "" : ",", server(i));
  return all;
}

std::string ZkEnsemble::Mode(int server) const {
  constexpr char kMode[] = "Mode: ";
  const std::string answer = Ask(address_, nodes_[server]->client_port, "srvr");
  const size_t at = answer.find(kMode);
  if (at == std::string::npos) return "";
  const size_t begin = at + sizeof(kMode) - 1;
  return answer.substr(begin, answer.find('\n', begin) - begin);
}

int ZkEnsemble::Leader() const {
  for (int i = 0; i < size(); ++i) {
    if (Mode(i) == "leader") return i;
  }
  return -1;
}

void ZkEnsemble::Wipe(int server) {
  CHECK(!nodes_[server]->process.running());
  std::filesystem::remove_all(nodes_[server]->directory + "/data");
  WriteFiles(server);
}

}  // namespace stele
