#include "client/cli/row_text.h"

#include <ostream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace stele::cli {
namespace {

char SeparatorOf(RowForm form) { return form == RowForm::kTsv ? '\t' : ','; }

// A field that is there. In CSV of raw bytes quotes tell the empty value from no cell.
void AppendField(std::string_view bytes, const RowFormat& format, bool marked, std::string* out) {
  if (marked && bytes.empty()) {
    out->append(EmptyMark(format.encoding));
    return;
  }
  if (format.encoding != TextEncoding::kRaw || format.form == RowForm::kTsv) {
    out->append(Encode(bytes, format.encoding));
    return;
  }
  if (bytes.find_first_of("\",\r\n") == bytes.npos) {
    out->append(bytes);
    return;
  }
  out->push_back('"');
  for (char c : bytes) {
    if (c == '"') out->push_back('"');
    out->push_back(c);
  }
  out->push_back('"');
}

void AppendCellLines(const Row& row, const RowFormat& format, std::string* out) {
  const char separator = SeparatorOf(format.form);
  for (const Cell& cell : row.cells) {
    AppendField(row.key, format, false, out);
    out->push_back(separator);
    out->append(cell.family);
    out->push_back(separator);
    AppendField(cell.qualifier, format, false, out);
    out->push_back(separator);
    absl::StrAppend(out, cell.timestamp_us);
    out->push_back(separator);
    AppendField(cell.value, format, false, out);
    out->push_back('\n');
  }
}

void AppendRowLine(const Row& row, const RowFormat& format, std::string* out) {
  AppendField(row.key, format, false, out);
  for (const auto& [family, qualifier] : format.columns) {
    out->push_back(SeparatorOf(format.form));
    for (const Cell& cell : row.cells) {
      if (cell.family != family || cell.qualifier != qualifier) continue;
      AppendField(cell.value, format, true, out);
      break;
    }
  }
  out->push_back('\n');
}

}  // namespace

void AppendJsonBytes(std::string_view name, std::string_view bytes, TextEncoding encoding,
                     std::string* out) {
  const bool plain = encoding != TextEncoding::kHex && encoding != TextEncoding::kBase64;
  if (plain && IsUtf8(bytes)) {
    absl::StrAppend(out, "\"", FromStd(name), "\":");
    AppendJsonString(bytes, out);
  } else if (encoding == TextEncoding::kHex) {
    absl::StrAppend(out, "\"", FromStd(name), "_hex\":\"", ToHex(bytes), "\"");
  } else {
    absl::StrAppend(out, "\"", FromStd(name), "_base64\":\"", ToBase64(bytes), "\"");
  }
}

void AppendJsonString(std::string_view text, std::string* out) {
  static constexpr char kHexDigits[] = "0123456789abcdef";
  out->push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (c == '\r') {
      out->append("\\r");
    } else if (c == '\t') {
      out->append("\\t");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out->append("\\u00");
      out->push_back(kHexDigits[static_cast<unsigned char>(c) >> 4]);
      out->push_back(kHexDigits[c & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

std::string RowAsJson(const Row& row, TextEncoding encoding) {
  std::string out = "{";
  AppendJsonBytes("row", row.key, encoding, &out);
  out += ",\"cells\":[";
  bool first = true;
  for (const Cell& cell : row.cells) {
    out += first ? "{\"family\":" : ",{\"family\":";
    first = false;
    AppendJsonString(cell.family, &out);
    out += ',';
    AppendJsonBytes("qualifier", cell.qualifier, encoding, &out);
    absl::StrAppend(&out, ",\"timestamp_us\":", cell.timestamp_us, ",");
    AppendJsonBytes("value", cell.value, encoding, &out);
    if (!cell.label.empty()) {
      out += ",\"label\":";
      AppendJsonString(cell.label, &out);
    }
    out += '}';
  }
  out += "]}";
  return out;
}

void PrintRow(const Row& row, size_t max_value_bytes, std::ostream* out, TextEncoding encoding) {
  *out << Encode(row.key, encoding) << '\n';
  for (const Cell& cell : row.cells) {
    *out << "  " << cell.family << ':' << Encode(cell.qualifier, encoding) << " @"
         << cell.timestamp_us;
    if (!cell.label.empty()) *out << " [" << cell.label << ']';
    *out << "  ";
    if (max_value_bytes > 0 && cell.value.size() > max_value_bytes) {
      *out << Encode(std::string_view(cell.value).substr(0, max_value_bytes), encoding) << "... ("
           << cell.value.size() << " bytes)\n";
    } else {
      *out << Encode(cell.value, encoding) << '\n';
    }
  }
}

std::string_view EmptyMark(TextEncoding encoding) {
  switch (encoding) {
    case TextEncoding::kRaw:
      return "\"\"";
    case TextEncoding::kEscaped:
      return "\\_";
    case TextEncoding::kHex:
      return "_";
    case TextEncoding::kBase64:
      return "=";
  }
  return {};
}

std::string RowHeader(const RowFormat& format) {
  if (format.form != RowForm::kCsv && format.form != RowForm::kTsv) return {};
  const char separator = SeparatorOf(format.form);
  std::string out = "row";
  if (format.columns.empty()) {
    for (const char* name : {"family", "qualifier", "timestamp_us", "value"}) {
      out += separator;
      out += name;
    }
    return out + "\n";
  }
  // Names are not hex or base64, so that a person reads them.
  RowFormat names = format;
  names.encoding = format.form == RowForm::kCsv ? TextEncoding::kRaw : TextEncoding::kEscaped;
  for (const auto& [family, qualifier] : format.columns) {
    out += separator;
    AppendField(family + ":" + qualifier, names, false, &out);
  }
  return out + "\n";
}

void AppendRow(const Row& row, const RowFormat& format, std::string* out) {
  switch (format.form) {
    case RowForm::kText: {
      std::ostringstream text;
      PrintRow(row, format.max_value_bytes, &text, format.encoding);
      out->append(text.str());
      return;
    }
    case RowForm::kJson:
      out->append(RowAsJson(row, format.encoding));
      out->push_back('\n');
      return;
    case RowForm::kCsv:
    case RowForm::kTsv:
      if (format.columns.empty()) {
        AppendCellLines(row, format, out);
      } else {
        AppendRowLine(row, format, out);
      }
      return;
  }
}

void AppendKey(std::string_view key, const RowFormat& format, std::string* out) {
  if (format.form == RowForm::kJson) {
    out->push_back('{');
    AppendJsonBytes("row", key, format.encoding, out);
    out->push_back('}');
  } else if (format.form == RowForm::kText) {
    out->append(Encode(key, format.encoding));
  } else {
    AppendField(key, format, false, out);
  }
  out->push_back('\n');
}

}  // namespace stele::cli
