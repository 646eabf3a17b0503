"""What operating the broker costs: metrics scraped once a second, and `onehop top`, with very many clients connected.

    operations.py BIN_FOLDER [--clients 15000] [--seconds 20] [--shards 2]

Prints the broker's processor time as a part of one core while its clients idle, without and with a scrape each second, in
turns, the difference of the medians, and how long one screen of `onehop top` takes. Measure with nothing else running.
"""

import argparse
import os
import statistics
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "faults"))
from fleet import Broker, Fleet  # noqa: E402
from programs import run  # noqa: E402

TURNS = 5
TOPS = 5
INTERVAL = "0.1"  # Seconds that `top` looks at for its rates; part of its time.


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond."""
    seconds = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
            seconds += int(file.read().split()[0]) / 1e9
    return seconds


def load(pid, seconds, each_second):
    """Percent of one core, while `each_second` is called once a second."""
    cpu, begin = cpu_seconds(pid), time.monotonic()
    for second in range(1, seconds + 1):
        each_second()
        time.sleep(max(0, begin + second - time.monotonic()))
    return 100 * (cpu_seconds(pid) - cpu) / (time.monotonic() - begin)


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--clients", type=int, default=15_000)
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--shards", type=int, default=2)
    given = arguments.parse_args()
    flags = ["--shards", str(given.shards), "--admin", "tcp://127.0.0.1:0"]
    with Broker(given.folder, *flags) as broker:
        admin = broker.output.wait_for(lambda line: line.startswith("admin on ")).split()[-1]
        address = admin.removeprefix("tcp://")
        with Fleet(given.folder, broker.address, "--clients", str(given.clients), "--window", "0") as fleet:
            fleet.wait_until_all_open()
            without, scraped = [], []
            for _ in range(TURNS):
                without.append(load(broker.process.pid, given.seconds, lambda: None))
                scraped.append(load(broker.process.pid, given.seconds, lambda: scrape(address)))
            tops = []
            for _ in range(TOPS):
                begin = time.monotonic()
                code, screen, errors = run([os.path.join(given.folder, "onehop"), "top", "--once", "--interval", INTERVAL,
                                             "--admin", admin])
                tops.append(time.monotonic() - begin)
                assert code == 0, errors
            fleet.tell("finish")
    cost = statistics.median(scraped) - statistics.median(without)
    print(f"{given.clients} idle clients, {given.shards} shards: {statistics.median(without):.3f} % of a core; with a scrape "
          f"each second {statistics.median(scraped):.3f} %; the scrape {cost:.3f} %")
    print(f"onehop top, one screen, {INTERVAL} s of it to see rates: {statistics.median(tops):.3f} s ({min(tops):.3f} to {max(tops):.3f})")
    print(screen.decode().splitlines()[0])


if __name__ == "__main__":
    sys.exit(main())
