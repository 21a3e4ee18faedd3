/// @file
/// RowReader: the rows of a scan, one after the other, in key order.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/model.h"

namespace stele {

/// The rows of a scan:
///
///     for (absl::StatusOr<stele::Row>& row : table.ReadRows(query)) {
///       if (!row.ok()) return row.status();
///       ...
///     }
///
/// An error is the last thing that comes. Each row is one state that it really had; a row that
/// existed unmodified throughout comes exactly once. While a page is consumed the next one is
/// fetched, so at most two pages are in memory. Destroying the reader ends the scan, in the servers
/// too. Movable; used by one thread at a time, but for progress and Cancel. When its client is
/// closed it ends with Cancelled.
class RowReader {
 public:
  /// Where the rows come from; made by Table::ReadRows.
  class Source {
   public:
    virtual ~Source() = default;
    /// The next row; an empty optional at the end.
    virtual absl::StatusOr<std::optional<Row>> Next() = 0;
    /// The next part of a row; an empty optional at the end.
    virtual absl::StatusOr<std::optional<RowPart>> NextPart() = 0;
    /// So far. From any thread.
    virtual ScanProgress progress() const { return {}; }
    /// Nobody wants the rest. From any thread.
    virtual void Cancel() {}
  };

  /// An input iterator whose value is a row or the error that ended the scan.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;  ///< one pass
    using value_type = absl::StatusOr<Row>;             ///< a row, or the error
    using difference_type = std::ptrdiff_t;             ///< never used
    using pointer = value_type*;                        ///< into the iterator
    using reference = value_type&;                      ///< into the iterator

    /// The end.
    Iterator() = default;
    /// At the first row.
    explicit Iterator(RowReader* reader) : reader_(reader) { ++*this; }
    /// The row or the error; may be moved from.
    reference operator*() { return current_; }
    /// The row or the error.
    pointer operator->() { return &current_; }
    /// Waits for the next row.
    Iterator& operator++();
    /// Waits for the next row.
    void operator++(int) { ++*this; }
    /// Whether both are at the end.
    bool operator==(const Iterator& other) const { return reader_ == other.reader_; }

   private:
    RowReader* reader_ = nullptr;  // null: the end
    absl::StatusOr<Row> current_ = Row();
  };

  /// Reads from `source`.
  explicit RowReader(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  /// The next row; an empty optional at the end. After an error: the same error.
  absl::StatusOr<std::optional<Row>> Next();
  /// Likewise the next part of a row of any size. A reader gives rows or parts, not both.
  absl::StatusOr<std::optional<RowPart>> NextPart();
  /// What was looked at so far, one page ahead of the rows. From any thread: while one waits in
  /// Next for a row that comes through the filter, others see that the scan gets on.
  ScanProgress progress() const { return source_->progress(); }
  /// Ends the scan, from any thread: the servers stop work for it; what is there already may still
  /// come, then comes Cancelled.
  void Cancel() { source_->Cancel(); }
  /// At the first row that was not taken yet. Call it once.
  Iterator begin() { return Iterator(this); }
  /// The end.
  Iterator end() { return Iterator(); }

 private:
  std::unique_ptr<Source> source_;
  absl::Status failure_;
};

}  // namespace stele
