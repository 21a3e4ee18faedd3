// The exit codes of a server process and how the end of a server maps onto them. Pure.
#pragma once

#include "common/base/status.h"

namespace stele::tabletserver {

enum class ExitCode : int {
  kOk = 0,
  kFenced = 10,            // the lease is over or another owner has taken over
  kStorageError = 11,      // a write or sync failed, or stored data is damaged
  kStorageStalled = 12,    // the storage answers no more
  kBadConfiguration = 13,  // wrong directory, newer format, bad option
  kRestart = 14,           // an operator asked for it: it is to be started again
  kLockerAway = 15,        // at the start no ZooKeeper answered: it is to be started again
  kNotFree = 16,           // at the start another had what it needs (an address, the directory, its
                           // name), or a name did not resolve: it is to be started again
};

// For the status with which a running server ended (on_fatal).
inline ExitCode ExitCodeForFatal(const Status& status) {
  if (status.ok()) return ExitCode::kOk;
  if (IsFenced(status)) return ExitCode::kFenced;
  if (status.code() == absl::StatusCode::kDeadlineExceeded) return ExitCode::kStorageStalled;
  return ExitCode::kStorageError;
}

// For the status with which a server failed to start.
inline ExitCode ExitCodeForStart(const Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kAborted:
      return ExitCode::kFenced;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:  // a directory that cannot be written
      return ExitCode::kBadConfiguration;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kAlreadyExists:  // an earlier process is not forgotten yet
      return ExitCode::kNotFree;
    case absl::StatusCode::kUnknown:  // ZooKeeper was lost; no storage answers so
      return ExitCode::kLockerAway;
    default:
      return ExitCode::kStorageError;
  }
}

}  // namespace stele::tabletserver
