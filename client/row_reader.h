// RowReader: the rows of a scan, one after the other, in key order.
//
//   for (StatusOr<Row>& row : table.ReadRows(query)) {
//     if (!row.ok()) return row.status();
//     ...
//   }
//
// An error is the last thing that comes. Each row is one state that it really had; a row that
// existed unmodified throughout comes exactly once. While a page is consumed the next one is
// fetched, so at most two pages are in memory. Dropping the reader ends the scan. Movable; used by
// one thread at a time; must not outlive its client.
#pragma once

#include <iterator>
#include <memory>
#include <optional>

#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele {

class RowReader {
 public:
  class Source {
   public:
    virtual ~Source() = default;
    // The next row; an empty optional at the end.
    virtual StatusOr<std::optional<Row>> Next() = 0;
  };

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = StatusOr<Row>;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    Iterator() = default;
    explicit Iterator(RowReader* reader) : reader_(reader) { ++*this; }
    reference operator*() { return current_; }
    pointer operator->() { return &current_; }
    Iterator& operator++();
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const { return reader_ == other.reader_; }

   private:
    RowReader* reader_ = nullptr;  // null: the end
    StatusOr<Row> current_ = Row();
  };

  explicit RowReader(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  // The next row; an empty optional at the end. After an error: the same error.
  StatusOr<std::optional<Row>> Next();
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(); }

 private:
  std::unique_ptr<Source> source_;
  Status failure_;
};

}  // namespace stele
