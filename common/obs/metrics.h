// Numbers that a server counts about itself, and their Prometheus text form. A MetricRegistry owns
// the metrics and is owned by the role's main object; there is no global one. Who counts keeps the
// pointer that Add... returned, which lives as long as the registry.
//
// Thread-safe. Counting is one relaxed atomic operation (three for a histogram) and never blocks;
// Render sees each number as it was at some moment, not all at the same.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/slice.h"

namespace stele::obs {

// Only grows.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Counts of values in buckets whose width grows with the value: 8 buckets for each power of two, so
// a quantile is off by at most 1/8 of itself. Values below 8 are exact.
class Histogram {
 public:
  static constexpr size_t kSubBuckets = 8;
  static constexpr size_t kBuckets = 62 * kSubBuckets;

  void Add(uint64_t value, uint64_t times = 1);
  uint64_t count() const;
  uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }
  uint64_t max() const { return max_.load(std::memory_order_relaxed); }
  // The value that a share `q` (0..1) of all values does not exceed; 0 without values.
  double Quantile(double q) const;
  // How many values are below 2^exponent (exponent 3..63).
  uint64_t CountBelowPowerOfTwo(unsigned exponent) const;

  static size_t BucketOf(uint64_t value);
  static uint64_t BucketStart(size_t bucket);  // its smallest value

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_{0};
  std::atomic<uint64_t> max_{0};
};

// `name` and `unit` make the exported name: name_unit, and name_unit_total for a counter. A name is
// [a-z_][a-z0-9_]*, in Prometheus' base units: "seconds", "bytes"; "" when it counts things.
struct MetricInfo {
  std::string name;
  std::string help;
  std::string unit;
  double scale = 1;  // of counters and gauges: what is exported is their value times it
};
using Labels = std::vector<std::pair<std::string, std::string>>;  // any bytes as value

// A histogram holds whole numbers (say nanoseconds); exported are value * scale (1e-9: seconds), in
// buckets of powers of two from 2^min_exponent to 2^max_exponent of the value held.
struct HistogramScale {
  double scale = 1;
  unsigned min_exponent = 3;
  unsigned max_exponent = 40;
};
inline constexpr HistogramScale kNanosAsSeconds{1e-9, 13, 36};  // 8 us .. 69 s

class MetricRegistry {
 public:
  // The same name and labels again give the same metric. A name has one type, help and scale.
  Counter* AddCounter(const MetricInfo& info, const Labels& labels = {});
  Gauge* AddGauge(const MetricInfo& info, const Labels& labels = {});
  Histogram* AddHistogram(const MetricInfo& info, const HistogramScale& scale,
                          const Labels& labels = {});
  // A gauge that is asked when it is rendered; `read` must be quick and outlive the registry.
  void AddGaugeFunction(const MetricInfo& info, const Labels& labels,
                        std::function<int64_t()> read);

  // Text exposition format 0.0.4, families by name.
  std::string Render() const;
  static constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

 private:
  enum class Type { kCounter, kGauge, kHistogram };
  struct Metric {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<int64_t()> read;
  };
  struct Family {
    Type type = Type::kCounter;
    std::string help;
    HistogramScale scale;
    std::map<std::string, Metric> metrics;  // by rendered labels
  };

  Metric* Find(Type type, const MetricInfo& info, const HistogramScale& scale, const Labels& labels)
      REQUIRES(mu_);
  static void RenderHistogram(const std::string& name, const std::string& labels,
                              const HistogramScale& scale, const Histogram& histogram,
                              std::string* out);

  mutable Mutex mu_;
  std::map<std::string, Family> families_ GUARDED_BY(mu_);
};

}  // namespace stele::obs
