#include "schema/model/time_text.h"

#include <chrono>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace stele {
namespace {

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kDayUs = 86'400 * kSecondUs;
constexpr int64_t kEndOfYear9999Us = 253'402'300'800 * kSecondUs;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes exactly `digits` digits.
bool TakeNumber(Slice* text, size_t digits, int* out) {
  if (text->size() < digits) return false;
  *out = 0;
  for (size_t i = 0; i < digits; ++i) {
    if (!IsDigit((*text)[i])) return false;
    *out = *out * 10 + ((*text)[i] - '0');
  }
  text->remove_prefix(digits);
  return true;
}

bool TakeChar(Slice* text, Slice any_of) {
  if (text->empty() || any_of.find(text->front()) == Slice::npos) return false;
  text->remove_prefix(1);
  return true;
}

bool TakeDate(Slice* text, int64_t* us) {
  int year = 0, month = 0, day = 0;
  if (!TakeNumber(text, 4, &year) || !TakeChar(text, "-") || !TakeNumber(text, 2, &month) ||
      !TakeChar(text, "-") || !TakeNumber(text, 2, &day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  *us = std::chrono::sys_days(date).time_since_epoch().count() * kDayUs;
  return true;
}

bool TakeFraction(Slice* text, int64_t* us) {
  if (!TakeChar(text, ".")) return true;
  int64_t unit = kSecondUs;
  while (!text->empty() && IsDigit(text->front()) && unit > 1) {
    unit /= 10;
    *us += unit * (text->front() - '0');
    text->remove_prefix(1);
  }
  return unit < kSecondUs;
}

bool TakeTimeOfDay(Slice* text, int64_t* us) {
  int hour = 0, minute = 0, second = 0;
  if (!TakeNumber(text, 2, &hour) || !TakeChar(text, ":") || !TakeNumber(text, 2, &minute) ||
      !TakeChar(text, ":") || !TakeNumber(text, 2, &second)) {
    return false;
  }
  if (hour > 23 || minute > 59 || second > 59) return false;
  *us += ((hour * 60 + minute) * 60 + second) * kSecondUs;
  return TakeFraction(text, us);
}

bool TakeZone(Slice* text, int64_t* us) {
  if (TakeChar(text, "Zz")) return true;
  const bool west = !text->empty() && text->front() == '-';
  int hours = 0, minutes = 0;
  if (!TakeChar(text, "+-") || !TakeNumber(text, 2, &hours) || !TakeChar(text, ":") ||
      !TakeNumber(text, 2, &minutes) || hours > 23 || minutes > 59) {
    return false;
  }
  const int64_t offset = (hours * 60 + minutes) * 60 * kSecondUs;
  *us += west ? offset : -offset;
  return true;
}

}  // namespace

StatusOr<int64_t> ParseTimeUs(Slice text) {
  int64_t us = 0;
  if (!text.empty() && text.find_first_not_of("0123456789") == Slice::npos &&
      absl::SimpleAtoi(text, &us)) {
    return us;
  }
  Slice rest = text;
  us = 0;
  if (TakeDate(&rest, &us) && TakeChar(&rest, "Tt ") && TakeTimeOfDay(&rest, &us) &&
      TakeZone(&rest, &us) && rest.empty() && us >= 0) {
    return us;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(text),
      "\" is not a time from 1970 on (such as 2024-01-31T12:00:00Z, or microseconds)"));
}

std::string FormatTimeUs(int64_t us) {
  if (us < 0 || us >= kEndOfYear9999Us) return absl::StrCat(us);
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(us / kDayUs))};
  const int64_t seconds = us % kDayUs / kSecondUs;
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                static_cast<int>(seconds % 60));
  std::string out = text;
  if (us % kSecondUs != 0) {
    std::snprintf(text, sizeof text, ".%06d", static_cast<int>(us % kSecondUs));
    out += text;
    out.erase(out.find_last_not_of('0') + 1);
  }
  return out + "Z";
}

}  // namespace stele
