#!/usr/bin/env python3
"""Lines of results: medians of the rounds' ratios, targets in both directions; the table and the chart show them as they are."""

import unittest
import xml.dom.minidom

import chart
import results

MEASURE = {"operations": 1000, "payload_bytes": 2_000_000, "seconds": 0.5, "cpu_seconds": 0.25, "user_cpu_seconds": 0.2,
           "disk_read_bytes": 4_000_000, "written_bytes": 3_000_000, "peak_resident_bytes": 50_000_000, "caller_cpu_seconds": 0}
COMMON = {"rows": 100_000, "build": "release x", "machine": {"cpu": "some", "cores": 2, "memory_mib": 4096, "kernel": "6.1", "load": 0.5}}


class CompareTest(unittest.TestCase):
    def test_the_ratio_is_the_median_of_the_rounds(self):
        line = results.compare("read", "op/s", [10, 20, 90], "peer", [10, 10, 10], 2.0)
        self.assertEqual((line["ratio"], line["value"], line["peer_value"], line["rounds"]), (2.0, 20, 10, 3))
        self.assertEqual((line["spread"]["ratio"]["min"], line["spread"]["ratio"]["max"]), (1.0, 9.0))
        self.assertTrue(line["met"])

    def test_a_target_is_the_least_or_the_greatest(self):
        self.assertFalse(results.compare("a", "op/s", [19], "p", [10], 2.0)["met"])
        self.assertTrue(results.compare("a", "us", [19], "p", [10], 2.0, False)["met"])
        self.assertFalse(results.compare("a", "us", [21], "p", [10], 2.0, False)["met"])
        self.assertIsNone(results.compare("a", "us", [21], "p", [10], None, False)["met"])

    def test_rounds_in_which_the_peer_has_nothing_do_not_count(self):
        self.assertEqual(results.compare("a", "us", [4, 8], "p", [0, 2], 1.0)["ratio"], 4.0)
        self.assertIsNone(results.compare("a", "us", [4], "p", [0], 1.0))

    def test_values_and_costs_of_a_measure(self):
        self.assertEqual(results.value_of(MEASURE, "op/s"), 2000)
        self.assertEqual(results.value_of(MEASURE, "MB/s"), 4)
        self.assertEqual(results.costs_of(MEASURE), {"cpu_us_per_op": 250.0, "user_cpu_us_per_op": 200.0, "written_per_byte": 1.5,
                                                     "disk_read_per_op": 4000.0, "peak_resident_mb": 50.0})
        with_caller = results.median_costs([{**MEASURE, "caller_cpu_seconds": 0.1}])
        self.assertEqual(with_caller["caller_cpu_us_per_op"], 100.0)


class ShownTest(unittest.TestCase):
    lines = [results.compare("read <1>", "op/s", [30.0], "peer", [10.0], 2.0), results.compare("p99", "us", [30.0], "peer", [10.0], 0.5, False),
             results.compare("told", "us", [30.0], "peer", [10.0], None, False)]

    def test_the_table_has_the_lines_with_a_target(self):
        text = results.markdown(self.lines, COMMON)
        self.assertIn("| read <1> | op/s | 30.00 | peer | 10.00 | **3.00** (3.00 – 3.00) | ≥ 2 | yes |", text)
        self.assertIn("| ≤ 0.5 | NO |", text)
        self.assertNotIn("told", text)

    def test_the_chart_is_well_formed_and_bars_reach_the_target_when_it_is_met(self):
        drawn = xml.dom.minidom.parseString(chart.svg(self.lines, "a < b"))
        bars = {bar.getAttribute("class"): float(bar.getAttribute("width")) for bar in drawn.getElementsByTagName("rect")}
        target = chart.WIDTH / chart.MOST
        self.assertGreaterEqual(bars["met"], target)
        self.assertLess(bars["missed"], target)
        self.assertEqual(chart.reach(self.lines[0]), 1.5)
        self.assertAlmostEqual(chart.reach(self.lines[1]), 0.5 / 3)


if __name__ == "__main__":
    unittest.main()
