"""What the tests of the `onehop` command have in common. Their programs are called with ONEHOP ONEHOPD, and perhaps
arguments for unittest.
"""
import json
import os
import signal
import subprocess
import sys
import unittest

ONEHOP, ONEHOPD = sys.argv[1:3]
LIMIT = 60  # Seconds that nothing here may take; what ends a failure, not what is tested.


class Broker:
    def __init__(self, *flags, listen="tcp://127.0.0.1:0"):
        self.process = subprocess.Popen(
            [ONEHOPD, "--listen", listen, "--log-level", "off", *flags], stdout=subprocess.PIPE, text=True,
            env={"ONEHOP_ADMIN": "none", **os.environ})
        self.address = self.process.stdout.readline().split()[2]

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.process.wait(LIMIT)
        self.process.stdout.close()


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def results(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def error_lines(self):
        return self.err.decode().splitlines()


def environment(address):
    return {**os.environ, "ONEHOP_SERVER": address}


class Case(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.broker = Broker(*self.flags)
        self.addCleanup(self.broker.stop)

    def run_onehop(self, *args, stdin=b"", server=None):
        done = subprocess.run([ONEHOP, *args], input=stdin, capture_output=True, timeout=LIMIT,
                              env=environment(server or self.broker.address))
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *args, **kwargs):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([ONEHOP, *args], env=environment(self.broker.address), **{**streams, **kwargs})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def listen(self, name, *args, **kwargs):
        """Starts a listener; returns when it listens."""
        process = self.start("listen", name, *args, **kwargs)
        line = process.stderr.readline().decode()
        self.assertTrue(line.startswith("listening as " + name), line)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=LIMIT)
        return Result(process.returncode, out, err)


def main():
    unittest.main(module="__main__", argv=[sys.argv[0]] + sys.argv[3:], verbosity=2)
