"""The workload connects, with the broker, the real servers and the bare server, by a window and by a rate."""

import os
import socket

from loadgen_cases import (FAILED, BareServer, Broker, Case, RealServer, main, target_of)
import loadgen_cases

SECONDS = 0.5
SHORT = ["--workload", "connects", "--duration", f"{SECONDS}s", "--drain", "5s"]


class Connects(Case):
    def check_connects(self, run):
        self.check_good(run)
        connections = run.json["connections"]
        self.assertEqual((connections["failed"], connections["broken"]), (0, 0), run)
        self.assertEqual(connections.get("unopened", 0), 0, run)
        self.assertGreater(connections["opened"], 20, run)
        self.assertEqual(run.json["connect_latency_us"]["count"], connections["opened"], run)
        self.assertEqual(run.json["outcomes"]["sent"], 0, run)
        self.assertGreater(run.json["achieved_rate"], 0, run)
        self.assertIn("connected", run.out, run)

    def test_a_window_of_them(self):
        with Broker(loadgen_cases.folder, "--shards", "2") as broker:
            for flags in (["--window", 1], ["--window", 20], ["--window", 7, "--threads", 2],
                          ["--window", 5, "--idle", 10]):
                run = self.generate("--target", target_of(broker.address), *SHORT, *flags)
                self.check_connects(run)
                self.assertEqual(run.json["loop"], "closed", run)

    def test_at_a_rate(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            run = self.generate("--target", target_of(broker.address), *SHORT, "--rate", 200)
            self.check_connects(run)
            due = run.json["connections"]["opened"] + run.json["generator"]["missed_arrivals"]
            self.assertAlmostEqual(due, 200 * SECONDS, delta=2, msg=str(run))

    def test_what_the_system_pays_is_told_for_each(self):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            run = self.generate("--target", target_of(broker.address), *SHORT, "--window", 8, "--system-pid",
                                broker.process.pid)
            self.check_connects(run)
            self.assertGreater(run.json["system"]["cpu_us_per_connect"], 0, run)
            self.assertIsNone(run.json["system"]["cpu_us_per_message"], run)
            self.assertIn("a connect", run.out, run)

    def test_real_servers(self):
        for scheme in ("nats", "mqtt", "redis"):
            with self.subTest(scheme=scheme), RealServer(scheme) as server:
                self.check_connects(self.generate("--target", server.target, *SHORT, "--window", 8))

    def test_the_bare_yardstick(self):
        with BareServer() as server:
            run = self.generate("--target", server.target, *SHORT, "--window", 8, "--system-pid", server.process.pid)
            self.check_connects(run)
            self.assertGreater(run.json["system"]["cpu_us_per_connect"], 0, run)
            # The broker still answers, and has closed all connections that it accepted.
            with socket.create_connection(("127.0.0.1", int(server.target.rsplit(":", 1)[1]))) as one:
                one.sendall(b"ping")
                self.assertEqual(one.recv(100), b"ping")
                self.assertLess(len(os.listdir(f"/proc/{server.process.pid}/fd")), 10)

    def test_no_port_is_kept_from_the_next(self):
        with BareServer() as server:
            run = self.generate("--target", server.target, *SHORT, "--window", 8)
            self.check_connects(run)
            port = int(server.target.rsplit(":", 1)[1])
            with open("/proc/net/tcp", encoding="ascii") as file:
                waiting = [line for line in file if line.split()[3] == "06" and f":{port:04X}" in line]
            self.assertEqual(waiting, [])

    def test_whoever_is_not_answered_fails_the_run(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            run = self.generate("--target", f"onehop://127.0.0.1:{listener.getsockname()[1]}", "--workload", "connects",
                                "--window", 3, "--duration", "0.5s", "--drain", "0.5s")
            self.assertEqual(run.code, FAILED, run)
            self.assertEqual(run.json["connections"]["unopened"], 3, run)
            self.check_failed(run, "3 connections were wanted and never open")

    def test_nobody_listens(self):
        run = self.generate("--target", f"bare://127.0.0.1:{loadgen_cases.free_port()}", *SHORT, "--window", 2)
        self.assertEqual(run.code, FAILED, run)
        self.assertGreater(run.json["connections"]["failed"], 0, run)
        self.assertEqual(run.json["connections"]["opened"], 0, run)


if __name__ == "__main__":
    main()
