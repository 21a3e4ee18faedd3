#include "client/cli/byte_sink.h"

#include <zlib.h>
#include <zstd.h>

#include <ostream>

namespace stele::cli {
namespace {

constexpr size_t kWriteBytes = 1u << 20;
constexpr size_t kPieceBytes = 64 * 1024;

class PlainPacker : public Packer {
 public:
  Status Pack(std::string_view bytes, std::string* out) override {
    out->append(bytes);
    return OkStatus();
  }
  Status End(std::string*) override { return OkStatus(); }
};

class GzipPacker : public Packer {
 public:
  ~GzipPacker() override {
    if (begun_) deflateEnd(&stream_);
  }

  Status Pack(std::string_view bytes, std::string* out) override {
    if (bytes.empty()) return OkStatus();
    if (!begun_ && deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8,
                                Z_DEFAULT_STRATEGY) != Z_OK) {
      return absl::ResourceExhaustedError("no memory to compress");
    }
    begun_ = true;
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, kWriteBytes);
      bytes.remove_prefix(part.size());
      // zlib takes a pointer to non-const and does not write there.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream_.avail_in = static_cast<uInt>(part.size());
      Run(Z_NO_FLUSH, out);
    }
    return OkStatus();
  }
  Status End(std::string* out) override {
    if (!begun_) return OkStatus();
    stream_.avail_in = 0;
    Run(Z_FINISH, out);
    deflateEnd(&stream_);
    stream_ = z_stream{};
    begun_ = false;
    return OkStatus();
  }

 private:
  void Run(int flush, std::string* out) {
    do {
      const size_t old = out->size();
      out->resize(old + kPieceBytes);
      stream_.next_out = reinterpret_cast<Bytef*>(out->data() + old);
      stream_.avail_out = kPieceBytes;
      deflate(&stream_, flush);
      out->resize(out->size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
  bool begun_ = false;
};

class ZstdPacker : public Packer {
 public:
  ZstdPacker() : stream_(ZSTD_createCCtx()) {
    if (stream_ != nullptr) ZSTD_CCtx_setParameter(stream_, ZSTD_c_checksumFlag, 1);
  }
  ~ZstdPacker() override { ZSTD_freeCCtx(stream_); }

  Status Pack(std::string_view bytes, std::string* out) override {
    begun_ = begun_ || !bytes.empty();
    return Run(bytes, ZSTD_e_continue, out);
  }
  Status End(std::string* out) override {
    if (!begun_) return OkStatus();
    begun_ = false;
    return Run({}, ZSTD_e_end, out);
  }

 private:
  Status Run(std::string_view bytes, ZSTD_EndDirective directive, std::string* out) {
    if (stream_ == nullptr) return absl::ResourceExhaustedError("no memory to compress");
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      const size_t old = out->size();
      out->resize(old + kPieceBytes);
      ZSTD_outBuffer room{out->data() + old, kPieceBytes, 0};
      const size_t left = ZSTD_compressStream2(stream_, &room, &in, directive);
      out->resize(old + room.pos);
      if (ZSTD_isError(left)) return absl::InternalError(ZSTD_getErrorName(left));
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size) return OkStatus();
    }
  }

  ZSTD_CCtx* const stream_;
  bool begun_ = false;
};

class FileSink : public ByteSink {
 public:
  FileSink(std::unique_ptr<FsFile> file, uint64_t size, Compression compression)
      : file_(std::move(file)), size_(size), packer_(MakePacker(compression)) {}

  Status Write(std::string_view bytes) override {
    RETURN_IF_ERROR(packer_->Pack(bytes, &waiting_));
    return waiting_.size() < kWriteBytes ? OkStatus() : Flush();
  }
  StatusOr<uint64_t> Checkpoint() override {
    RETURN_IF_ERROR(packer_->End(&waiting_));
    RETURN_IF_ERROR(Flush());
    RETURN_IF_ERROR(file_->Sync());
    return size_;
  }

 private:
  Status Flush() {
    const Slice part = waiting_;
    RETURN_IF_ERROR(file_->WriteAt(size_, {&part, 1}));
    size_ += waiting_.size();
    waiting_.clear();
    return OkStatus();
  }

  const std::unique_ptr<FsFile> file_;
  uint64_t size_;
  const std::unique_ptr<Packer> packer_;
  std::string waiting_;
};

class StreamSink : public ByteSink {
 public:
  explicit StreamSink(std::ostream* out) : out_(out) {}
  Status Write(std::string_view bytes) override {
    out_->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (out_->good()) return OkStatus();
    return absl::InternalError("standard output could not be written");
  }
  StatusOr<uint64_t> Checkpoint() override {
    out_->flush();
    return uint64_t{0};
  }

 private:
  std::ostream* const out_;
};

}  // namespace

std::unique_ptr<Packer> MakePacker(Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipPacker>();
    case Compression::kZstd:
      return std::make_unique<ZstdPacker>();
    case Compression::kNone:
      break;
  }
  return std::make_unique<PlainPacker>();
}

StatusOr<std::unique_ptr<ByteSink>> ByteSink::Create(Fs* fs, const std::string& path) {
  ASSIGN_OR_RETURN(auto file, fs->Open(path, Fs::Mode::kCreateExclusive));
  return std::make_unique<FileSink>(std::move(file), 0, CompressionOf(path));
}

StatusOr<std::unique_ptr<ByteSink>> ByteSink::Resume(Fs* fs, const std::string& path,
                                                     uint64_t resume_at) {
  ASSIGN_OR_RETURN(auto file, fs->Open(path, Fs::Mode::kReadWrite));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size < resume_at) {
    return absl::DataLossError(
        absl::StrCat(path, " has ", size, " bytes, there were ", resume_at, "; give --restart"));
  }
  RETURN_IF_ERROR(file->Truncate(resume_at));
  return std::make_unique<FileSink>(std::move(file), resume_at, CompressionOf(path));
}

std::unique_ptr<ByteSink> ByteSink::ToStream(std::ostream* out) {
  return std::make_unique<StreamSink>(out);
}

}  // namespace stele::cli
