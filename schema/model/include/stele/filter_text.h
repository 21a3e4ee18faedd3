/// @file
/// Filters as text that a person writes and reads: what `--filter` of the program takes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "stele/filter.h"

namespace stele {

/// The language, to be shown to a person: each expression with what it lets through.
inline constexpr char kFilterGrammar[] = R"(Filters:
  A & B            B on what A lets through; binds tighter than |
  A | B            both, each on a copy
  ( A )            the order is as written
  if(P, A, B)      A when P yields a cell of the row, else B; `none` is a missing A or B
  family(F)  row("k")  qualifier("q")                  exactly that one
  family~"RE"  row~"RE"  qualifier~"RE"  value~"RE"    RE2, must match the whole
  value("v")  value(RANGE)  column(F, "q")  column(F, RANGE)
  time(T..T)       timestamps from the first, before the second
  versions(N)      the newest N of each column
  limit(N)         the first N cells of a row
  offset(N)        all but the first N cells of a row
  sample(P)        rows by chance
  label(L)  mask("bytes")  strip  sink  pass  block
RANGE is "a".."b": from a, before b. "a"<.. leaves a out, ..="b" takes b in, a side may be missing.
T is RFC 3339 (2024-01-31T12:00:00Z) or microseconds; a side may be missing.
Strings have C escapes (\n \t \r \0 \\ \" \xff). After ~ the backslash belongs to the regex and only
\" is taken off; b"..." is a regex with C escapes. A plain word in place of
"k", "q", F or L needs no quotes.
Example: family(contents) & qualifier~"^com\." & versions(1)
)";

/// The filter that the text describes, valid as Table checks it:
///
///     ParseFilter("family(contents) & qualifier~\"^com\\.\" & versions(1)")
///
/// InvalidArgument names the column of the text, counted from 1, and what was expected there, or
/// the rule of filters that it breaks. Never the kind kNone. Thread-safe.
absl::StatusOr<Filter> ParseFilter(std::string_view text);

/// The text that ParseFilter makes the same filter of, for every valid one; printable ASCII. "" for
/// kNone.
std::string PrintFilter(const Filter& filter);

}  // namespace stele
