// RowParser: makes the changes of one row out of one record of an input file. The forms are those
// of row_text.h, and paragraphs of fields as Debian's package index has them. Thread-compatible;
// immutable after Create.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/cli/bytes_text.h"
#include "client/cli/record_splitter.h"
#include "common/base/status.h"
#include "schema/model/model.h"

namespace stele::cli {

enum class InputForm { kCsv, kTsv, kJson, kDeb822 };

// "csv", "tsv", "jsonl", "deb822"; InvalidArgument names them.
StatusOr<InputForm> ParseInputForm(std::string_view name);
// By the name's end, before .gz and .zst; InvalidArgument when it tells nothing.
StatusOr<InputForm> InputFormOf(std::string_view path);
Boundary BoundaryOf(InputForm form);
inline bool HasHeader(InputForm form) { return form == InputForm::kCsv || form == InputForm::kTsv; }

struct ParserOptions {
  InputForm form = InputForm::kJson;
  std::string key;     // the column or field whose value is the row key; "": "row"
  std::string family;  // of columns and fields without one
  TextEncoding encoding = TextEncoding::kRaw;  // of CSV and TSV fields
  int64_t timestamp_us = 0;                    // of cells that have none of their own
};

// The fields of a line; `quoted` tells "" from nothing. InvalidArgument says where.
struct Field {
  std::string text;
  bool quoted = false;
};
StatusOr<std::vector<Field>> SplitCsv(std::string_view line);
std::vector<Field> SplitTsv(std::string_view line);

// The fields of a paragraph, in order. A value of several lines keeps them as they are, but for the
// colon, the blanks behind it and those at the end of the first line. Lines that begin with # are
// comments.
StatusOr<std::vector<std::pair<std::string, std::string>>> SplitParagraph(std::string_view text);

// RowAsJson undone; a cell without timestamp_us gets `timestamp_us`, a label is ignored.
StatusOr<Row> ParseJsonRow(std::string_view line, int64_t timestamp_us);

class RowParser {
 public:
  // `header` is the first record of a form that has one. InvalidArgument when it does not say where
  // every column goes.
  static StatusOr<RowParser> Create(const ParserOptions& options, std::string_view header);

  // SetCells with their timestamps, >= 0; InvalidArgument says what is wrong with the record.
  // Limits of the data model are not checked.
  StatusOr<RowMutation> Parse(std::string_view record) const;

  // Those that every record's cells go to, as far as they are known before.
  std::set<std::string> Families() const;

 private:
  struct Column {
    bool is_key = false;
    std::string family, qualifier;  // of the others
  };
  explicit RowParser(ParserOptions options) : options_(std::move(options)) {}
  StatusOr<RowMutation> ParseAny(std::string_view record) const;
  Status ReadHeader(std::string_view header);
  StatusOr<RowMutation> FromFields(const std::vector<Field>& fields) const;
  StatusOr<RowMutation> FromCellLine(const std::vector<Field>& fields) const;
  StatusOr<RowMutation> FromParagraph(std::string_view record) const;
  StatusOr<std::string> Bytes(const Field& field, bool marked) const;

  ParserOptions options_;
  std::vector<Column> columns_;
  bool cell_a_line_ = false;
};

}  // namespace stele::cli
