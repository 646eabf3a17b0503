"""The command line of onehop-loadgen: what it refuses, what it prints where, and what it does if a run does not go as
planned."""

import fcntl
import json
import os
import pty
import signal
import struct
import termios
import threading
import time

from loadgen_cases import (CANNOT_CONNECT, FAILED, GOOD, INTERRUPTED, USAGE, VOID, Broker, Case, Program, free_port, main,
                           target_of)
import loadgen_cases

FLAGS = """--target --workload --clients --recipients --zipf --slow-readers --slow-rate --idle --rate --arrivals
    --window --duration --warmup --drain --size --confirm --ttl --keepalive --threads --source --connect-rate
    --start-at --part --prefix --seed --lag-max --threshold --allow --find-capacity --slo --step --rate-max --json --html
    --hgrm --quiet""".split()

# A wrong command line, and the word that the one line about it must have.
WRONG = [
    (["--nonsense"], "--nonsense"),
    (["nonsense"], "nonsense"),
    (["--rate", "-5"], "--rate"),
    (["--rate", "0"], "--rate"),
    (["--rate", "fast"], "fast"),
    (["--workload", "juggling"], "juggling"),
    (["--duration", "8parsecs"], "8parsecs"),
    (["--clients", "0"], "--clients"),
    (["--clients", "3", "--workload", "pairs"], "--clients"),
    (["--clients", "99999999999"], "--clients"),
    (["--size", "10"], "10"),
    (["--size", "16"], "--window"),
    (["--size", "uniform:16-64"], "closed loop"),
    (["--size", "15", "--window", "4"], "15"),
    (["--size", "large"], "large"),
    (["--workload", "fan-out", "--clients", "1"], "--clients"),
    (["--workload", "fan-out", "--target", "blind://127.0.0.1:1"], "only pairs or echo"),
    (["--workload", "connects", "--target", "blind://127.0.0.1:1"], "only pairs or echo"),
    (["--target", "bare://127.0.0.1:1"], "only --workload connects"),
    (["--workload", "connects", "--window", "1", "--threads", "2"], "--window"),
    (["--workload", "connects", "--find-capacity", "--slo", "p99<5ms"], "--find-capacity"),
    (["--arrivals", "random"], "random"),
    (["--confirm", "maybe"], "maybe"),
    (["--threshold", "p99"], "p99"),
    (["--threshold", "speed>1"], "speed"),
    (["--slo", "p99<5ms"], "--find-capacity"),
    (["--find-capacity"], "--slo"),
    (["--part", "3/2"], "3/2"),
    (["--slow-readers", "150%"], "150%"),
    (["--source", "127.0.0.300"], "127.0.0.300"),
    (["--start-at", "noon"], "noon"),
    (["--target", "smoke://127.0.0.1:1"], "smoke"),
    (["--target", "127.0.0.1"], "127.0.0.1"),
    (["--workload", "fan-in", "--clients", "5", "--recipients", "5"], "--recipients"),
    (["--target", "nats://127.0.0.1:1", "--confirm", "delivered"], "confirm"),
    (["--target", "mqtt://127.0.0.1:1", "--confirm", "delivered"], "confirm"),
    (["--json"], "--json"),
    (["merge"], "FILE"),
    (["merge", "/nonexistent/run.json"], "/nonexistent/run.json"),
    (["compare", "/nonexistent/run.json"], "--"),
    (["compare", "a.json", "--", "b.json", "--html", "c.html"], "--html"),
    (["compare", "a.json", "--", "b.json", "--fail-if-slower", "much"], "much"),
    (["--allow", "p99<5ms"], "p99<5ms"),
    (["--allow", "lost>1%"], "lost>1%"),
]


class Refused(Case):
    def test_what_is_wrong_is_said_in_one_line(self):
        for words, named in WRONG:
            with self.subTest(words=words):
                run = self.generate(*words, json_file=False)
                self.assertEqual(run.code, USAGE, run)
                lines = run.errors.strip().splitlines()
                self.assertEqual(len(lines), 1, run)
                self.assertIn(named, lines[0], run)
                self.assertEqual(run.out, "", run)

    def test_help_names_every_flag(self):
        run = self.generate("--help", json_file=False)
        self.assertEqual(run.code, GOOD, run)
        self.assertEqual([flag for flag in FLAGS if flag not in run.out], [])
        for word in ("merge", "compare", "pairs", "fan-in", "fan-out", "connects", "storm", "onehop://", "nats://", "mqtt://", "redis://",
                     "blind://", "bare://", "Exit codes"):
            self.assertIn(word.lower(), run.out.lower())
        self.assertLessEqual(max(map(len, run.out.splitlines())), 120)

    def test_version(self):
        run = self.generate("--version", json_file=False)
        self.assertEqual((run.code, len(run.out.splitlines())), (GOOD, 1), run)

    def test_nobody_listens(self):
        target = f"127.0.0.1:{free_port()}"
        for scheme in ("onehop", "nats", "mqtt", "redis", "blind"):
            with self.subTest(scheme=scheme):
                run = self.generate("--target", f"{scheme}://{target}", "--clients", 2, "--duration", "1s")
                self.assertEqual(run.code, CANNOT_CONNECT, run)
                self.assertEqual(run.out, "", run)
                self.assertIn(target, run.errors, run)
                self.assertFalse(run.json, "there was no run")

    def test_another_protocol(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            run = self.generate("--target", target_of(broker.address, "nats"), "--clients", 2, "--duration", "1s")
            self.assertEqual(run.code, CANNOT_CONNECT, run)

    def test_too_few_descriptors(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            run = self.generate("--target", target_of(broker.address), "--clients", 500, "--duration", "1s",
                                prefix=["prlimit", "--nofile=100:100"])
            self.assertEqual(run.code, CANNOT_CONNECT, run)
            self.assertIn("100", run.errors, run)
            self.assertRegex(run.errors, "ulimit|nofile|LimitNOFILE", run)


class Told(Case):
    """What the program prints, and where."""

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(loadgen_cases.folder, "--shards", "2")
        cls.flags = ["--target", target_of(cls.broker.address), "--clients", 10, "--rate", 200, "--drain", "5s"]

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    def test_run_may_be_said_or_not(self):
        run = self.generate("run", *self.flags, "--duration", "0.3s")
        self.check_all_delivered(run)

    def test_thresholds(self):
        for wanted, code in ((["p99<60s", "lost==0", "errors<0.1%"], GOOD), (["p99<60s", "p50<1ns"], FAILED)):
            thresholds = [word for threshold in wanted for word in ("--threshold", threshold)]
            run = self.generate(*self.flags, "--duration", "0.3s", "--lag-max", "10s", *thresholds)
            self.assertEqual(run.code, code, run)
            self.assertEqual([threshold["text"] for threshold in run.json["thresholds"]], wanted, run)
            self.assertEqual(all(threshold["kept"] for threshold in run.json["thresholds"]), code == GOOD, run)
            self.check_sums(run)
            for threshold in wanted:
                self.assertIn(threshold, run.out, run)

    def test_json_to_standard_output(self):
        run = self.generate(*self.flags, "--duration", "0.3s", "--json", "-", json_file=False)
        told = json.loads(run.out)
        self.assertEqual(told["exit_code"], run.code)
        self.assertIn("p99", run.errors, "the summary goes to the other stream")

    def test_every_file(self):
        place = os.path.dirname(self.generate(*self.flags, "--duration", "0.3s").path)
        html, hgrm = os.path.join(place, "run.html"), os.path.join(place, "run.hgrm")
        run = self.generate(*self.flags, "--duration", "0.3s", "--html", html, "--hgrm", hgrm)
        self.check_all_delivered(run)
        for path in (html, hgrm):
            self.assertGreater(os.path.getsize(path), 100)

    def test_a_file_that_cannot_be_written_is_known_before_the_run(self):
        for flag in ("--json", "--html", "--hgrm"):
            run = self.generate(*self.flags, "--duration", "2s", flag, "/nonexistent/file", json_file=False)
            self.assertEqual(run.code, USAGE, run)
            self.assertIn("/nonexistent/file", run.errors, run)

    def test_progress_in_plain_lines(self):
        run = self.generate(*self.flags, "--duration", "2.5s")
        self.assertGreaterEqual(len(run.errors.splitlines()), 2, run)
        for byte in "\r\x1b\b":
            self.assertNotIn(byte, run.errors, run)
            self.assertNotIn(byte, run.out, run)
        self.assertNotIn("nan", run.errors + run.out)
        self.assertIn("p99", run.out)
        self.assertIn("uncorrected", run.out)

    def test_quiet(self):
        run = self.generate(*self.flags, "--duration", "1.2s", "--quiet")
        self.assertEqual(run.errors, "", run)

    def on_terminal(self, *flags, width=80, with_output=False):
        """Returns what a run writes to a terminal of this width, with its standard output or without."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        read = []

        def gather():
            try:
                while some := os.read(ours, 4096):
                    read.append(some)
            except OSError:  # The other end of the terminal is closed.
                pass

        reader = threading.Thread(target=gather, daemon=True)
        keywords = {"stdout": theirs} if with_output else {}
        run = self.begin(*flags, stderr=theirs, environment={"TERM": "xterm"}, **keywords)
        os.close(theirs)
        reader.start()
        run.finish()
        reader.join(60)
        os.close(ours)
        self.assertNotIn("\x1b", run.out)
        self.assertNotIn("\r", run.out)
        return run, b"".join(read).decode()

    def test_progress_on_a_terminal(self):
        run, text = self.on_terminal(*self.flags, "--duration", "2.5s")
        self.assertTrue("\r" in text.replace("\r\n", "\n") or "\x1b[" in text, repr(text))
        self.assertIn("sent/s", text)
        self.check_sums(run)

    def test_the_last_line_on_a_terminal_is_erased(self):
        for flags, code in (([*self.flags, "--duration", "2.5s"], GOOD),
                            (["--target", f"onehop://127.0.0.1:{free_port()}"], CANNOT_CONNECT)):
            run, text = self.on_terminal(*flags, with_output=True)
            self.assertIn(run.code, (code, VOID), run)
            # The result or the complaint replaces the line of the progress, and every line has an end.
            result = text.rpartition("\r\x1b[K")[2]
            self.assertTrue(result.startswith("onehop-loadgen: " if code else "run  "), repr(text))
            self.assertTrue(result.endswith("\r\n"), repr(text))

    def test_no_line_on_a_terminal_is_longer_than_it_is_wide(self):
        for width in (30, 60, 200):
            _, text = self.on_terminal(*self.flags, "--duration", "2.5s", width=width)
            lines = [line for part in text.split("\r\n") for line in part.replace("\x1b[K", "").split("\r")]
            self.assertTrue(any("2 s" in line for line in lines), repr(text))
            self.assertLess(max(map(len, lines)), width, repr(text))
        self.assertTrue(any(len(line) > 60 for line in lines), "a wide one shows it all")


class Interrupted(Case):
    FLAGS = ["--clients", 10, "--rate", 500]

    def check_ended_early(self, run):
        self.assertLess(run.json["duration_s"], run.json["planned_s"], run)
        self.assertIs(run.json["interrupted"], True, run)
        self.assertIn("p99", run.out, run)

    def test_by_the_user(self):
        for by in (signal.SIGINT, signal.SIGTERM):
            with Broker(loadgen_cases.folder, "--shards", "2") as broker:
                run = self.begin("--target", target_of(broker.address), *self.FLAGS, "--duration", "100s")
                run.await_progress(" 1 s ")
                run.process.send_signal(by)
                run.finish()
            self.check_sums(run)
            self.assertEqual(run.code, INTERRUPTED, run)
            self.assertEqual(run.json["outcomes"]["sent"], run.json["outcomes"]["delivered"], run)
            self.check_ended_early(run)
            self.assertIn("\nINTERRUPTED: ", run.out, run)

    def test_before_it_began(self):
        with Broker(loadgen_cases.folder, "--shards", "2") as broker:
            run = self.begin("--target", target_of(broker.address), *self.FLAGS, "--start-at", "+20s")
            run.await_progress("everybody is connected")
            run.process.send_signal(signal.SIGINT)
            run.finish(seconds_max=15)  # The program does not wait for its start.
        self.assertNotIn("nan", run.out + run.errors)
        self.assertEqual(run.code, INTERRUPTED, run)
        self.assertEqual(run.json, {}, "there was no run")

    def test_the_broker_is_killed(self):
        with Broker(loadgen_cases.folder, "--shards", "2") as broker:
            run = self.begin("--target", target_of(broker.address), *self.FLAGS, "--duration", "3s", "--drain", "1s",
                             "--threshold", "errors==0")
            run.await_progress(" 1 s ")
            broker.process.kill()
            killed = time.monotonic()
            run.finish()
        self.assertLess(time.monotonic() - killed, 20, "it waited for nothing")
        self.check_sums(run)
        self.check_failed(run, "planned messages were not delivered", "10 connections broke")
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        outcomes = run.json["outcomes"]
        self.assertGreater(outcomes["delivered"], 0, run)
        self.assertGreater(outcomes["unknown"] + outcomes["not_sent"], 0, run)
        self.assertEqual(run.json["connections"]["broken"], 10, run)
        self.assertTrue(run.json["connections"]["last_problem"], run)

    def test_the_broker_is_killed_while_messages_are_under_way(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:200ms"))
        run = self.begin("--target", broker.target, *self.FLAGS, "--duration", "2s", "--drain", "1s")
        run.await_progress(" 1 s ")
        broker.process.kill()
        run.finish()
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertGreater(run.json["outcomes"]["unknown"], 0, run)

    def test_the_broker_is_restarted(self):
        port = free_port()
        listen = f"tcp://127.0.0.1:{port}"
        with Broker(loadgen_cases.folder, "--shards", "2", listen=listen) as broker:
            run = self.begin("--target", target_of(broker.address), *self.FLAGS, "--duration", "4s",
                             "--drain", "1s")
            run.await_progress(" 1 s ")
            broker.process.kill()
            broker.process.wait()
            with Broker(loadgen_cases.folder, "--shards", "2", listen=listen):
                run.finish()
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        self.assertEqual(run.json["connections"]["broken"], 10, run)
        self.assertEqual(run.json["connections"]["opened"], 20, run)
        self.assertGreater(sum(second["delivered"] for second in run.json["series"][2:]), 0, run)

    def test_a_closed_loop_goes_on_after_a_restart(self):
        listen = f"tcp://127.0.0.1:{free_port()}"
        with Broker(loadgen_cases.folder, "--shards", "2", listen=listen) as broker:
            run = self.begin("--target", target_of(broker.address), "--clients", 4, "--window", 4, "--duration", "6s",
                             "--drain", "1s")
            run.await_progress(" 1 s ")
            broker.process.kill()
            broker.process.wait()
            with Broker(loadgen_cases.folder, "--shards", "2", listen=listen):
                run.finish()
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(run.json["connections"]["opened"], 8, run)
        # Each sender's window was full when the connections broke. Without a new window nothing more would be sent.
        self.assertGreater(sum(second["delivered"] for second in run.json["series"][2:]), 1000, run)

    def test_a_silent_broker_is_noticed(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, "--workload", "idle", "--clients", 4, "--keepalive", "1s",
                         "--duration", "5s")
        run.await_progress(" 1 s ")
        broker.process.send_signal(signal.SIGSTOP)
        run.finish()
        broker.process.send_signal(signal.SIGCONT)
        self.assertEqual(run.json["connections"]["broken"], 4, run)

    def test_the_broker_stops_in_good_order(self):
        with Broker(loadgen_cases.folder, "--shards", "2") as broker:
            run = self.begin("--target", target_of(broker.address), *self.FLAGS, "--duration", "2s", "--drain", "1s")
            run.await_progress(" 1 s ")
            broker.stop()
            run.finish()
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        self.assertEqual(run.json["connections"]["broken"], 10, run)
        self.assertTrue(run.json["connections"]["last_problem"], run)


if __name__ == "__main__":
    main()
