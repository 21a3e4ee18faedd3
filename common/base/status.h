// Status of every operation that can fail for an outside reason, the words this project gives to
// some of its codes, and the two macros that pass an error on. Thread-safe value types.
//
// Storage and ownership errors map onto Abseil's codes so:
//   fenced            kAborted            another owner (epoch) has taken over; the caller must
//   stop corrupt           kDataLoss           a check over stored bytes failed I/O error kInternal
//   the device said no (EIO); the handle is poisoned no space          kResourceExhausted  ENOSPC,
//   or a limit or budget reached outcome unknown   kUnknown            a timeout or a lost peer:
//   the effect may appear
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/slice.h"

namespace stele {

using absl::OkStatus;
using absl::Status;
using absl::StatusOr;

inline Status FencedError(Slice message) { return absl::AbortedError(message); }
inline Status CorruptError(Slice message) { return absl::DataLossError(message); }
inline bool IsFenced(const Status& s) { return s.code() == absl::StatusCode::kAborted; }
inline bool IsCorrupt(const Status& s) { return s.code() == absl::StatusCode::kDataLoss; }
using absl::IsNotFound;

// The same code and payloads with "context: " put before the message. OK stays OK.
Status WithContext(const Status& status, Slice context);

}  // namespace stele

#define STELE_CONCAT_INNER(a, b) a##b
#define STELE_CONCAT(a, b) STELE_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                                              \
  do {                                                                                     \
    if (::stele::Status stele_status_ = (expr); !stele_status_.ok()) return stele_status_; \
  } while (false)

// ASSIGN_OR_RETURN(auto x, Compute()): declares or assigns, or returns the error.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(STELE_CONCAT(stele_status_or_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) return tmp.status();         \
  lhs = *std::move(tmp)
