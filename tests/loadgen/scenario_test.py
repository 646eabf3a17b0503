"""Stages, a number of messages instead of a time, payloads from a file, and headers, compared with a broker that counts
what arrives."""

import json
import os
import signal
import tempfile

from loadgen_cases import FAILED, FULL, GOOD, USAGE, VOID, Broker, Case, Program, main
import loadgen_cases

QUICK = ["--drain", "10s", "--lag-max", "1m", "--quiet"]


class WithBroker(Case):
    def setUp(self):
        place = tempfile.TemporaryDirectory(prefix="onehop-scenario-")
        self.addCleanup(place.cleanup)
        self.place = place.name
        self.seen_path = os.path.join(self.place, "seen.json")
        self.broker = self.started(Program("onehop-fake-broker", "--seen", self.seen_path, "--freeze", "1500ms"))

    def run_against_broker(self, *flags, **keywords):
        return self.generate("--target", self.broker.target, *QUICK, *flags, **keywords)

    def seen(self):
        self.broker.stop()
        with open(self.seen_path, encoding="utf-8") as file:
            return json.load(file)

    def check_not_failed(self, run):
        """The run did what was planned. Whether this machine was fast enough does not matter here."""
        self.check_sums(run)
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)


class Stages(WithBroker):
    FLAGS = ["--clients", 2, "--stage", "1s:200", "--stage", "1s:200", "--stage", "0s:600", "--stage", "1s:600",
             "--stage", "1s:0"]
    DUE = [100, 200, 0, 600, 300]  # A ramp from or to 0 has half of the rate on average.

    def test_each_stage_sends_what_its_ramp_makes(self):
        run = self.run_against_broker(*self.FLAGS)
        self.check_not_failed(run)
        self.assertEqual([stage["sent"] for stage in run.json["stages"]], self.DUE, run)
        self.assertEqual([stage["delivered"] for stage in run.json["stages"]], self.DUE, run)
        self.assertEqual([stage["from_rate"] for stage in run.json["stages"]], [0, 200, 200, 600, 600], run)
        self.assertEqual([stage["to_rate"] for stage in run.json["stages"]], [200, 200, 600, 600, 0], run)
        self.assertEqual([stage["begin_s"] for stage in run.json["stages"]], [0, 1, 2, 2, 3], run)
        self.assertEqual(run.json["planned_s"], 4, run)
        self.assertEqual(run.json["wanted_rate"], 300, run)
        self.assertEqual(sum(stage["histogram"]["count"] for stage in run.json["stages"]),
                         run.json["latency_us"]["count"], run)
        self.assertIn("stage 4", run.out)
        seen = self.seen()
        self.assertEqual(seen["messages"], sum(self.DUE), run)
        if FULL:
            by_second = [sum(seen["by_slot"][at:at + 10]) for at in range(0, 40, 10)]
            for came, due in zip(by_second, (100, 200, 600, 300)):
                self.assertAlmostEqual(came, due, delta=0.05 * due, msg=str(seen))

    def test_threads_and_chance_share_a_ramp(self):
        run = self.run_against_broker("--clients", 8, "--threads", 2, "--rate", 500, "--stage", "1s:1500")
        self.check_not_failed(run)
        self.assertEqual(run.json["stages"][0]["sent"], 1000, run)
        run = self.run_against_broker("--clients", 8, "--threads", 2, "--stage", "1s:2000", "--arrivals", "poisson",
                                      "--seed", 7)
        self.check_not_failed(run)
        self.assertAlmostEqual(run.json["stages"][0]["sent"], 1000, delta=200, msg=str(run))

    def test_a_stage_has_thresholds_of_its_own(self):
        flags = [*self.FLAGS, "--threshold", "2:p99<60s", "--threshold", "5:errors==0"]
        run = self.run_against_broker(*flags)
        self.check_not_failed(run)
        self.assertEqual([threshold["kept"] for threshold in run.json["thresholds"]], [True, True], run)
        run = self.run_against_broker(*flags, "--threshold", "4:p50<1ns", "--threshold", "4:rate>=100k")
        self.assertEqual(run.code, FAILED, run)
        self.assertEqual([threshold["kept"] for threshold in run.json["thresholds"]], [True, True, False, False], run)
        self.assertIn("4:p50<1ns", run.out)

    def test_a_late_message_counts_in_the_stage_it_was_due_in(self):
        command = f"kill -USR1 {self.broker.process.pid}"  # The broker stands still for 1.5 s, into the next stage.
        run = self.run_against_broker("--clients", 2, "--rate", 500, "--stage", "2s:500", "--stage", "2s:500",
                                      "--at", "1s", command, "--threshold", "1:max>=1400ms")
        self.assertEqual([stage["sent"] for stage in run.json["stages"]], [1000, 1000], run)
        first, second = run.json["stages"]
        self.assertGreaterEqual(first["latency_us"]["max"], 1_400_000, run)
        self.assertTrue(run.json["thresholds"][0]["kept"], run)
        # Messages that were due in the first stage and arrived in the second do not count for the latencies of the second.
        self.assertLess(first["arrivals"], 1000, run)
        self.assertEqual(first["histogram"]["count"], 1000, run)
        if FULL:
            self.assertLess(first["arrivals"], 520, run)
            self.assertGreater(second["arrivals"], 1450, run)
            self.assertLess(second["latency_us"]["max"], 550_000, run)


class Counts(WithBroker):
    def test_so_many_are_sent(self):
        sent = 0
        for flags, count in ((["--clients", 2, "--rate", "5000"], 1), (["--clients", 6, "--rate", "5000"], 1001),
                             (["--clients", 6, "--threads", 3, "--rate", "5k", "--arrivals", "poisson"], 1000),
                             (["--clients", 7, "--threads", 2, "--workload", "random", "--rate", "5k"], 999),
                             (["--clients", 2, "--workload", "churn", "--rate", "500"], 50),
                             (["--clients", 6, "--window", 4], 1003),
                             (["--clients", 6, "--threads", 3, "--window", 4], 1000)):
            with self.subTest(flags=flags):
                run = self.run_against_broker(*flags, "--count", count)
                if "--window" not in flags:
                    self.check_not_failed(run)
                self.check_sums(run)
                self.assertEqual(run.json["outcomes"]["sent"], count, run)
                self.assertEqual(run.json["outcomes"]["delivered"], count, run)
                self.assertEqual(run.json["settings"]["count"], str(count), run)
                self.assertNotIn("duration", run.json["settings"], run)
                sent += count
        self.assertEqual(self.seen()["messages"], sent)

    def test_questions_are_counted_and_not_their_answers(self):
        run = self.run_against_broker("--clients", 4, "--workload", "echo", "--rate", 2000, "--count", 300)
        self.check_not_failed(run)
        self.assertEqual(self.seen()["messages"], 600, run)

    def test_connects_are_counted(self):
        for pace in (["--window", 4], ["--rate", 500]):
            run = self.run_against_broker("--workload", "connects", *pace, "--count", 100)
            self.assertEqual(run.json["connections"]["opened"], 100, run)

    def test_a_silent_target_does_not_hold_it_for_ever(self):
        run = self.begin("--target", self.broker.target, "--clients", 2, "--window", 2, "--count", 10 ** 12,
                         "--drain", "1s")
        run.await_progress(" 1 s ")
        self.broker.process.send_signal(signal.SIGSTOP)
        run.finish()
        self.broker.process.send_signal(signal.SIGCONT)
        self.check_sums(run)
        self.assertEqual(run.code, FAILED, run)
        self.assertIn("--count", run.json["ended_early"], run)
        self.assertIn("ended early", run.out, run)


class Payloads(WithBroker):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.place, "payload")
        self.bytes = bytes(range(256)) + b'{"a": 1}\n'
        with open(self.path, "wb") as file:
            file.write(self.bytes)

    def test_a_file_follows_the_stamp(self):
        for loop in (["--rate", 2000], ["--window", 2]):
            run = self.run_against_broker("--clients", 4, *loop, "--count", 100, "--payload", self.path)
            self.assertEqual(run.json["outcomes"]["delivered"], 100, run)
            self.assertEqual(set(run.json["faults"].values()), {0}, run)
        seen = self.seen()
        self.assertEqual(bytes.fromhex(seen["tail"]), self.bytes)
        self.assertEqual((seen["messages"], seen["same_tail"]), (200, 200))

    def test_it_is_checked_at_the_other_end(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            proxy = self.started(Program("onehop-hostile-proxy", "--target", broker.address.removeprefix("tcp://"),
                                         "--corrupt", 50))
            run = self.generate("--target", proxy.target, "--clients", 2, "--rate", 1000, "--count", 100,
                                "--payload", self.path, "--drain", "1s")
            self.assertEqual(run.code, FAILED, run)
            self.assertEqual(run.json["faults"]["corrupted"], 1, run)

    def test_headers_go_with_each_message(self):
        run = self.run_against_broker("--clients", 4, "--rate", 2000, "--count", 100, "-H", "kind:order", "--header",
                                      "trace:a:b", "-H", "empty:")
        self.check_not_failed(run)
        seen = self.seen()
        self.assertEqual(bytes.fromhex(seen["headers"]).decode(), "kind=order;trace=a:b;empty=;")
        self.assertEqual((seen["messages"], seen["same_headers"]), (100, 100))


class Refused(Case):
    WRONG = [
        (["--stage", "10s"], "10s"),
        (["--stage", "10s:fast"], "10s:fast"),
        (["--stage", "10s:0"], "--stage"),
        (["--stage", "10s:5", "--duration", "3s"], "--duration"),
        (["--stage", "10s:5", "--window", "3"], "--stage"),
        (["--stage", "10s:5", "--count", "3"], "--count"),
        (["--stage", "10s:5", "--workload", "storm"], "--stage"),
        (["--stage", "10s:5", "--threshold", "2:p99<5ms"], "2:p99<5ms"),
        (["--stage", "0s:5", "--stage", "1s:5", "--threshold", "1:p99<5ms"], "takes no time"),
        (["--stage", "10s:5", "--threshold", "1:lost==0"], "lost"),
        (["--stage", "10s:5", "--threshold", "0:p99<5ms"], "0:p99"),
        (["--threshold", "1:p99<5ms"], "1:p99<5ms"),
        (["--find-capacity", "--slo", "1:p99<5ms"], "--slo"),
        (["--count", "0"], "--count"),
        (["--count", "many"], "many"),
        (["--count", "5", "--duration", "3s"], "--duration"),
        (["--count", "5", "--workload", "idle"], "--count"),
        (["--payload", "/nonexistent/file"], "/nonexistent/file"),
        (["--payload", "/dev/null"], "/dev/null"),
        (["--header", "novalue"], "novalue"),
        (["-H", ":value"], ":value"),
        (["-H", "key:" + "x" * 9000], "--header"),
        (["-H", "a:b", "--target", "nats://127.0.0.1:1"], "onehop"),
        (["--at", "soon", "true"], "soon"),
        (["--at", "20s", "true"], "not within"),
        (["--at", "1s"], "--at"),
        (["--at", "1s", "true", "--window", "4"], "--window"),
        (["--at", "1s", "true", "--workload", "connects"], "--at"),
        (["--metrics", "somewhere"], "somewhere"),
        (["compare", "a.json", "b.json", "--junit", "x"], "--junit"),
    ]

    def test_what_is_wrong_is_said_in_one_line(self):
        for words, named in self.WRONG:
            with self.subTest(words=words):
                run = self.generate(*words, json_file=False)
                self.assertEqual(run.code, USAGE, run)
                self.assertEqual(len(run.errors.strip().splitlines()), 1, run)
                self.assertIn(named, run.errors, run)

    def test_help_names_every_flag(self):
        run = self.generate("--help", json_file=False)
        for flag in ("--stage", "--count", "--payload", "--header", "--at", "--on-time", "--abort-on-fail", "--metrics",
                     "--markdown", "--junit"):
            self.assertIn(flag + " ", run.out.replace(",", " "), flag)
        self.assertLessEqual(max(map(len, run.out.splitlines())), 120)


if __name__ == "__main__":
    main()
