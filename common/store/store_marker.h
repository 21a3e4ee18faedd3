// The format marker of a store's directory: which program may open it, and how it is made. Free
// functions without state; several processes may call them at once.
//
// Crash rule: the marker is replaced as a whole; STELE.new and STELE.lock may stay, and mean
// nothing.
#pragma once

#include <memory>
#include <string>

#include "common/base/status.h"
#include "common/store/fs.h"

namespace stele {

inline constexpr uint32_t kStoreFormat = 2;

// Accepts the marker of this format and of older ones; makes that of an empty or missing directory
// when `create` is set, not yet durably. FailedPrecondition for all else; DataLoss when damaged.
Status CheckOrCreateMarker(Fs* fs, const std::string& root, bool create);
// The format of an existing store.
StatusOr<uint32_t> ReadMarker(Fs* fs, const std::string& root);
// Unavailable when another process makes or replaces the marker.
StatusOr<std::unique_ptr<FsLock>> LockMarker(Fs* fs, const std::string& root);
// Writes the marker of this format; the lock is held. Not yet durable.
Status WriteMarker(Fs* fs, const std::string& root);

// The whole content of a file. DataLoss when it is larger than max_bytes.
StatusOr<std::string> ReadWholeFile(Fs* fs, const std::string& path, uint64_t max_bytes);
// A new file with this content, which is synced; its name is not.
Status WriteSynced(Fs* fs, const std::string& path, Slice content);

}  // namespace stele
