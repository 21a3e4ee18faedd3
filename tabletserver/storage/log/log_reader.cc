#include "tabletserver/storage/log/log_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/bytes/coding.h"
#include "common/bytes/crc32c.h"

namespace stele::storage {
namespace {

bool AllZero(Slice s) {
  return std::all_of(s.begin(), s.end(), [](char c) { return c == 0; });
}

}  // namespace

Status OtherLogVersion(const LogRecordHeader& header) {
  return absl::FailedPreconditionError(
      absl::StrCat("log record at lap ", header.lap, " offset ", header.offset,
                   " has format version ", header.version, ", this build reads ", kLogVersion));
}

const char* LogOutcomeName(LogOutcome outcome) {
  switch (outcome) {
    case LogOutcome::kRecord:
      return "record";
    case LogOutcome::kZeros:
      return "zeros";
    case LogOutcome::kShort:
      return "short";
    case LogOutcome::kBadHeader:
      return "bad header";
    case LogOutcome::kBadPayload:
      return "bad payload crc";
    case LogOutcome::kStale:
      return "stale record";
    case LogOutcome::kMissing:
      return "missing segment";
  }
  return "unknown";
}

LogByteSource SegmentByteSource(const LogSegment* segment) {
  return [segment](uint64_t offset, size_t n, char* buffer) {
    return segment->Read(offset, n, buffer);
  };
}

StatusOr<Slice> LogSegmentReader::Peek(uint64_t offset, size_t n) {
  n = static_cast<size_t>(std::min<uint64_t>(n, capacity_ - std::min(offset, capacity_)));
  if (offset >= window_offset_ && offset + n <= window_offset_ + window_.size()) {
    return Slice(window_).substr(offset - window_offset_, n);
  }
  size_t want = static_cast<size_t>(
      std::min<uint64_t>(std::max(n, window_bytes_), capacity_ - std::min(offset, capacity_)));
  window_.resize(want);
  window_offset_ = offset;
  StatusOr<size_t> got = source_(offset, want, window_.data());
  if (!got.ok()) {
    window_.clear();
    return got.status();
  }
  window_.resize(*got);
  return Slice(window_).substr(0, n);
}

StatusOr<LogReadResult> LogSegmentReader::ReadAt(uint64_t offset) {
  LogReadResult result;
  ASSIGN_OR_RETURN(Slice bytes, Peek(offset, kLogHeaderBytes));
  if (bytes.size() < kLogHeaderBytes) {
    result.outcome = LogOutcome::kShort;
    return result;
  }
  if (!DecodeLogHeader(bytes.data(), &result.header)) {
    result.outcome = AllZero(bytes) ? LogOutcome::kZeros : LogOutcome::kBadHeader;
    return result;
  }
  const LogRecordHeader& header = result.header;
  if (header.offset != offset || header.version != kLogVersion) {
    result.outcome = LogOutcome::kStale;
    return result;
  }
  const size_t total = kLogHeaderBytes + header.length;
  if (total > capacity_ - offset) {
    result.outcome = LogOutcome::kBadPayload;
    return result;
  }
  ASSIGN_OR_RETURN(bytes, Peek(offset, total));
  Slice payload = bytes.substr(std::min(bytes.size(), kLogHeaderBytes));
  LogControl control;
  if (payload.size() != header.length ||
      LogPayloadCrc(Crc32c(payload), header) != header.payload_crc ||
      (header.is_control() && !DecodeLogControl(payload, &control))) {
    result.outcome = LogOutcome::kBadPayload;
    return result;
  }
  result.outcome = LogOutcome::kRecord;
  result.payload = payload;
  return result;
}

StatusOr<std::optional<LogRecordHeader>> LogSegmentReader::FindHeader(uint64_t from) {
  char magic[4];
  EncodeFixed32(magic, kLogMagic);
  uint64_t offset = from;
  while (offset + kLogHeaderBytes <= capacity_) {
    ASSIGN_OR_RETURN(Slice bytes, Peek(offset, kLogHeaderBytes));
    if (bytes.size() < kLogHeaderBytes) break;
    bytes = Slice(window_).substr(offset - window_offset_);  // all that is at hand
    const size_t hit = bytes.find(Slice(magic, sizeof(magic)));
    if (hit == Slice::npos) {
      offset += bytes.size() - (sizeof(magic) - 1);
      continue;
    }
    if (hit > 0) {
      offset += hit;
      continue;
    }
    LogRecordHeader header;
    if (DecodeLogHeader(bytes.data(), &header) && header.offset == offset &&
        header.version == kLogVersion) {
      return std::make_optional(header);
    }
    ++offset;
  }
  return std::optional<LogRecordHeader>();
}

StatusOr<LogReadResult> LogWalker::ReadNext() {
  auto it = by_lap_.find(position_.lap);
  if (it == by_lap_.end()) return LogReadResult();
  ASSIGN_OR_RETURN(LogReadResult result, it->second->ReadAt(position_.offset));
  const LogRecordHeader& h = result.header;
  if (result.outcome == LogOutcome::kStale && h.version != kLogVersion && h.uuid == uuid_ &&
      h.position() == position_) {
    return OtherLogVersion(h);
  }
  if (result.outcome == LogOutcome::kRecord && !Acceptable(result.header)) {
    result.outcome = LogOutcome::kStale;
  }
  return result;
}

bool LogWalker::Acceptable(const LogRecordHeader& header) const {
  if (header.uuid != uuid_ || header.lap != position_.lap) return false;
  if ((position_.offset == 0) != (header.type == LogRecordType::kSegment)) return false;
  if (at_start_) return header.is_control();
  return header.lsn == next_lsn_ && FollowsInOrder(header);
}

bool LogWalker::FollowsInOrder(const LogRecordHeader& header) const {
  if (header.epoch != epoch_ || closed_) return false;
  switch (header.type) {
    case LogRecordType::kFull:
    case LogRecordType::kFirst:
    case LogRecordType::kClose:
      return !in_record_;
    case LogRecordType::kMiddle:
    case LogRecordType::kLast:
      return in_record_ && (orphan_ || header.tablet == record_tablet_);
    case LogRecordType::kEpoch:
      return false;  // it is a tail: a chain begins with it
    case LogRecordType::kSegment:
    case LogRecordType::kPad:
      return true;
  }
  return false;
}

void LogWalker::TakeControl(const LogRecordHeader& header) {
  if (at_start_) {
    in_record_ = orphan_ = (header.flags & kLogFlagContinues) != 0;
    next_lsn_ = header.lsn;
    epoch_ = header.epoch;
    at_start_ = false;
  }
  closed_ = header.type == LogRecordType::kClose;
}

StatusOr<LogEntry> EntryOf(const LogRecordHeader& header, uint16_t flags, LogPosition begin,
                           Slice payload) {
  LogEntry entry;
  entry.position = begin;
  entry.lsn = entry.original_lsn = header.lsn;
  entry.tablet = header.tablet;
  if ((flags & kLogFlagCarried) != 0) {
    if (payload.size() < kLogCarriedPrefixBytes) {
      return CorruptError(absl::StrCat("carried record of LSN ", header.lsn, " has no LSN inside"));
    }
    entry.original_lsn = DecodeFixed64(payload.data());
    payload.remove_prefix(kLogCarriedPrefixBytes);
  }
  entry.payload = payload;
  return entry;
}

Status LogWalker::Take(const LogReadResult& record,
                       const std::function<Status(const LogEntry&)>& fn) {
  const LogRecordHeader& header = record.header;
  if (header.is_control()) {
    TakeControl(header);
    return OkStatus();
  }
  if (!in_record_) {
    record_start_ = position_;
    record_flags_ = header.flags;
    record_tablet_ = header.tablet;
    pieces_.clear();
  }
  if (header.type == LogRecordType::kFull) {
    ++next_lsn_;
    ASSIGN_OR_RETURN(const LogEntry entry,
                     EntryOf(header, record_flags_, record_start_, record.payload));
    return fn(entry);
  }
  in_record_ = header.type != LogRecordType::kLast;
  if (!orphan_) pieces_.append(record.payload.data(), record.payload.size());
  if (in_record_) return OkStatus();
  ++next_lsn_;
  if (std::exchange(orphan_, false)) return OkStatus();
  ASSIGN_OR_RETURN(const LogEntry entry, EntryOf(header, record_flags_, record_start_, pieces_));
  return fn(entry);
}

StatusOr<LogWalkEnd> LogWalker::Walk(LogPosition from, uint64_t last_lap,
                                     const std::function<Status(const LogEntry&)>& fn) {
  position_ = from;
  at_start_ = true;
  closed_ = in_record_ = orphan_ = false;
  record_tablet_ = 0;
  return Go(last_lap, fn);
}

StatusOr<LogWalkEnd> LogWalker::WalkOn(const LogRecordHeader& first,
                                       const std::function<Status(const LogEntry&)>& fn) {
  if (first.is_control()) return Walk(first.position(), UINT64_MAX, fn);
  position_ = first.position();
  at_start_ = closed_ = false;
  in_record_ = orphan_ = first.type == LogRecordType::kMiddle || first.type == LogRecordType::kLast;
  epoch_ = first.epoch;
  next_lsn_ = first.lsn;
  record_tablet_ = first.tablet;
  return Go(UINT64_MAX, fn);
}

StatusOr<LogWalkEnd> LogWalker::Go(uint64_t last_lap,
                                   const std::function<Status(const LogEntry&)>& fn) {
  LogWalkEnd end;
  while (true) {
    if (position_.lap > last_lap && !in_record_) break;
    ASSIGN_OR_RETURN(end.found, ReadNext());
    if (end.found.outcome != LogOutcome::kRecord) break;
    RETURN_IF_ERROR(Take(end.found, fn));
    if (end.found.header.type == LogRecordType::kPad) {
      position_ = {position_.lap + 1, 0};
    } else {
      position_.offset += kLogHeaderBytes + end.found.header.length;
    }
  }
  end.found.payload = Slice();
  end.position = position_;
  end.epoch = epoch_;
  end.next_lsn = next_lsn_;
  end.closed = closed_;
  if (in_record_) end.unfinished_tablet = record_tablet_;
  return end;
}

}  // namespace stele::storage
