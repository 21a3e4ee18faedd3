// Metrics count exactly and render as Prometheus reads them; pages escape everything and are
// bounded.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "common/obs/metrics.h"
#include "common/obs/page.h"
#include "common/obs/time_classes.h"

namespace stele::obs {
namespace {

TEST(HistogramTest, EveryValueLiesInItsBucket) {
  size_t last = 0;
  for (unsigned exponent = 0; exponent < 64; exponent++) {
    for (const uint64_t offset : {uint64_t{0}, uint64_t{1}, (uint64_t{1} << exponent) / 2}) {
      const uint64_t value = (uint64_t{1} << exponent) + offset;
      const size_t bucket = Histogram::BucketOf(value);
      ASSERT_LT(bucket, Histogram::kBuckets);
      EXPECT_LE(Histogram::BucketStart(bucket), value);
      if (bucket + 1 < Histogram::kBuckets) EXPECT_GT(Histogram::BucketStart(bucket + 1), value);
      EXPECT_GE(static_cast<double>(Histogram::BucketStart(bucket)),
                static_cast<double>(value) * 0.888);
    }
  }
  EXPECT_EQ(Histogram::BucketOf(UINT64_MAX), Histogram::kBuckets - 1);
  for (size_t bucket = 1; bucket < Histogram::kBuckets; last = bucket++) {
    EXPECT_GT(Histogram::BucketStart(bucket), Histogram::BucketStart(last));
    EXPECT_EQ(Histogram::BucketOf(Histogram::BucketStart(bucket)), bucket);
    EXPECT_EQ(Histogram::BucketOf(Histogram::BucketStart(bucket) - 1), bucket - 1);
  }
}

TEST(HistogramTest, QuantilesAreWithinAnEighth) {
  Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  for (uint64_t value = 1; value <= 10'000; value++) histogram.Add(value);
  EXPECT_EQ(histogram.count(), 10'000u);
  EXPECT_EQ(histogram.sum(), 50'005'000u);
  EXPECT_EQ(histogram.max(), 10'000u);
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    EXPECT_NEAR(histogram.Quantile(q) / (q * 10'000), 1.0, 0.125) << q;
  }
  EXPECT_EQ(histogram.Quantile(1), 10'000);
  EXPECT_EQ(histogram.Quantile(7), 10'000);
  EXPECT_EQ(histogram.CountBelowPowerOfTwo(10), 1023u);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (const uint64_t value : {0u, 3u, 3u, 7u}) histogram.Add(value);
  EXPECT_EQ(histogram.Quantile(0.25), 0);
  EXPECT_EQ(histogram.Quantile(0.75), 3);
  EXPECT_EQ(histogram.Quantile(1), 7);
}

TEST(MetricsTest, ThreadsLoseNoCount) {
  MetricRegistry registry;
  Counter* counter = registry.AddCounter({"stele_things", "Things.", ""});
  Histogram* histogram = registry.AddHistogram({"stele_wait", "Wait.", "seconds"}, kNanosAsSeconds);
  Gauge* gauge = registry.AddGauge({"stele_level", "Level.", ""});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      EXPECT_EQ(registry.AddCounter({"stele_things", "Things.", ""}), counter);
      for (uint64_t i = 0; i < 10'000; i++) {
        counter->Add(2);
        gauge->Add(t % 2 == 0 ? 1 : -1);
        histogram->Add(i);
      }
      EXPECT_FALSE(registry.Render().empty());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter->value(), 80'000u);
  EXPECT_EQ(gauge->value(), 0);
  EXPECT_EQ(histogram->count(), 40'000u);
  EXPECT_EQ(histogram->max(), 9'999u);
}

TEST(MetricsTest, RendersFamiliesWithHelpTypeUnitsAndEscapedLabels) {
  MetricRegistry registry;
  const MetricInfo reads{"stele_reads", "Rows read,\nwith \\ in it.", "bytes"};
  registry.AddCounter(reads, {{"table", "plain"}, {"kind", "scan"}})->Add(5);
  registry.AddCounter(reads, {{"table", "quo\"te\\ \n\xff"}, {"kind", "scan"}})->Add(7);
  registry.AddGauge({"stele_open_tablets", "Open tablets.", ""})->Set(-3);
  registry.AddGaugeFunction({"stele_memory", "Memory.", "bytes"}, {}, [] { return int64_t{42}; });
  EXPECT_EQ(
      registry.Render(),
      "# HELP stele_memory_bytes Memory.\n"
      "# TYPE stele_memory_bytes gauge\n"
      "stele_memory_bytes 42\n"
      "# HELP stele_open_tablets Open tablets.\n"
      "# TYPE stele_open_tablets gauge\n"
      "stele_open_tablets -3\n"
      "# HELP stele_reads_bytes_total Rows read,\\nwith \\\\ in it.\n"
      "# TYPE stele_reads_bytes_total counter\n"
      "stele_reads_bytes_total{table=\"plain\",kind=\"scan\"} 5\n"
      "stele_reads_bytes_total{table=\"quo\\\"te\\\\\\\\ \\\\x0a\\\\xff\",kind=\"scan\"} 7\n");
}

TEST(MetricsTest, RendersHistogramsCumulatively) {
  MetricRegistry registry;
  Histogram* wait =
      registry.AddHistogram({"stele_wait", "Wait.", "seconds"}, {0.001, 3, 5}, {{"op", "read"}});
  for (const uint64_t value : {1u, 7u, 8u, 31u, 32u, 1000u}) wait->Add(value);
  EXPECT_EQ(registry.Render(),
            "# HELP stele_wait_seconds Wait.\n"
            "# TYPE stele_wait_seconds histogram\n"
            "stele_wait_seconds_bucket{op=\"read\",le=\"0.007\"} 2\n"
            "stele_wait_seconds_bucket{op=\"read\",le=\"0.015\"} 3\n"
            "stele_wait_seconds_bucket{op=\"read\",le=\"0.031\"} 4\n"
            "stele_wait_seconds_bucket{op=\"read\",le=\"+Inf\"} 6\n"
            "stele_wait_seconds_sum{op=\"read\"} 1.079\n"
            "stele_wait_seconds_count{op=\"read\"} 6\n");
}

TEST(MetricsDeathTest, MisuseIsABug) {
  MetricRegistry registry;
  registry.AddCounter({"stele_a", "A.", ""});
  EXPECT_DEATH(registry.AddGauge({"stele_a_total", "A.", ""}), "two types");
  EXPECT_DEATH(registry.AddCounter({"stele-b", "B.", ""}), "stele-b");
  EXPECT_DEATH(registry.AddCounter({"stele_c", "", ""}), "stele_c");
  EXPECT_DEATH(registry.AddCounter({"stele_d", "D.", ""}, {{"bad label", "x"}}), "bad label");
}

TEST(PageTest, Escapes) {
  EXPECT_EQ(HtmlEscape("<a href=\"x\" b='y'>&</a>"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
  EXPECT_EQ(Printable(Slice("a\\b\0\x7f\xff~ ", 8)), "a\\\\b\\x00\\x7f\\xff~ ");
  EXPECT_EQ(Printable(std::string(70, 'x')), std::string(64, 'x') + "... (+6 bytes)");
  EXPECT_EQ(Printable(""), "");
}

TEST(PageTest, Numbers) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes((1u << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "16.0 EiB");
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'000), "1,000");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatDurationMs(999), "999 ms");
  EXPECT_EQ(FormatDurationMs(1'500), "1.50 s");
  EXPECT_EQ(FormatDurationMs(61'000), "1 min 1 s");
  EXPECT_EQ(FormatDurationMs(7'500'000), "2 h 5 min");
  EXPECT_EQ(FormatDurationMs(90'000'000), "1 d 1 h");
}

TEST(PageTest, PagesEscapeTextAndLinkOnlyToThemselves) {
  Page page("<title>");
  page.Navigation({{"home", "/"}});
  page.Heading("<h>");
  page.Text("<p>");
  page.Fact("<f>", "<v>");
  page.BeginTable({"<c>"});
  page.Row({PageCell("<x>", "/tablet?id=1&\"")});
  for (const char* link : {"javascript:alert(1)", "//evil", "/\\evil", "http://evil"}) {
    page.Row({PageCell("bad", link)});
  }
  page.EndTable();
  const std::string html = page.Finish();
  EXPECT_NE(html.find("<a href=\"/tablet?id=1&amp;&quot;\">&lt;x&gt;</a>"), std::string::npos);
  EXPECT_NE(html.find("<a href=\"/\">home</a>"), std::string::npos);
  for (const char* bad : {"<h>", "<f>", "<v>", "<x>", "<c>", "evil", "javascript", "<title><"}) {
    EXPECT_EQ(html.find(bad), std::string::npos) << bad;
  }
}

TEST(PageTest, FitsAPhone) {
  Page page("p");
  page.Level("<full>", "3 of 4", 3, 4);
  page.Level("none", "0 of 0", 0, 0);
  page.BeginTable({"\"<c>", "d"});
  page.Row({"x", std::string(25, 'y')});
  page.EndTable();
  const std::string html = page.Finish();
  for (const char* part :
       {"name=\"viewport\"", "prefers-color-scheme:dark", "&lt;full&gt;", "max=\"4\" value=\"3\"",
        "max=\"1\" value=\"0\"", "<td class=\"short\" data-column=\"&quot;&lt;c&gt;\">x</td>",
        "<td data-column=\"d\">yyy"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
}

TEST(PageTest, DrawingsAreEscapedAndLinkToThisServerOnly) {
  Page page("p");
  page.Bar("<bar>", {{1, 0, "<cold>", "/tablet?id=1&x"}, {3, 7, "hot", "//elsewhere"}});
  page.Bar("empty", {});
  page.Ring("ring", "<mid>", {{RingPart::Kind::kHead, "<head>"}, {RingPart::Kind::kFree, "f"}});
  const std::string html = page.Finish();
  for (const char* part :
       {"aria-label=\"&lt;bar&gt;\"", "<title>&lt;cold&gt;</title>", "href=\"/tablet?id=1&amp;x\"",
        "width=\"250\" height=\"28\" fill=\"hsl(210 ", "width=\"750\" height=\"28\" fill=\"hsl(0 ",
        "&lt;mid&gt;", "<circle class=\"head\"", "<title>&lt;head&gt;</title>"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part << " is not in " << html;
  }
  EXPECT_EQ(html.find("elsewhere"), std::string::npos);
  EXPECT_EQ(html.find("<cold>"), std::string::npos);
}

TEST(TimeClassesTest, EveryTimeIsInItsClass) {
  for (size_t i = 0; i + 1 < kTimeClasses; ++i) {
    ASSERT_LT(TimeClassStart(i), TimeClassStart(i + 1));
    EXPECT_EQ(TimeClassOf(TimeClassStart(i)), i);
    EXPECT_EQ(TimeClassOf(TimeClassStart(i + 1) - 1), i);
  }
  EXPECT_EQ(TimeClassOf(-1), 0u);
  EXPECT_EQ(TimeClassOf(INT64_MAX), kTimeClasses - 1);
}

TEST(TimeClassesTest, QuantilesAreNearTheTruth) {
  TimeCounts counts{};
  EXPECT_EQ(QuantileNanos(counts, 0.5), 0);
  for (int64_t us = 1; us <= 10'000; ++us) ++counts[TimeClassOf(us * 1'000)];
  EXPECT_EQ(CountOf(counts), 10'000u);
  for (double q : {0.1, 0.5, 0.9, 0.99, 1.0}) {
    const double truth = q * 10'000'000;
    EXPECT_NEAR(static_cast<double>(QuantileNanos(counts, q)), truth, truth / 4) << q;
  }
}

TEST(PageTest, LinesAndHeatAreDrawnAndEscaped) {
  Page page("drawings");
  LineChart chart;
  chart.title = "<lines>";
  chart.top = 10;
  chart.top_text = "<top>";
  chart.gap = 0.3;
  chart.lines = {{"<name>", "7 /s", {{0.0, 0}, {0.1, 10}, {0.5, 5}}}};
  page.BeginCharts();
  page.Lines(chart);
  page.EndCharts();
  HeatGrid grid;
  grid.title = "<heat>";
  grid.columns = 4;
  grid.rows = {{0, 2, 2, 0}, {8, 0, 8, 0}};
  grid.row_titles = {"<key>", "b"};
  grid.row_labels = {"<first>"};
  page.Heat(grid);
  const std::string html = page.Finish();
  for (const char* part :
       {"&lt;lines&gt;", "&lt;top&gt;", "&lt;name&gt; 7 /s",
        "points=\"0.0,99.0 0.0,99.0 100.0,1.0\"", "points=\"498.0,50.0 500.0,50.0\"",
        "class=\"h2\" d=\"M1 0h2v1h-2z\"", "class=\"h8\" d=\"M0 1h1v1h-1zM2 1h1v1h-1z\"",
        "<title>&lt;key&gt;</title>", "&lt;first&gt;"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part << " is not in " << html;
  }
  for (const char* raw : {"<lines>", "<top>", "<name>", "<key>", "<first>", "<heat>"}) {
    EXPECT_EQ(html.find(raw), std::string::npos) << raw;
  }
}

TEST(PageTest, PagesAreBounded) {
  Page page("big");
  page.BeginTable({"key"});
  for (int i = 0; i < 2'000; i++) page.Row({std::string(1'000, 'x')});
  page.EndTable();
  const std::string html = page.Finish();
  EXPECT_LE(html.size(), Page::kMaxBytes + 200);
  EXPECT_NE(html.find("lines left out"), std::string::npos);
}

}  // namespace
}  // namespace stele::obs
