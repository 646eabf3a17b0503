"""SIGTERM while every client sends as fast as it may, to a broker with several shards, and another broker on the same
port afterwards.

    drain_under_load.py BIN_FOLDER [--clients 100] [--spread-ms 3000]

Every message is DELIVERED, in order: in a drain everything is told, and whoever is back before its recipient waits for it.
The broker ends in good order before its deadline. Every client comes back to the second broker, and the times it was told to
come back after are spread over the whole range, none of its tenths holding more than three times its share.
"""

import argparse
import signal
import sys
import time

from fleet import SECONDS_MAX, Broker, Fleet

WINDOW = 16
TENTHS = 10


def start_second(folder, address, flags):
    """As soon as the first broker listens no more: its port is free then, though its clients may still be there."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        try:
            return Broker(folder, *flags, listen=address)
        except AssertionError:
            if time.monotonic() > deadline:
                raise


def check_spread(told, spread_ms, clients):
    assert len(told) == clients, f"{len(told)} of {clients} clients were told when to come back"
    assert max(told) <= spread_ms, f"told {max(told)} ms, and the spread is {spread_ms}"
    counts = [0] * TENTHS
    for retry_ms in told:
        counts[min(TENTHS - 1, retry_ms * TENTHS // spread_ms)] += 1
    assert max(counts) <= 3 * clients / TENTHS and min(counts) > 0, f"bunched: {counts}"
    return counts


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--clients", type=int, default=100)
    arguments.add_argument("--spread-ms", type=int, default=3000)
    given = arguments.parse_args()
    flags = ["--shards", "2", "--drain-spread-ms", str(given.spread_ms)]
    with Broker(given.folder, *flags) as first:
        with Fleet(given.folder, first.address, "--clients", str(given.clients), "--window", str(WINDOW)) as fleet:
            fleet.wait_until_all_open()
            fleet.wait_for_outcomes(20_000)
            first.process.send_signal(signal.SIGTERM)
            with start_second(given.folder, first.address, flags) as second:
                code = first.process.wait(SECONDS_MAX)
                assert code == 0, f"the drained broker ended with {code}: it cut clients off"
                fleet.wait_until_all_open(2)
                before = fleet.outcomes()
                fleet.wait_for_outcomes(before + 20_000)
                report = fleet.finish()
                second.stop()
    told = report["counts"]
    assert set(told) == {"DELIVERED"}, told
    counts = check_spread(report["told_retry_ms"], given.spread_ms, given.clients)
    away = sorted(report["away_ms"])
    print(f"{report['outcomes']} outcomes: {report['counts']}")
    print(f"told to come back, by tenth of {given.spread_ms} ms: {counts}; away for {away[0]} to {away[-1]} ms, "
          f"median {away[len(away) // 2]}")


if __name__ == "__main__":
    sys.exit(main())
