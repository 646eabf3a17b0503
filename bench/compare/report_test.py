"""The tables and plots, from figures that were made up."""

import collections
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree

import plots
import report
import systems
import works
from made_up import ORIGINS, result
from targets import Target

RUN = {"cpu": 0.05, "rate": 2.5e6, "p50": 1234.5, "p99": 20.25, "p99_9": 3.5, "generator_share": 0.98,
       "system_share": 0.5}


class Markdown(unittest.TestCase):
    def made(self, **more):
        runs = {"blind": [RUN, RUN], "onehop": [{**RUN, "cpu": 0.06}, {**RUN, "cpu": 0.07}], "nats": []}
        return result(runs, missing=["nats"], **more)

    def test_a_row_for_each_case(self):
        text = report.markdown(ORIGINS, [self.made()])
        self.assertIn("| blind | 0.050 | 1 | 2.50 million | 1,234 | 20.2 | 3.50 | 98 % | 50 % |", text)
        self.assertIn("| onehop | 0.065 (0.060–0.070) | 1.30 (1.20–1.40) | 2.50 million |", text)

    def test_who_was_skipped_is_there_with_the_reason(self):
        made = self.made()
        self.assertIn("| nats | skipped: not found |", report.markdown(ORIGINS, [made]))
        told = json.loads(json.dumps(report.as_json(ORIGINS, [made])))
        self.assertEqual(told["works"][0]["cases"][2]["skipped"], "not found")

    def test_all_rows_of_a_table_are_as_wide_as_its_head(self):
        widths = None
        for line in report.markdown(ORIGINS, [self.made(targets=[Target("onehop", "blind", "cpu", 1.2)])]).splitlines():
            if not line.startswith("|"):
                widths = None
                continue
            self.assertEqual(line.count("|"), widths or line.count("|"), line)
            widths = line.count("|")

    def test_verdicts_come_with_what_was_measured(self):
        text = report.markdown(ORIGINS, [self.made(targets=[Target("onehop", "blind", "cpu", 1.2)])])
        self.assertIn("| some work | CPU per message ≤ 1.2 × blind | 1.30 (1.20–1.40) | missed by 8.3 % |", text)

    def test_void_runs_are_marked_and_explained(self):
        text = report.markdown(ORIGINS, [result({"blind": [{**RUN, "void": ["busy"]}]})])
        self.assertIn("98 % † |", text)
        self.assertIn("† The generator was the limit", text)
        self.assertNotIn("†", report.markdown(ORIGINS, [self.made()]))

    def test_a_failure_is_said_first_and_in_its_row(self):
        made = self.made()
        made.case("onehop").fail("the accounts are wrong: 1 duplicates")
        text = report.markdown(ORIGINS, [made], "work, onehop: the accounts are wrong")
        self.assertLess(text.index("**This comparison has failed**"), text.index("| system |"))
        self.assertIn("| onehop | **failed**: the accounts are wrong: 1 duplicates |", text)

    def test_onehop_in_multiples_of_others(self):
        made = result({"onehop": [RUN], "nats": [{"cpu": 0.5}]})
        self.assertIn("| some work | – | 0.10 | – | – |", report.markdown(ORIGINS, [made]))

    def test_memory(self):
        made = result({"onehop": [{"bytes_each": 540.0}], "nats": [{"bytes_each": 20000.0}]}, base="", counts="memory")
        self.assertIn("| onehop | 540 |", report.markdown(ORIGINS, [made]))

    def test_json_holds_every_repetition(self):
        told = json.loads(json.dumps(report.as_json(ORIGINS, [self.made()])))
        onehop = told["works"][0]["cases"][1]
        self.assertEqual([run["cpu"] for run in onehop["runs"]], [0.06, 0.07])
        self.assertEqual(onehop["medians"]["cpu"]["highest"], 0.07)


class Table(unittest.TestCase):
    """The works themselves: what a slip of the pen would break only after half an hour of measuring."""

    def setUp(self):
        self.works = works.all_works(systems.Cast(dict.fromkeys(systems.PROGRAMS), [("other", "other")]), works.FULL)

    def test_what_a_work_refers_to_is_in_it(self):
        for work in self.works:
            labels = [case.label for case in work.cases]
            self.assertEqual(len(labels), len(set(labels)), work.name)
            wanted = {work.base, *(target.of for target in work.targets), *(target.to for target in work.targets)}
            self.assertEqual(wanted - {""} - set(labels), set(), work.name)

    def test_each_work_has_a_name_of_its_own(self):
        self.assertEqual(len({work.name for work in self.works}), len(self.works))

    def test_a_variant_has_the_targets_of_the_broker(self):
        for work in self.works:
            of = collections.Counter(target.of for target in work.targets)
            for name in filter(lambda name: name.startswith("onehop"), list(of)):
                self.assertEqual(of[name], of[name.replace("onehop", "other", 1)], (work.name, name))


class Plots(unittest.TestCase):
    def draw(self, made):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(plots.draw([made], folder), [])
            for name in os.listdir(folder):
                xml.etree.ElementTree.parse(os.path.join(folder, name))
            return sorted(os.listdir(folder))

    def test_bars_and_spectrum(self):
        made = result({"blind": [RUN], 'a "quoted" _name_': [{**RUN, "cpu": 50}]}, spectrum=True)
        for one in made.cases:
            one.histogram.add({"buckets": [[1000, 900], [200000, 100]], "max": 10 ** 9})
        self.assertEqual(self.draw(made), ["work-latency.svg", "work.svg"])

    def test_what_was_not_measured_is_not_drawn(self):
        self.assertEqual(self.draw(result({"blind": [], "onehop": []}, spectrum=True)), [])


class NoPlots(unittest.TestCase):
    def test_without_gnuplot_that_is_said(self):
        path = os.environ["PATH"]
        os.environ["PATH"] = ""
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        self.assertEqual(plots.draw([], "nowhere"), ["There are no plots: there is no gnuplot on this machine."])


if __name__ == "__main__":
    unittest.main()
