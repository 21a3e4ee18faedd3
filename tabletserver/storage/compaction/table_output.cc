#include "tabletserver/storage/compaction/table_output.h"

#include "common/base/check.h"
#include "schema/model/cell_key.h"

namespace stele::storage {
namespace {
constexpr uint64_t kPaceBytes = 128 * 1024;

StatusOr<std::string> RowOfKey(Slice key) {
  std::string row;
  RETURN_IF_ERROR(Unescape(EncodedRow(key), &row));
  return row;
}
}  // namespace

SSTableOptions TableOptionsOf(const LocalityGroupSchema& group, uint32_t page_bytes) {
  SSTableOptions options;
  options.page_bytes = page_bytes;
  options.codec = group.codec;
  options.block_bytes = group.block_bytes;
  options.bloom_bits_per_key = group.bloom_bits_per_key;
  options.bloom_columns = group.bloom_columns;
  return options;
}

SSTable::OpenOptions TableOpenOptionsOf(const LocalityGroupSchema& group, BlockCache* block_cache,
                                        BlockCache* filter_cache) {
  SSTable::OpenOptions options;
  options.block_cache = block_cache;
  options.filter_cache = filter_cache;
  options.preload = group.in_memory;
  return options;
}

TableOutput::TableOutput(const TableOutputEnv* env, const LocalityGroupSchema* group)
    : env_(env), group_(group) {}

Status TableOutput::Point(const char* step) const {
  if (env_->faults == nullptr || env_->fault_prefix.empty()) return OkStatus();
  return FaultPoint(env_->faults, absl::StrCat(env_->fault_prefix, ".", step));
}

Status TableOutput::Open() {
  name_ = env_->new_name();
  RETURN_IF_ERROR(Point("file_open"));
  StatusOr<std::unique_ptr<BlobWriter>> blob = env_->store->CreateBlob(name_.blob);
  if (!blob.ok()) return WithContext(blob.status(), absl::StrCat("create ", name_.blob));
  builder_ = SSTableBuilder::Create(TableOptionsOf(*group_, env_->page_bytes), name_.file_id,
                                    *std::move(blob));
  return OkStatus();
}

Status TableOutput::Add(Slice key, Slice value) {
  if (builder_ == nullptr) RETURN_IF_ERROR(Open());
  const uint64_t content_hash = CellContentHash(key, value);
  RETURN_IF_ERROR(WithContext(builder_->Add(key, value, content_hash), name_.blob));
  ++cells_;
  content_hash_ += content_hash;
  if (cells_ == 1) RETURN_IF_ERROR(Point("mid_write"));
  unpaid_bytes_ += key.size() + value.size();
  if (env_->limiter != nullptr && unpaid_bytes_ >= kPaceBytes) {
    RETURN_IF_ERROR(env_->limiter->Acquire(unpaid_bytes_));
    unpaid_bytes_ = 0;
  }
  return OkStatus();
}

StatusOr<std::optional<NewTable>> TableOutput::Finish() {
  if (builder_ == nullptr) return std::nullopt;
  RETURN_IF_ERROR(Point("before_fsync"));
  StatusOr<SSTableProperties> properties = builder_->Finish();
  if (!properties.ok()) return WithContext(properties.status(), name_.blob);
  builder_.reset();
  RETURN_IF_ERROR(Point("after_fsync"));

  ASSIGN_OR_RETURN(std::shared_ptr<BlobReader> blob, env_->store->OpenBlob(name_.blob));
  NewTable made;
  ASSIGN_OR_RETURN(made.table, SSTable::Open(std::move(blob), name_.blob,
                                             TableOpenOptionsOf(*group_, env_->block_cache,
                                                                env_->filter_cache)));
  RETURN_IF_ERROR(Verify(*properties, *made.table));
  ManifestFile& file = made.file;
  file.blob = name_.blob;
  file.file_id = name_.file_id;
  file.group = group_->name;
  file.bytes = properties->file_bytes;
  file.cells = properties->cells;
  file.markers = properties->markers;
  file.min_sequence = properties->min_sequence;
  file.max_sequence = properties->max_sequence;
  if (env_->drops != nullptr) file.drops_applied = env_->drops->latest();
  ASSIGN_OR_RETURN(file.first_row, RowOfKey(properties->first_key));
  ASSIGN_OR_RETURN(file.last_row, RowOfKey(properties->last_key));
  return made;
}

Status TableOutput::Verify(const SSTableProperties& properties, const SSTable& table) const {
  const SSTableProperties& read = table.properties();
  if (properties.cells != cells_ || properties.content_hash != content_hash_ ||
      read.cells != cells_ || read.content_hash != content_hash_ || read.file_id != name_.file_id) {
    return CorruptError(absl::StrCat(name_.blob, ": ", cells_, " cells with hash ", content_hash_,
                                     " went in, the file says ", read.cells, " with hash ",
                                     read.content_hash));
  }
  return env_->verify ? table.Verify() : OkStatus();
}

}  // namespace stele::storage
