#include "client/cli/webtable/loader.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/webtable/page.h"
#include "schema/model/model.h"

namespace stele::webtable {
namespace {

namespace stdfs = std::filesystem;

bool IsPageName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::EndsWith(lower, ".html") || absl::EndsWith(lower, ".htm");
}

FamilySchema Family(const char* name, const char* group) {
  FamilySchema family;
  family.name = name;
  family.locality_group = group;
  family.gc.kind = GcRule::Kind::kMaxVersions;
  family.gc.max_versions = 3;
  return family;
}

LocalityGroupSchema Group(const char* name, Codec codec) {
  LocalityGroupSchema group;
  group.name = name;
  group.codec = codec;
  return group;
}

}  // namespace

TableSchema WebtableSchema(const std::string& name) {
  TableSchema schema;
  schema.name = name;
  schema.families = {Family(kAnchorFamily, "links"), Family(kContentsFamily, "pages"),
                     Family(kTitleFamily, "links")};
  schema.groups = {Group("links", Codec::kLz4), Group("pages", Codec::kZstd)};
  return schema;
}

StatusOr<std::vector<std::string>> FindPages(const std::string& directory,
                                             std::vector<BrokenFile>* broken) {
  std::error_code error;
  if (!stdfs::is_directory(directory, error)) {
    return absl::NotFoundError(absl::StrCat("\"", directory, "\" is not a directory"));
  }
  std::vector<std::string> paths, folders = {""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    stdfs::directory_iterator it(stdfs::path(directory) / folder, error), end;
    for (; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      const std::string path = folder.empty() ? name : absl::StrCat(folder, "/", name);
      std::error_code ignored;  // what cannot be examined is no folder, and fails when it is read
      if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
        folders.push_back(path);
      } else if (!IsPageName(name)) {
        continue;
      } else if (it->exists(ignored) && !it->is_regular_file(ignored)) {
        // To open a pipe could last for ever.
        broken->push_back({path, "it is not a file"});
      } else {
        paths.push_back(path);
      }
    }
    if (error) {
      broken->push_back({folder.empty() ? directory : folder, error.message()});
      error.clear();
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Loader::Loader(Table* table, Fs* fs, std::string directory, Url base)
    : table_(table), fs_(fs), directory_(std::move(directory)), base_(std::move(base)) {}

Loader::~Loader() { WaitUntilInFlight(0).IgnoreError(); }

Status Loader::Run(const std::function<void(uint64_t, uint64_t)>& progress) {
  ASSIGN_OR_RETURN(std::vector<std::string> paths, FindPages(directory_, &report_.broken));
  report_.files = paths.size();
  for (size_t i = 0; i < paths.size(); ++i) {
    RETURN_IF_ERROR(LoadPage(paths[i]));
    progress(i + 1, paths.size());
  }
  RETURN_IF_ERROR(SendBatch());
  return WaitUntilInFlight(0);
}

StatusOr<std::string> Loader::ReadFile(const std::string& path, int64_t* modified_us) {
  const std::string full = absl::StrCat(directory_, "/", path);
  ASSIGN_OR_RETURN(std::unique_ptr<FsFile> file, fs_->Open(full, Fs::Mode::kRead));
  ASSIGN_OR_RETURN(uint64_t size, file->Size());
  if (size == 0) return absl::InvalidArgumentError("the file is empty");
  if (size > kMaxPageBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has ", size, " bytes; the limit is ", kMaxPageBytes));
  }
  ASSIGN_OR_RETURN(*modified_us, fs_->ModifiedMicros(full));
  *modified_us = std::max<int64_t>(0, *modified_us);
  *modified_us -= *modified_us % kTimestampGranularityUs;
  std::string content(size, '\0');
  ASSIGN_OR_RETURN(size_t got, file->ReadAt(0, size, content.data()));
  content.resize(got);
  return content;
}

// Only a failed write is an error; a bad file goes to the report.
Status Loader::LoadPage(const std::string& path) {
  int64_t time_us = 0;
  StatusOr<std::string> content = ReadFile(path, &time_us);
  if (!content.ok()) {
    report_.broken.push_back({path, std::string(content.status().message())});
    return OkStatus();
  }
  StatusOr<Url> url = ResolveReference(base_, "./" + EncodeFilePath(path));
  const std::string row = url.ok() ? PageRowKey(*url) : "";
  if (row.empty() || row.size() > kMaxRowKeyBytes) {
    report_.broken.push_back({path, "its path does not give a row key of 1 to 4096 bytes"});
    return OkStatus();
  }
  Page page = ExtractPage(*content, *url);
  if (page.truncated) {
    report_.broken.push_back({path, "elements nested too deep: loaded without what lies deeper"});
  }
  ++report_.pages;
  report_.bytes += content->size();
  report_.links += page.links.size();
  report_.skipped_links += page.skipped_links;
  Add(row, kContentsFamily, "", time_us, *std::move(content));
  Add(row, kTitleFamily, "", time_us, std::move(page.title));
  for (auto& [target, text] : page.links) {
    Add(target, kAnchorFamily, row, time_us, std::move(text));
    if (batch_mutations_ >= kBatchMutations) RETURN_IF_ERROR(SendBatch());
  }
  if (batch_bytes_ < kBatchBytes) return OkStatus();
  return SendBatch();
}

void Loader::Add(const std::string& row, const char* family, const std::string& qualifier,
                 int64_t timestamp_us, std::string value) {
  RowMutation& mutation = batch_[row];
  if (mutation.row.empty()) mutation.row = row;
  batch_bytes_ += row.size() + qualifier.size() + value.size();
  ++batch_mutations_;
  mutation.mutations.push_back(SetCell{family, qualifier, timestamp_us, std::move(value)});
}

Status Loader::SendBatch() {
  if (batch_.empty()) return OkStatus();
  std::vector<RowMutation> rows;
  rows.reserve(batch_.size());
  std::vector<std::string> keys;
  for (auto& [row, mutation] : batch_) {
    keys.push_back(row);
    rows.push_back(std::move(mutation));
  }
  batch_.clear();
  batch_bytes_ = batch_mutations_ = 0;
  RETURN_IF_ERROR(WaitUntilInFlight(kBatchesInFlight - 1));
  {
    MutexLock lock(&mu_);
    ++in_flight_;
  }
  table_->ApplyBatchAsync(std::move(rows),
                          [this, keys = std::move(keys)](std::vector<Status> statuses) {
                            MutexLock lock(&mu_);
                            for (size_t i = 0; i < statuses.size() && failure_.ok(); ++i) {
                              if (statuses[i].ok()) continue;
                              failure_ = WithContext(statuses[i], absl::StrCat("row ", keys[i]));
                            }
                            --in_flight_;
                            batch_done_.SignalAll();
                          });
  return OkStatus();
}

// Every batch ends by its own deadline, so this does.
Status Loader::WaitUntilInFlight(uint32_t at_most) {
  MutexLock lock(&mu_);
  while (in_flight_ > at_most) batch_done_.Wait(&mu_);
  return failure_;
}

}  // namespace stele::webtable
