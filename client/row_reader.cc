#include "stele/row_reader.h"

#include "common/base/status.h"

namespace stele {

RowReader::Iterator& RowReader::Iterator::operator++() {
  if (!current_.ok()) {
    reader_ = nullptr;  // the error was the last thing
    return *this;
  }
  StatusOr<std::optional<Row>> next = reader_->Next();
  if (!next.ok()) {
    current_ = next.status();
  } else if (next->has_value()) {
    current_ = **std::move(next);
  } else {
    reader_ = nullptr;
  }
  return *this;
}

StatusOr<std::optional<Row>> RowReader::Next() {
  if (!failure_.ok()) return failure_;
  StatusOr<std::optional<Row>> next = source_->Next();
  if (!next.ok()) failure_ = next.status();
  return next;
}

StatusOr<std::optional<RowPart>> RowReader::NextPart() {
  if (!failure_.ok()) return failure_;
  StatusOr<std::optional<RowPart>> next = source_->NextPart();
  if (!next.ok()) failure_ = next.status();
  return next;
}

}  // namespace stele
