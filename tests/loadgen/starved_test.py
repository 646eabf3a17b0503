"""A generator that does not get the processor time it needs says so itself, and its run is void."""

import os
import signal
import subprocess

from loadgen_cases import FULL, VOID, Broker, Case, main, start, take_processor_of, target_of
import loadgen_cases

BUSY_LOOPS = 4
BUSY = ["/bin/sh", "-c", "while :; do :; done"]


class Starved(Case):
    def setUp(self):
        self.processors = sorted(os.sched_getaffinity(0))
        self.broker = self.started(Broker(loadgen_cases.folder, "--shards", "1"))
        os.sched_setaffinity(self.broker.process.pid, {self.processors[0]})

    def run_on_last(self, *flags):
        return self.generate("--target", target_of(self.broker.address), "--workload", "pairs", "--size", 128, *flags,
                             prefix=take_processor_of(self.processors[-1]))

    def test_void(self):
        for _ in range(BUSY_LOOPS):
            loop = start([*take_processor_of(self.processors[-1]), *BUSY], stdin=subprocess.DEVNULL)
            self.addCleanup(loop.wait)
            self.addCleanup(loop.send_signal, signal.SIGKILL)
        run = self.run_on_last("--clients", 100, "--rate", "10k", "--duration", "5s" if FULL else "2s")
        self.assertEqual(run.code, VOID, run)
        self.assertTrue(run.json["void_reasons"], run)
        self.assertEqual(run.json["exit_code"], VOID, run)
        self.check_sums(run)
        # A reader of only one of the two learns it as well.
        for reason in run.json["void_reasons"]:
            self.assertIn(reason.split(";")[0], run.out, run)
        print(run.json["void_reasons"], flush=True)

    def test_the_same_without_company_is_good(self):
        rate, seconds, lag_max = ("10k", "5s", "1ms") if FULL else ("500", "1s", "500ms")
        for _ in range(3):  # Other work of the machine competes as well.
            run = self.run_on_last("--clients", 100, "--rate", rate, "--duration", seconds, "--lag-max", lag_max)
            if run.code != VOID:
                break
        self.assertIs(run.json["void"], False, run)
        self.check_all_delivered(run)


if __name__ == "__main__":
    main()
