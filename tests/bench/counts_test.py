#!/usr/bin/env python3
"""Instruction counts: a change beyond the tolerance is seen in either direction, what is not on record asks for it, and the
checked-in record is whole."""

import unittest

import counts


class CompareTest(unittest.TestCase):
    def test_within_the_tolerance_is_the_same(self):
        found = counts.compare({"a": 1000.0, "b": 1000.0}, {"a": 1030.0, "b": 970.0}, 3.0)
        self.assertEqual({n: v for n, (v, _) in found.items()}, {"a": counts.SAME, "b": counts.SAME})
        self.assertEqual(counts.exit_code(found), counts.EXIT_SAME)

    def test_more_instructions_are_worse_and_fail_whatever_else_got_better(self):
        found = counts.compare({"a": 1000.0, "b": 1000.0}, {"a": 1031.0, "b": 500.0}, 3.0)
        self.assertEqual(found["a"][0], counts.WORSE)
        self.assertAlmostEqual(found["a"][1], 3.1)
        self.assertEqual(found["b"][0], counts.BETTER)
        self.assertEqual(counts.exit_code(found), counts.EXIT_WORSE)

    def test_a_case_may_have_a_tolerance_of_its_own(self):
        found = counts.compare({"a": 1000.0, "b": 1000.0}, {"a": 1090.0, "b": 1090.0}, 3.0, {"a": 10.0})
        self.assertEqual({n: v for n, (v, _) in found.items()}, {"a": counts.SAME, "b": counts.WORSE})

    def test_fewer_ask_to_be_recorded(self):
        found = counts.compare({"a": 1000.0}, {"a": 969.0}, 3.0)
        self.assertEqual(found["a"][0], counts.BETTER)
        self.assertEqual(counts.exit_code(found), counts.EXIT_TO_RECORD)

    def test_a_case_of_one_side_only_is_told(self):
        found = counts.compare({"old": 1.0}, {"fresh": 2.0}, 3.0)
        self.assertEqual(found, {"old": (counts.GONE, None), "fresh": (counts.NEW, None)})
        self.assertEqual(counts.exit_code(found), counts.EXIT_TO_RECORD)

    def test_the_record_is_whole(self):
        record = counts.load_record()
        self.assertGreaterEqual(len(record["cases"]), 5)
        self.assertGreater(record["tolerance_percent"], 0)
        self.assertEqual(set(record["tools"]), {"compiler", "flags", "valgrind"})
        for case in record["cases"].values():
            self.assertGreater(case["instructions"], 0)


if __name__ == "__main__":
    unittest.main()
