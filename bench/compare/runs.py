"""How it is measured: one run of the generator against one system that was started for it, and the order of runs.

In each repetition every case of a work has its turn, in one repetition forth and in the next one back, so that a drift
of the machine favours nobody.
"""

import json
import math
import os
import subprocess
import tempfile
from dataclasses import dataclass

import figures
import systems
from works import Load

GRACE_SECONDS = 60  # For connecting and draining, beside the run itself.
GOOD, FAILED, VOID = 0, 1, 4  # Exit codes of the generator.

# An open loop says nothing at a rate that the generator itself cannot keep. What it can is found out with the least
# system there is: the rate is lowered by this until one of two tries is good.
RATE_STEP, RATE_STEPS_MAX = 0.75, 8
RATE_OF_MOST = 0.5  # At what it can just keep beside one system, the generator would be the limit beside another.


class RunFailed(Exception):
    """A run whose figures must not be believed: one line for people."""


@dataclass(frozen=True)
class Timing:
    repeat: int
    seconds: float
    warmup: float
    quick: bool


def timing_of(options):
    if options.quick:
        return Timing(options.repeat or 1, options.seconds or 0.06, 0.02, True)
    return Timing(options.repeat or 5, options.seconds or 2.0, 0.5, False)


class Progress:
    """Says where we are: in one line on a terminal, in a line for each run elsewhere."""

    def __init__(self, stream):
        self._stream = stream
        self._redraws = stream.isatty()
        self._width = 0

    def say(self, text, end="\n"):
        line = ("\r" + text.ljust(self._width) if self._redraws else text) + end
        self._width = len(text) if self._redraws and end == "" else 0
        self._stream.write(line)
        self._stream.flush()

    def turn(self, work, repetition, repeat, case):
        self.say("%s %d/%d %s" % (work.name, repetition + 1, repeat, case.label), "" if self._redraws else "\n")

    def done(self):
        if self._redraws:
            self.say("", "")
            self.say("", "\r")


def first_problem(told):
    """What is wrong with the accounts of a failed run, in a few words."""
    last_problem = told["connections"]["last_problem"]
    return "; ".join(told["failures"]) + ("; of connections: " + last_problem) * bool(last_problem)


def told_by(code, said, out):
    """The generator's result, from its exit code, what it said and the file that it wrote."""
    told = None
    if code in (GOOD, FAILED, VOID) and os.path.exists(out):
        with open(out, encoding="utf-8") as file:
            told = json.load(file)
    if told is None:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise RunFailed("the generator ended with %d: %s" % (code, lines[-1] if lines else "without a word"))
    if code == FAILED:
        raise RunFailed("the accounts are wrong: " + first_problem(told))
    return told


class Session:
    """All that is measured in one go. `results` holds what there is, also after a failure or Ctrl-C."""

    def __init__(self, generator, timing, cores, progress):
        self.results = []
        self._generator = os.path.abspath(generator)
        self._timing = timing
        self._system_core, self._generator_core = cores
        self._progress = progress
        self._rates = {}  # Of open loops: by system and load.
        self._most = {}  # What the generator can keep: by load.

    def systems_seen(self):
        seen = {}
        for result in self.results:
            for one in result.cases:
                if one.runs:
                    seen.setdefault((one.case.system.name, one.case.system.shown()), one.case.system)
        return list(seen.values())

    def measure(self, works):
        """Returns what went wrong, in one line; None: nothing."""
        problems = []
        try:
            for work in works:
                self.results.append(figures.WorkResult(work))
                self._measure_work(self.results[-1], problems)
        except KeyboardInterrupt:
            problems.append("interrupted: this is what there was")
        finally:
            self._progress.done()
        return "; ".join(problems) or None

    def _measure_work(self, result, problems):
        """A case that fails is not tried again; the others go on, for what they are worth."""
        for one in result.cases:
            if one.skipped:
                self._progress.say("%s: %s is skipped: %s" % (result.work.name, one.case.label, one.skipped))
        for repetition in range(self._timing.repeat):
            for one in result.cases if repetition % 2 == 0 else reversed(result.cases):
                if one.skipped or one.failed:
                    continue
                self._progress.turn(result.work, repetition, self._timing.repeat, one.case)
                try:
                    self._measure_case(result.work, one)
                except (RunFailed, systems.CannotStart) as failure:
                    one.fail(str(failure))
                    problems.append("%s, %s: %s" % (result.work.name, one.case.label, failure))
                    self._progress.say(problems[-1])

    def _measure_case(self, work, one):
        found = []
        for load in one.case.loads:
            rate = None
            if load.half_of:
                rate, one.lowered = self._rate_of(work, one.case, load)
            told = self._run(work, one.case, load, rate)
            one.histogram.add(told["histograms"]["latency" if work.counts == "message" else "connect"])
            found.append(figures.figures_of(told, work.counts))
        last = found[-1]
        if len(found) > 1:
            last.bytes_each = figures.slope([(load.connections, each.memory_bytes)
                                             for load, each in zip(one.case.loads, found)])
        one.runs.append(last)

    def _rate_of(self, work, case, load):
        """Half of what the system carries in a closed loop; and whether less, which is what the generator can keep."""
        key = (case.system.name, case.system.command, load)
        if key not in self._rates:
            half = self._half_of_capacity(work, case, load)
            most = self._most_of_generator(work, load)
            self._rates[key] = max(min(half, most), 1), most < half
        return self._rates[key]

    def _half_of_capacity(self, work, case, load):
        return self._run(work, case, Load(load.half_of, load.seconds), None)["achieved_rate"] / 2

    def _most_of_generator(self, work, load):
        base = next(case for case in work.cases if case.label == work.base)
        if self._timing.quick or base.system.missing:
            return math.inf
        if load not in self._most:
            rate = self._half_of_capacity(work, base, load)
            self._most[load] = math.inf
            for _ in range(RATE_STEPS_MAX):
                if any(not self._run(work, base, load, rate)["void"] for _ in range(2)):
                    break
                rate *= RATE_STEP
                self._most[load] = rate * RATE_OF_MOST
        return self._most[load]

    def _command(self, work, load, target, pid, rate, out):
        # A storm is over in a moment, and what keeps alive has nothing to warm up.
        timed = load.seconds is None
        seconds = self._timing.seconds + self._timing.warmup if timed else load.seconds
        if self._timing.quick:
            seconds = min(seconds, self._timing.seconds + self._timing.warmup)
        command = [self._generator, "--target", target, *load.arguments, "--threads", "1", "--quiet",
                   "--duration", "%dms" % round(seconds * 1000), "--system-pid", str(pid), "--json", out]
        if timed:
            command += ["--warmup", "%dms" % round(self._timing.warmup * 1000)]
        if rate is not None:
            command += ["--rate", str(round(rate))]
        return command, seconds

    def _run(self, work, case, load, rate):
        system_core = self._system_core if work.generator_pinned else None
        with systems.running(case.system, system_core) as (pid, target), tempfile.TemporaryDirectory(
                prefix="onehop-compare-") as folder:
            out = os.path.join(folder, "result.json")
            command, seconds = self._command(work, load, target, pid, rate, out)
            core = self._generator_core if work.generator_pinned else None
            process = systems.start_process(command, core, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                said, _ = process.communicate(timeout=seconds + GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                raise RunFailed("the generator did not end") from None
            finally:
                systems.end_process(process)
            return told_by(process.returncode, said, out)
