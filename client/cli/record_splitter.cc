#include "client/cli/record_splitter.h"

#include <algorithm>
#include <cstring>

namespace stele::cli {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;
constexpr size_t kHeadBytes = 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

uint64_t CountLines(std::string_view text) {
  return static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

RecordSplitter::RecordSplitter(ByteSource* source, Boundary boundary, uint64_t max_bytes,
                               uint64_t offset, uint64_t line)
    : source_(source), boundary_(boundary), max_bytes_(max_bytes), offset_(offset), line_(line) {}

void RecordSplitter::StepCsv(char c) {
  switch (quote_) {
    case Quote::kFieldStart:
      quote_ = c == '"' ? Quote::kInside : c == ',' ? Quote::kFieldStart : Quote::kPlain;
      return;
    case Quote::kPlain:
      if (c == ',') quote_ = Quote::kFieldStart;
      return;
    case Quote::kInside:
      if (c == '"') quote_ = Quote::kAfter;
      return;
    case Quote::kAfter:
      quote_ = c == '"' ? Quote::kInside : c == ',' ? Quote::kFieldStart : Quote::kPlain;
      return;
  }
}

bool RecordSplitter::Scan() {
  if (boundary_ == Boundary::kLine) {
    const void* found = std::memchr(buffer_.data() + scan_, '\n', buffer_.size() - scan_);
    scan_ = found == nullptr
                ? buffer_.size()
                : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
    return found != nullptr;
  }
  for (; scan_ < buffer_.size(); ++scan_) {
    const char c = buffer_[scan_];
    if (boundary_ == Boundary::kCsvLine) {
      if (c == '\n' && quote_ != Quote::kInside) return true;
      StepCsv(c);
    } else if (c == '\n') {
      if (blank_line_) return true;
      blank_line_ = true;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      blank_line_ = false;
    }
  }
  return false;
}

Status RecordSplitter::Fill() {
  if (dropped_ > 0 || scan_ - begin_ > max_bytes_) {
    if (dropped_ == 0) head_ = buffer_.substr(begin_, kHeadBytes);
    dropped_ += scan_ - begin_;
    dropped_lines_ += CountLines(std::string_view(buffer_).substr(begin_, scan_ - begin_));
    begin_ = scan_;
  }
  buffer_.erase(0, begin_);
  scan_ -= begin_;
  begin_ = 0;
  const size_t old = buffer_.size();
  buffer_.resize(old + kPieceBytes);
  StatusOr<size_t> got = source_->Read(buffer_.data() + old, kPieceBytes);
  buffer_.resize(old + (got.ok() ? *got : 0));
  RETURN_IF_ERROR(got.status());
  at_end_ = *got == 0;
  return OkStatus();
}

bool RecordSplitter::Take(size_t end, size_t next, Record* record) {
  std::string_view text = std::string_view(buffer_).substr(begin_, end - begin_);
  const bool at_start = offset_ == 0 && text.substr(0, kByteOrderMark.size()) == kByteOrderMark;
  record->line = line_;
  record->too_long = dropped_ > 0 || text.size() > max_bytes_;
  line_ += dropped_lines_ + CountLines(std::string_view(buffer_).substr(begin_, next - begin_));
  offset_ += dropped_ + (next - begin_);
  if (dropped_ > 0) {
    text = head_;
  } else if (record->too_long) {
    text = text.substr(0, kHeadBytes);
  } else {
    if (at_start) text.remove_prefix(kByteOrderMark.size());
    // The blank line that ended a paragraph.
    for (size_t end = text.rfind('\n');
         boundary_ == Boundary::kParagraph && end != text.npos && IsBlank(text.substr(end));
         end = text.rfind('\n')) {
      text.remove_suffix(text.size() - end);
    }
    // Inside of quotes a carriage return belongs to the value, and they are closed here.
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  }
  record->text = text;
  begin_ = scan_ = next;
  quote_ = Quote::kFieldStart;
  blank_line_ = true;
  dropped_ = dropped_lines_ = 0;
  return record->too_long || !IsBlank(text);
}

StatusOr<bool> RecordSplitter::Next(Record* record) {
  while (true) {
    if (Scan()) {
      if (Take(scan_, scan_ + 1, record)) return true;
    } else if (at_end_) {
      if (begin_ == buffer_.size() && dropped_ == 0) return false;
      if (Take(buffer_.size(), buffer_.size(), record)) return true;
    } else {
      RETURN_IF_ERROR(Fill());
    }
  }
}

}  // namespace stele::cli
