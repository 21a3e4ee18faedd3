#include "client/cli/transfer_state.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

constexpr size_t kMaxStateBytes = 1u << 20;
constexpr int kVersion = 1;

template <typename T>
bool Take(const nlohmann::json& json, const char* name, T* out) {
  const auto found = json.find(name);
  if (found == json.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return false;
  } else if (!found->is_number_unsigned()) {
    return false;
  }
  *out = found->template get<T>();
  return true;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string PrintState(const TransferState& state) {
  const nlohmann::ordered_json json = {{"version", kVersion},
                                       {"command", Escape(state.command)},
                                       {"input", Escape(state.input)},
                                       {"timestamp_us", state.timestamp_us},
                                       {"offset", state.position.offset},
                                       {"line", state.position.line},
                                       {"row_base64", ToBase64(state.position.row)},
                                       {"rows", state.counts.rows},
                                       {"cells", state.counts.cells},
                                       {"rejected", state.counts.rejected},
                                       {"side_bytes", state.side_bytes}};
  return json.dump() + "\n";
}

StatusOr<TransferState> ParseState(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  TransferState state;
  int version = 0;
  std::string row, command, input;
  uint64_t timestamp_us = 0;
  const bool whole =
      json.is_object() && Take(json, "version", &version) && version == kVersion &&
      Take(json, "command", &command) && Take(json, "input", &input) &&
      Take(json, "timestamp_us", &timestamp_us) && Take(json, "offset", &state.position.offset) &&
      Take(json, "line", &state.position.line) && Take(json, "row_base64", &row) &&
      Take(json, "rows", &state.counts.rows) && Take(json, "cells", &state.counts.cells) &&
      Take(json, "rejected", &state.counts.rejected) && Take(json, "side_bytes", &state.side_bytes);
  StatusOr<std::string> key = FromBase64(row);
  StatusOr<std::string> plain_command = Unescape(command), plain_input = Unescape(input);
  if (!whole || !key.ok() || !plain_command.ok() || !plain_input.ok()) {
    return absl::DataLossError("it is no state of this version of stele");
  }
  state.position.row = *std::move(key);
  state.command = *std::move(plain_command);
  state.input = *std::move(plain_input);
  state.timestamp_us = static_cast<int64_t>(timestamp_us);
  return state;
}

StatusOr<std::optional<TransferState>> LoadState(Fs* fs, const std::string& path) {
  auto file = fs->Open(path, Fs::Mode::kRead);
  if (IsNotFound(file.status())) return std::optional<TransferState>();
  RETURN_IF_ERROR(file.status());
  std::string text(kMaxStateBytes, '\0');
  ASSIGN_OR_RETURN(const size_t size, (*file)->ReadAt(0, text.size(), text.data()));
  StatusOr<TransferState> state = ParseState(std::string_view(text).substr(0, size));
  if (!state.ok()) return WithContext(state.status(), path);
  return std::optional<TransferState>(*std::move(state));
}

Status SaveState(Fs* fs, const std::string& path, const TransferState& state) {
  const std::string next = path + ".new";
  Status removed = fs->Unlink(next);  // of a run that was killed
  if (!removed.ok() && !IsNotFound(removed)) return removed;
  {
    ASSIGN_OR_RETURN(auto file, fs->Open(next, Fs::Mode::kCreateExclusive));
    const std::string text = PrintState(state);
    const Slice part = text;
    RETURN_IF_ERROR(file->WriteAt(0, {&part, 1}));
    RETURN_IF_ERROR(file->Sync());
  }
  RETURN_IF_ERROR(fs->Rename(next, path));
  Status synced = fs->SyncDir(FolderOf(path));
  return absl::IsUnimplemented(synced) ? OkStatus() : synced;
}

Status RemoveState(Fs* fs, const std::string& path) {
  Status removed = fs->Unlink(path);
  return IsNotFound(removed) ? OkStatus() : removed;
}

StatusOr<TransferState> ResumeState(Fs* fs, const std::string& path, const TransferState& fresh,
                                    bool restart, bool* resumed) {
  *resumed = false;
  if (restart) {
    RETURN_IF_ERROR(RemoveState(fs, path));
    return fresh;
  }
  ASSIGN_OR_RETURN(std::optional<TransferState> old, LoadState(fs, path));
  if (!old.has_value()) return fresh;
  if (old->command != fresh.command) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is the state of another command, `",
                                                      Escape(old->command),
                                                      "`; finish that one or give --restart"));
  }
  if (old->input != fresh.input) {
    return absl::FailedPreconditionError(
        absl::StrCat("the input has changed since ", path, " was written; give --restart"));
  }
  *resumed = true;
  return *std::move(old);
}

}  // namespace stele::cli
