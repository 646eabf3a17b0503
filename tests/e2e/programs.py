"""The programs under test, as processes of this one: started on free ports, ended with it whatever happens."""

import ctypes
import json
import os
import signal
import subprocess
import threading

SECONDS_MAX = 120  # What a single step may take before the test gives up; nothing waits for it to pass.


_libc = ctypes.CDLL(None)  # Loaded before any fork: afterwards only what is safe there is called.


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(command, **keywords):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONEHOP_")}
    environment.update(keywords.pop("environment", {}))
    return subprocess.Popen([str(word) for word in command], env=environment, preexec_fn=_die_with_parent, **keywords)


def run(command, **keywords):
    """Runs a program to its end, which it must reach within `timeout` seconds; returns its exit code, what it wrote, and
    what it complained of."""
    timeout = keywords.pop("timeout", SECONDS_MAX)
    given = keywords.pop("input", None)
    keywords.setdefault("stdin", subprocess.DEVNULL if given is None else subprocess.PIPE)
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)
    try:
        out, errors = process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{' '.join(map(str, command))} did not end within {timeout} s") from None
    return process.returncode, out, errors


class Lines:
    """What a process writes to a pipe, gathered line by line, for whoever waits for a line."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._gather, daemon=True)
        self._reader.start()

    def _gather(self):
        for line in self._pipe:
            with self._changed:
                self._lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def now(self):
        with self._changed:
            return list(self._lines)

    def all(self):
        """All of them, once the process has closed the pipe."""
        self._reader.join(SECONDS_MAX)
        return self.now()

    def wait_for(self, wanted):
        """The first line that `wanted` says yes to; fails if the process ends without it."""
        return self.wait_for_count(wanted, 1)

    def wait_for_count(self, wanted, count):
        """As wait_for; the line that is the `count`th."""
        with self._changed:
            def find():
                found = [line for line in self._lines if wanted(line)]
                return found[count - 1] if len(found) >= count else None
            self._changed.wait_for(lambda: self._ended or find() is not None, SECONDS_MAX)
            line = find()
        if line is None:
            raise AssertionError("the line that was waited for did not come; what did: " + repr(self.now()[-20:]))
        return line


class Broker:
    """onehopd on a free port of the loopback address, logging as JSON, without an admin port unless flags say so."""

    def __init__(self, folder, *flags, listen="tcp://127.0.0.1:0", before=()):
        """`before`: a command that runs the one behind it."""
        command = [*before, os.path.join(folder, "onehopd"), "--listen", listen, "--log-format", "json", *flags]
        self.process = start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             environment={"ONEHOP_ADMIN": "none"})
        self.output = Lines(self.process.stdout)
        self._log = Lines(self.process.stderr)
        try:
            self.address = self.output.wait_for(lambda line: line.startswith("listening on ")).split()[2]
        except AssertionError:
            raise AssertionError("the broker does not start: " + "; ".join(self._log.now())) from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def home_of(self, name):
        """The shard a client lives on, by the log of level debug, once it has connected."""
        line = self._log.wait_for(lambda text: '"session_opened"' in text and f'"name":"{name}"' in text)
        return int(json.loads(line)["shard"])

    def log_line(self, event):
        """The first line of this event, once it is there."""
        return json.loads(self._log.wait_for(lambda text: f'"event":"{event}"' in text))

    def stop(self):
        """Stops it in good order; returns what it logged."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS_MAX)
        log = [json.loads(line) for line in self._log.all()]
        if code != 0:
            raise AssertionError(f"the broker ended with {code}; the end of its log: {log[-5:]}")
        return log
