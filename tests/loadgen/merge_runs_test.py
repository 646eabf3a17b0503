"""Two processes load a broker at the same time, and there is one report of both."""

import json
import os
import shutil
import tempfile
import time

from loadgen_cases import FAILED, FULL, GOOD, USAGE, Broker, Case, main, target_of
import loadgen_cases

SECONDS = 5 if FULL else 2


def summed(first, second):
    counts = dict(map(tuple, first["buckets"]))
    for bucket, count in second["buckets"]:
        counts[bucket] = counts.get(bucket, 0) + count
    return {"unit": "ns", "min": min(first["min"], second["min"]), "max": max(first["max"], second["max"]),
            "sum": first["sum"] + second["sum"], "count": first["count"] + second["count"],
            "infinite": first["infinite"] + second["infinite"],
            "buckets": [list(item) for item in sorted(counts.items())]}


class Merge(Case):
    @classmethod
    def setUpClass(cls):
        """Two parts start together, and a further second part belongs to another start."""
        cls.place = tempfile.TemporaryDirectory(prefix="onehop-merge-")
        with Broker(loadgen_cases.folder, "--shards", "2") as broker:
            flags = ["--target", target_of(broker.address), "--workload", "pairs", "--clients", 20, "--duration",
                     f"{SECONDS}s", *([] if FULL else ["--lag-max", "1m"])]  # A void run is no evidence for compare.
            start_at = f"{time.time() + 3:.3f}"
            runs = [loadgen_cases.Generator(*flags, "--start-at", start_at, "--part", "1/2", "--rate", 500),
                    loadgen_cases.Generator(*flags, "--start-at", start_at, "--part", "2/2", "--rate", 700),
                    loadgen_cases.Generator(*flags, "--start-at", f"{float(start_at) + 1.4:.3f}", "--part", "2/2",
                                            "--rate", 700)]
            cls.start_at = float(start_at)
            cls.paths = []
            for name, run in zip(("first", "second", "late"), runs):
                run.finish()
                assert run.code in (0, 4) and run.json, str(run)
                cls.paths.append(shutil.copy(run.path, os.path.join(cls.place.name, name + ".json")))
                run.__exit__()

    @classmethod
    def tearDownClass(cls):
        cls.place.cleanup()

    def load(self, path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def merge(self, *paths):
        return self.generate("merge", *paths)

    def test_histograms_and_counts_add_up(self):
        first, second = (self.load(path) for path in self.paths[:2])
        merged = self.merge(*self.paths[:2])
        self.assertIn(merged.code, (GOOD, first["exit_code"], second["exit_code"]), merged)
        for name in first["histograms"]:
            if first["histograms"][name]["count"] > 0 and second["histograms"][name]["count"] > 0:
                self.assertEqual(merged.json["histograms"][name],
                                 summed(first["histograms"][name], second["histograms"][name]), name)
        self.assertGreater(merged.json["histograms"]["latency"]["count"], 0)
        for group in ("outcomes", "faults"):
            for key in first[group]:
                self.assertEqual(merged.json[group][key], first[group][key] + second[group][key], key)
        self.assertEqual((merged.json["settings"]["clients"], merged.json["settings"]["rate"]), ("40", "1200"))
        self.assertIn("clients 40, rate 1200", merged.out, merged)
        self.assertAlmostEqual(merged.json["wanted_rate"], first["wanted_rate"] + second["wanted_rate"])
        self.assertEqual(merged.json["parts"], 2)
        self.check_sums(merged)
        self.assertEqual(sum(second["sent"] for second in merged.json["series"]), merged.json["outcomes"]["sent"])
        self.assertEqual(merged.errors.strip(), "", "warnings without a cause")

    def test_a_percentile_of_the_sum_lies_between_those_of_the_parts(self):
        parts = [self.load(path)["latency_us"]["p50"] for path in self.paths[:2]]
        merged = self.merge(*self.paths[:2]).json["latency_us"]["p50"]
        self.assertTrue(min(parts) * 0.999 <= merged <= max(parts) * 1.001, (parts, merged))

    def test_both_began_when_they_should(self):
        for path in self.paths[:2]:
            began = self.load(path)["started_unix_s"]
            self.assertGreaterEqual(began, self.start_at - 0.001)
            self.assertLess(began, self.start_at + (0.01 if FULL else 1))

    def check_refused(self, words, *paths):
        """Nothing is merged unless that is forced, and then the file says what is wrong."""
        merged = self.merge(*paths)
        self.assertEqual((merged.code, merged.out, merged.json), (FAILED, "", {}), merged)
        self.assertIn(words, merged.errors, merged)
        forced = self.merge(*paths, "--force")
        self.check_sums(forced)
        self.assertTrue(any(words in warning for warning in forced.json["warnings"]), forced)
        self.assertIn("DOUBTFUL: ", forced.out, forced)

    def test_a_missing_part_is_named(self):
        self.check_refused("missing: part 2/2", self.paths[0])

    def test_a_part_that_started_apart_is_named(self):
        merged = self.merge(self.paths[0], self.paths[2])
        self.assertIn("apart", merged.errors + merged.out, merged)

    def test_the_same_part_twice_is_named(self):
        self.check_refused("there more than once: part 1/2", self.paths[0], self.paths[0])
        self.check_refused("two of the runs are the same one", self.paths[0], self.paths[0], self.paths[1])

    def test_the_merged_file_can_be_merged_and_written_in_all_forms(self):
        with tempfile.TemporaryDirectory() as place:
            html, hgrm = os.path.join(place, "run.html"), os.path.join(place, "run.hgrm")
            merged = self.generate("merge", *self.paths[:2], "--html", html, "--hgrm", hgrm)
            again = self.generate("merge", merged.path)
            self.assertEqual(again.json["histograms"], merged.json["histograms"])
            with open(html, encoding="utf-8") as file:
                self.assertIn("<html", file.read())
            with open(hgrm, encoding="utf-8") as file:
                self.assertIn("Percentile", file.read())

    def test_what_is_no_run_is_refused_in_one_line(self):
        bad = os.path.join(self.place.name, "bad.json")
        for text in ("", "{}", '{"format": 1', "[1, 2]"):
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text)
            merged = self.generate("merge", self.paths[0], bad)
            self.assertEqual(merged.code, USAGE, merged)
            self.assertEqual(len(merged.errors.strip().splitlines()), 1, merged)
            self.assertIn("bad.json", merged.errors, merged)

    def compare(self, *flags, **keywords):
        return self.generate("compare", *self.paths[:1], "--", *self.paths[1:2], *flags, **keywords)

    def test_compare_two_sets(self):
        compared = self.compare(json_file=False)
        self.assertEqual(compared.code, GOOD, compared)
        self.assertIn("p99", compared.out)

    def test_the_json_of_a_comparison_does_not_replace_its_text(self):
        with_file = self.compare()
        self.assertIn("p99", with_file.out, with_file)
        self.assertEqual(with_file.json["kind"], "comparison", with_file)
        to_output = self.compare("--json", "-", json_file=False)
        self.assertEqual(json.loads(to_output.out), with_file.json)
        self.assertIn("p99", to_output.errors, "the text goes to the other stream")
        quiet = self.compare("--quiet")
        self.assertEqual((quiet.out, quiet.errors), ("", ""), "that was asked for")
        self.assertEqual(quiet.json, with_file.json)


if __name__ == "__main__":
    main()
