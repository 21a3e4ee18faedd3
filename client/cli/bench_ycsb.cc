#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/bytes_text.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/verbs.h"
#include "client/cli/ycsb/runner.h"

namespace stele::cli {
namespace {

using ycsb::KindResult;
using ycsb::NameOf;
using ycsb::OperationKind;
using ycsb::RunOptions;
using ycsb::RunResult;

constexpr int64_t kMaxThreads = 4096;
constexpr double kMicros = 1e-3;  // of a nanosecond
constexpr std::pair<const char*, double> kPercentiles[] = {
    {"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};

StatusOr<int64_t> InRange(const Invocation& call, const char* flag, int64_t least, int64_t most) {
  const auto value = call.Get<int64_t>(flag);
  if (value >= least && value <= most) return value;
  return absl::InvalidArgumentError(absl::StrCat("--", flag, " is ", least, " .. ", most));
}

Status ReadDistribution(const Invocation& call, RunOptions* options) {
  if (!call.Has("distribution")) return OkStatus();
  const std::string name = call.Get<std::string>("distribution");
  if (name == "uniform") {
    options->workload.distribution = ycsb::Distribution::kUniform;
  } else if (name == "zipfian") {
    options->workload.distribution = ycsb::Distribution::kZipfian;
  } else if (name == "latest") {
    options->workload.distribution = ycsb::Distribution::kLatest;
  } else {
    return absl::InvalidArgumentError("--distribution is uniform, zipfian or latest");
  }
  return OkStatus();
}

Status ReadHowLong(const Invocation& call, RunOptions* options) {
  if (call.Has("operations")) {
    ASSIGN_OR_RETURN(const int64_t operations, InRange(call, "operations", 1, INT64_MAX));
    options->operations = static_cast<uint64_t>(operations);
  }
  options->seconds = call.Has("seconds") ? call.Get<double>("seconds") : 0;
  if (call.Has("seconds") && !(options->seconds > 0 && options->seconds <= 1e6)) {
    return absl::InvalidArgumentError("--seconds is above 0, at most 1000000");
  }
  if (!options->load && options->operations == 0 && options->seconds == 0) {
    return absl::InvalidArgumentError("--operations or --seconds says how long");
  }
  options->rate = call.Has("rate") ? call.Get<double>("rate") : 0;
  if (call.Has("rate") && !(options->rate > 0 && options->rate <= 1e8)) {
    return absl::InvalidArgumentError("--rate is above 0, at most 100000000");
  }
  return OkStatus();
}

StatusOr<RunOptions> ReadOptions(const Invocation& call) {
  RunOptions options;
  const std::string& phase = call.args[0];
  if (phase != "load" && phase != "run") {
    return absl::InvalidArgumentError(absl::StrCat("'", phase, "' is neither load nor run"));
  }
  options.load = phase == "load";
  const auto workload = ycsb::FindWorkload(call.args[1]);
  if (!workload) {
    return absl::InvalidArgumentError(absl::StrCat("'", call.args[1], "' is no workload A .. F"));
  }
  options.workload = *workload;
  options.family = call.Get<std::string>("family");
  ASSIGN_OR_RETURN(const int64_t records, InRange(call, "records", 1, INT64_MAX / 2));
  ASSIGN_OR_RETURN(const int64_t fields, InRange(call, "fields", 1, 10'000));
  ASSIGN_OR_RETURN(const int64_t bytes, InRange(call, "field-bytes", 0, 1 << 20));
  ASSIGN_OR_RETURN(const int64_t threads, InRange(call, "threads", 1, kMaxThreads));
  options.records = static_cast<uint64_t>(records);
  options.fields = static_cast<uint32_t>(fields);
  options.field_bytes = static_cast<uint32_t>(bytes);
  options.threads = static_cast<uint32_t>(threads);
  options.seed = call.Get<uint64_t>("seed");
  RETURN_IF_ERROR(ReadDistribution(call, &options));
  RETURN_IF_ERROR(ReadHowLong(call, &options));
  return options;
}

// A load makes the table when there is none.
StatusOr<Table> OpenOrCreate(Client* client, const std::string& name, const RunOptions& options) {
  StatusOr<Table> table = client->OpenTable(name);
  if (!absl::IsNotFound(table.status()) || !options.load) return table;
  TableSchema schema;
  schema.name = name;
  schema.families = {{.name = options.family,
                      .gc = GcRule{.kind = GcRule::Kind::kMaxVersions, .max_versions = 1}}};
  const Status created = client->admin().CreateTable(schema).status();
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  return client->OpenTable(name);
}

constexpr char kClosedLoop[] =
    "In a closed loop a thread waits for its answer before its next call: a store that stands "
    "still\n"
    "keeps load away, and few latencies show it. With --rate they count from when a call was "
    "due.\n";

void PrintText(const Invocation& call, const RunOptions& options, const RunResult& result) {
  std::ostream& out = *call.env->out;
  out << (options.load ? std::string("load")
                       : absl::StrCat("workload ", std::string(1, options.workload.name), ", ",
                                      options.workload.summary))
      << ", " << options.threads << (options.threads == 1 ? " thread, " : " threads, ")
      << (options.rate > 0 ? absl::StrFormat("open loop at %g operations/s", options.rate)
                           : std::string("closed loop"))
      << "\n"
      << absl::StrFormat("%s operations in %.1f s: %.0f/s; %s failed\n\n",
                         WithCommas(result.operations()), result.seconds,
                         static_cast<double>(result.operations()) / result.seconds,
                         WithCommas(result.failed()));
  out << absl::StrFormat("%-18s %10s %9s", "microseconds", "count", "mean");
  for (const auto& [name, share] : kPercentiles) out << absl::StrFormat(" %9s", name);
  out << absl::StrFormat(" %9s %8s\n", "max", "failed");
  for (size_t i = 0; i < ycsb::kOperationKinds; ++i) {
    const KindResult& kind = result.kinds[i];
    if (kind.latencies.count() + kind.failed == 0) continue;
    out << absl::StrFormat("%-18s %10d %9.0f", NameOf(static_cast<OperationKind>(i)),
                           kind.latencies.count(), kind.latencies.MeanNs() * kMicros);
    for (const auto& [name, share] : kPercentiles) {
      out << absl::StrFormat(" %9.0f",
                             static_cast<double>(kind.latencies.PercentileNs(share)) * kMicros);
    }
    out << absl::StrFormat(" %9.0f %8d\n", static_cast<double>(kind.latencies.max_ns()) * kMicros,
                           kind.failed);
    if (kind.not_found > 0) out << "  " << kind.not_found << " of them found no record\n";
  }
  if (options.rate == 0) out << '\n' << kClosedLoop;
  if (result.not_begun > 0) {
    out << "the store did not keep up: " << result.not_begun
        << " operations were due and not begun; the latencies are without them\n";
  }
}

void PrintJson(const Invocation& call, const RunOptions& options, const RunResult& result) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::object();
  for (size_t i = 0; i < ycsb::kOperationKinds; ++i) {
    const KindResult& kind = result.kinds[i];
    if (kind.latencies.count() + kind.failed == 0) continue;
    nlohmann::ordered_json one = {{"count", kind.latencies.count()},
                                  {"failed", kind.failed},
                                  {"not_found", kind.not_found},
                                  {"mean", kind.latencies.MeanNs() * kMicros}};
    for (const auto& [name, share] : kPercentiles) {
      one[name] = static_cast<double>(kind.latencies.PercentileNs(share)) * kMicros;
    }
    one["max"] = static_cast<double>(kind.latencies.max_ns()) * kMicros;
    kinds[NameOf(static_cast<OperationKind>(i))] = std::move(one);
  }
  const nlohmann::ordered_json json = {
      {"phase", options.load ? "load" : "run"},
      {"workload", std::string(1, options.workload.name)},
      {"records", options.records},
      {"threads", options.threads},
      {"loop", options.rate > 0 ? "open" : "closed"},
      {"rate", options.rate},
      {"seconds", result.seconds},
      {"operations", result.operations()},
      {"operations_per_second", static_cast<double>(result.operations()) / result.seconds},
      {"failed", result.failed()},
      {"not_begun", result.not_begun},
      {"rows_scanned", result.rows_scanned},
      {"latency_us", std::move(kinds)}};
  *call.env->out << json.dump() << '\n';
}

int Report(const Invocation& call, const RunOptions& options, const RunResult& result) {
  call.Has("json") ? PrintJson(call, options, result) : PrintText(call, options, result);
  for (const KindResult& kind : result.kinds) {
    if (kind.failed > 0) return Fail(call, WithContext(kind.first_error, "the first that failed"));
  }
  return result.interrupted ? kInterrupted : kOk;
}

int Run(const Invocation& call) {
  StatusOr<RunOptions> options = ReadOptions(call);
  if (!options.ok()) return Fail(call, options.status());
  // Before the client, so that its threads do not take the signals.
  std::optional<Interrupt> own;
  Interrupt* interrupt = call.env->interrupt;
  if (interrupt == nullptr) interrupt = &own.emplace();
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<Table> table = OpenOrCreate(client->get(), call.Get<std::string>("table"), *options);
  if (!table.ok()) return Fail(call, table.status());
  RunResult result;
  {
    Progress progress(call.env->err, call.env->progress, call.env->clock, "operations",
                      options->load ? options->records : options->operations);
    result = ycsb::RunWorkload(&*table, *options, call.env->clock, [&](uint64_t done) {
      progress.Update(done);
      return !interrupt->Pending();
    });
  }
  return Report(call, *options, result);
}

}  // namespace

Verb BenchYcsbVerb() {
  Verb verb;
  verb.name = "bench ycsb";
  verb.arguments = "PHASE WORKLOAD";
  verb.summary = "measure a table with YCSB's workloads A to F";
  verb.details =
      "PHASE `load` inserts the records, and makes the table when absent; `run` makes the calls:\n"
      "  A  half reads, half updates      D  95 % reads of the latest, 5 % inserts\n"
      "  B  95 % reads, 5 % updates       E  95 % scans of 1 .. 100 rows, 5 % inserts\n"
      "  C  reads alone                   F  half reads, half read-modify-writes (two calls)\n"
      "Which records is as YCSB has it: zipfian (0.99), scattered over the keys; D the latest.\n"
      "With --rate each call has a moment at which it is due, and its latency counts from then;\n"
      "without it a thread waits for its answer before its next call. An update writes one field.\n"
      "A run may be stopped with Ctrl-C; what was measured is printed. A call that fails is\n"
      "counted, and makes the exit code that of the first one.";
  verb.example =
      "stele bench ycsb load A --records 100000 --threads 16 && \\\n"
      "      stele bench ycsb run A --records 100000 --threads 16 --rate 5000 --seconds 60";
  verb.min_args = verb.max_args = 2;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("table", po::value<std::string>()->default_value("usertable"), "the table");
    add("family", po::value<std::string>()->default_value("f"), "the family of its fields");
    add("records", po::value<int64_t>()->default_value(1000), "that are loaded, or are there");
    add("fields", po::value<int64_t>()->default_value(10), "of a record");
    add("field-bytes", po::value<int64_t>()->default_value(100), "of a field");
    add("operations", po::value<int64_t>(), "of a run, of all threads");
    add("seconds", po::value<double>(), "ends after so long, whatever is done");
    add("threads", po::value<int64_t>()->default_value(1), "that call, 1 .. 4096");
    add("rate", po::value<double>(), "operations a second of all threads: an open loop");
    add("distribution", po::value<std::string>(), "uniform, zipfian or latest, instead");
    add("seed", po::value<uint64_t>()->default_value(1), "of the choice of operations and records");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
