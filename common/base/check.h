// CHECK states what only a bug can break. It stays on in release, prints the condition with file
// and line and aborts. Input, disk and peers get a Status instead. DCHECK is for what is too dear
// to check in release.
#pragma once

#include <sstream>

namespace stele::internal {

class CheckFailure {
 public:
  CheckFailure(const char* file, int line, const char* condition);
  [[noreturn]] ~CheckFailure();
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

struct VoidifyStream {
  void operator&(std::ostream&) const {}
};

}  // namespace stele::internal

#define CHECK(condition)                              \
  (__builtin_expect(static_cast<bool>(condition), 1)) \
      ? (void)0                                       \
      : ::stele::internal::VoidifyStream() &          \
            ::stele::internal::CheckFailure(__FILE__, __LINE__, #condition).stream()

#define STELE_CHECK_OP(a, op, b) CHECK((a)op(b)) << " (" << (a) << " against " << (b) << ") "
#define CHECK_EQ(a, b) STELE_CHECK_OP(a, ==, b)
#define CHECK_NE(a, b) STELE_CHECK_OP(a, !=, b)
#define CHECK_LT(a, b) STELE_CHECK_OP(a, <, b)
#define CHECK_LE(a, b) STELE_CHECK_OP(a, <=, b)
#define CHECK_GT(a, b) STELE_CHECK_OP(a, >, b)
#define CHECK_GE(a, b) STELE_CHECK_OP(a, >=, b)
#define CHECK_OK(expr)                                                        \
  do {                                                                        \
    const auto& stele_check_status_ = (expr);                                 \
    CHECK(stele_check_status_.ok()) << " " << stele_check_status_.ToString(); \
  } while (false)

#ifdef NDEBUG
#define DCHECK(condition) CHECK(true || (condition))
#else
#define DCHECK(condition) CHECK(condition)
#endif
