"""For tests: programs and results that were made up, so that figures are known beforehand."""

import os
import stat

import figures
import systems
from works import Case, Load, Work

# Tells a port where nobody listens: only the made-up generator is told of it.
SYSTEM = """#!/usr/bin/python3
import sys, time
if "--version" in sys.argv:
    sys.exit(print("made up 1.2.3"))
print("listening on tcp://127.0.0.1:9", flush=True)
time.sleep(60)
"""

# Notes each run in $RUNS, sleeps for $SLEEP, and says of systems named $WRONG that they doubled a message.
GENERATOR = """#!/usr/bin/python3
import json, os, sys, time
words = sys.argv[1:]
target = words[words.index("--target") + 1]
with open(os.environ["RUNS"], "a") as file:
    file.write(target.partition(":")[0] + "\\n")
time.sleep(float(os.environ.get("SLEEP", "0")))
wrong = target.startswith(os.environ.get("WRONG", "nobody"))
cpu = 0.25 if target.startswith("blind") else 0.5
latency = {"p50": 10.0, "p99": 20.0, "p99_9": 30.0, "mean": 12.0, "count": 3}
buckets = {"buckets": [[10, 3]], "max": 10}
result = {"duration_s": 2.0, "achieved_rate": 1000.0, "wanted_rate": None, "latency_us": latency, "void": False,
          "void_reasons": [], "failures": ["1 duplicates"] if wrong else [],
          "connections": {"opened": 2, "unopened": 0, "last_problem": ""},
          "system": {"cpu_s": 1.0, "cpu_us_per_message": cpu, "cpu_us_per_connect": None, "memory_bytes": 4096},
          "generator": {"cpu_s": 1.5}, "histograms": {"latency": buckets, "connect": buckets}}
with open(words[words.index("--json") + 1], "w") as file:
    json.dump(result, file)
sys.exit(1 if wrong else 0)
"""


def write_programs(folder):
    """A --bin folder of made-up programs."""
    for name, text in (("onehopd", SYSTEM), ("onehop-blind", SYSTEM), ("onehop-loadgen", GENERATOR)):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)


def system(name, **more):
    return systems.System(name, name, (name,), **more)


def result(runs, targets=(), base="blind", open_loop=False, missing=(), **more):
    """runs: label → the Figures of each repetition, as dictionaries."""
    load = Load((), half_of=("--window", "1") if open_loop else ())
    cases = [Case(label, system(label, missing="not found" if label in missing else ""), (load,)) for label in runs]
    made = figures.WorkResult(Work("work", "some work", cases, base, targets=tuple(targets), **more))
    for one in made.cases:
        one.runs = [figures.Figures(**given) for given in runs[one.case.label]]
    return made


ORIGINS = {"command": "compare", "date": "2026-01-01T00:00:00Z", "processor": "a processor", "cores": 2,
           "kernel": "Linux 6", "repetitions": 3, "seconds": 2.0, "warmup_s": 0.5, "quick": False, "systems": [],
           "notes": []}
