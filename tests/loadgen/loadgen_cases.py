"""What the tests of onehop-loadgen share: the programs on free ports, and a run of the generator with its reports.

Each test is run as  X_test.py BIN_FOLDER [unittest's arguments].  With ONEHOP_TEST_FULL=1 in the environment the runs
and the bounds are those of the promises, which need a quiet machine. Otherwise the runs are short, and a slow machine
keeps the bounds while a generator that lies does not.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import jsonschema
except ImportError:
    jsonschema = None

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))

from programs import SECONDS_MAX, Broker, Lines, start  # noqa: E402,F401: tests take them from here

FULL = os.environ.get("ONEHOP_TEST_FULL") == "1"

GOOD, FAILED, USAGE, CANNOT_CONNECT, VOID = range(5)
INTERRUPTED = 130

folder = ""  # The folder of the programs.

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "loadgen-schema.json")
_validator = None


def check_schema(told):
    """The file follows docs/loadgen-schema.json, which knows every key. If Python lacks the module for that, which ./dev
    setup installs, only the tests of the schema itself fail."""
    global _validator
    if jsonschema is None:
        return
    if _validator is None:
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        _validator = jsonschema.Draft202012Validator(schema)
    wrong = [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in _validator.iter_errors(told)]
    assert not wrong, wrong


def main():
    global folder
    folder = sys.argv.pop(1)
    unittest.main(verbosity=2)


def program(name):
    return os.path.join(folder, name)


def target_of(address, scheme="onehop"):
    """The target that the generator needs for a server that listens on `address`."""
    return address.replace("tcp://", scheme + "://")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def take_processor_of(number):
    """A prefix for a command: it runs on this processor only."""
    return ["taskset", "--cpu-list", str(number)]


class Program:
    """A program of these tests, which says where it listens."""

    def __init__(self, name, *flags, prefix=()):
        self.process = start([*prefix, program(name), *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.output = Lines(self.process.stdout)
        self.address = self.output.wait_for(lambda line: line.startswith("listening on ")).split()[-1]
        self.target = target_of(self.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.all()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS_MAX)
        if code != 0:
            raise AssertionError(f"it ended with {code}")


class RealServer:
    """Another broker on a free port, as Debian installs it."""

    COMMANDS = {
        "nats": lambda port, place: ["nats-server", "-a", "127.0.0.1", "-p", port],
        "mqtt": lambda port, place: ["mosquitto", "-c", os.path.join(place, "mosquitto.conf")],
        "redis": lambda port, place: ["redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", place,
                                      "--save", "", "--client-output-buffer-limit", "pubsub 0 0 0"],
    }

    def __init__(self, scheme):
        self._place = tempfile.TemporaryDirectory(prefix="onehop-loadgen-")
        port = free_port()
        with open(os.path.join(self._place.name, "mosquitto.conf"), "w", encoding="utf-8") as file:
            file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
                       "max_inflight_messages 0\n")
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # Debian puts servers there.
        self.process = start(self.COMMANDS[scheme](port, self._place.name), stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, environment={"PATH": path})
        self.target = f"{scheme}://127.0.0.1:{port}"
        give_up = time.monotonic() + SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > give_up:
                    raise AssertionError(f"the server for {scheme}:// does not start") from None
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self._place.cleanup()


class BlindForwarder:
    """Joins connections in their order, so a test must not connect to see whether it is there."""

    SCHEME, FLAGS = "blind", []

    def __init__(self):
        self.process = start([program("onehop-blind"), "--listen", "127.0.0.1:0", *self.FLAGS],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.target = f"{self.SCHEME}://127.0.0.1:" + self.process.stdout.readline().decode().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


class BareServer(BlindForwarder):
    """Sends back what comes. It is the yardstick of connects."""

    SCHEME, FLAGS = "bare", ["--answer"]


class Generator:
    """One run of onehop-loadgen. `json` is the file that it wrote, or {} if it wrote none."""

    def __init__(self, *flags, prefix=(), json_file=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                 environment=None):
        self._place = tempfile.TemporaryDirectory(prefix="onehop-loadgen-")
        self.path = os.path.join(self._place.name, "run.json")
        command = [*prefix, program("onehop-loadgen"), *flags, *(["--json", self.path] if json_file else [])]
        self.line = " ".join(map(str, command))
        self.process = start(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                             environment=environment or {})

    def await_progress(self, words):
        """Waits for a line of the progress with these words. "2 s" is in the line of the second second."""
        line = ""
        while words not in line:
            byte = os.read(self.process.stderr.fileno(), 1).decode("latin-1")
            assert byte, f"it ended without saying '{words}'"
            line = "" if byte == "\n" else line + byte

    def finish(self, seconds_max=SECONDS_MAX):
        out, errors = self.process.communicate(timeout=seconds_max)
        self.code, self.out, self.errors = self.process.returncode, (out or b"").decode(), (errors or b"").decode()
        self.json = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                self.json = json.load(file)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._place.cleanup()

    def __str__(self):
        keys = ("exit_code", "failures", "void_reasons", "outcomes", "unexplained", "faults", "reasons", "connections", "latency_us",
                "generator", "thresholds")
        shown = {key: self.json.get(key) for key in keys}
        return f"\n{self.line}\nended with {self.code}\n{self.errors[-2000:]}\n{self.out[-2000:]}\n{json.dumps(shown)}"


class Case(unittest.TestCase):
    maxDiff = None

    def generate(self, *flags, **keywords):
        """Makes a run, and waits for its end."""
        run = Generator(*flags, **keywords)
        self.addCleanup(run.__exit__)
        return run.finish()

    def begin(self, *flags, **keywords):
        run = Generator(*flags, **keywords)
        self.addCleanup(run.__exit__)
        return run

    def started(self, thing):
        """Returns a server, which the end of the test stops."""
        self.addCleanup(thing.__exit__)
        return thing

    def check_sums(self, run):
        """Every message has a fate, figures that appear twice are equal, and the file follows the schema."""
        check_schema(run.json)
        self.assertIn("outcomes", run.json, run)
        outcomes = run.json["outcomes"]
        told = sum(count for outcome, count in outcomes.items() if outcome != "sent")
        self.assertEqual(outcomes["sent"], told + run.json["unexplained"], run)
        self.assertEqual(run.json["exit_code"], run.code, run)

    def check_failed(self, run, *words):
        """The run has failed and says so: each of `words` is in a line of the text and of the file."""
        self.check_sums(run)
        self.assertEqual(run.code, FAILED, run)
        lines = [line for line in run.out.splitlines() if line.startswith("FAILED: ")]
        self.assertEqual(lines, ["FAILED: " + failure for failure in run.json["failures"]], run)
        for word in words:
            self.assertTrue(any(word in line for line in lines), f"nothing says '{word}': {run}")

    def check_good(self, run):
        """The accounts and the generator are good. Unless the test is a full one, a run that the generator itself has
        declared void is no failure, since the machine may be slow."""
        self.check_sums(run)
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        if run.code == VOID and not FULL:
            self.assertTrue(run.json["void_reasons"], run)
        else:
            self.assertEqual(run.code, GOOD, run)
            self.assertIs(run.json["void"], False, run)

    def check_all_delivered(self, run):
        self.check_good(run)
        self.assertIn("outcomes", run.json, run)
        outcomes = run.json["outcomes"]
        self.assertGreater(outcomes["sent"], 0, run)
        self.assertEqual(outcomes["sent"], outcomes["delivered"], run)
