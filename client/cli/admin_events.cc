// What happened in a cell: admin events.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/query_flags.h"
#include "client/cli/verbs.h"
#include "common/base/mutex.h"
#include "schema/model/time_text.h"

namespace stele::cli {
namespace {

constexpr std::chrono::milliseconds kFollowPause{300};
constexpr int64_t kDefaultLimit = 100, kMaxLimit = 10'000;

StatusOr<EventQuery> QueryOf(const Invocation& call) {
  EventQuery query;
  ASSIGN_OR_RETURN(query.since_us, TimeOfFlag(call, "from"));
  if (call.Has("last")) {
    if (call.Has("from")) return absl::InvalidArgumentError("--from and --last exclude each other");
    ASSIGN_OR_RETURN(const int64_t us, ParseDurationUs(call.Get<std::string>("last")));
    query.since_us = call.env->clock->WallMicros() - us;
  }
  for (const auto& [flag, field] :
       {std::pair("kind", &query.kind), std::pair("table", &query.table),
        std::pair("server", &query.server)}) {
    if (call.Has(flag)) *field = call.Get<std::string>(flag);
  }
  if (call.Has("tablet")) query.tablet = call.Get<uint64_t>("tablet");
  const int64_t limit = call.Get<int64_t>("limit");
  if (limit < 1 || limit > kMaxLimit) return absl::InvalidArgumentError("--limit is 1 .. 10000");
  query.limit = static_cast<uint64_t>(limit);
  return query;
}

void Print(const Invocation& call, const std::vector<Event>& events) {
  std::ostream& out = *call.env->out;
  for (const Event& event : events) {
    if (call.Has("json")) {
      const nlohmann::ordered_json json = {
          {"number", event.number},         {"time", FormatTimeUs(event.time_us)},
          {"time_us", event.time_us},       {"kind", event.kind},
          {"tablet", event.tablet},         {"table", Escape(event.table)},
          {"server", Escape(event.server)}, {"actor", Escape(event.actor)},
          {"text", Escape(event.text)}};
      out << json.dump() << '\n';
      continue;
    }
    out << FormatTimeUs(event.time_us) << ' ' << event.kind << ' ' << Escape(event.text);
    if (!event.actor.empty()) out << " (by " << Escape(event.actor) << ')';
    out << '\n';
  }
  out.flush();
}

// Until Ctrl-C, or nobody reads any more. A cell without a master is waited for.
int Follow(const Invocation& call, Admin* admin, EventQuery query) {
  Mutex mu;
  CondVar never;
  bool told = false;
  while (*call.env->out) {
    if (call.env->interrupt != nullptr && call.env->interrupt->Pending()) break;
    auto list = admin->ListEvents(query);
    if (list.ok()) {
      Print(call, list->events);
      query.after = std::max<uint64_t>(list->last, 1);
      told = false;
    } else if (!absl::IsUnavailable(list.status()) && !absl::IsDeadlineExceeded(list.status())) {
      return Fail(call, list.status());
    } else if (!std::exchange(told, true)) {
      Fail(call, list.status());  // says it; the next may answer
    }
    MutexLock lock(&mu);
    never.WaitFor(&mu, kFollowPause);
  }
  return kOk;
}

int Run(const Invocation& call) {
  auto query = QueryOf(call);
  if (!query.ok()) return Fail(call, query.status());
  if (call.Has("follow") && call.Has("watch")) {
    return Fail(call, absl::InvalidArgumentError("--follow and --watch exclude each other"));
  }
  auto client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  Admin admin = (*client)->admin();
  if (call.Has("follow")) return Follow(call, &admin, *std::move(query));
  auto list = admin.ListEvents(*query);
  if (!list.ok()) return Fail(call, list.status());
  Print(call, list->events);
  return kOk;
}

}  // namespace

Verb AdminEventsVerb() {
  Verb verb;
  verb.name = "admin events";
  verb.summary = "show what happened in the cell, and who asked for it";
  verb.details =
      "The newest events, the oldest of them first; times are UTC. Kinds: master, server, "
      "recovery,\n"
      "table, tablet, assign, split, merge, order (of an operator), refused. The cell keeps the\n"
      "last 20,000, over changes of masters. With --json one object a line.";
  verb.example = "stele admin events --last 1h --table webtable --follow";
  verb.reads = true;
  verb.watches = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("kind", po::value<std::string>(), "only of this kind");
    add("tablet", po::value<uint64_t>(), "only of the tablet of this number");
    add("table", po::value<std::string>(), "only of this table");
    add("server", po::value<std::string>(), "only of this server");
    add("from", po::value<std::string>(), "only from this time on, RFC 3339 or microseconds");
    add("last", po::value<std::string>(), "only of this long, such as 30m or 2h");
    add("limit", po::value<int64_t>()->default_value(kDefaultLimit), "no more, 1 .. 10000");
    add("follow", "print what comes, until Ctrl-C");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
