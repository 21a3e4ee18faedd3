#include "tabletserver/storage/index/file_fences.h"

namespace stele::storage {

std::shared_ptr<const FileFences> FileFences::Load(const SSTable& table) {
  std::shared_ptr<FileFences> fences(new FileFences);
  fences->status_ = fences->Take(table);
  if (!fences->status_.ok()) {
    fences->bytes_.clear();
    fences->handles_.clear();
    fences->ends_ = {0};
  }
  return fences;
}

Status FileFences::Take(const SSTable& table) {
  ASSIGN_OR_RETURN(std::vector<Fence> fences, table.LoadFences());
  size_t bytes = 0;
  for (const Fence& fence : fences) bytes += fence.first_key.size();
  bytes_.reserve(bytes);
  ends_.reserve(fences.size() + 1);
  handles_.reserve(fences.size());
  ends_.push_back(0);
  for (size_t i = 0; i < fences.size(); ++i) {
    if (i > 0 && fences[i].first_key <= fences[i - 1].first_key) {
      return CorruptError(absl::StrCat(table.name(), ": fences of blocks are not ascending"));
    }
    bytes_ += fences[i].first_key;
    ends_.push_back(bytes_.size());
    handles_.push_back(fences[i].handle);
  }
  return OkStatus();
}

int32_t FileFences::FindBlock(Slice key) const {
  size_t begin = 0, end = size();
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (this->key(middle) <= key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return static_cast<int32_t>(begin) - 1;
}

}  // namespace stele::storage
