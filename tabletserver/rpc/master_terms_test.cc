// Goal: after a later master none before it is listened to, and the later one waits for what an
// earlier one is writing.
#include "tabletserver/rpc/master_terms.h"

#include <gtest/gtest.h>

#include "common/testing/status_asserts.h"

namespace stele::tabletserver {
namespace {

TEST(MasterTerms, ListensToTheLatestAlone) {
  MasterTerms terms;
  ASSERT_OK(terms.Check(3));
  ASSERT_OK(terms.Check(3));
  EXPECT_STATUS(kAborted, "term 2 is past", terms.Check(2));
  ASSERT_OK(terms.Check(7));
  EXPECT_STATUS(kAborted, "that of term 7", terms.Check(3));
  EXPECT_STATUS(kAborted, "term 6 is past", terms.BeginWrite(6));
  ASSERT_OK(terms.Check(0));  // no master
  ASSERT_OK_AND_ASSIGN(MasterTerms::Write none, terms.BeginWrite(0));
  EXPECT_EQ(none, nullptr);
}

TEST(MasterTerms, ALaterMasterWaitsForTheWritesOfTheOneBefore) {
  MasterTerms terms;
  ASSERT_OK_AND_ASSIGN(MasterTerms::Write first, terms.BeginWrite(1));
  ASSERT_OK_AND_ASSIGN(MasterTerms::Write second, terms.BeginWrite(1));
  EXPECT_STATUS(kUnavailable, "2 writes", terms.Check(2));
  EXPECT_STATUS(kAborted, "term 1 is past", terms.BeginWrite(1));
  first.reset();
  EXPECT_STATUS(kUnavailable, "1 writes", terms.BeginWrite(2));
  EXPECT_STATUS(kUnavailable, "1 writes", terms.Check(3));
  second.reset();
  ASSERT_OK(terms.Check(3));
  ASSERT_OK_AND_ASSIGN(MasterTerms::Write own, terms.BeginWrite(3));
  ASSERT_OK(terms.Check(3));  // it does not wait for itself
}

}  // namespace
}  // namespace stele::tabletserver
