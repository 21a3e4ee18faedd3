#include "common/obs/metrics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/obs/page.h"

namespace stele::obs {
namespace {

constexpr unsigned kSubBits = 3;
static_assert(1u << kSubBits == Histogram::kSubBuckets);

bool IsMetricName(Slice name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Label values may be any bytes; the format wants UTF-8 with \\, \" and \n escaped. Bytes that are
// not printable ASCII are shown as \xNN, whose backslash is then escaped, too.
std::string RenderLabels(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    CHECK(IsMetricName(name)) << name;
    absl::StrAppend(&out, out.empty() ? "" : ",", name, "=\"");
    for (const char c : Printable(value, value.size())) {
      if (c == '\\' || c == '"') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out;
}

std::string EscapeHelp(Slice help) {
  std::string out;
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string WithLabels(Slice name, Slice labels) {
  return labels.empty() ? std::string(name) : absl::StrCat(name, "{", labels, "}");
}

std::string Number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%.9g", value);
  return buffer;
}

// Whole numbers keep every digit.
template <typename Int>
std::string Scaled(Int value, double scale) {
  return scale == 1 ? absl::StrCat(value) : Number(static_cast<double>(value) * scale);
}

}  // namespace

size_t Histogram::BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const unsigned exponent = static_cast<unsigned>(std::bit_width(value)) - 1;  // >= kSubBits
  const uint64_t sub = (value >> (exponent - kSubBits)) & (kSubBuckets - 1);
  return (exponent - kSubBits + 1) * kSubBuckets + sub;
}

uint64_t Histogram::BucketStart(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const unsigned exponent = static_cast<unsigned>(bucket / kSubBuckets) - 1 + kSubBits;
  return (uint64_t{1} << exponent) + (uint64_t{bucket % kSubBuckets} << (exponent - kSubBits));
}

void Histogram::Add(uint64_t value, uint64_t times) {
  if (times == 0) return;
  buckets_[BucketOf(value)].fetch_add(times, std::memory_order_relaxed);
  sum_.fetch_add(value * times, std::memory_order_relaxed);
  uint64_t seen = max_.load(std::memory_order_relaxed);
  while (value > seen && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

uint64_t Histogram::count() const {
  uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

double Histogram::Quantile(double q) const {
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(count());
  if (wanted == 0) return 0;
  double before = 0;
  for (size_t i = 0; i < kBuckets; i++) {
    const auto here = static_cast<double>(buckets_[i].load(std::memory_order_relaxed));
    if (here > 0 && before + here >= wanted) {
      const auto start = static_cast<double>(BucketStart(i));
      const double end = i + 1 < kBuckets ? static_cast<double>(BucketStart(i + 1)) : start;
      // Below kSubBuckets a bucket is one value.
      const double value =
          i < kSubBuckets ? start : start + (end - start) * (wanted - before) / here;
      return std::min(value, static_cast<double>(max()));
    }
    before += here;
  }
  return static_cast<double>(max());
}

uint64_t Histogram::CountBelowPowerOfTwo(unsigned exponent) const {
  CHECK(exponent >= kSubBits && exponent < 64);
  const size_t end = BucketOf(uint64_t{1} << exponent);
  uint64_t total = 0;
  for (size_t i = 0; i < end; i++) total += buckets_[i].load(std::memory_order_relaxed);
  return total;
}

MetricRegistry::Metric* MetricRegistry::Find(Type type, const MetricInfo& info,
                                             const HistogramScale& scale, const Labels& labels) {
  std::string name = info.name;
  if (!info.unit.empty()) absl::StrAppend(&name, "_", info.unit);
  if (type == Type::kCounter) name += "_total";
  CHECK(IsMetricName(name)) << name;
  CHECK(!info.help.empty()) << name;
  auto [family, added] = families_.try_emplace(name);
  if (added) {
    family->second.type = type;
    family->second.help = info.help;
    family->second.scale = scale;
    if (type != Type::kHistogram) family->second.scale.scale = info.scale;
  }
  CHECK(family->second.type == type) << name << " has two types";
  return &family->second.metrics[RenderLabels(labels)];
}

Counter* MetricRegistry::AddCounter(const MetricInfo& info, const Labels& labels) {
  MutexLock lock(&mu_);
  Metric* metric = Find(Type::kCounter, info, {}, labels);
  if (metric->counter == nullptr) metric->counter = std::make_unique<Counter>();
  return metric->counter.get();
}

Gauge* MetricRegistry::AddGauge(const MetricInfo& info, const Labels& labels) {
  MutexLock lock(&mu_);
  Metric* metric = Find(Type::kGauge, info, {}, labels);
  CHECK(metric->read == nullptr) << info.name;
  if (metric->gauge == nullptr) metric->gauge = std::make_unique<Gauge>();
  return metric->gauge.get();
}

Histogram* MetricRegistry::AddHistogram(const MetricInfo& info, const HistogramScale& scale,
                                        const Labels& labels) {
  CHECK(scale.min_exponent >= kSubBits && scale.min_exponent <= scale.max_exponent &&
        scale.max_exponent < 64);
  MutexLock lock(&mu_);
  Metric* metric = Find(Type::kHistogram, info, scale, labels);
  if (metric->histogram == nullptr) metric->histogram = std::make_unique<Histogram>();
  return metric->histogram.get();
}

void MetricRegistry::AddGaugeFunction(const MetricInfo& info, const Labels& labels,
                                      std::function<int64_t()> read) {
  MutexLock lock(&mu_);
  Metric* metric = Find(Type::kGauge, info, {}, labels);
  CHECK(metric->gauge == nullptr && metric->read == nullptr) << info.name << " exists";
  metric->read = std::move(read);
}

void MetricRegistry::RenderHistogram(const std::string& name, const std::string& labels,
                                     const HistogramScale& scale, const Histogram& histogram,
                                     std::string* out) {
  const Slice comma = labels.empty() ? "" : ",";
  uint64_t below = 0;
  for (unsigned e = scale.min_exponent; e <= scale.max_exponent; e++) {
    // Not less than the bucket before, though values are added meanwhile.
    below = std::max(below, histogram.CountBelowPowerOfTwo(e));
    // The values are whole numbers, so "below 2^e" is "at most 2^e - 1".
    const double bound = (std::ldexp(1.0, static_cast<int>(e)) - 1) * scale.scale;
    absl::StrAppend(out, name, "_bucket{", labels, comma, "le=\"", Number(bound), "\"} ", below,
                    "\n");
  }
  const uint64_t count = std::max(below, histogram.count());
  absl::StrAppend(out, name, "_bucket{", labels, comma, "le=\"+Inf\"} ", count, "\n");
  absl::StrAppend(out, WithLabels(name + "_sum", labels), " ",
                  Number(static_cast<double>(histogram.sum()) * scale.scale), "\n");
  absl::StrAppend(out, WithLabels(name + "_count", labels), " ", count, "\n");
}

std::string MetricRegistry::Render() const {
  std::string out;
  MutexLock lock(&mu_);
  for (const auto& [name, family] : families_) {
    const char* type = family.type == Type::kCounter ? "counter"
                       : family.type == Type::kGauge ? "gauge"
                                                     : "histogram";
    absl::StrAppend(&out, "# HELP ", name, " ", EscapeHelp(family.help), "\n");
    absl::StrAppend(&out, "# TYPE ", name, " ", type, "\n");
    for (const auto& [labels, metric] : family.metrics) {
      if (metric.histogram != nullptr) {
        RenderHistogram(name, labels, family.scale, *metric.histogram, &out);
        continue;
      }
      absl::StrAppend(&out, WithLabels(name, labels), " ");
      const double scale = family.scale.scale;
      if (metric.counter != nullptr) {
        absl::StrAppend(&out, Scaled(metric.counter->value(), scale), "\n");
      } else {
        absl::StrAppend(&out, Scaled(metric.read ? metric.read() : metric.gauge->value(), scale),
                        "\n");
      }
    }
  }
  return out;
}

}  // namespace stele::obs
