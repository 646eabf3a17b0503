"""While a run goes on: figures for Prometheus, and an early end when a threshold can no longer be kept."""

import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

from loadgen_cases import CANNOT_CONNECT, FAILED, FULL, GOOD, VOID, Case, Program, main

SAMPLE = re.compile(r'^([a-z_]+)(?:\{([^}]*)\})? (NaN|[0-9.e+-]+)$')


def parsed(text):
    """Returns the samples by name and labels. Each must be declared before it appears, and appear once."""
    samples, declared = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in declared, line
            declared[name] = kind
            continue
        match = SAMPLE.match(line)
        assert match, line
        name, labels, value = match.groups()
        family = re.sub("_(sum|count)$", "", name) if name not in declared else name
        assert family in declared, line
        assert (name, labels or "") not in samples, line
        samples[name.removeprefix("onehop_loadgen_"), labels or ""] = float(value)
    assert text.endswith("\n")
    return samples


class Metrics(Case):
    def setUp(self):
        self.broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:20ms"))

    def begin_run(self, *flags):
        run = self.begin("--target", self.broker.target, "--clients", 4, "--lag-max", "1m", "--metrics",
                         "tcp://127.0.0.1:0", *flags)
        line = b""
        while not line.startswith(b"metrics on "):
            line = run.process.stderr.readline()
            self.assertTrue(line, "it ended without saying where")
        self.url = line.split()[-1].decode().replace("tcp://", "http://")
        return run

    def get(self, path="/metrics"):
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            self.assertIn("version=0.0.4", answer.headers["Content-Type"])
            return answer.read().decode()

    def test_figures_by_stage(self):
        run = self.begin_run("--rate", 200, "--stage", "1s:200", "--stage", "1500ms:400", "--stage", "3s:400")
        before = parsed(self.get())
        self.assertIn("build_info", [name for name, _ in before])
        run.await_progress("4 s  ")  # The line ends with how many are left, which has one space behind it.
        text = self.get()
        samples = parsed(text)
        self.assertIn(samples["seconds_total", ""], (4, 5))
        self.assertEqual(samples["stage", ""], 3)
        self.assertEqual(samples["planned_rate", ""], 400)
        self.assertEqual(samples["stage_sent_total", 'stage="1"'], 200)
        self.assertEqual(samples["stage_sent_total", 'stage="2"'], 450)
        self.assertGreater(samples["stage_delivered_total", 'stage="1"'], 0)
        self.assertGreater(samples["stage_rate", 'stage="1"'], 0)
        # The broker holds each message back for 20 ms, so no percentile can be lower.
        for key in (("latency_seconds", 'quantile="0.5"'), ("latency_seconds", 'quantile="0.99"'),
                    ("stage_latency_seconds", 'stage="2",quantile="0.5"'),
                    ("stage_latency_seconds", 'stage="2",quantile="0.99"')):
            self.assertGreaterEqual(samples[key], 0.0199, key)
        self.assertGreaterEqual(samples["latency_seconds_sum", ""], 0.0199 * samples["latency_seconds_count", ""])
        self.assertEqual(samples["stage_latency_seconds_count", 'stage="1"'],
                         samples["stage_delivered_total", 'stage="1"'])
        if shutil.which("promtool"):
            subprocess.run(["promtool", "check", "metrics"], input=text.encode(), check=True)
        run.finish()
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        # The figures that were served are those of the result.
        self.assertEqual(run.json["stages"][1]["sent"], 450, run)

    def test_what_is_asked_wrongly_harms_nobody(self):
        run = self.begin_run("--rate", 200, "--duration", "3s")
        host, port = self.url.removeprefix("http://").split(":")
        for _ in range(30):  # These are more connections than it takes at a time, and they say nothing.
            self.addCleanup(socket.create_connection((host, int(port))).close)
        with socket.create_connection((host, int(port))) as endless:
            endless.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000)
            self.assertIn(b"431", endless.recv(4096))
        with socket.create_connection((host, int(port))) as post:
            post.sendall(b"POST /metrics HTTP/1.1\r\n\r\n")
            self.assertIn(b"405", post.recv(4096))
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get("/elsewhere")
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()
        parsed(self.get())
        run.finish()
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)

    def test_an_address_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            run = self.generate("--target", self.broker.target, "--clients", 2, "--duration", "1s", "--metrics",
                                address)
        self.assertEqual(run.code, CANNOT_CONNECT, run)
        self.assertIn(address, run.errors, run)
        self.assertFalse(run.json)


class EarlyEnd(Case):
    FLAGS = ["--clients", 4, "--rate", 500, "--lag-max", "1m", "--abort-on-fail"]

    def test_a_percentile_that_is_lost(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:50ms"))
        run = self.generate("--target", broker.target, *self.FLAGS, "--duration", "100s", "--threshold", "p99<10ms")
        self.check_sums(run)
        self.assertEqual(run.code, FAILED, run)
        self.assertLess(run.json["duration_s"], 100, run)
        self.assertIn("p99<10ms", run.json["ended_early"], run)
        self.assertIn("ended early", run.out)
        self.assertIs(run.json["thresholds"][0]["kept"], False, run)
        # The run ends only when more than 1 in 100 of all planned messages were late.
        self.assertGreater(run.json["latency_us"]["count"], 500, run)

    def test_a_frozen_target_is_late_although_nothing_arrives(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, *self.FLAGS, "--duration", "100s", "--drain", "1s", "--threshold",
                         "max<500ms")
        run.await_progress(" 1 s ")
        broker.process.send_signal(signal.SIGSTOP)
        run.finish()
        broker.process.send_signal(signal.SIGCONT)
        self.check_sums(run)
        self.assertEqual(run.code, FAILED, run)
        self.assertIn("max<500ms", run.json["ended_early"], run)

    def test_what_can_still_be_kept_goes_on(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "points:98%:0ms,2%:300ms"))
        run = self.generate("--target", broker.target, *self.FLAGS, "--duration", "3s", "--threshold", "p90<60s",
                            "--threshold", "errors==0", "--threshold", "rate>=1")
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        self.assertIsNone(run.json["ended_early"], run)

    def test_what_could_not_be_sent_is_an_error(self):
        """The target goes away, so messages wait in the generator until the end. Everything that went wrong is allowed, so
        only the thresholds decide."""
        broker = self.started(Program("onehop-fake-broker", "--die-after", 100))
        run = self.generate("--target", broker.target, "--clients", 4, "--rate", 500, "--lag-max", "1m", "--duration", "2s",
                            "--drain", "1s", "--allow", "undelivered<=100%", "--allow", "broken<=4", "--threshold",
                            "errors==0", "--threshold", "not_sent==0")
        self.check_sums(run)
        outcomes = run.json["outcomes"]
        self.assertGreater(outcomes["not_sent"], 0, run)
        self.assertEqual(run.json["failures"], [], run)
        errors, not_sent = run.json["thresholds"]
        self.assertEqual(errors["value"], run.json["planned"] - outcomes["delivered"], run)
        self.assertGreaterEqual(not_sent["value"], outcomes["not_sent"], run)
        self.assertIs(errors["kept"], False, run)
        self.assertIs(not_sent["kept"], False, run)
        self.assertEqual(run.code, FAILED, run)

    def test_a_stage_that_is_lost(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:50ms"))
        run = self.generate("--target", broker.target, "--clients", 4, "--lag-max", "1m", "--abort-on-fail", "--stage",
                            "1s:100", "--stage", "1s:100", "--stage", "100s:100", "--threshold", "2:p50<10ms",
                            "--threshold", "1:p50<60s")
        self.check_sums(run)
        self.assertEqual(run.code, FAILED, run)
        self.assertIn("2:p50<10ms", run.json["ended_early"], run)
        self.assertLess(run.json["duration_s"], 102, run)


if __name__ == "__main__":
    main()
