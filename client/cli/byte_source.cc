#include "client/cli/byte_source.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <vector>

#include "client/cli/bytes_text.h"

namespace stele::cli {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;

class PlainSource : public ByteSource {
 public:
  PlainSource(std::istream* in, std::string name) : in_(in), name_(std::move(name)) {}

  StatusOr<size_t> Read(char* buffer, size_t n) override {
    if (!in_->good()) return size_t{0};
    in_->read(buffer, static_cast<std::streamsize>(n));
    if (in_->bad()) return absl::InternalError(absl::StrCat(name_, " cannot be read"));
    const size_t got = static_cast<size_t>(in_->gcount());
    file_bytes_ += got;
    return got;
  }
  uint64_t file_bytes() const override { return file_bytes_; }

 private:
  std::istream* const in_;
  const std::string name_;
  uint64_t file_bytes_ = 0;
};

// What both decompressors share: a piece of the compressed stream and what is left of it.
class UnpackingSource : public ByteSource {
 public:
  UnpackingSource(std::istream* in, std::string name) : plain_(in, name), name_(std::move(name)) {}

  StatusOr<size_t> Read(char* buffer, size_t n) override {
    while (true) {
      if (next_ == piece_.size() && !at_end_) {
        piece_.resize(kPieceBytes);
        ASSIGN_OR_RETURN(const size_t got, plain_.Read(piece_.data(), piece_.size()));
        piece_.resize(got);
        next_ = 0;
        at_end_ = got == 0;
      }
      ASSIGN_OR_RETURN(const size_t made, Unpack(buffer, n));
      if (made > 0) return made;
      if (at_end_ && next_ == piece_.size()) {
        if (!inside_) return size_t{0};
        return absl::DataLossError(absl::StrCat(name_, " ends in the middle of compressed data"));
      }
    }
  }
  uint64_t file_bytes() const override { return plain_.file_bytes(); }

 protected:
  // Takes bytes from piece_ at next_, keeps inside_; the number of bytes made.
  virtual StatusOr<size_t> Unpack(char* buffer, size_t n) = 0;
  Status Damaged(const char* what) const {
    return absl::DataLossError(absl::StrCat(name_, " is not sound ", what, " data near byte ",
                                            plain_.file_bytes() - (piece_.size() - next_)));
  }

  std::string piece_;
  size_t next_ = 0;
  bool inside_ = false;  // of a frame or member

 private:
  PlainSource plain_;
  const std::string name_;
  bool at_end_ = false;
};

class GzipSource : public UnpackingSource {
 public:
  using UnpackingSource::UnpackingSource;
  ~GzipSource() override {
    if (made_) inflateEnd(&stream_);
  }

 protected:
  StatusOr<size_t> Unpack(char* buffer, size_t n) override {
    if (next_ == piece_.size() && !more_) return size_t{0};
    if (!made_) {
      if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) {
        return absl::ResourceExhaustedError("no memory to decompress");
      }
      made_ = true;
    }
    inside_ = true;
    stream_.next_in = reinterpret_cast<Bytef*>(piece_.data() + next_);
    stream_.avail_in = static_cast<uInt>(piece_.size() - next_);
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(n);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    next_ = piece_.size() - stream_.avail_in;
    more_ = stream_.avail_out == 0 && result != Z_STREAM_END;
    if (result == Z_STREAM_END) {
      inside_ = false;
      inflateReset(&stream_);
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Damaged("gzip");
    }
    return n - stream_.avail_out;
  }

 private:
  z_stream stream_{};
  bool made_ = false;
  bool more_ = false;  // the decompressor may hold bytes back
};

class ZstdSource : public UnpackingSource {
 public:
  using UnpackingSource::UnpackingSource;
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }

 protected:
  StatusOr<size_t> Unpack(char* buffer, size_t n) override {
    if (next_ == piece_.size() && !more_) return size_t{0};
    if (stream_ == nullptr) return absl::ResourceExhaustedError("no memory to decompress");
    ZSTD_inBuffer in{piece_.data(), piece_.size(), next_};
    ZSTD_outBuffer out{buffer, n, 0};
    const size_t result = ZSTD_decompressStream(stream_, &out, &in);
    if (ZSTD_isError(result)) return Damaged("zstd");
    next_ = in.pos;
    inside_ = result != 0;
    more_ = out.pos == n;
    return out.pos;
  }

 private:
  ZSTD_DStream* const stream_ = ZSTD_createDStream();
  bool more_ = false;  // the decompressor may hold bytes back
};

// A source and the file that it reads.
class FileSource : public ByteSource {
 public:
  FileSource(std::unique_ptr<std::ifstream> file, Compression compression, const std::string& path)
      : file_(std::move(file)),
        compression_(compression),
        source_(StreamSource(file_.get(), compression, path)) {}

  StatusOr<size_t> Read(char* buffer, size_t n) override { return source_->Read(buffer, n); }
  Status Skip(uint64_t n) override {
    if (compression_ != Compression::kNone || file_bytes() > 0) return ByteSource::Skip(n);
    // A pipe cannot seek and is read.
    if (!file_->seekg(0, std::ios::end)) {
      file_->clear();
      return ByteSource::Skip(n);
    }
    if (file_->tellg() < static_cast<std::streamoff>(n)) {
      return absl::OutOfRangeError("the input is shorter than it was");
    }
    file_->seekg(static_cast<std::streamoff>(n));
    skipped_ = n;
    return OkStatus();
  }
  uint64_t file_bytes() const override { return skipped_ + source_->file_bytes(); }

 private:
  const std::unique_ptr<std::ifstream> file_;
  const Compression compression_;
  const std::unique_ptr<ByteSource> source_;
  uint64_t skipped_ = 0;
};

StatusOr<std::unique_ptr<ByteSource>> Open(const std::string& path, std::istream* standard_input,
                                           Compression compression) {
  if (path == "-") return StreamSource(standard_input, Compression::kNone, "standard input");
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a directory"));
  }
  errno = 0;
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!file->is_open()) {
    const int error = errno;
    const std::string what = absl::StrCat(path, ": ", std::strerror(error));
    if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(what);
    return absl::PermissionDeniedError(what);
  }
  return std::make_unique<FileSource>(std::move(file), compression, path);
}

}  // namespace

Compression CompressionOf(std::string_view path) {
  const auto ends = [&](std::string_view tail) {
    return path.size() > tail.size() && path.substr(path.size() - tail.size()) == tail;
  };
  return ends(".gz") ? Compression::kGzip : ends(".zst") ? Compression::kZstd : Compression::kNone;
}

Status ByteSource::Skip(uint64_t n) {
  std::vector<char> unused(kPieceBytes);
  while (n > 0) {
    ASSIGN_OR_RETURN(const size_t got, Read(unused.data(), std::min<uint64_t>(n, unused.size())));
    if (got == 0) return absl::OutOfRangeError("the input is shorter than it was");
    n -= got;
  }
  return OkStatus();
}

std::unique_ptr<ByteSource> StreamSource(std::istream* in, Compression compression,
                                         std::string name) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipSource>(in, std::move(name));
    case Compression::kZstd:
      return std::make_unique<ZstdSource>(in, std::move(name));
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainSource>(in, std::move(name));
}

StatusOr<std::unique_ptr<ByteSource>> OpenSource(const std::string& path,
                                                 std::istream* standard_input) {
  return Open(path, standard_input, CompressionOf(path));
}

StatusOr<std::unique_ptr<ByteSource>> OpenPlainSource(const std::string& path,
                                                      std::istream* standard_input) {
  return Open(path, standard_input, Compression::kNone);
}

}  // namespace stele::cli
