"""A broker stands still for a while (SIGSTOP). The corrected percentiles follow from the freeze, and the uncorrected
ones show what a load test would tell that waits together with the broker."""

import os
import signal
import time

from loadgen_cases import FULL, Broker, Case, main, target_of
import loadgen_cases

SECONDS, RATE, FREEZE_SECONDS, CLIENTS = (10, 10_000, 0.3, 100) if FULL else (3, 2000, 1, 20)


def expected_us(quantile, frozen_seconds):
    """A message that is due during the freeze waits until its end, so all waits up to the whole freeze are equally
    likely. All other messages take almost no time."""
    return 1e6 * max(frozen_seconds - (1 - quantile) * SECONDS, 0)


class Freeze(Case):
    def test_the_wait_of_every_message_is_counted(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            run = self.begin("--target", target_of(broker.address), "--workload", "pairs", "--clients", CLIENTS,
                             "--rate", RATE, "--duration", f"{SECONDS}s", "--size", 128)
            run.await_progress(f" {SECONDS // 3} s ")
            os.kill(broker.process.pid, signal.SIGSTOP)
            begun = time.monotonic()
            time.sleep(FREEZE_SECONDS)
            frozen_seconds = time.monotonic() - begun
            os.kill(broker.process.pid, signal.SIGCONT)
            run.finish()
        self.check_all_delivered(run)
        corrected, uncorrected = run.json["latency_us"], run.json["uncorrected_latency_us"]
        print(f"frozen for {frozen_seconds:.3f} s; corrected {corrected}; uncorrected {uncorrected}", flush=True)
        for key, quantile in (("p99", 0.99), ("p99_9", 0.999), ("max", 1)):
            expected = expected_us(quantile, frozen_seconds)
            # The full bounds are 5 % + 10 ms, since the broker must work off the backlog.
            low, high = (0.95 * expected, 1.05 * expected + 10_000) if FULL else (0.8 * expected, float("inf"))
            self.assertGreaterEqual(corrected[key], low, f"{key}, frozen for {frozen_seconds} s {run}")
            self.assertLessEqual(corrected[key], high, f"{key}, frozen for {frozen_seconds} s {run}")
        self.assertGreater(corrected["p99"], 100_000, run)
        self.assertLess(uncorrected["p99"], 0.2 * corrected["p99"], run)
        self.assertLess(uncorrected["count"], corrected["count"], run)
        # Each client that waits sees the freeze once.
        self.assertGreaterEqual(uncorrected["max"], 0.9 * 1e6 * frozen_seconds, run)


if __name__ == "__main__":
    main()
