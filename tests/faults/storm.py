"""Very many clients connect at once, and then all vanish and return at once, while others exchange messages.

    storm.py BIN_FOLDER [--clients 2000] [--full]

Every client is back with its name; the others lose nothing. --full (15,000 clients, on a quiet machine): all are back
within 30 s, and the others' p99 stays at 50 ms or below meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from fleet import SECONDS_MAX, Broker, Fleet, start

SECONDS_TO_RETURN = 30
P99_MS_MAX = 50


class Established:
    """Clients that exchange messages at a steady rate, by the load generator, for the whole time."""

    def __init__(self, folder, address, seconds, place):
        self._report = os.path.join(place, "established.json")
        self._process = start([os.path.join(folder, "onehop-loadgen"), "--target", address.replace("tcp", "onehop", 1),
                               "--workload", "echo", "--clients", "20", "--rate", "500", "--duration", f"{seconds}s",
                               "--lag-max", "1s", "--quiet", "--json", self._report],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def result(self):
        code = self._process.wait(SECONDS_MAX)
        assert code == 0, f"the established clients' messages do not add up: exit code {code}"
        with open(self._report, encoding="utf-8") as file:
            return json.load(file)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--clients", type=int, default=2_000)
    arguments.add_argument("--full", action="store_true")
    given = arguments.parse_args()
    clients = 15_000 if given.full else given.clients
    with tempfile.TemporaryDirectory() as place, Broker(given.folder, "--shards", "2") as broker:
        seconds = 20 if given.full else 5
        established = Established(given.folder, broker.address, seconds, place)
        begun = time.monotonic()
        with Fleet(given.folder, broker.address, "--clients", str(clients), "--window", "0") as fleet:
            fleet.wait_until_all_open()
            connected = time.monotonic() - begun
            begun = time.monotonic()
            fleet.tell("again")
            fleet.wait_until_all_open(2)
            returned = time.monotonic() - begun
            result = established.result()
            fleet.finish()
        broker.stop()
    print(f"{clients} clients connected within {connected:.1f} s, and returned within {returned:.1f} s")
    latency_ms = {name: result["latency_us"][name] / 1_000 for name in ("p50", "p99", "max")}
    print(f"meanwhile, {result['latency_us']['count']} echoes between others took, in ms: {latency_ms}")
    if given.full:
        assert max(connected, returned) <= SECONDS_TO_RETURN
        assert connected + returned < seconds, "the others' messages had ended before all were back"
        assert latency_ms["p99"] <= P99_MS_MAX


if __name__ == "__main__":
    sys.exit(main())
