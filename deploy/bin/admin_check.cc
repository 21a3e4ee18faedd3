#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "client/cli/bytes_text.h"
#include "common/store/fs.h"
#include "deploy/bin/server_verbs.h"
#include "deploy/check/check.h"

namespace stele::bin {
namespace {

constexpr int64_t kDefaultGraceSeconds = 600;
// What is written between the look at METADATA and the look at the store shows once, damage always.
constexpr int kLooks = 3;

StatusOr<std::vector<TabletLocation>> ReadLocations(Client* client, int64_t timeout_ms) {
  ASSIGN_OR_RETURN(Table table, client->OpenTable(kMetadataTableName));
  std::vector<TabletLocation> locations;
  Status bad;
  CallOptions call;
  call.timeout_ms = timeout_ms;
  Status read = table.ReadRows(
      ReadQuery().CellsPerColumn(1),
      [&](Row row) {
        for (const Cell& cell : row.cells) {
          if (cell.qualifier != kLocationQualifier) continue;
          auto location = DecodeTabletLocation(cell.value);
          if (!location.ok()) bad = location.status();
          if (location.ok()) locations.push_back(*std::move(location));
        }
        return bad.ok();
      },
      call);
  RETURN_IF_ERROR(read);
  RETURN_IF_ERROR(bad);
  return locations;
}

StatusOr<std::vector<deploy::Finding>> Look(const cli::Invocation& call, Client* client,
                                            BlobStore* store, bool verify) {
  const int64_t timeout_ms = call.Has("timeout-ms") ? call.Get<int64_t>("timeout-ms") : 0;
  ASSIGN_OR_RETURN(std::vector<TabletLocation> locations, ReadLocations(client, timeout_ms));
  ASSIGN_OR_RETURN(deploy::CheckInput input,
                   deploy::ReadStore(store, call.env->clock->WallMicros(),
                                     call.Get<int64_t>("grace-s") * 1'000'000));
  input.locations = std::move(locations);
  input.strict = call.Has("strict");
  std::vector<deploy::Finding> findings = deploy::FindDamage(input);
  if (!verify) return findings;
  for (deploy::Finding& finding : deploy::VerifyFiles(store, input)) {
    findings.push_back(std::move(finding));
  }
  return findings;
}

StatusOr<std::vector<deploy::Finding>> Check(const cli::Invocation& call) {
  ASSIGN_OR_RETURN(std::shared_ptr<Client> client, cli::ConnectCell(call));
  ASSIGN_OR_RETURN(std::unique_ptr<BlobStore> store,
                   OpenPosixStore(PosixFs(), call.Get<std::string>("data"), /*create=*/false));
  ASSIGN_OR_RETURN(std::vector<deploy::Finding> findings,
                   Look(call, client.get(), store.get(), call.Has("verify")));
  for (int i = 1; i < kLooks && !findings.empty(); ++i) {
    ASSIGN_OR_RETURN(std::vector<deploy::Finding> again,
                     Look(call, client.get(), store.get(), call.Has("verify")));
    const std::set<deploy::Finding> seen(again.begin(), again.end());
    std::erase_if(findings, [&](const deploy::Finding& one) { return !seen.contains(one); });
  }
  return findings;
}

int Run(const cli::Invocation& call) {
  if (!call.Has("data")) {
    return cli::Fail(call, absl::InvalidArgumentError("--data names the cell's data directory"));
  }
  auto findings = Check(call);
  if (!findings.ok()) return cli::Fail(call, findings.status());
  bool damaged = false;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const deploy::Finding& finding : *findings) {
    damaged |= finding.damage;
    const std::string text = cli::Escape(finding.text);
    json.push_back({{"damage", finding.damage}, {"text", text}});
    if (!call.Has("json")) *call.env->out << (finding.damage ? "DAMAGE " : "note ") << text << '\n';
  }
  if (call.Has("json")) {
    *call.env->out << nlohmann::ordered_json({{"clean", !damaged}, {"findings", json}}).dump()
                   << '\n';
  } else if (!damaged) {
    *call.env->out << "clean\n";
  }
  return damaged ? cli::kFailed : cli::kOk;
}

}  // namespace

cli::Verb AdminCheckVerb() {
  cli::Verb verb;
  verb.name = "admin check";
  verb.summary = "prove that METADATA, manifests and files of a cell fit together";
  verb.details =
      "Reads METADATA through the cell and everything else from its data directory; changes\n"
      "nothing. Splits and merges on their way are notes. Damage is exit code 1.";
  verb.example = "stele admin check --data /var/lib/stele --verify";
  verb.reads = true;
  verb.options = [](cli::po::options_description* flags) {
    auto add = flags->add_options();
    add("data", cli::po::value<std::string>(), "the cell's data directory");
    add("verify", "also read every file and compare its checksums");
    add("grace-s", cli::po::value<int64_t>()->default_value(kDefaultGraceSeconds),
        "unreferenced files younger than so many seconds are passed over");
    add("strict", "an older unreferenced file is damage, not a note");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::bin
