#include <iostream>

#include "client/cli/admin_wait.h"
#include "client/cli/bytes_text.h"
#include "client/cli/tablet_names.h"
#include "client/cli/verbs.h"

namespace stele::cli {
namespace {

using Order = StatusOr<std::vector<std::string>> (Admin::*)(const TabletOrder&);

int Run(const Invocation& call, Order order, TabletOrder wanted) {
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  const bool dry_run = call.Has("dry-run");
  wanted.dry_run = true;
  StatusOr<std::vector<std::string>> steps = (admin.*order)(wanted);
  if (!steps.ok()) return Fail(call, steps.status());
  if (!dry_run) {
    if (call.env->progress) {
      for (const std::string& step : *steps) *call.env->err << "to do: " << step << '\n';
    }
    wanted.dry_run = false;
    steps = (admin.*order)(wanted);
    if (!steps.ok()) return Fail(call, steps.status());
  }
  PrintSteps(call, *steps, dry_run);
  return kOk;
}

Verb TabletVerb(const char* name, Order order) {
  Verb verb;
  verb.name = name;
  verb.min_args = 1;
  verb.max_args = 1000;
  verb.reads = true;
  verb.options = [](po::options_description* flags) {
    flags->add_options()("dry-run", "only say what would be done");
  };
  verb.run = [order](const Invocation& call) {
    TabletOrder wanted;
    if (Status bad = ReadTabletNames(call.args, &wanted); !bad.ok()) return Fail(call, bad);
    return Run(call, order, std::move(wanted));
  };
  return verb;
}

constexpr char kTabletsAreNumbers[] =
    "A number is a tablet (`stele admin tablets` lists them), any other word a table, _METADATA\n"
    "too; its root and the catalog are moved only. Clients notice a delay at most. Returns when "
    "it\n"
    "is done; at the deadline the cell goes on with it.";

}  // namespace

Verb AdminSplitVerb() {
  Verb verb = TabletVerb("admin split", nullptr);
  verb.arguments = "TABLE|TABLET";
  verb.summary = "split a tablet, or each tablet of a table, in two";
  verb.details = kTabletsAreNumbers;
  verb.example = "stele admin split 17 --at com.example";
  verb.max_args = 1;
  verb.options = [](po::options_description* flags) {
    auto add = flags->add_options();
    add("dry-run", "only say what would be done");
    add("at", po::value<std::string>(),
        "last row of the lower part (default: about half);\n"
        "with --escaped escaped text, as `stele admin tablets` prints it");
  };
  verb.run = [](const Invocation& call) {
    TabletOrder wanted;
    if (Status bad = ReadTabletNames(call.args, &wanted); !bad.ok()) return Fail(call, bad);
    if (call.Has("at")) {
      const std::string at = call.Get<std::string>("at");
      StatusOr<std::string> row = call.Has("escaped") ? Unescape(at) : at;
      if (!row.ok()) return Fail(call, WithContext(row.status(), "--at"));
      wanted.at = *std::move(row);
    }
    return Run(call, &Admin::Split, std::move(wanted));
  };
  return verb;
}

Verb AdminMergeVerb() {
  Verb verb = TabletVerb("admin merge", &Admin::Merge);
  verb.arguments = "TABLE|TABLET...";
  verb.summary = "make one tablet of neighbours, or of a whole table";
  verb.details = kTabletsAreNumbers;
  verb.example = "stele admin merge 17 18";
  return verb;
}

Verb AdminMoveVerb() {
  Verb verb = TabletVerb("admin move", &Admin::Move);
  verb.arguments = "TABLE|TABLET SERVER";
  verb.summary = "give a tablet, or all of a table, to another server";
  verb.details = kTabletsAreNumbers;
  verb.example = "stele admin move 17 ts-2";
  verb.min_args = verb.max_args = 2;
  verb.run = [](const Invocation& call) {
    TabletOrder wanted;
    if (Status bad = ReadTabletNames({call.args[0]}, &wanted); !bad.ok()) return Fail(call, bad);
    wanted.server = call.args[1];
    return Run(call, &Admin::Move, std::move(wanted));
  };
  return verb;
}

}  // namespace stele::cli
