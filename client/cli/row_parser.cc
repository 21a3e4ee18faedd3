#include "client/cli/row_parser.h"

#include <algorithm>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/row_text.h"

namespace stele::cli {
namespace {

constexpr std::string_view kCellLine[] = {"row", "family", "qualifier", "timestamp_us", "value"};

Status Wrong(std::string_view what) { return absl::InvalidArgumentError(FromStd(what)); }

StatusOr<std::vector<Field>> Split(InputForm form, std::string_view line) {
  if (form == InputForm::kCsv) return SplitCsv(line);
  return SplitTsv(line);
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

bool EndsWith(std::string_view text, std::string_view tail) {
  return text.size() > tail.size() && text.substr(text.size() - tail.size()) == tail;
}

}  // namespace

StatusOr<InputForm> ParseInputForm(std::string_view name) {
  if (name == "csv") return InputForm::kCsv;
  if (name == "tsv") return InputForm::kTsv;
  if (name == "jsonl") return InputForm::kJson;
  if (name == "deb822") return InputForm::kDeb822;
  return Wrong("\"" + Escape(name) + "\" is no format: csv, tsv, jsonl or deb822");
}

StatusOr<InputForm> InputFormOf(std::string_view path) {
  std::string_view name = path;
  if (CompressionOf(path) != Compression::kNone) name = path.substr(0, path.rfind('.'));
  if (EndsWith(name, ".csv")) return InputForm::kCsv;
  if (EndsWith(name, ".tsv")) return InputForm::kTsv;
  if (EndsWith(name, ".jsonl") || EndsWith(name, ".json")) return InputForm::kJson;
  return Wrong("the name " + Escape(path) + " does not tell the format; give --format");
}

Boundary BoundaryOf(InputForm form) {
  return form == InputForm::kCsv      ? Boundary::kCsvLine
         : form == InputForm::kDeb822 ? Boundary::kParagraph
                                      : Boundary::kLine;
}

StatusOr<std::vector<Field>> SplitCsv(std::string_view line) {
  std::vector<Field> fields;
  size_t at = 0;
  while (true) {
    Field field;
    if (at < line.size() && line[at] == '"') {
      field.quoted = true;
      for (++at;; ++at) {
        const size_t quote = line.find('"', at);
        if (quote == line.npos) {
          return Wrong(absl::StrCat("the quote of field ", fields.size() + 1, " is not closed"));
        }
        field.text.append(line.substr(at, quote - at));
        at = quote + 1;
        if (at == line.size() || line[at] != '"') break;
        field.text += '"';
      }
      if (at < line.size() && line[at] != ',') {
        return Wrong(absl::StrCat("text follows the quote of field ", fields.size() + 1));
      }
    } else {
      const size_t end = std::min(line.find(',', at), line.size());
      field.text = std::string(line.substr(at, end - at));
      at = end;
    }
    fields.push_back(std::move(field));
    if (at == line.size()) return fields;
    ++at;
  }
}

std::vector<Field> SplitTsv(std::string_view line) {
  std::vector<Field> fields;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find('\t', at), line.size());
    fields.push_back({std::string(line.substr(at, end - at)), false});
    at = end + 1;
  }
  return fields;
}

StatusOr<std::vector<std::pair<std::string, std::string>>> SplitParagraph(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  std::set<std::string> names;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == ' ' || line.front() == '\t') {
      if (fields.empty()) return Wrong("it begins with a continuation line");
      fields.back().second.append("\n").append(line);
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) {
      return Wrong("\"" + Escape(line.substr(0, 60)) + "\" is no field and no continuation line");
    }
    std::string name(line.substr(0, colon));
    if (!names.insert(name).second) return Wrong("the field " + Escape(name) + " comes twice");
    fields.emplace_back(std::move(name), TrimBlanks(line.substr(colon + 1)));
  }
  return fields;
}

StatusOr<RowParser> RowParser::Create(const ParserOptions& options, std::string_view header) {
  RowParser parser(options);
  if (HasHeader(options.form)) {
    RETURN_IF_ERROR(parser.ReadHeader(header));
  } else if (options.form == InputForm::kDeb822) {
    if (options.key.empty()) return Wrong("--key is missing: the field that is the row key");
    if (options.family.empty()) return Wrong("--family is missing: where the fields go");
  }
  return parser;
}

Status RowParser::ReadHeader(std::string_view header) {
  ASSIGN_OR_RETURN(std::vector<Field> names, Split(options_.form, header));
  if (options_.form == InputForm::kTsv) {
    for (Field& name : names) {
      ASSIGN_OR_RETURN(name.text, Unescape(name.text));
    }
  }
  const auto is_cell_line = [](const Field& field, std::string_view name) {
    return field.text == name;
  };
  cell_a_line_ =
      options_.key.empty() && std::equal(names.begin(), names.end(), std::begin(kCellLine),
                                         std::end(kCellLine), is_cell_line);
  if (cell_a_line_) return OkStatus();
  const std::string key = options_.key.empty() ? "row" : options_.key;
  bool has_key = false;
  std::set<std::string> seen;
  for (const Field& name : names) {
    if (!seen.insert(name.text).second) {
      return Wrong("the header names the column \"" + Escape(name.text) + "\" twice");
    }
    Column column;
    if (name.text == key) {
      column.is_key = true;
      has_key = true;
    } else if (const ColumnName parsed = ParseColumn(name.text); parsed.has_qualifier) {
      column.family = parsed.family;
      column.qualifier = parsed.qualifier;
    } else if (options_.family.empty()) {
      return Wrong("the header's column \"" + Escape(name.text) +
                   "\" names no family; write FAMILY:QUALIFIER or give --family");
    } else {
      column.family = options_.family;
      column.qualifier = name.text;
    }
    columns_.push_back(std::move(column));
  }
  if (has_key) return OkStatus();
  return Wrong("the header has no column \"" + Escape(key) +
               "\"; --key names the one that is the row key");
}

StatusOr<std::string> RowParser::Bytes(const Field& field, bool marked) const {
  if (marked && !field.quoted && field.text == EmptyMark(options_.encoding)) return std::string();
  // Between given columns an empty field never comes here; in a line of one cell it is no bytes.
  if (field.text.empty()) return std::string();
  return Decode(field.text, options_.encoding);
}

StatusOr<RowMutation> RowParser::FromCellLine(const std::vector<Field>& fields) const {
  if (fields.size() != std::size(kCellLine)) {
    return Wrong(absl::StrCat(fields.size(), " fields, the header has ", std::size(kCellLine)));
  }
  RowMutation row;
  SetCell cell;
  ASSIGN_OR_RETURN(row.row, Bytes(fields[0], false));
  cell.family = fields[1].text;
  ASSIGN_OR_RETURN(cell.qualifier, Bytes(fields[2], false));
  cell.timestamp_us = options_.timestamp_us;
  if (!fields[3].text.empty() && !absl::SimpleAtoi(fields[3].text, &cell.timestamp_us)) {
    return Wrong("timestamp_us \"" + Escape(fields[3].text) + "\" is no number");
  }
  ASSIGN_OR_RETURN(cell.value, Bytes(fields[4], false));
  row.mutations.push_back(std::move(cell));
  return row;
}

StatusOr<RowMutation> RowParser::FromFields(const std::vector<Field>& fields) const {
  if (fields.size() != columns_.size()) {
    return Wrong(absl::StrCat(fields.size(), " fields, the header has ", columns_.size()));
  }
  RowMutation row;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (columns_[i].is_key) {
      ASSIGN_OR_RETURN(row.row, Bytes(fields[i], false));
    } else if (!fields[i].text.empty() || fields[i].quoted) {
      SetCell cell{columns_[i].family, columns_[i].qualifier, options_.timestamp_us, {}};
      StatusOr<std::string> value = Bytes(fields[i], true);
      if (!value.ok()) return WithContext(value.status(), absl::StrCat("field ", i + 1));
      cell.value = *std::move(value);
      row.mutations.push_back(std::move(cell));
    }
  }
  if (row.mutations.empty()) return Wrong("no column has a value");
  return row;
}

StatusOr<RowMutation> RowParser::FromParagraph(std::string_view record) const {
  ASSIGN_OR_RETURN(auto fields, SplitParagraph(record));
  RowMutation row;
  for (auto& [name, value] : fields) {
    if (name == options_.key) row.row = value;
    row.mutations.push_back(
        SetCell{options_.family, std::move(name), options_.timestamp_us, std::move(value)});
  }
  if (row.row.empty()) return Wrong("it has no field " + Escape(options_.key));
  return row;
}

std::set<std::string> RowParser::Families() const {
  std::set<std::string> families;
  if (options_.form == InputForm::kDeb822) families.insert(options_.family);
  for (const Column& column : columns_) {
    if (!column.is_key) families.insert(column.family);
  }
  return families;
}

StatusOr<RowMutation> RowParser::Parse(std::string_view record) const {
  ASSIGN_OR_RETURN(RowMutation row, ParseAny(record));
  for (const Mutation& mutation : row.mutations) {
    // The server's time would make another cell of each repetition.
    const int64_t timestamp_us = std::get<SetCell>(mutation).timestamp_us;
    if (timestamp_us < 0) return Wrong(absl::StrCat("timestamp_us ", timestamp_us, " is negative"));
  }
  return row;
}

StatusOr<RowMutation> RowParser::ParseAny(std::string_view record) const {
  switch (options_.form) {
    case InputForm::kDeb822:
      return FromParagraph(record);
    case InputForm::kJson: {
      ASSIGN_OR_RETURN(Row row, ParseJsonRow(record, options_.timestamp_us));
      RowMutation mutation;
      mutation.row = std::move(row.key);
      for (Cell& cell : row.cells) {
        mutation.mutations.push_back(SetCell{std::move(cell.family), std::move(cell.qualifier),
                                             cell.timestamp_us, std::move(cell.value)});
      }
      if (mutation.mutations.empty()) return Wrong("the row has no cells");
      return mutation;
    }
    case InputForm::kCsv:
    case InputForm::kTsv:
      break;
  }
  ASSIGN_OR_RETURN(std::vector<Field> fields, Split(options_.form, record));
  return cell_a_line_ ? FromCellLine(fields) : FromFields(fields);
}

}  // namespace stele::cli
