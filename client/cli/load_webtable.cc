#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"
#include "client/cli/progress.h"
#include "client/cli/verbs.h"
#include "client/cli/webtable/loader.h"

namespace stele::cli {
namespace {

constexpr size_t kMaxBrokenNamed = 20;

StatusOr<webtable::Url> BaseOf(const Invocation& call) {
  if (!call.Has("base-url")) {
    return absl::InvalidArgumentError("--base-url is missing: where the pages stand on the web");
  }
  ASSIGN_OR_RETURN(webtable::Url base, webtable::ParseUrl(call.Get<std::string>("base-url")));
  base.query.reset();
  if (base.path.back() != '/') base.path += '/';
  return base;
}

// The table, created when it is not there.
StatusOr<Table> OpenOrCreate(Client& client, const std::string& name) {
  StatusOr<Table> table = client.OpenTable(name);
  if (!IsNotFound(table.status())) return table;
  StatusOr<TableSchema> created = client.admin().CreateTable(webtable::WebtableSchema(name));
  if (!created.ok() && !absl::IsAlreadyExists(created.status())) return created.status();
  return client.OpenTable(name);
}

void NameBroken(const webtable::LoadReport& report, std::ostream& err) {
  for (size_t i = 0; i < report.broken.size(); ++i) {
    if (i == kMaxBrokenNamed) {
      err << "stele: and " << report.broken.size() - i << " more broken files\n";
      return;
    }
    const webtable::BrokenFile& file = report.broken[i];
    err << "stele: broken file " << Escape(file.path) << ": " << Escape(file.reason) << '\n';
  }
}

void Print(const Invocation& call, const webtable::LoadReport& report, int64_t elapsed_ns) {
  if (call.Has("json")) {
    nlohmann::ordered_json json = {{"files", report.files},
                                   {"pages", report.pages},
                                   {"bytes", report.bytes},
                                   {"anchors", report.links},
                                   {"skipped_links", report.skipped_links}};
    json["broken"] = nlohmann::ordered_json::array();
    for (const webtable::BrokenFile& file : report.broken) {
      json["broken"].push_back({{"file", Escape(file.path)}, {"reason", Escape(file.reason)}});
    }
    *call.env->out << json.dump() << '\n';
    return;
  }
  *call.env->out << "loaded " << WithCommas(report.pages) << " pages (" << FormatBytes(report.bytes)
                 << ") and " << WithCommas(report.links) << " anchors in "
                 << (elapsed_ns + 500'000'000) / 1'000'000'000 << " s; " << report.broken.size()
                 << " broken files\n";
}

int Run(const Invocation& call) {
  StatusOr<webtable::Url> base = BaseOf(call);
  if (!base.ok()) return Fail(call, base.status());
  std::string directory = call.args[0];
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  std::vector<webtable::BrokenFile> unwalkable;
  if (auto pages = webtable::FindPages(directory, &unwalkable); !pages.ok()) {
    *call.env->err << "stele: " << Escape(ToStd(pages.status().message())) << '\n';
    return kUsage;
  }
  const std::string name = call.Get<std::string>("table");
  StatusOr<std::shared_ptr<Client>> client = ConnectCell(call);
  if (!client.ok()) return Fail(call, client.status());
  StatusOr<Table> table = OpenOrCreate(**client, name);
  if (!table.ok()) return Fail(call, table.status());

  const int64_t started_ns = call.env->clock->BootNanos();
  webtable::Loader loader(&*table, PosixFs(), directory, *base);
  Status loaded;
  {
    std::unique_ptr<Progress> line;
    loaded = loader.Run([&](uint64_t done, uint64_t total) {
      if (line == nullptr) {
        line = std::make_unique<Progress>(call.env->err, call.env->progress, call.env->clock,
                                          "pages", total);
      }
      line->Update(done);
    });
  }
  NameBroken(loader.report(), *call.env->err);
  if (!loaded.ok()) return Fail(call, WithContext(loaded, "the load stopped"));
  Print(call, loader.report(), call.env->clock->BootNanos() - started_ns);
  return kOk;
}

}  // namespace

Verb LoadWebtableVerb() {
  Verb verb;
  verb.name = "load webtable";
  verb.arguments = "DIR";
  verb.summary = "load a directory of HTML pages into a Webtable";
  verb.details =
      "The page DIR/a/b.html is the web page BASE-URL/a/b.html; its row is that address with the\n"
      "host's labels reversed (com.example.en/a/b.html). It gets contents: and title:; each page\n"
      "that it links to gets anchor:<its row> = the link's text. Links of a page to itself are "
      "left\n"
      "out, texts of several links to one target are joined by line ends. Cells carry the file's\n"
      "modification time, so a load can be repeated, and continued after an interruption. Files\n"
      "that cannot be read or parsed are named and passed over. The table is created when absent.";
  verb.example =
      "stele load webtable /usr/share/cppreference/doc/html/en \\\n"
      "      --base-url https://en.cppreference.com/w/";
  verb.min_args = verb.max_args = 1;
  verb.reads = true;
  verb.options = [](po::options_description* options) {
    auto add = options->add_options();
    add("base-url", po::value<std::string>(), "where DIR stands on the web");
    add("table", po::value<std::string>()->default_value("webtable"), "the table");
  };
  verb.run = Run;
  return verb;
}

}  // namespace stele::cli
