// gtest macros for Status and StatusOr, without gmock:
//
//   ASSERT_OK(store->DeleteBlob("a"));            EXPECT_OK(...)
//   ASSERT_OK_AND_ASSIGN(auto cell, store->ReadCell("a"));
//   EXPECT_STATUS(kNotFound, "cells/a", store->ReadCell("a"));   // code and a part of the message
#pragma once

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/base/status.h"

namespace stele::internal {

inline const Status& StatusOf(const Status& s) { return s; }
template <typename T>
const Status& StatusOf(const StatusOr<T>& s) {
  return s.status();
}

inline ::testing::AssertionResult IsOkStatus(const char* text, const Status& s) {
  if (s.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << text << " returned " << s.ToString();
}

inline ::testing::AssertionResult HasStatus(const char* text, const Status& s,
                                            absl::StatusCode code, Slice part) {
  if (s.code() == code && absl::StrContains(s.message(), part)) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << text << " returned " << s.ToString() << ", expected " << absl::StatusCodeToString(code)
         << " with \"" << ToStd(part) << "\"";
}

}  // namespace stele::internal

#define EXPECT_OK(expr) \
  EXPECT_TRUE(::stele::internal::IsOkStatus(#expr, ::stele::internal::StatusOf(expr)))
#define ASSERT_OK(expr) \
  ASSERT_TRUE(::stele::internal::IsOkStatus(#expr, ::stele::internal::StatusOf(expr)))
#define EXPECT_STATUS(code, part, expr)                                              \
  EXPECT_TRUE(::stele::internal::HasStatus(#expr, ::stele::internal::StatusOf(expr), \
                                           ::absl::StatusCode::code, part))
#define ASSERT_STATUS(code, part, expr)                                              \
  ASSERT_TRUE(::stele::internal::HasStatus(#expr, ::stele::internal::StatusOf(expr), \
                                           ::absl::StatusCode::code, part))
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL(STELE_CONCAT(stele_status_or_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL(tmp, lhs, expr)                                      \
  auto tmp = (expr);                                                                   \
  ASSERT_TRUE(::stele::internal::IsOkStatus(#expr, ::stele::internal::StatusOf(tmp))); \
  lhs = *std::move(tmp)
