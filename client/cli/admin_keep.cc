// What keeps tablets in order: flush, compact, verify.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/progress.h"
#include "client/cli/tablet_names.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Json = nlohmann::ordered_json;
using Keep = StatusOr<std::vector<std::string>> (Admin::*)(const TabletOrder&);

// So many tablets are asked for together: servers work on two each, and progress is told often.
constexpr size_t kTabletsAtOnce = 4;

// The numbers of the tablets that the arguments name.
StatusOr<std::vector<uint64_t>> FindTablets(Admin* admin, const TabletOrder& order) {
  if (order.table.empty()) return order.tablets;
  ASSIGN_OR_RETURN(const TableDescription table, admin->DescribeTable(order.table));
  std::vector<uint64_t> tablets;
  for (const TabletInfo& tablet : table.tablets) tablets.push_back(tablet.id);
  return tablets;
}

int RunKeep(const Invocation& call, Keep keep) {
  TabletOrder order;
  if (Status bad = ReadTabletNames(call.args, &order); !bad.ok()) return Fail(call, bad);
  auto wait = AdminWait::Start(call);
  if (!wait.ok()) return Fail(call, wait.status());
  auto client = ConnectForAdmin(call, *wait);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  order.dry_run = true;
  auto plan = (admin.*keep)(order);
  if (!plan.ok()) return Fail(call, plan.status());
  auto tablets = FindTablets(&admin, order);
  if (!tablets.ok()) return Fail(call, tablets.status());
  const bool dry_run = call.Has("dry-run");
  Progress progress(call.env->err, call.env->progress, call.env->clock, "tablets", tablets->size());
  for (size_t done = 0; done < tablets->size() && !dry_run; done += kTabletsAtOnce) {
    const auto first = tablets->begin() + static_cast<ptrdiff_t>(done);
    const size_t n = std::min(kTabletsAtOnce, tablets->size() - done);
    TabletOrder part;
    part.tablets.assign(first, first + static_cast<ptrdiff_t>(n));
    Status kept = wait->UntilAnswered([&] { return (admin.*keep)(part).status(); });
    // Split or merged meanwhile: what is not there has nothing left to be done.
    if (absl::IsNotFound(kept) && !order.table.empty()) kept = OkStatus();
    if (wait->left_ms() == 0 && !kept.ok()) {
      return wait->GiveUp(absl::StrCat(done, " of ", tablets->size(), " tablets are done"));
    }
    if (!kept.ok()) return Fail(call, kept);
    progress.Update(done + n);
  }
  if (call.Has("json")) {
    *call.env->out << Json({{"dry_run", dry_run}, {"steps", *plan}}).dump() << '\n';
  } else {
    for (const std::string& step : *plan) {
      *call.env->out << (dry_run ? "would " : "done: ") << step << '\n';
    }
  }
  return kOk;
}

Verb KeepVerb(const char* name, Keep keep) {
  Verb verb;
  verb.name = name;
  verb.arguments = "TABLE|TABLET...";
  verb.min_args = 1;
  verb.max_args = 1000;
  verb.reads = true;
  verb.options = [](po::options_description* flags) {
    AdminWait::AddFlag(flags, "1h");
    flags->add_options()("dry-run", "only say what would be done");
  };
  verb.run = [keep](const Invocation& call) { return RunKeep(call, keep); };
  return verb;
}

struct Verified {
  uint64_t tablets = 0, files = 0, bytes = 0;
  std::vector<std::string> damage;
};

// Asks whoever has the tablet at the moment.
StatusOr<TabletVerification> VerifyOne(Admin* admin, AdminWait* wait, const TabletInfo& known) {
  TabletInfo tablet = known;
  TabletVerification found;
  bool gone = false;
  Status answer = wait->UntilAnswered([&]() -> Status {
    auto verified = admin->VerifyTablet(tablet);
    if (verified.ok()) {
      found = *std::move(verified);
      return OkStatus();
    }
    ASSIGN_OR_RETURN(const CellStatus cell, admin->GetCellStatus());
    gone = true;
    for (const TabletSummary& one : cell.tablets) {
      if (one.tablet.id != tablet.id) continue;
      tablet = one.tablet;
      gone = false;
    }
    return gone ? OkStatus() : verified.status();
  });
  RETURN_IF_ERROR(WithContext(answer, absl::StrCat("tablet ", tablet.id)));
  return found;
}

int RunVerify(const Invocation& call) {
  TabletOrder order;
  if (!call.args.empty()) {
    if (Status bad = ReadTabletNames(call.args, &order); !bad.ok()) return Fail(call, bad);
  }
  auto wait = AdminWait::Start(call);
  if (!wait.ok()) return Fail(call, wait.status());
  auto client = ConnectForAdmin(call, *wait);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  auto cell = admin.GetCellStatus();
  if (!cell.ok()) return Fail(call, cell.status());
  auto named = FindTablets(&admin, order);
  if (!named.ok()) return Fail(call, named.status());
  std::vector<TabletInfo> tablets;
  for (const TabletSummary& one : cell->tablets) {
    const bool wanted =
        call.args.empty() || std::count(named->begin(), named->end(), one.tablet.id);
    if (wanted) tablets.push_back(one.tablet);
  }
  for (const uint64_t id : *named) {
    const bool there = std::any_of(tablets.begin(), tablets.end(),
                                   [id](const TabletInfo& tablet) { return tablet.id == id; });
    if (!there) return Fail(call, absl::NotFoundError(absl::StrCat("there is no tablet ", id)));
  }
  Progress progress(call.env->err, call.env->progress, call.env->clock, "tablets", tablets.size());
  Verified sum;
  for (const TabletInfo& tablet : tablets) {
    auto one = VerifyOne(&admin, &*wait, tablet);
    if (!one.ok() && wait->left_ms() == 0) {
      return wait->GiveUp(absl::StrCat(sum.tablets, " of ", tablets.size(), " tablets are read"));
    }
    if (!one.ok()) return Fail(call, one.status());
    progress.Update(++sum.tablets);
    sum.files += one->files;
    sum.bytes += one->bytes;
    for (const std::string& damage : one->damage) {
      sum.damage.push_back(absl::StrCat("tablet ", tablet.id, ": ", Escape(damage)));
    }
  }
  if (call.Has("json")) {
    *call.env->out << Json({{"clean", sum.damage.empty()},
                            {"tablets", sum.tablets},
                            {"files", sum.files},
                            {"bytes", sum.bytes},
                            {"damage", sum.damage}})
                          .dump()
                   << '\n';
  } else {
    for (const std::string& damage : sum.damage) *call.env->out << "DAMAGE " << damage << '\n';
    *call.env->out << (sum.damage.empty() ? "clean: " : "damaged; whole are ") << sum.files
                   << " files, " << FormatBytes(sum.bytes) << ", " << sum.tablets << " tablets\n";
  }
  return sum.damage.empty() ? kOk : kFailed;
}

}  // namespace

Verb AdminFlushVerb() {
  Verb verb = KeepVerb("admin flush", &Admin::Flush);
  verb.summary = "write what is in memory of a table or of tablets to SSTables";
  verb.details = "Acknowledged writes are durable without it; it makes recoveries shorter.";
  verb.example = "stele admin flush webtable --deadline 5m";
  return verb;
}

Verb AdminCompactVerb() {
  Verb verb = KeepVerb("admin compact", &Admin::Compact);
  verb.summary = "merge the SSTables of a table or of tablets into one a locality group each";
  verb.details = "Deleted cells and cells that the families' rules let go are dropped.";
  verb.example = "stele admin compact 17 18";
  return verb;
}

Verb AdminVerifyVerb() {
  Verb verb;
  verb.name = "admin verify";
  verb.arguments = "[TABLE|TABLET...]";
  verb.max_args = 1000;
  verb.summary = "have the servers read every file and compare it with its checksums";
  verb.details =
      "Of the whole cell, of a table or of some tablets, which are served meanwhile. Damage is "
      "exit\n"
      "code 1. `stele admin check --verify` does it from the data directory, and more.";
  verb.example = "stele admin verify webtable";
  verb.reads = true;
  verb.options = [](po::options_description* flags) { AdminWait::AddFlag(flags, "1h"); };
  verb.run = RunVerify;
  return verb;
}

}  // namespace stele::cli
