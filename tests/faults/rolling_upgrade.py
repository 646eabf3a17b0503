"""A rolling upgrade of two brokers behind a real HAProxy, which asks /readyz, while clients send as fast as they may.

    rolling_upgrade.py BIN_FOLDER [--clients 60]

One broker after the other is drained by SIGTERM and started anew on its ports. Each ends in good order, and its clients
come back through HAProxy to the other. Meanwhile each broker is a name space of its own, so that many messages name
nobody there; but every message of every client has an outcome, and none is UNKNOWN.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
import urllib.request

from fleet import SECONDS_MAX, Broker, Fleet, start

HAPROXY = """
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch
    retries 3
frontend onehop
    bind unix@{socket} mode 600
    default_backend brokers
backend brokers
    balance roundrobin
    option httpchk GET /readyz
    default-server check inter 100ms fall 1 rise 1 send-proxy-v2
    server a {a} port {a_admin}
    server b {b} port {b_admin}
"""


class Replica:
    """A broker that is started again on the ports it had."""

    def __init__(self, folder):
        self._folder = folder
        self._listen = self._admin = "tcp://127.0.0.1:0"
        self.start()

    def start(self):
        # The ports of the one before may take a moment to be free: its last connections are being closed.
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                self.broker = Broker(self._folder, "--shards", "2", "--listen-proxy", self._listen, "--proxy-from",
                                     "127.0.0.1,unix", "--admin", self._admin, "--drain-spread-ms", "1000",
                                     # Half of the names are at the other broker at first, and do not come.
                                     "--drain-delay-ms", "500", "--start-grace-ms", "0")
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
        lines = self.broker.output.wait_for(lambda line: line.startswith("admin on ")), *self.broker.output.now()
        self._admin = lines[0].split()[-1]
        self._listen = [line for line in lines if line.startswith("listening on ")][-1].split()[-1]

    def drain(self):
        self.broker.process.send_signal(signal.SIGTERM)
        code = self.broker.process.wait(SECONDS_MAX)
        assert code == 0, f"a drained broker ended with {code}"

    def host_and_port(self):
        return self._listen.removeprefix("tcp://")

    def admin_port(self):
        return self._admin.rsplit(":", 1)[1]

    def connections(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port()}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("onehop_connections "))


def upgrade(replica, fleet):
    before = fleet.times_all_open()
    replica.drain()
    fleet.wait_until_all_open(before + 1)
    outcomes = fleet.outcomes()
    fleet.wait_for_outcomes(outcomes + 5_000)
    replica.start()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--clients", type=int, default=60)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as place:
        a, b = Replica(given.folder), Replica(given.folder)
        socket = os.path.join(place, "onehop.sock")
        configuration = os.path.join(place, "haproxy.cfg")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(HAPROXY.format(socket=socket, a=a.host_and_port(), a_admin=a.admin_port(),
                                      b=b.host_and_port(), b_admin=b.admin_port()))
        haproxy = start(["haproxy", "-db", "-f", configuration])
        try:
            deadline = time.monotonic() + SECONDS_MAX
            while not os.path.exists(socket):
                assert haproxy.poll() is None and time.monotonic() < deadline, "haproxy does not start"
            with Fleet(given.folder, f"unix://{socket}", "--clients", str(given.clients)) as fleet:
                fleet.wait_until_all_open()
                fleet.wait_for_outcomes(5_000)
                assert a.connections() > 0 and b.connections() > 0, "HAProxy uses one broker only"
                upgrade(a, fleet)
                upgrade(b, fleet)
                report = fleet.finish()
        finally:
            haproxy.kill()
            haproxy.wait()
            for replica in (a, b):
                replica.broker.process.kill()
                replica.broker.process.wait()
    told = report["counts"]
    assert "UNKNOWN" not in told, told
    assert report["counts"].get("DELIVERED", 0) > 0, report["counts"]
    print(f"{report['outcomes']} outcomes: {report['counts']}; connections ended by {report['downs']}")


if __name__ == "__main__":
    sys.exit(main())
