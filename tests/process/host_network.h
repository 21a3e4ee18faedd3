// HostNetwork: several hosts on this machine, each a network namespace with an address of its own,
// between which packets can be dropped in one direction or both. A process is put on a host by the
// words that come before its own. The test itself stands outside and reaches all of them.
//
// Packets are dropped by nft where they arrive, or leave to the outside; who sends them is not
// told. Namespaces and bridge carry the test's process id in their names: what a test that was
// killed left is removed by the next one, with the processes on its hosts. Needs root, iproute2 and
// nftables. Owned by one test; bound to its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/testing/temp_dir.h"

namespace stele {

class HostNetwork {
 public:
  static constexpr int kOutside = -1;

  // Why there can be none on this machine; "": there can. One at a time in a process: not when it
  // has one.
  static std::string WhyNot();
  static StatusOr<std::unique_ptr<HostNetwork>> Create(int hosts);
  ~HostNetwork();
  HostNetwork(const HostNetwork&) = delete;
  HostNetwork& operator=(const HostNetwork&) = delete;

  std::string address(int host) const;  // of kOutside, too
  // What runs the words that follow on the host, as the same process.
  std::vector<std::string> WordsOn(int host) const;

  // Nothing of what `from` sends to `to` arrives any more, until Pass. Not both are outside.
  Status Drop(int from, int to);
  Status Pass(int from, int to);
  // Packets, since the beginning.
  StatusOr<uint64_t> Dropped(int from, int to) const;

  // Namespaces and devices of processes that are no more; what runs in these namespaces is killed.
  // How many it removed; what cannot be removed is logged.
  static StatusOr<int> RemoveStale();

 private:
  explicit HostNetwork(int hosts);
  Status Make();
  Status MakeHost(int host);
  std::string NameOf(int host) const;
  // Who drops: the host, its chain, the other.
  struct Place {
    int host = 0;
    const char* chain = "";
    int other = 0;
  };
  static Place PlaceOf(int from, int to);
  Status WriteRules(int host);

  const int hosts_;
  std::set<std::pair<int, int>> dropped_;  // from, to
};

}  // namespace stele
