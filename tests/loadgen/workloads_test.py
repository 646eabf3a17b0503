"""Every workload against a real broker, and every driver against the real server of its protocol: all messages are
accounted for."""

import socket

from loadgen_cases import FAILED, BlindForwarder, Broker, Case, Program, RealServer, main, target_of
import loadgen_cases

SECONDS = 0.4
SHORT = ["--duration", f"{SECONDS}s", "--drain", "5s"]


class Workloads(Case):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(loadgen_cases.folder, "--shards", "2")
        cls.target = target_of(cls.broker.address)

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    def run_workload(self, workload, *flags):
        return self.generate("--target", self.target, "--workload", workload, *SHORT, *flags)

    def check_rate(self, run, rate):
        """An open loop issues everything that it was asked for, on any machine."""
        self.assertEqual(run.json["loop"], "open", run)
        due = run.json["outcomes"]["sent"] + run.json["generator"]["missed_arrivals"]
        self.assertAlmostEqual(due, rate * SECONDS, delta=2, msg=str(run))

    def test_pairs(self):
        run = self.run_workload("pairs", "--clients", 20, "--rate", 1000)
        self.check_all_delivered(run)
        self.check_rate(run, 1000)
        self.assertEqual(run.json["connections"]["opened"], 20, run)
        self.assertEqual(run.json["latency_us"]["count"], run.json["outcomes"]["sent"], run)

    def test_pairs_on_two_threads(self):
        run = self.run_workload("pairs", "--clients", 20, "--rate", 1000, "--threads", 2)
        self.check_all_delivered(run)
        self.check_rate(run, 1000)
        self.assertEqual(run.json["generator"]["threads"], 2, run)

    def test_threads_with_unequal_shares(self):
        # One thread has two of three pairs, and one thread of a fan-in also has the recipient.
        for workload, flags in (("pairs", ["--clients", 6]), ("fan-in", ["--clients", 4]), ("echo", ["--clients", 6])):
            run = self.run_workload(workload, *flags, "--threads", 2, "--rate", 1000)
            self.check_good(run)
            if workload != "echo":
                self.check_rate(run, 1000)
            issued = sum(second["sent"] for second in run.json["series"])
            self.assertAlmostEqual(issued + run.json["generator"]["missed_arrivals"], 1000 * SECONDS, delta=2, msg=str(run))
            self.assertEqual(run.json["series"][-1]["in_flight"], 0, run)

    def test_random_on_two_threads(self):
        run = self.run_workload("random", "--clients", 21, "--rate", 1000, "--threads", 2, "--size", "uniform:24-4096")
        self.check_all_delivered(run)
        self.check_rate(run, 1000)

    def test_poisson(self):
        run = self.run_workload("random", "--clients", 20, "--rate", 4000, "--arrivals", "poisson")
        self.check_all_delivered(run)
        due = run.json["outcomes"]["sent"] + run.json["generator"]["missed_arrivals"]
        self.assertAlmostEqual(due, 4000 * SECONDS, delta=300)  # The bound is seven sigma.

    def test_random_after_zipf(self):
        self.check_all_delivered(self.run_workload("random", "--clients", 30, "--rate", 1000, "--zipf", 1.1))

    def test_fan_in(self):
        run = self.run_workload("fan-in", "--clients", 20, "--recipients", 2, "--rate", 1000)
        self.check_all_delivered(run)
        self.check_rate(run, 1000)

    def test_fan_out(self):
        run = self.run_workload("fan-out", "--clients", 20, "--rate", 1000)
        self.check_all_delivered(run)
        self.check_rate(run, 1000)
        for confirm in ("none", "delivered"):
            run = self.run_workload("fan-out", "--clients", 20, "--window", 40, "--confirm", confirm)
            self.check_all_delivered(run)

    def test_small_payloads_in_closed_loops(self):
        for flags in (["pairs", "--size", 16], ["pairs", "--size", "uniform:16-64"], ["echo", "--size", 20],
                      ["random", "--size", "16:1,23:1,24:1", "--confirm", "none"]):
            run = self.run_workload(*flags, "--clients", 6, "--window", 8)
            self.check_all_delivered(run)
            # A compact time that was read wrongly would be minutes off.
            self.assertLess(run.json["latency_us"]["max"], 60e6, run)
            self.assertGreater(run.json["latency_us"]["p50"], 0, run)

    def test_echo(self):
        run = self.run_workload("echo", "--clients", 20, "--rate", 500)
        self.check_all_delivered(run)
        # Questions and answers count as messages, and the round trip is timed.
        self.assertEqual(run.json["outcomes"]["sent"], 2 * run.json["latency_us"]["count"], run)
        # The rate counts questions.
        self.assertLessEqual(run.json["achieved_rate"], 510, run)
        self.assertEqual(sum(second["sent"] for second in run.json["series"]), run.json["latency_us"]["count"], run)

    def test_churn(self):
        run = self.run_workload("churn", "--clients", 10, "--rate", 100)
        self.check_all_delivered(run)
        # The clients that stay, and one client for each message.
        self.assertEqual(run.json["connections"]["opened"], 10 + run.json["outcomes"]["sent"], run)
        self.assertEqual(run.json["connections"]["broken"], 0, run)

    def test_storm(self):
        for rate in ([], ["--rate", 200]):
            run = self.run_workload("storm", "--clients", 50, *rate)
            self.check_good(run)
            self.assertEqual(run.json["connections"]["opened"], 50, run)
            self.assertEqual(run.json["connect_latency_us"]["count"], 50, run)

    def test_storm_that_is_not_answered(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        run = self.generate("--target", f"onehop://127.0.0.1:{listener.getsockname()[1]}", "--workload", "storm",
                            "--clients", 5, "--duration", "0.5s", "--drain", "0.5s")
        self.assertEqual(run.code, FAILED, run)
        self.assertEqual(run.json["connections"]["unopened"], 5, run)
        # A client that still waits was never connected.
        self.assertIsNone(run.json["connect_latency_us"]["p50"], run)
        self.assertEqual(run.json["connect_latency_us"]["infinite"], 5, run)
        self.check_failed(run, "5 connections were wanted and never open")

    def test_a_connection_that_is_refused_at_first_is_timed_from_when_it_was_due(self):
        with socket.socket() as held:  # It is bound and does not listen, so each connect is refused.
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            run = self.begin("--target", f"onehop://127.0.0.1:{port}", "--workload", "storm", "--clients", 1,
                             "--duration", "3s", "--drain", "60s")
            run.await_progress(" 1 s ")
        self.started(Broker(loadgen_cases.folder, listen=f"tcp://127.0.0.1:{port}"))
        run.finish()
        self.assertEqual(run.json["connections"]["opened"], 1, run)
        self.assertGreater(run.json["connect_latency_us"]["max"], 1e6, run)

    def test_idle(self):
        # The keepalive is the shortest, so that some are due.
        run = self.generate("--target", self.target, "--workload", "idle", "--clients", 50, "--keepalive", "1s",
                            "--duration", "2s")
        self.check_good(run)
        connections = run.json["connections"]
        self.assertEqual((connections["opened"], connections["failed"], connections["broken"]), (50, 0, 0), run)
        self.assertEqual(run.json["outcomes"]["sent"], 0, run)

    def test_idle_crowd_beside_pairs(self):
        run = self.run_workload("pairs", "--clients", 10, "--rate", 200, "--idle", 30)
        self.check_all_delivered(run)
        self.assertEqual(run.json["connections"]["opened"], 40, run)

    def test_slow_readers(self):
        run = self.run_workload("pairs", "--clients", 20, "--rate", 400, "--slow-readers", "30%", "--slow-rate", "64k")
        self.check_good(run)
        self.assertGreater(run.json["slow_latency_us"]["count"], 0, run)
        both = run.json["slow_latency_us"]["count"] + run.json["latency_us"]["count"]
        self.assertEqual(both, run.json["outcomes"]["delivered"], run)

    def test_readers_too_slow_for_what_is_sent_to_them(self):
        # Three of ten recipients get far more than they read until everything is sent. Then they read the rest.
        run = self.run_workload("pairs", "--clients", 20, "--rate", 2000, "--size", "16k", "--slow-readers", "30%",
                                "--slow-rate", "64k")
        self.check_good(run)
        self.assertGreater(run.json["slow_latency_us"]["p50"], 1e6 * SECONDS / 10, run)
        self.assertLess(run.json["latency_us"]["p50"], run.json["slow_latency_us"]["p50"] / 2, run)

    def test_what_waits_for_a_full_window_waits_in_the_latencies(self):
        # One message under way for 50 ms at a time makes 20 a second, and 100 are due.
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:50ms", "--send-window", "1"))
        run = self.generate("--target", broker.target, "--clients", 2, "--rate", 100, "--duration", "1s", "--drain",
                            "20s")
        self.check_all_delivered(run)
        # The last message was due at 1 s and left at 5 s.
        self.assertGreater(run.json["latency_us"]["max"], 3_500_000, run)
        self.assertGreater(run.json["latency_us"]["p50"], 1_500_000, run)
        # From the send every message takes the 50 ms, since none was sent while another was awaited.
        self.assertGreater(run.json["uncorrected_latency_us"]["count"], 90, run)
        self.assertLess(run.json["uncorrected_latency_us"]["p50"], run.json["latency_us"]["p50"] / 5, run)

    def test_ttl(self):
        run = self.run_workload("pairs", "--clients", 20, "--rate", 500, "--ttl", "60s")
        self.check_all_delivered(run)

    def test_closed_loop_is_labelled(self):
        run = self.run_workload("pairs", "--clients", 4, "--window", 8)
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(run.json["loop"], "closed", run)
        self.assertIsNone(run.json["wanted_rate"], run)
        self.assertIn("closed", run.out, run)
        self.assertGreater(run.json["outcomes"]["delivered"], 50, run)

    def test_confirm_levels(self):
        for confirm in ("none", "taken", "delivered"):
            run = self.run_workload("pairs", "--clients", 10, "--rate", 500, "--confirm", confirm)
            self.check_all_delivered(run)
            timed = run.json["histograms"]["confirm"]["count"]
            self.assertEqual(timed, 0 if confirm == "none" else run.json["outcomes"]["sent"], run)
            # Clients that answer are told outcomes too.
            self.check_all_delivered(self.run_workload("echo", "--clients", 10, "--rate", 500, "--confirm", confirm))

    def test_warm_up_is_accounted_for_and_not_timed(self):
        run = self.run_workload("pairs", "--clients", 10, "--rate", 1000, "--warmup", "0.2s")
        self.check_all_delivered(run)
        self.assertGreater(run.json["latency_us"]["count"], 0, run)
        self.assertLess(run.json["latency_us"]["count"], run.json["outcomes"]["sent"], run)

    def test_many_sources(self):
        run = self.run_workload("pairs", "--clients", 8, "--rate", 100, "--source", "127.0.0.2-127.0.0.5")
        self.check_all_delivered(run)

    def test_a_small_send_window_is_kept(self):
        # The fake broker ends a client that has one message too many under way.
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:20ms", "--send-window", "3"))
        run = self.generate("--target", broker.target, "--workload", "pairs", "--clients", 10, "--rate", 500, *SHORT)
        self.check_all_delivered(run)
        self.assertEqual(run.json["connections"]["broken"], 0, run)


class Drivers(Case):
    def check(self, target, runs):
        for workload, *flags in runs:
            with self.subTest(workload=workload, flags=flags):
                run = self.generate("--target", target, "--workload", workload, "--rate", 500, *SHORT, *flags)
                self.check_all_delivered(run)
                self.assertEqual(run.json["connections"]["broken"], 0, run)

    FIVE = [["pairs", "--clients", 10], ["random", "--clients", 10], ["fan-in", "--clients", 10, "--recipients", 2],
            ["echo", "--clients", 10], ["fan-out", "--clients", 10]]

    def test_nats(self):
        self.check(self.started(RealServer("nats")).target, self.FIVE)

    def test_mqtt(self):
        server = self.started(RealServer("mqtt"))
        for confirm in ("none", "taken"):
            self.check(server.target, [[*run, "--confirm", confirm] for run in self.FIVE])

    def test_redis(self):
        self.check(self.started(RealServer("redis")).target, self.FIVE)

    def test_blind(self):
        for workload in ("pairs", "echo"):
            self.check(self.started(BlindForwarder()).target, [[workload, "--clients", 10]])


if __name__ == "__main__":
    main()
