"""What figures are held against: the targets that the broker was designed for, and the verdict on each."""

from dataclasses import dataclass

import figures

MET, MISSED, OPEN = "met", "missed", "open"

FIGURE_NAMES = {"cpu": "CPU per message", "rate": "messages a second", "p50": "p50", "p99": "p99", "p99_9": "p99.9",
                "mean": "mean latency", "bytes_each": "private bytes each"}


@dataclass(frozen=True)
class Target:
    """A bound for `figure` of the case `of`, in relation to the case `to`.

    ratio:     of / to
    crossing:  2 × of / to - 1: what a message costs that crosses, if half of them do and `to` has none that does
    added_us:  2 × (of - to): the same, as the time that crossing adds
    value:     of, alone
    """

    of: str
    to: str
    figure: str
    bound: float
    how: str = "ratio"
    at_least: bool = False  # The bound is the least, not the most.
    counts: str = "message"

    def text(self):
        name = FIGURE_NAMES[self.figure]
        if self.figure == "cpu" and self.counts == "connect":
            name = "CPU per connect"
        sign = "≥" if self.at_least else "≤"
        if self.how == "ratio":
            times = "" if self.bound == 1 else _bound(self.bound) + " × "
            return "%s %s %s%s" % (name, sign, times, self.to)
        if self.how == "crossing":
            return "%s that crosses %s %s × one that does not" % (name, sign, _bound(self.bound))
        if self.how == "added_us":
            return "crossing adds %s %s µs of %s" % (sign, _bound(self.bound), name)
        return "%s %s %s" % (name, sign, _bound(self.bound))


def _bound(number):
    """A quarter reads better as 1/4."""
    return "1/%d" % round(1 / number) if number < 0.5 else "%g" % number


@dataclass(frozen=True)
class Verdict:
    target: Target
    measured: figures.Spread | None
    verdict: str
    why: str = ""  # Of an open one: why there is none.

    def text(self):
        if self.verdict == OPEN:
            return "no verdict: " + self.why
        if self.verdict == MET:
            return "met"
        bound = self.target.bound
        if self.target.at_least:
            return "missed by %.1f %%" % (100 * (1 - self.measured.median / bound))
        return "missed by %.1f %%" % (100 * (self.measured.median / bound - 1))


def _values(target, result, void):
    """Of each repetition."""
    if target.how == "value":
        return result.case(target.of).column(target.figure)
    if target.how == "added_us":
        return [2 * (mine - theirs) for mine, theirs in result.pairs(target.of, target.to, target.figure, void)]
    ratios = result.ratios(target.of, target.to, target.figure, void)
    return [2 * ratio - 1 for ratio in ratios] if target.how == "crossing" else ratios


def judge(target, result):
    involved = [case for case in (result.case(target.of), result.case(target.to)) if case is not None]
    for case in involved:
        if case.skipped:
            return Verdict(target, None, OPEN, "%s was skipped" % case.case.label)
        if case.failed:
            return Verdict(target, None, OPEN, "a run failed")
    values = _values(target, result, void=True)
    # A closed loop always brings the generator near its limit. Where a rate was asked for, it must not be there, or the
    # latencies are its own: then only repetitions without that count, and they must be more than half.
    if target.figure != "cpu" and any(case.case.is_open_loop() for case in involved):
        everything, values = values, _values(target, result, void=False)
        if everything and 2 * len(values) <= len(everything):
            return Verdict(target, figures.spread(everything), OPEN, "the generator was the limit")
    measured = figures.spread(values)
    if measured is None:
        return Verdict(target, None, OPEN, "not measured")
    kept = measured.median >= target.bound if target.at_least else measured.median <= target.bound
    return Verdict(target, measured, MET if kept else MISSED)


def verdicts(result):
    return [judge(target, result) for target in result.work.targets]
