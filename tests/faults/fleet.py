"""onehop-fleet (fleet_main.cc) as the fault tests use it, and what must hold of its report whatever happened."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from programs import SECONDS_MAX, Broker, Lines, start  # noqa: E402,F401


class Fleet:
    def __init__(self, folder, server, *flags):
        command = [os.path.join(folder, "onehop-fleet"), server, *flags]
        self._process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lines = Lines(self._process.stdout)
        self._seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def wait_until_all_open(self, times=1):
        """Until it has happened so often that all clients had a session at once."""
        self._lines.wait_for_count(lambda line: '"all_open"' in line, times)

    def times_all_open(self):
        return sum('"all_open"' in line for line in self._lines.now())

    def wait_for_outcomes(self, count):
        self._lines.wait_for(lambda line: '"outcomes"' in line and json.loads(line).get("count", 0) >= count)

    def outcomes(self):
        """How many there were, in whole thousands."""
        counts = [json.loads(line)["count"] for line in self._lines.now() if '"event":"outcomes"' in line]
        return counts[-1] if counts else 0

    def tell(self, command):
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def finish(self):
        """Ends it, and returns its report, of which the promises hold."""
        self.tell("finish")
        code = self._process.wait(SECONDS_MAX)
        assert code == 0, f"the fleet ended with {code}"
        report = json.loads(self._lines.all()[-1])
        assert report["broken"] == [], report["broken"]
        assert report["unsettled"] == 0, f"messages without an outcome: {report}"
        assert report["sent"] == report["outcomes"] + report["vanished"], report
        assert sum(report["counts"].values()) == report["outcomes"], report
        return report
