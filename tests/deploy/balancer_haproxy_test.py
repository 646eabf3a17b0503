#!/usr/bin/python3
"""The broker behind a real HAProxy with deploy/haproxy/haproxy.cfg: in TCP mode, with send-proxy-v2. Only its idle
timeouts are shorter here, and there are more kinds of checks.

    balancer_haproxy_test.py FOLDER     the folder of the programs; PYTHONPATH: as tests/deploy/CMakeLists.txt says
"""
import csv
import os
import pathlib
import socket
import subprocess
import unittest

import balancers
import programs

SHIPPED = pathlib.Path(__file__).parents[2] / "deploy/haproxy/haproxy.cfg"
# Not for clients: checks of other kinds than the shipped one.
MORE_CHECKS = """
backend more_checks
  server plain 127.0.0.1:{plain_port} check inter 50ms
  server bare 127.0.0.1:{proxy_port} check inter 50ms
  server local 127.0.0.1:{proxy_port} send-proxy-v2 check check-send-proxy inter 50ms
"""


class Haproxy(balancers.BehindABalancer, unittest.TestCase):
    program = "/usr/sbin/haproxy"

    def start_balancer(self, broker, listener, folder):
        configuration = SHIPPED.read_text(encoding="utf-8")
        for old, new in (("fd-hard-limit 262144", f"fd-hard-limit 262144\n  stats socket {folder}/stats.sock level admin"),
                         ("timeout client 11m", f"timeout client {balancers.IDLE_SECONDS}s"),
                         ("timeout server 11m", f"timeout server {balancers.IDLE_SECONDS}s")):
            self.assertEqual(1, configuration.count(old), old)
            configuration = configuration.replace(old, new)
        configuration += MORE_CHECKS.format(plain_port=broker.plain_port, proxy_port=broker.proxy_port)
        path = os.path.join(folder, "haproxy.cfg")
        pathlib.Path(path).write_text(configuration, encoding="utf-8")
        environment = {
            "ONEHOP_HAPROXY_LISTEN": f"fd@{listener.fileno()}",
            "ONEHOP_BACKEND": f"127.0.0.1:{broker.proxy_port}",
            "ONEHOP_BACKEND_ADMIN_PORT": str(broker.admin_port),
            # Nobody is there.
            "ONEHOP_BACKEND_NEXT": "127.0.0.1:1",
            "ONEHOP_BACKEND_NEXT_ADMIN_PORT": "1",
        }
        # With the descriptors that many systems give a program: it must start with them as well.
        return programs.start(["prlimit", "--nofile=1024:1024", self.program, "-db", "-q", "-f", path],
                              pass_fds=[listener.fileno()], environment=environment, stdout=subprocess.DEVNULL)

    def states(self):
        """What each server's last check came to, by HAProxy's own account."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.path.join(self.scratch.name, "stats.sock"))
            connection.sendall(b"show stat\n")
            rows = csv.DictReader(balancers.read_to_end(connection).decode().lstrip("# ").splitlines())
            return {row["svname"]: row["check_status"].removeprefix("* ") for row in rows if row["check_status"]}

    def test_checks_of_the_balancer_leave_no_line(self):
        # As long as the balancer takes to cut an idle connection: many checks of each kind meanwhile.
        silent = self.dial(self.port, "127.0.0.3")
        silent.sendall(balancers.connect_bytes("silent"))
        balancers.read_to_end(silent)
        states = self.states()
        states.pop("next")
        self.assertEqual({"current": "L7OK", "plain": "L4OK", "bare": "L4OK", "local": "L4OK"}, states)
        self.end_balancer()
        log = self.broker.stop()
        self.assertEqual([], [line for line in log if line["level"] in ("warning", "error") or
                              line.get("event") in ("connect_refused", "connection_ended")])
        peers = [line["peer"] for line in log if line.get("peer")]
        self.assertEqual([], [peer for peer in peers if "127.0.0.3" not in peer])


if __name__ == "__main__":
    balancers.main(Haproxy)
