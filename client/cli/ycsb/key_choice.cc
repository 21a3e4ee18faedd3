#include "client/cli/ycsb/key_choice.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace stele::cli::ycsb {
namespace {

// Scattered popularity is drawn from that many items, whatever the number of records, and folded
// onto them: popular records stay so when others are added.
constexpr uint64_t kScatteredItems = 10'000'000'000;
constexpr double kScatteredZeta = 26.46902820178302;
constexpr double kZetaOfTwo = 1.5034777750283594;  // 1 + 2^-0.99

double ZetaOver(uint64_t begin, uint64_t end) {
  double sum = 0;
  for (uint64_t k = begin; k < end; ++k) {
    sum += std::pow(static_cast<double>(k + 1), -kZipfianConstant);
  }
  return sum;
}

class UniformChoice : public KeyChoice {
 public:
  uint64_t Next(uint64_t records, Draws* draws) override { return draws->Below(records); }
};

class ScrambledChoice : public KeyChoice {
 public:
  explicit ScrambledChoice(uint64_t most_records)
      : most_records_(most_records), zipfian_(kScatteredItems, kScatteredZeta) {}
  uint64_t Next(uint64_t records, Draws* draws) override {
    while (true) {
      const uint64_t record = ScatterHash(zipfian_.Next(draws)) % most_records_;
      if (record < records) return record;
    }
  }

 private:
  const uint64_t most_records_;
  Zipfian zipfian_;
};

class LatestChoice : public KeyChoice {
 public:
  explicit LatestChoice(uint64_t records) : zipfian_(records) {}
  uint64_t Next(uint64_t records, Draws* draws) override {
    zipfian_.GrowTo(records);
    return records - 1 - zipfian_.Next(draws);
  }

 private:
  Zipfian zipfian_;
};

}  // namespace

uint64_t ScatterHash(uint64_t number) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (int i = 0; i < 8; ++i, number >>= 8) hash = (hash ^ (number & 0xFF)) * 1099511628211u;
  const auto as_signed = static_cast<int64_t>(hash);
  return as_signed < 0 ? 0 - hash : hash;
}

Zipfian::Zipfian(uint64_t items) : Zipfian(items, ZetaOver(0, items)) {}

Zipfian::Zipfian(uint64_t items, double zeta) : items_(items), zeta_(zeta) {
  CHECK(items > 0);
  SetEta();
}

void Zipfian::SetEta() {
  const double n = static_cast<double>(items_);
  eta_ = (1 - std::pow(2.0 / n, 1 - kZipfianConstant)) / (1 - kZetaOfTwo / zeta_);
}

void Zipfian::GrowTo(uint64_t items) {
  CHECK(items >= items_);
  if (items == items_) return;
  zeta_ += ZetaOver(items_, items);
  items_ = items;
  SetEta();
}

uint64_t Zipfian::Next(Draws* draws) {
  const double u = draws->Unit();
  const double part = u * zeta_;
  if (part < 1 || items_ == 1) return 0;
  if (part < kZetaOfTwo || items_ == 2) return 1;
  const double n = static_cast<double>(items_);
  const double at = n * std::pow(eta_ * u - eta_ + 1, 1 / (1 - kZipfianConstant));
  return std::min(static_cast<uint64_t>(at), items_ - 1);
}

std::unique_ptr<KeyChoice> MakeKeyChoice(Distribution distribution, uint64_t records,
                                         uint64_t most_records) {
  CHECK(records > 0 && most_records >= records);
  switch (distribution) {
    case Distribution::kUniform:
      return std::make_unique<UniformChoice>();
    case Distribution::kZipfian:
      return std::make_unique<ScrambledChoice>(most_records);
    case Distribution::kLatest:
      return std::make_unique<LatestChoice>(records);
  }
  return nullptr;
}

}  // namespace stele::cli::ycsb
