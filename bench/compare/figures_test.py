"""What is computed from runs, with figures that were made up."""

import unittest

import figures
import targets
from made_up import result


def cpu(*values):
    return [{"cpu": value} for value in values]


class Spreads(unittest.TestCase):
    def test_median_lowest_and_highest_of_what_there_is(self):
        self.assertEqual(figures.spread([3, None, 1, 8, 2]), figures.Spread(2.5, 1, 8))

    def test_nothing_of_nothing(self):
        self.assertIsNone(figures.spread([None]))


class Ratios(unittest.TestCase):
    def test_are_taken_within_each_repetition(self):
        made = result({"blind": cpu(1, 10, 100), "onehop": cpu(2, 20, 300)})
        self.assertEqual(made.ratios("onehop", "blind"), [2, 2, 3])

    def test_of_a_repetition_that_was_cut_off_are_left_out(self):
        made = result({"blind": cpu(1, 10), "onehop": cpu(2)})
        self.assertEqual(made.ratios("onehop", "blind"), [2])

    def test_to_nobody_are_none(self):
        self.assertEqual(result({"onehop": cpu(2)}).ratios("onehop", "blind"), [])


class Slopes(unittest.TestCase):
    def test_of_a_line_with_an_offset(self):
        self.assertAlmostEqual(figures.slope([(1000, 5e6 + 512e3), (8000, 5e6 + 4096e3), (15000, 5e6 + 7680e3)]), 512)

    def test_least_squares(self):
        self.assertAlmostEqual(figures.slope([(0, 0), (1, 3), (2, 3)]), 1.5)


class Histograms(unittest.TestCase):
    def test_buckets_are_those_of_the_generator(self):
        # Below 2,048 ns each value has its own; above, each power of two is cut into 1,024.
        self.assertEqual(figures.Histogram.middle_of(2047), 2047)
        self.assertEqual(figures.Histogram.middle_of(2048), 2048)
        self.assertEqual(figures.Histogram.middle_of(2049), 2050)
        self.assertEqual(figures.Histogram.middle_of(3072), 4097)

    def test_runs_add_up(self):
        histogram = figures.Histogram()
        histogram.add({"buckets": [[100, 98], [200, 1]], "max": 200})
        histogram.add({"buckets": [[200, 1]], "max": 200})
        self.assertEqual(histogram.quantiles([0.5, 0.98, 0.99, 1]), [100, 100, 200, 200])

    def test_a_quantile_is_not_below_any_value_that_it_covers(self):
        histogram = figures.Histogram()
        histogram.add({"buckets": [[1, 1], [2, 1], [3, 1]], "max": 3})
        self.assertEqual(histogram.quantiles([0.5, 0.6, 0.7]), [2, 2, 3])

    def test_no_value_is_above_the_highest(self):
        histogram = figures.Histogram()
        histogram.add({"buckets": [[100, 1], [3072, 1]], "max": 4096})
        self.assertEqual(histogram.quantiles([1]), [4096])

    def test_a_spectrum_ends_where_values_are_few(self):
        histogram = figures.Histogram()
        histogram.add({"buckets": [[1000, 900], [2000, 100]], "max": 2000})
        points = histogram.spectrum()
        self.assertEqual(points[0], (1, 1.0))
        self.assertEqual(max(x for x, _ in points), 2 ** 6.5)
        self.assertEqual(points[-1][1], 2.0)

    def test_nothing_has_no_spectrum(self):
        self.assertEqual(figures.Histogram().spectrum(), [])
        self.assertEqual(figures.Histogram().quantiles([0.5]), [0])


TOLD = {"duration_s": 2.0, "achieved_rate": 50.0, "wanted_rate": None, "void": False, "void_reasons": [],
        "connections": {"opened": 8000},
        "system": {"cpu_s": 0.4, "cpu_us_per_message": 4.0, "cpu_us_per_connect": None, "memory_bytes": 1000},
        "generator": {"cpu_s": 1.0}}


class FiguresOfARun(unittest.TestCase):
    def test_of_messages(self):
        latency = {"p50": 1.0, "p99": 2.0, "p99_9": 3.0, "mean": 1.5, "count": 100}
        found = figures.figures_of({**TOLD, "latency_us": latency}, "message")
        self.assertEqual((found.cpu, found.rate, found.p50, found.p99, found.p99_9), (4, 50, 1, 2, 3))
        self.assertEqual((found.generator_share, found.system_share, found.void), (0.5, 0.2, []))

    def test_of_a_storm_cpu_is_for_each_that_was_opened(self):
        self.assertAlmostEqual(figures.figures_of(TOLD, "connect").cpu, 50)

    def test_nothing_measured_is_not_nought(self):
        empty = {"p50": None, "p99": None, "p99_9": None, "mean": None, "count": 0}
        self.assertIsNone(figures.figures_of({**TOLD, "latency_us": empty}, "message").p50)

    def test_a_void_run_says_why(self):
        told = {**TOLD, "void": True, "void_reasons": ["late"]}
        self.assertEqual(figures.figures_of(told, "message").void, ["late"])


class Verdicts(unittest.TestCase):
    def judge(self, target, made):
        return targets.judge(target, made)

    def test_met_at_the_bound_itself(self):
        verdict = self.judge(targets.Target("onehop", "blind", "cpu", 1.5),
                             result({"blind": cpu(2, 2, 2), "onehop": cpu(3, 2, 9)}))
        self.assertEqual((verdict.verdict, verdict.measured.median, verdict.text()), (targets.MET, 1.5, "met"))

    def test_missed_by_how_much(self):
        verdict = self.judge(targets.Target("onehop", "nats", "cpu", 0.2), result({"nats": cpu(1), "onehop": cpu(0.3)}))
        self.assertEqual(verdict.text(), "missed by 50.0 %")

    def test_a_least_bound(self):
        target = targets.Target("onehop", "nats", "rate", 1, at_least=True)
        self.assertEqual(self.judge(target, result({"nats": [{"rate": 100}], "onehop": [{"rate": 90}]})).text(),
                         "missed by 10.0 %")
        self.assertEqual(self.judge(target, result({"nats": [{"rate": 100}], "onehop": [{"rate": 110}]})).text(), "met")

    def test_the_half_that_crosses_pays_for_all_that_was_added(self):
        target = targets.Target("2 shards", "1 shard", "cpu", 1.3, how="crossing")
        verdict = self.judge(target, result({"1 shard": cpu(1), "2 shards": cpu(1.25)}))
        self.assertEqual((verdict.measured.median, verdict.verdict), (1.5, targets.MISSED))

    def test_added_time(self):
        target = targets.Target("2 shards", "1 shard", "mean", 3, how="added_us")
        verdict = self.judge(target, result({"1 shard": [{"mean": 20}], "2 shards": [{"mean": 21}]}))
        self.assertEqual((verdict.measured.median, verdict.verdict), (2, targets.MET))

    def test_a_value_alone(self):
        target = targets.Target("onehop", "", "bytes_each", 512, how="value")
        self.assertEqual(self.judge(target, result({"onehop": [{"bytes_each": 540}]})).verdict, targets.MISSED)

    def test_none_where_one_was_skipped_or_failed(self):
        target = targets.Target("onehop", "nats", "cpu", 0.2)
        made = result({"nats": [], "onehop": cpu(1)}, missing=["nats"])
        self.assertEqual(self.judge(target, made).text(), "no verdict: nats was skipped")
        made = result({"nats": cpu(1), "onehop": cpu(1)})
        made.case("nats").fail("it lost messages")
        self.assertEqual(self.judge(target, made).text(), "no verdict: a run failed")

    def test_latencies_of_an_open_loop_that_the_generator_could_not_keep(self):
        runs = {"blind": [{"p50": 10, "cpu": 1}], "onehop": [{"p50": 10, "cpu": 1, "void": ["late"]}]}
        p50, cost = (targets.Target("onehop", "blind", figure, 1.2) for figure in ("p50", "cpu"))
        self.assertEqual(self.judge(p50, result(runs, open_loop=True)).verdict, targets.OPEN)
        self.assertEqual(self.judge(cost, result(runs, open_loop=True)).verdict, targets.MET)
        self.assertEqual(self.judge(p50, result(runs)).verdict, targets.MET)

    def test_an_open_loop_is_judged_by_more_than_half_of_its_repetitions_or_not_at_all(self):
        good, late = {"p50": 10}, {"p50": 90, "void": ["late"]}
        target = targets.Target("onehop", "blind", "p50", 1.2)
        made = result({"blind": [good] * 3, "onehop": [good, late, good]}, open_loop=True)
        verdict = self.judge(target, made)
        self.assertEqual((verdict.verdict, verdict.measured.highest), (targets.MET, 1))
        made = result({"blind": [good] * 3, "onehop": [good, late, late]}, open_loop=True)
        self.assertEqual(self.judge(target, made).verdict, targets.OPEN)

    def test_targets_read_well(self):
        self.assertEqual(targets.Target("onehop", "nats", "cpu", 1 / 5).text(), "CPU per message ≤ 1/5 × nats")
        self.assertEqual(targets.Target("onehop", "nats", "p99", 1).text(), "p99 ≤ nats")
        self.assertEqual(targets.Target("onehop", "bare", "cpu", 1.3, counts="connect").text(),
                         "CPU per connect ≤ 1.3 × bare")


if __name__ == "__main__":
    unittest.main()
