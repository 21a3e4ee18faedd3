#include "deploy/bin/live_options.h"

#include "client/cli/bytes_text.h"
#include "client/cli/verbs.h"
#include "common/base/log.h"
#include "deploy/bin/role_settings.h"

namespace stele::bin {
namespace {

using config::Role;

constexpr char kDiskReserve[] = "disk-reserve";

Status NoOption(Role role, const std::string& name) {
  const std::string near = config::NearestOption(config::Only(role), name);
  return absl::InvalidArgumentError(
      absl::StrCat("\"", cli::Escape(name), "\" is no option of ", config::NameOf(role),
                   near.empty() ? "" : absl::StrCat("; is ", near, " meant?")));
}

}  // namespace

LiveOptions::LiveOptions(config::Settings* settings, Clock* clock) : settings_(settings) {
  door_.role = config::NameOf(settings->role());
  door_.version = cli::ProgramVersion();
  door_.started_us = clock->WallMicros();
  door_.list = [this] { return List(); };
  door_.set = [this](const wire::SetOptionRequest& request) { return Set(request); };
  door_.has = [this](const std::string& name) {
    return config::FindOption(settings_->role(), name) != nullptr;
  };
  door_.shared = [](const std::string& name) {
    return config::FindOption(Role::kTabletServer, name) != nullptr;
  };
}

void LiveOptions::Attach(Hooks hooks) {
  MutexLock lock(&mu_);
  hooks_ = std::move(hooks);
  attached_ = true;
}

void LiveOptions::Detach() {
  MutexLock lock(&mu_);
  attached_ = false;
  hooks_ = {};
}

std::vector<wire::OptionValue> LiveOptions::List() const {
  std::vector<wire::OptionValue> list;
  for (const config::Setting& setting : settings_->List()) {
    const config::Option& option = *setting.option;
    list.push_back({option.name, setting.value, config::NameOf(setting.source), setting.place,
                    config::DefaultText(option), config::RangeText(option),
                    config::UnitText(option), option.live, option.meaning});
  }
  return list;
}

Status LiveOptions::CheckChange(const config::Option& option, const std::string& value) const {
  config::Settings changed(settings_->role(), settings_->List());
  changed.Change(option.name, value, "");
  RETURN_IF_ERROR(CheckTogether(changed));
  if (option.name != std::string_view(kDiskReserve) || !hooks_.disk_bytes) return OkStatus();
  // A slip of the hand would stop every write.
  ASSIGN_OR_RETURN(const uint64_t disk, hooks_.disk_bytes());
  if (changed.Number(kDiskReserve) <= disk / 2) return OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(kDiskReserve, " ", cli::Escape(value),
                                                 " is more than half of the disk, which has ", disk,
                                                 " bytes"));
}

void LiveOptions::Tell() {
  if (hooks_.master) {
    master::ReshapeOptions reshape;
    master::BalanceOptions balance;
    ReadPlacement(*settings_, &reshape, &balance);
    hooks_.master(reshape, balance);
  }
  if (hooks_.servers) hooks_.servers(ReadTuning(*settings_));
}

StatusOr<std::string> LiveOptions::Set(const wire::SetOptionRequest& request) {
  const config::Option* option = config::FindOption(settings_->role(), request.name);
  if (option == nullptr) return NoOption(settings_->role(), request.name);
  Status bad = config::CheckValue(*option, request.value);
  if (!bad.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option->name, " ", cli::Escape(request.value), " ", bad.message()));
  }
  if (!option->live) {
    return absl::FailedPreconditionError(
        absl::StrCat(option->name, " is fixed when a process starts: write `", option->name, " = ",
                     cli::Escape(request.value), "` into its file of --config and restart it"));
  }
  MutexLock lock(&mu_);
  if (!attached_) return absl::UnavailableError("the process is starting or ending");
  RETURN_IF_ERROR(CheckChange(*option, request.value));
  const std::string before = settings_->Text(option->name);
  settings_->Change(option->name, request.value, request.actor);
  Tell();
  const std::string step = absl::StrCat(
      config::NameOf(settings_->role()), ": ", option->name, " is ", request.value, ", was ",
      before.empty() ? config::DefaultText(*option) : before, ", until the process ends");
  LOG(INFO) << "option set by " << cli::Escape(request.actor) << ": " << step;
  return step;
}

}  // namespace stele::bin
