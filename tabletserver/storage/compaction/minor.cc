#include "tabletserver/storage/compaction/minor.h"

#include <unordered_map>

#include "common/base/check.h"
#include "schema/model/cell_key.h"

namespace stele::storage {
namespace {

constexpr uint64_t kCellsBetweenNotes = 1024;

// The output of one group, with the row markers that wait until it is known to have cells.
struct GroupOutput {
  GroupOutput(const TableOutputEnv* env, const LocalityGroupSchema* group, bool wanted)
      : output(env, group), markers_wanted(wanted) {}

  Status AddMarker(Slice key, Slice value) {
    if (markers_wanted) return output.Add(key, value);
    waiting.emplace_back(std::string(key), std::string(value));
    return OkStatus();
  }
  Status AddCell(Slice key, Slice value) {
    if (!markers_wanted) {
      markers_wanted = true;
      for (const auto& [k, v] : waiting) RETURN_IF_ERROR(output.Add(k, v));
      waiting.clear();
    }
    return output.Add(key, value);
  }

  TableOutput output;
  bool markers_wanted;
  std::vector<std::pair<std::string, std::string>> waiting;
};

// Whether a drop hides the key. The row last looked at is remembered: its keys stand together.
class DroppedKeys {
 public:
  explicit DroppedKeys(const DroppedRows* drops) : drops_(drops) {}
  StatusOr<bool> Hide(Slice key) {
    if (drops_ == nullptr || drops_->empty()) return false;
    const Slice row = EncodedRow(key);
    if (row != Slice(encoded_)) {
      encoded_.assign(row.data(), row.size());
      row_.clear();
      RETURN_IF_ERROR(Unescape(row, &row_));
      sequence_ = drops_->At(row_);
    }
    return KeySequence(key) < sequence_;
  }

 private:
  const DroppedRows* const drops_;
  std::string encoded_, row_;
  Sequence sequence_ = 0;
};

uint64_t BytesOf(const std::vector<std::unique_ptr<GroupOutput>>& outputs) {
  uint64_t bytes = 0;
  for (const auto& out : outputs) bytes += out->output.bytes();
  return bytes;
}

}  // namespace

StatusOr<std::vector<NewTable>> WriteMinor(const TableOutputEnv& env, const TableSchema& schema,
                                           const std::set<std::string>& groups_with_files,
                                           Iterator* cells, const MinorProgress& progress) {
  std::vector<std::unique_ptr<GroupOutput>> outputs;
  std::unordered_map<std::string, GroupOutput*> by_name;
  for (const LocalityGroupSchema& group : schema.groups) {
    outputs.push_back(
        std::make_unique<GroupOutput>(&env, &group, groups_with_files.contains(group.name)));
    by_name[group.name] = outputs.back().get();
  }
  std::unordered_map<uint16_t, GroupOutput*> by_family;
  for (const FamilySchema& family : schema.families) {
    auto found = by_name.find(family.locality_group);
    CHECK(found != by_name.end()) << family.name << " names no group of the schema";
    by_family[family.id] = found->second;
  }

  ParsedCellKey parsed;
  std::string scratch;
  DroppedKeys dropped(env.drops);
  uint64_t looked_at = 0;
  for (cells->SeekToFirst(); cells->Valid(); cells->Next()) {
    if (looked_at++ % kCellsBetweenNotes == 0 && progress)
      progress(looked_at - 1, BytesOf(outputs));
    ASSIGN_OR_RETURN(const bool hidden, dropped.Hide(cells->key()));
    if (hidden) continue;
    if (KeyKind(cells->key()) == CellKind::kDeleteRow) {
      for (auto& out : outputs) RETURN_IF_ERROR(out->AddMarker(cells->key(), cells->value()));
      continue;
    }
    scratch.clear();
    RETURN_IF_ERROR(ParseCellKey(cells->key(), &parsed, &scratch));
    auto found = by_family.find(parsed.family_id);
    if (found == by_family.end()) continue;
    RETURN_IF_ERROR(found->second->AddCell(cells->key(), cells->value()));
  }
  RETURN_IF_ERROR(cells->status());
  if (progress) progress(looked_at, BytesOf(outputs));

  std::vector<NewTable> made;
  for (auto& out : outputs) {
    ASSIGN_OR_RETURN(std::optional<NewTable> table, out->output.Finish());
    if (table) made.push_back(*std::move(table));
  }
  return made;
}

}  // namespace stele::storage
