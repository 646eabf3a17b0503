"""Markdown and JUnit's XML say what the exit code says, and no text of a run can break out of them."""

import os
import tempfile
import xml.etree.ElementTree

from loadgen_cases import FAILED, FULL, GOOD, USAGE, VOID, Case, Program, main

HOSTILE = "echo '<b>|&\"x\"' `true` >/dev/null; true"


class Files(Case):
    def setUp(self):
        self.broker = self.started(Program("onehop-fake-broker"))
        place = tempfile.TemporaryDirectory(prefix="onehop-ci-")
        self.addCleanup(place.cleanup)
        self.markdown = os.path.join(place.name, "run.md")
        self.junit = os.path.join(place.name, "run.xml")

    def run_with(self, *flags):
        run = self.generate("--target", self.broker.target, "--clients", 2, "--rate", 200, "--quiet", "--lag-max", "1m",
                            "--markdown", self.markdown, "--junit", self.junit, *flags)
        with open(self.markdown, encoding="utf-8") as file:
            markdown = file.read()
        return run, markdown, xml.etree.ElementTree.parse(self.junit).getroot()

    def cases(self, root):
        return {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}

    def check_counts(self, root):
        cases = self.cases(root)
        for element in (root, root.find("testsuite")):
            self.assertEqual(int(element.get("tests")), len(cases))
            self.assertEqual(int(element.get("failures")), sum(tags == ["failure"] for tags in cases.values()))
            self.assertEqual(int(element.get("errors")), sum(tags == ["error"] for tags in cases.values()))

    def test_a_run_that_keeps_everything(self):
        run, markdown, root = self.run_with("--duration", "1s", "--threshold", "p95<60s")
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        self.check_counts(root)
        cases = self.cases(root)
        self.assertEqual(cases["p95<60s"], [])
        self.assertEqual(any(cases.values()), run.code != GOOD, cases)
        self.assertEqual(markdown.startswith("## onehop-loadgen: passed"), run.code == GOOD)
        for word in ("p95", "| latency |", "| sent | 200 |", "| kept |"):
            self.assertIn(word, markdown)

    def test_a_run_that_does_not(self):
        run, markdown, root = self.run_with("--stage", "500ms:200", "--stage", "500ms:200", "--threshold", "p95<1ns",
                                            "--threshold", "2:errors==0", "--at", "100ms", HOSTILE, "--on-time", "1m")
        self.assertEqual(run.code, FAILED, run)
        self.check_counts(root)
        cases = self.cases(root)
        self.assertEqual(cases["p95<1ns"], ["failure"])
        self.assertEqual(cases["2:errors==0"], [])
        self.assertIn(HOSTILE, " ".join(cases))
        self.assertEqual(cases["the run"], ["failure"])
        self.assertTrue(markdown.startswith("## onehop-loadgen: failed"))
        self.assertIn("**NOT KEPT**", markdown)
        self.assertNotIn("<b>", markdown)
        # A row of a table has as many cells as its head.
        rows = [line for line in markdown.splitlines() if line.startswith("|")]
        cells = [line.replace("\\|", "").count("|") for line in rows]
        for at, row in enumerate(rows):
            if row.startswith("| ---"):
                self.assertEqual(cells[at - 1], cells[at], rows[at - 1])
                continue
            if at > 0 and not rows[at - 1].startswith("|"):
                continue
            if at > 1 and at + 1 < len(rows) and not rows[at + 1].startswith("| ---"):
                self.assertEqual(cells[at], cells[at - 1], row)

    def test_a_file_that_cannot_be_written_is_known_before_the_run(self):
        for flag in ("--markdown", "--junit"):
            run = self.generate("--target", self.broker.target, "--clients", 2, "--duration", "1s", flag,
                                "/nonexistent/file", json_file=False)
            self.assertEqual(run.code, USAGE, run)
            self.assertIn("/nonexistent/file", run.errors, run)

    def test_merge_writes_them_too(self):
        run, _, _ = self.run_with("--duration", "1s")
        merged = self.generate("merge", run.path, "--markdown", self.markdown, "--junit", self.junit)
        self.assertIn(merged.code, (GOOD, VOID, FAILED), merged)
        self.check_counts(xml.etree.ElementTree.parse(self.junit).getroot())

    def test_searches_are_not_merged(self):
        run = self.generate("--target", self.broker.target, "--clients", 2, "--find-capacity", "--slo", "p50<60s",
                            "--rate", 100, "--rate-max", 100, "--step", "2s", "--quiet", "--lag-max", "1m")
        self.assertTrue(run.json["capacity"], run)
        merged = self.generate("merge", run.path)
        self.assertEqual(merged.code, FAILED, merged)
        self.assertIn("cannot be added up", merged.errors, merged)
        self.assertFalse(merged.json)


if __name__ == "__main__":
    main()
