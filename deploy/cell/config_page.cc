#include "deploy/cell/config_page.h"

#include <nlohmann/json.hpp>

#include "common/obs/page.h"

namespace stele::deploy {
namespace {

using obs::Printable;

std::string Html(const CellSnapshot& snapshot) {
  obs::Page page("Options");
  page.Navigation({{"Overview", "/"}, {"Options", "/config"}, {"Metrics", "/metrics"}});
  page.BeginTable({"Name", "Value", "Source", "Default", "Range", "Unit", "Live", "Meaning"});
  for (const wire::OptionValue& option : snapshot.options) {
    const std::string source =
        option.place.empty() ? option.source : option.source + ": " + Printable(option.place);
    page.Row({option.name, option.value.empty() ? "-" : Printable(option.value), source,
              option.by_default, option.range, option.unit,
              option.live ? "yes: stele admin set" : "no", option.meaning});
  }
  page.EndTable();
  return page.Finish();
}

std::string Json(const CellSnapshot& snapshot) {
  auto list = nlohmann::ordered_json::array();
  for (const wire::OptionValue& option : snapshot.options) {
    list.push_back({{"name", option.name},
                    {"value", Printable(option.value)},
                    {"source", option.source},
                    {"place", Printable(option.place)},
                    {"default", option.by_default},
                    {"range", option.range},
                    {"unit", option.unit},
                    {"live", option.live},
                    {"meaning", option.meaning}});
  }
  const nlohmann::ordered_json all = {{"options", list}};
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

net::HttpResponse RenderConfigPage(const net::HttpRequest& request, const CellSnapshot& snapshot) {
  if (snapshot.options.empty()) {
    return {404, "text/plain; charset=utf-8", "the options of this process are not known\n"};
  }
  const auto format = request.query.find("format");
  if (format != request.query.end() && format->second == "json") {
    return {200, "application/json", Json(snapshot)};
  }
  return {200, obs::Page::kContentType, Html(snapshot)};
}

}  // namespace stele::deploy
