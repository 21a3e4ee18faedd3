// RecordSplitter: cuts a stream of bytes into records: lines, lines of CSV whose quotes may hold
// line ends, or paragraphs between blank lines. Memory is bounded by max_bytes and one piece read:
// a longer record comes with its beginning only, as too long, and the next one is found behind it.
// Used by one thread; does not own its source.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/cli/byte_source.h"
#include "common/base/status.h"

namespace stele::cli {

enum class Boundary { kLine, kCsvLine, kParagraph };

class RecordSplitter {
 public:
  struct Record {
    std::string_view text;  // without its line end; lives until the next call
    uint64_t line = 0;      // of its first byte, from 1
    bool too_long = false;
  };

  // `offset` and `line` say where in its input the source begins.
  RecordSplitter(ByteSource* source, Boundary boundary, uint64_t max_bytes, uint64_t offset = 0,
                 uint64_t line = 1);

  // False at the end. Blank records are passed over. An error of the source is the last thing.
  StatusOr<bool> Next(Record* record);

  // Of the first byte behind the records given.
  uint64_t offset() const { return offset_; }
  uint64_t line() const { return line_; }

 private:
  enum class Quote { kFieldStart, kPlain, kInside, kAfter };
  bool Scan();  // to the end of the record or of the buffer; true at the end of a record
  void StepCsv(char c);
  Status Fill();
  bool Take(size_t end, size_t next, Record* record);  // false: a blank record

  ByteSource* const source_;
  const Boundary boundary_;
  const uint64_t max_bytes_;
  uint64_t offset_;
  uint64_t line_;
  std::string buffer_;
  size_t begin_ = 0;  // of the record
  size_t scan_ = 0;   // the first byte not looked at
  bool at_end_ = false;
  Quote quote_ = Quote::kFieldStart;
  bool blank_line_ = true;  // of a paragraph's line so far
  std::string head_;        // of a record that is too long
  uint64_t dropped_ = 0;    // its bytes and line ends that are no longer in the buffer
  uint64_t dropped_lines_ = 0;
};

}  // namespace stele::cli
