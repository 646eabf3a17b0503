"""What is computed from runs: the figures of one run, medians and spreads, ratios, slopes, latency histograms.

Ratios are taken within each repetition, and their median is what counts: systems that take turns share what disturbs
them, so that ratios hold where absolute times drift.
"""

import math
import statistics
from dataclasses import asdict, dataclass, field, fields

SUB_BITS = 10  # Of the generator's histograms: see loadgen/measure/histogram.h.


class Histogram:
    """Nanoseconds in the generator's buckets. Histograms of several runs add up without loss; percentiles do not."""

    def __init__(self):
        self.counts = {}
        self.highest = 0

    def add(self, told):
        """One histogram of the generator's JSON."""
        for number, count in told["buckets"]:
            self.counts[number] = self.counts.get(number, 0) + count
        self.highest = max(self.highest, told["max"] or 0)  # Null where nothing came.

    def total(self):
        return sum(self.counts.values())

    @staticmethod
    def middle_of(number):
        shift = 0 if number < 2 << SUB_BITS else (number >> SUB_BITS) - 1
        lowest = (number - (shift << SUB_BITS)) << shift
        return lowest + ((1 << shift) - 1) // 2

    def quantiles(self, wanted):
        """For each of `wanted`, rising: the value that this part of all is not above."""
        total, seen, values = self.total(), 0, []
        buckets = iter(sorted(self.counts.items()))
        number = 0
        for quantile in wanted:
            rank = min(max(math.ceil(quantile * total), 1), total)
            while seen < rank:
                number, count = next(buckets)
                seen += count
            values.append(min(self.middle_of(number), self.highest) if total else 0)
        return values

    def spectrum(self):
        """Points (1 / (1 - quantile), µs), as far as there are at least ten values beyond."""
        total = self.total()
        steps = [2 ** (step / 4) for step in range(200) if 2 ** (step / 4) <= total / 10]
        return [(x, ns / 1000) for x, ns in zip(steps, self.quantiles([1 - 1 / x for x in steps]))]


@dataclass
class Figures:
    """Of one run. Times in µs; shares are parts of one core. None: not measured, or nothing of its kind happened."""

    cpu: float | None = None  # Of the system, for each message, or each connect.
    rate: float | None = None  # Messages, or connects, a second.
    p50: float | None = None
    p99: float | None = None
    p99_9: float | None = None
    mean: float | None = None
    generator_share: float | None = None
    system_share: float | None = None
    memory_bytes: float | None = None
    bytes_each: float | None = None  # Memory, as the slope over several numbers of connections.
    wanted_rate: float | None = None  # Of an open loop.
    void: list = field(default_factory=list)  # Why the generator was the limit; empty: it was not.

    def as_json(self):
        return asdict(self)


NUMBERS = [one.name for one in fields(Figures) if one.name != "void"]


def figures_of(told, counts):
    """From the generator's JSON. `counts`: what one of is "message" or "connect"."""
    figures = Figures()
    duration, opened = told["duration_s"], told["connections"]["opened"]
    used = told.get("system")
    if used and duration > 0:
        figures.system_share = used["cpu_s"] / duration
        figures.memory_bytes = used["memory_bytes"]
        figures.cpu = used["cpu_us_per_message" if counts == "message" else "cpu_us_per_connect"]
        if counts == "connect" and figures.cpu is None and opened:
            figures.cpu = used["cpu_s"] / opened * 1e6  # A storm.
    if duration > 0:
        figures.generator_share = told["generator"]["cpu_s"] / duration
    figures.rate = told["achieved_rate"] or None
    figures.wanted_rate = told["wanted_rate"] or None
    latency = told.get("latency_us" if counts == "message" else "connect_latency_us")
    if latency and latency["count"]:
        figures.p50, figures.p99 = latency["p50"], latency["p99"]
        figures.p99_9, figures.mean = latency["p99_9"], latency["mean"]
    figures.void = told["void_reasons"]
    return figures


def slope(points):
    """Of the straight line with the least squares through points (x, y)."""
    mean_x = statistics.fmean(x for x, _ in points)
    mean_y = statistics.fmean(y for _, y in points)
    return (sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points))


@dataclass(frozen=True)
class Spread:
    median: float
    lowest: float
    highest: float


def spread(values):
    """None of no values."""
    there = [value for value in values if value is not None]
    return Spread(statistics.median(there), min(there), max(there)) if there else None


class CaseResult:
    """What was measured of one case: a row of a table."""

    def __init__(self, case):
        self.case = case
        self.runs = []  # The Figures of each repetition.
        self.histogram = Histogram()
        self.skipped = case.system.missing  # Why there is nothing, in a few words.
        self.failed = ""  # What was wrong with a run, in one line: then none of its figures is believed.
        self.lowered = False  # The rate asked for is less than it should be: the generator can do no more.

    def fail(self, why):
        self.failed, self.runs, self.histogram = why, [], Histogram()

    def column(self, name):
        return [getattr(figures, name) for figures in self.runs]

    def spread(self, name):
        return spread(self.column(name))

    def void_runs(self):
        return sum(1 for figures in self.runs if figures.void)


class WorkResult:
    def __init__(self, work):
        self.work = work
        self.cases = [CaseResult(case) for case in work.cases]

    def case(self, label):
        return next((case for case in self.cases if case.case.label == label), None)

    def pairs(self, label, other, name, void=True):
        """Of each repetition that both have: the figure `name` of `label` and of `other`. Without `void`: only of those
        in which the generator was the limit of neither."""
        one, two = self.case(label), self.case(other)
        if one is None or two is None:
            return []
        runs = [(mine, theirs) for mine, theirs in zip(one.runs, two.runs) if void or not (mine.void or theirs.void)]
        both = [(getattr(mine, name), getattr(theirs, name)) for mine, theirs in runs]
        return [pair for pair in both if None not in pair]

    def ratios(self, label, base, name="cpu", void=True):
        """Of `label` to `base`, repetition by repetition."""
        return [mine / theirs for mine, theirs in self.pairs(label, base, name, void) if theirs]
