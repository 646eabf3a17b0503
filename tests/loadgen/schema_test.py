"""docs/loadgen-schema.json knows every key of every kind of file that onehop-loadgen writes, and docs/loadgen-json.md is
made from it. This validates runs of each workload, failed, void and interrupted runs, searches, sums and comparisons."""

import copy
import os
import signal
import subprocess
import sys
import unittest

import loadgen_cases
from loadgen_cases import Case, Program, check_schema, jsonschema, main

HERE = os.path.dirname(os.path.abspath(__file__))
SHORT = ["--duration", "0.3s", "--drain", "1s"]


class Schema(Case):
    @classmethod
    def setUpClass(cls):
        assert jsonschema is not None, "python3-jsonschema is not installed: see ./dev setup"
        cls.broker = Program("onehop-fake-broker")

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    def checked(self, *words):
        run = self.generate(*words)
        self.assertTrue(run.json, run)
        try:
            check_schema(run.json)
        except AssertionError as wrong:
            self.fail(f"{wrong} {run}")
        return run

    def run_against(self, *flags):
        return self.checked("--target", self.broker.target, "--clients", 6, *SHORT, *flags)

    def test_every_workload(self):
        for workload in ("pairs", "random", "fan-in", "fan-out", "echo", "churn", "connects", "storm", "idle"):
            with self.subTest(workload):
                self.run_against("--workload", workload)
        self.run_against("--window", 2)
        self.run_against("--slow-readers", "50%", "--slow-rate", "1KiB", "--confirm", "none", "--part", "1/2")
        self.run_against("--system-pid", self.broker.process.pid, "--threshold", "p99<1ns", "--threshold", "slow.p99<1s",
                         "--allow", "lost<1%")

    def test_what_went_wrong(self):
        for misdeed in (["--reject-every", 10], ["--drop-every", 10], ["--double-every", 10], ["--die-after", 50],
                        ["--freeze-after", 50]):
            with self.subTest(misdeed):
                broker = self.started(Program("onehop-fake-broker", *misdeed))
                run = self.checked("--target", broker.target, "--clients", 6, *SHORT)
                self.assertEqual(run.code, loadgen_cases.FAILED, run)

    def test_void(self):
        run = self.run_against("--lag-max", "0s", "--threshold", "max<1h")
        self.assertEqual(run.code, loadgen_cases.VOID, run)

    def test_interrupted(self):
        run = self.begin("--target", self.broker.target, "--duration", "60s")
        run.await_progress(" 1 s ")
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertEqual(run.code, loadgen_cases.INTERRUPTED, run)
        check_schema(run.json)

    def test_searches(self):
        search = ["--target", self.broker.target, "--clients", 6, "--find-capacity", "--step", "2s", "--rate", 100]
        self.checked(*search, "--slo", "p99<1h", "--rate-max", 100)
        run = self.begin(*search, "--slo", "p99<1h")
        run.await_progress(" 1 s ")
        run.process.send_signal(signal.SIGINT)
        check_schema(run.finish().json)

    def test_sums_and_comparisons(self):
        one, two = (self.run_against("--lag-max", "1m", "--part", f"{part}/2") for part in (1, 2))
        self.assertEqual(self.checked("merge", one.path, two.path, "--force").json["kind"], "merge")
        self.checked("merge", one.path, one.path, "--force")
        self.checked("merge", one.path, "--force", "--threshold", "p99<1h")
        for flags in ([], ["--fail-if-slower", "5%"], ["--force"]):
            self.assertEqual(self.checked("compare", one.path, "--", two.path, *flags).json["kind"], "comparison")
        nothing = self.run_against("--workload", "idle")
        self.checked("compare", one.path, "--", nothing.path, "--force", "--fail-if-slower", "5%")

    def test_it_refuses_what_is_not_so(self):
        """A schema that accepts everything would check nothing."""
        good = self.run_against().json
        for change in (lambda told: told.update(new=1), lambda told: told["outcomes"].pop("not_arrived"),
                       lambda told: told.update(void={"reasons": []}), lambda told: told["latency_us"].update(p99="1"),
                       lambda told: told["series"][0].update(p98_us=1), lambda told: told.update(kind="comparison"),
                       lambda told: told["generator"]["lag_us"].update(spoiled=[])):
            told = copy.deepcopy(good)
            change(told)
            with self.assertRaises(AssertionError):
                check_schema(told)


class Page(unittest.TestCase):
    def test_the_page_is_made_from_the_schema(self):
        script = os.path.join(HERE, "..", "..", "loadgen", "report", "json_docs.py")
        subprocess.run([sys.executable, "-B", script, "--check"], check=True)


if __name__ == "__main__":
    main()
