"""A fake broker passes a known number of messages a second and no more. The search for the capacity finds that rate."""

import unittest

from loadgen_cases import FAILED, FULL, GOOD, VOID, Case, Program, main

# The short test begins close to the knee, so that the search is short.
KNEE, STEP, FLAGS = (8000, "3s", ["--rate", 1000]) if FULL else (1000, "2s", ["--rate", 900, "--rate-max", 1200])
# The knee may be lower on a slow machine, but never higher.
LOW, HIGH = (0.9, 1.1) if FULL else (0.4, 1.1)


class Capacity(Case):
    def search(self, broker, slo, *flags):
        return self.generate("--target", broker.target, "--workload", "pairs", "--find-capacity", "--slo", slo, *flags)

    def test_the_knee_is_found(self):
        broker = self.started(Program("onehop-fake-broker", "--service-rate", KNEE))
        run = self.search(broker, "p99<100ms", "--clients", 40, "--step", STEP, *FLAGS)
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        found = run.json["capacity"]
        curve = [(step["rate"], step["held"], step["why_not"]) for step in found["steps"]]
        print(f"knee {KNEE}, found {found['rate']}, failed at {found['failed_rate']}; {curve}", flush=True)
        self.assertGreaterEqual(found["rate"], LOW * KNEE, f"{curve} {run}")
        self.assertLessEqual(found["rate"], HIGH * KNEE, f"{curve} {run}")
        self.assertGreater(found["failed_rate"], found["rate"], curve)
        self.assertTrue(all(why for _, held, why in curve if not held), curve)
        self.assertIn("p99<100ms", found["slo"])
        self.check_sums(run)
        self.assertIn("knee", run.out)

    def test_every_rate_up_to_the_bound_holds(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.search(broker, "p99<5s", "--clients", 10, "--step", "2s", "--rate", 400, "--rate-max", 400,
                          "--lag-max", "1s")
        self.assertEqual(run.json["capacity"]["rate"], 400, run)
        self.assertIsNone(run.json["capacity"]["failed_rate"], run)

    @unittest.skipUnless(FULL, "it tries ten rates, twice each")
    def test_no_rate_holds(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:50ms"))
        run = self.search(broker, "p99<10ms", "--clients", 10, "--step", "2s", "--rate", 200)
        self.assertEqual(run.code, FAILED, run)
        self.assertIsNone(run.json["capacity"]["rate"], run)
        self.assertGreater(run.json["capacity"]["failed_rate"], 0, run)


if __name__ == "__main__":
    main()
