// ByteSource: the bytes of a file or of standard input, decompressed when the name ends in .gz or
// .zst. Several compressed pieces after one another are one stream. Used by one thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace stele::cli {

enum class Compression { kNone, kGzip, kZstd };
Compression CompressionOf(std::string_view path);

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At most n bytes; 0 at the end. DataLoss when compressed bytes are damaged or end too early.
  virtual StatusOr<size_t> Read(char* buffer, size_t n) = 0;
  // Passes over n bytes of what Read gives; OutOfRange when there are fewer.
  virtual Status Skip(uint64_t n);
  // Bytes taken from the file so far, as they are there.
  virtual uint64_t file_bytes() const = 0;
};

// Reads `in`, which outlives it; `name` is for messages.
std::unique_ptr<ByteSource> StreamSource(std::istream* in, Compression compression,
                                         std::string name);
// "-" is `standard_input`. NotFound, PermissionDenied, InvalidArgument (a directory) name the file.
StatusOr<std::unique_ptr<ByteSource>> OpenSource(const std::string& path,
                                                 std::istream* standard_input);
// The same, never decompressed.
StatusOr<std::unique_ptr<ByteSource>> OpenPlainSource(const std::string& path,
                                                      std::istream* standard_input);

}  // namespace stele::cli
