#include "common/testing/disk_model.h"

#include <algorithm>

#include "common/base/check.h"

namespace stele {
namespace {

constexpr uint64_t kSector = ModelFile::kSectorBytes;

void ApplyChange(const ModelDir::Change& change, ModelDir::Entries* entries) {
  if (change.node == nullptr) {
    entries->erase(change.name);
  } else {
    (*entries)[change.name] = change.node;
  }
}

using Copies = std::map<const ModelNode*, NodePtr>;

NodePtr CopyAfterPowerCut(const ModelNode& node, PowerCutChoice* choice,
                          const std::shared_ptr<DiskSpace>& space, Copies* copies) {
  NodePtr& copy = (*copies)[&node];
  if (copy != nullptr) return copy;
  copy = std::make_shared<ModelNode>(node.is_directory, space);
  copy->modified_micros = node.modified_micros;
  const NodePtr result = copy;
  if (!node.is_directory) {
    result->file.SetDurable(node.file.AfterPowerCut(choice));
    return result;
  }
  ModelDir::Entries entries;
  for (const auto& [name, child] : node.dir.AfterPowerCut(choice)) {
    NodePtr child_copy = CopyAfterPowerCut(*child, choice, space, copies);
    ++child_copy->links;
    entries[name] = std::move(child_copy);
  }
  result->dir.SetDurable(std::move(entries));
  return result;
}

}  // namespace

PowerCutChoice::PowerCutChoice(uint64_t seed) : seed_(seed), random_(seed) {}

PowerCutChoice::Mode PowerCutChoice::FileMode() {
  if (seed_ == 0) return Mode::kDrop;
  if (seed_ == 1) return Mode::kKeep;
  switch (random_.Below(6)) {
    case 0:
      return Mode::kDrop;
    case 1:
      return Mode::kKeep;
    case 2:
    case 3:
      return Mode::kEach;
    default:
      return Mode::kEachTorn;
  }
}

size_t PowerCutChoice::Steps(Mode mode, size_t n) {
  if (mode == Mode::kDrop) return 0;
  if (mode == Mode::kKeep) return n;
  return random_.Below(n + 1);
}

size_t PowerCutChoice::TearAt(Mode mode) {
  if (mode != Mode::kEachTorn || !random_.OneIn(4)) return 0;
  return random_.Below(ModelFile::kSectorBytes);
}

uint64_t ModelFile::RoomFor(uint64_t offset, uint64_t n) const {
  const uint64_t used = space_->used.load();
  const uint64_t capacity = space_->capacity.load();
  const uint64_t end = charged_ + (capacity > used ? capacity - used : 0);
  return offset + n <= end ? n : (end > offset ? end - offset : 0);
}

std::string ModelFile::SectorNow(uint64_t index) const {
  const uint64_t begin = index * kSector;
  if (begin >= data_.size()) return "";
  std::string content = data_.substr(begin, kSector);
  content.resize(kSector);
  return content;
}

void ModelFile::Dirty(uint64_t begin, uint64_t end) {
  if (begin == end) return;
  auto hint = dirty_.lower_bound(begin / kSector);
  for (uint64_t index = begin / kSector; index <= (end - 1) / kSector; ++index) {
    hint = dirty_.try_emplace(hint, index);
    hint->second.old.push_back(SectorNow(index));
    hint->second.lost = false;
    ++hint;
  }
}

void ModelFile::Charge() {
  if (data_.size() <= charged_) return;
  space_->used.fetch_add(data_.size() - charged_);
  charged_ = data_.size();
}

void ModelFile::Write(uint64_t offset, Slice bytes) {
  if (bytes.empty()) return;
  Dirty(offset, offset + bytes.size());
  if (offset + bytes.size() > data_.size()) {
    old_sizes_.push_back(data_.size());
    data_.resize(offset + bytes.size());
    Charge();
  }
  data_.replace(offset, bytes.size(), bytes.data(), bytes.size());
}

void ModelFile::Resize(uint64_t size) {
  if (size == data_.size()) return;
  old_sizes_.push_back(data_.size());
  if (size < data_.size()) Dirty(size, data_.size());
  data_.resize(size);
  Charge();
}

void ModelFile::Sync() {
  old_sizes_.clear();
  for (auto it = dirty_.begin(); it != dirty_.end();) {
    it = it->second.lost ? std::next(it) : dirty_.erase(it);
  }
}

void ModelFile::FailSync() {
  for (auto& [index, sector] : dirty_) sector.lost = true;
}

void ModelFile::Damage(uint64_t offset, uint8_t xor_mask) {
  CHECK_LT(offset, data_.size());
  data_[offset] = static_cast<char>(data_[offset] ^ xor_mask);
  auto it = dirty_.find(offset / kSector);
  if (it == dirty_.end()) return;
  for (std::string& old : it->second.old) {
    if (!old.empty()) old[offset % kSector] = static_cast<char>(old[offset % kSector] ^ xor_mask);
  }
}

std::string ModelFile::AfterPowerCut(PowerCutChoice* choice) const {
  if (dirty_.empty() && old_sizes_.empty()) return data_;
  const PowerCutChoice::Mode mode = choice->FileMode();
  std::string content = data_;
  if (!dirty_.empty()) {
    const uint64_t end = (dirty_.rbegin()->first + 1) * kSector;
    if (content.size() < end) content.resize(end);
  }
  for (const auto& [index, sector] : dirty_) {
    const size_t version = choice->Steps(mode, sector.old.size());
    if (version == sector.old.size()) continue;  // as it is now
    std::string chosen = sector.old[version];
    chosen.resize(kSector);
    // A torn sector: the front of the next content over the back of the chosen one.
    const size_t tear = choice->TearAt(mode);
    const bool next_is_now = version + 1 == sector.old.size();
    std::string next = next_is_now ? SectorNow(index) : sector.old[version + 1];
    next.resize(kSector);
    chosen.replace(0, tear, next, 0, tear);
    content.replace(index * kSector, kSector, chosen);
  }
  const size_t step = choice->Steps(mode, old_sizes_.size());
  content.resize(step == old_sizes_.size() ? data_.size() : old_sizes_[step]);
  return content;
}

void ModelFile::SetDurable(std::string content) {
  CHECK(data_.empty() && dirty_.empty());
  data_ = std::move(content);
  Charge();
}

void ModelFile::ReleaseSpace() {
  space_->used.fetch_sub(charged_);
  charged_ = 0;
}

NodePtr ModelDir::Find(const std::string& name) const {
  auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : it->second;
}

void ModelDir::Apply(Operation operation) {
  for (const Change& change : operation) ApplyChange(change, &entries_);
  unsynced_.push_back(std::move(operation));
}

void ModelDir::Sync() {
  for (const Operation& operation : unsynced_) {
    for (const Change& change : operation) ApplyChange(change, &durable_);
  }
  unsynced_.clear();
}

ModelDir::Entries ModelDir::AfterPowerCut(PowerCutChoice* choice) const {
  Entries entries = durable_;
  if (unsynced_.empty()) return entries;
  const size_t kept = choice->Steps(choice->FileMode(), unsynced_.size());
  for (size_t i = 0; i < kept; ++i) {
    for (const Change& change : unsynced_[i]) ApplyChange(change, &entries);
  }
  return entries;
}

void ModelDir::SetDurable(Entries entries) {
  durable_ = entries;
  entries_ = std::move(entries);
  unsynced_.clear();
}

NodePtr TreeAfterPowerCut(const ModelNode& root, PowerCutChoice* choice,
                          const std::shared_ptr<DiskSpace>& space) {
  Copies copies;
  return CopyAfterPowerCut(root, choice, space, &copies);
}

}  // namespace stele
