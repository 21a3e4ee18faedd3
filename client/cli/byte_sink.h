// ByteSink: a file that is written from its front to its end, compressed when the name ends in .gz
// or .zst. A checkpoint ends the compressed piece, makes all durable and tells the file's size;
// opened again at that size it goes on with another piece, which readers take as one stream. Used
// by one thread.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "client/cli/byte_source.h"
#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele::cli {

// Turns bytes into bytes of a compressed piece.
class Packer {
 public:
  virtual ~Packer() = default;
  // Appends what comes out to *out.
  virtual Status Pack(std::string_view bytes, std::string* out) = 0;
  // Ends the piece, if one was begun.
  virtual Status End(std::string* out) = 0;
};
std::unique_ptr<Packer> MakePacker(Compression compression);

class ByteSink {
 public:
  // Makes the file, AlreadyExists when there is one; or with resume_at goes on in the one that is
  // there, cut to that size (DataLoss when it is shorter).
  static StatusOr<std::unique_ptr<ByteSink>> Create(Fs* fs, const std::string& path);
  static StatusOr<std::unique_ptr<ByteSink>> Resume(Fs* fs, const std::string& path,
                                                    uint64_t resume_at);
  // Writes to a stream, as it is; a checkpoint flushes it.
  static std::unique_ptr<ByteSink> ToStream(std::ostream* out);

  virtual ~ByteSink() = default;
  virtual Status Write(std::string_view bytes) = 0;
  virtual StatusOr<uint64_t> Checkpoint() = 0;
};

}  // namespace stele::cli
