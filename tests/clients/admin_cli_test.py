#!/usr/bin/python3
"""The operator's commands of `onehop`: against a broker, and against an admin port that does not behave.

    admin_cli_test.py ONEHOP ONEHOPD
"""
import contextlib
import json
import os
import re
import socket
import subprocess
import threading

from admin_case import AdminCase, client, environment
from cli_case import LIMIT, ONEHOP, ONEHOPD, main


class CommandLine(AdminCase):
    def test_what_is_wrong_is_said_in_one_line(self):
        for words, what in ((["clients", "--admin", "none"], "switched off"),
                            (["clients", "--admin", "http://"], "is not http://host:port"),
                            (["clients", "--admin", "tcp://127.0.0.1:0"], "nobody can connect to port 0"),
                            (["clients", "--admin", "ftp://x:1"], "ftp://x:1"),
                            (["clients", "--sort", "size"], "--sort"),
                            (["trace", "alice"], "B is required"),
                            (["trace", "a b", "c"], "is not a name"),
                            (["kick", "\x1b[31m"], "\\x1b[31m"),
                            (["drain", "--timeout", "1"], "--wait"),
                            (["top", "--interval", "0"], "above 0")):
            with self.subTest(words=words):
                self.assert_fails(self.run_onehop(*words), 2, what)

    def test_a_token_that_is_none(self):
        path = os.path.join(self.folder(), "token")
        self.assert_fails(self.run_onehop("clients", "--token-file", path), 2, "cannot read the token")
        os.mkfifo(path + ".pipe")  # Nobody writes into it.
        for endless in (path + ".pipe", "/dev/zero"):
            self.assert_fails(self.run_onehop("clients", "--token-file", endless), 2, "not a regular file")
        for content in (b"\n", b"two\x01words\n"):
            with open(path, "wb") as file:
                file.write(content)
            self.assert_fails(self.run_onehop("clients", "--token-file", path), 2, "holds no token")

    def test_help_has_examples_and_exit_codes(self):
        for command in ("clients", "top", "trace", "kick", "drain", "undrain", "health"):
            text = self.run_onehop("help", command).out
            self.assertIn("Exit codes:", text)
            self.assertIn(f"  onehop {command}", text)


class Misbehaving(AdminCase):
    def test_nobody_is_there(self):
        port = self.fake({})
        port.stop()
        for command in (["clients"], ["clients", "--closed"], ["top"], ["trace", "a", "b"], ["kick", "a"], ["drain"]):
            result = self.run_onehop(*command, "--admin", port.address)
            self.assert_fails(result, 3, f"cannot reach the admin port at {port.address}")
            self.assertIn("is --admin on?", result.error_lines()[0])
        self.assert_fails(self.run_onehop("clients", "--admin", "unix:///nonexistent/socket"), 3, "No such file")

    def test_health_checks_know_only_well_and_not_well(self):
        port = self.fake({"GET /livez": (200, b"ok\n"), "GET /readyz": (503, b"draining\x1b[2J\n")})
        lives = self.run_onehop("health", ONEHOP_ADMIN=port.address, ONEHOP_ADMIN_TOKEN_FILE="/nonexistent",
                                http_proxy="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
        self.assertEqual((lives.code, lives.out, lives.err), (0, "ok\n", b""))
        ready = self.run_onehop("health", "--ready", "--admin", port.address.replace("tcp:", "http:") + "/")
        self.assertEqual((ready.code, ready.out, ready.err), (1, "draining\\x1b[2J\n", b""))
        port.stop()
        self.assert_fails(self.run_onehop("health", "--admin", port.address), 1, "cannot reach")

    def test_one_that_hangs(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = "tcp://127.0.0.1:%d" % silent.getsockname()[1]
            result = self.run_onehop("health", "--timeout", "0.2", "--admin", address)
        self.assert_fails(result, 1, "it does not answer within 200 ms")

    def test_something_else(self):
        def talk(server):
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    with peer:
                        peer.sendall(b"SSH-2.0-OpenSSH\r\n")

        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=talk, args=(server,), daemon=True).start()
            address = "tcp://127.0.0.1:%d" % server.getsockname()[1]
            result = self.run_onehop("clients", "--admin", address)
            server.shutdown(socket.SHUT_RDWR)
        self.assert_fails(result, 3, "no answer of the admin port")
        for body in (b"<html>", b"[]", b'{"clients":{}}', b'{"clients":[1]}'):
            port = self.fake({"GET /api/v1/clients": (200, body)})
            result = self.run_onehop("clients", "--admin", port.address)
            self.assert_fails(result, 3, "is not onehopd's admin port")

    def test_a_token_is_wanted(self):
        def answer(_):
            given = port.requests[-1][2].get("Authorization")
            return (200, {"found": 0, "clients": []}) if given == "Bearer s3cret" else (401, {"error": "no token"})

        port = self.fake({"GET /api/v1/clients": answer})
        self.assert_fails(self.run_onehop("clients", "--admin", port.address), 1, "--token-file")
        path = os.path.join(self.folder(), "token")
        with open(path, "w", encoding="ascii") as file:
            file.write("s3cret\n")
        self.assertEqual(self.run_onehop("clients", "--admin", port.address, "--token-file", path).code, 0)
        self.assertEqual(self.run_onehop("clients", ONEHOP_ADMIN=port.address, ONEHOP_ADMIN_TOKEN_FILE=path).code, 0)

    def test_a_refusal_is_told_without_what_would_move_the_terminal(self):
        port = self.fake({"POST /api/v1/drain": (403, {"error": "no\x1b[2J\nno"})})
        result = self.run_onehop("drain", "--admin", port.address)
        self.assert_fails(result, 1, "the admin port refused: no\\x1b[2J\\x0ano")


class Views(AdminCase):
    def test_many_clients_come_page_by_page(self):
        def page(query):
            words = dict(word.split("=") for word in query.split("&"))
            offset, limit = int(words["offset"]), int(words["limit"])
            return 200, {"found": 2500, "offset": offset,
                         "clients": [client(f"c{i}") for i in range(offset, min(offset + limit, 2500))]}

        port = self.fake({"GET /api/v1/clients": page})
        shown = self.run_onehop("clients", "--admin", port.address, "--limit", "2200", "-o", "json")
        self.assertEqual([json.loads(line)["name"] for line in shown.out.splitlines()], [f"c{i}" for i in range(2200)])
        self.assertEqual([re.search("limit=.*", path).group() for _, path, _ in port.requests],
                         ["limit=1000", "limit=1000", "limit=200"])
        self.assertIn("2200 of 2500 clients", shown.error_lines()[0])
        everything = self.run_onehop("clients", "--admin", port.address, "--limit", "9999")
        self.assertEqual((len(everything.out.splitlines()), everything.err), (2501, b""))

    def test_names_are_asked_for_and_shown_without_harm(self):
        name = 'a\x1b]0;x\x07\n\x7f"é'
        port = self.fake({"GET /api/v1/clients": (200, {"found": 1, "clients": [client(name, peer="")]})})
        shown = self.run_onehop("clients", "--admin", port.address, "--name", "a&limit=1 %", "--sort", "idle")
        self.assertEqual(port.requests[0][1], "/api/v1/clients?name=a%26limit%3D1%20%25&sort=idle&offset=0&limit=100")
        self.assertIn('a\\x1b]0;x\\x07\\x0a\\x7f"\\xc3\\xa9', shown.out)
        self.assertNotRegex(shown.out, "[^\n -~]")
        as_json = self.run_onehop("clients", "--admin", port.address, "-o", "json").out
        self.assertNotRegex(as_json, "[^\n -~]")
        self.assertEqual(json.loads(as_json)["name"], name)

    def test_figures_are_short(self):
        one = client("bob", blocked=True, idle_ms=59_960, queue_bytes=4_321_000, waiting_messages=12_345,
                     unacknowledged=1024, sent_per_second=0.25, received_per_second=1234.5, paused_senders=7)
        away = client("ann", connected=False, peer="", idle_ms=3 * 86_400_000)
        port = self.fake({"GET /api/v1/clients": (200, {"found": 2, "clients": [one, away]})})
        lines = self.run_onehop("clients", "--admin", port.address).out.splitlines()
        self.assertEqual(lines[1].split(), ["bob", "blocked", "60s", "4.1MiB", "12,345", "1024/1024", "0", "0.2",
                                            "1,234", "7", "0", "tcp://127.0.0.1:5000"])
        self.assertEqual(lines[2].split()[:3], ["ann", "away", "3d"])
        self.assertEqual(lines[0].index("PEER"), lines[1].index("tcp://"))


class Drain(AdminCase):
    def fake_drain(self, *states):
        """A broker that drains, and tells these states in turn, the last one for ever."""
        left = list(states)

        def state(_):
            phase, connections = left.pop(0) if len(left) > 1 else left[0]
            return 200, {"draining": phase != "none", "phase": phase, "connections": connections}

        return self.fake({"POST /api/v1/drain": (202, {"draining": True}), "GET /api/v1/drain": state})

    def drain(self, port, *args):
        return self.run_onehop("drain", "--admin", port.address, *args)

    def test_it_waits_until_nobody_is_left_and_nobody_is_let_in(self):
        port = self.fake_drain(("delay", 0), ("delay", 0), ("leaving", 2), ("leaving", 0), ("drained", 0))
        done = self.drain(port, "--wait")
        self.assertEqual((done.code, done.out),
                         (0, "draining\ndrained: no connection is left, and nobody is let in\n"))
        self.assertEqual(len(port.requests), 6)

    def test_the_time_is_up(self):
        for state, words in ((("leaving", 3), "it still waits for 3 connections"),
                             (("leaving", 1), "it still waits for 1 connection"),
                             (("leaving", 0), "it still waits for its last connections"),
                             (("delay", 0), "it still waits for its drain delay")):
            done = self.drain(self.fake_drain(state), "--wait", "--timeout", "0.1")
            self.assert_fails(done, 1, words)

    def test_a_drain_that_is_taken_back_is_not_waited_for(self):
        done = self.drain(self.fake_drain(("delay", 0), ("none", 0)), "--wait")
        self.assert_fails(done, 1, "the drain was taken back")

    def test_json(self):
        done = self.drain(self.fake_drain(("drained", 0)), "--wait", "-o", "json")
        events = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([event["event"] for event in events], ["draining", "drained"])
        self.assertIn("no connection is left", events[1]["text"])
        self.assertEqual((done.code, done.err), (0, b""))
        late = self.drain(self.fake_drain(("leaving", 3)), "--wait", "--timeout", "0.1", "-o", "json")
        self.assertEqual(late.code, 1)
        error = json.loads(late.err)
        self.assertEqual((error["event"], "3 connections" in error["text"]), ("error", True))


class Orders(AdminCase):
    """kick, undrain and health: what they ask for, and their JSON."""

    def fake_kick(self, kicked=True):
        return self.fake({"POST /api/v1/kick": (200, {"kicked": kicked, "for_ms": 0})})

    def test_a_kick_for_a_time(self):
        for text, ms in (("90", 90_000), ("0.5", 500), ("250ms", 250), ("1.5s", 1_500), ("10m", 600_000),
                         ("2h", 7_200_000), ("1d", 86_400_000)):
            port = self.fake_kick()
            done = self.run_onehop("kick", "bob", "--for", text, "--admin", port.address)
            self.assertEqual((done.code, port.requests[0][1]), (0, f"/api/v1/kick?name=bob&for_ms={ms}"))
            self.assertEqual(done.out, f"bob was ended; its name is kept out for {ms / 1000:g} s\n")
        port = self.fake_kick()
        for wrong in ("0", "-1", "25h", "10x", "ms", "", "nan", "inf", "1 0"):
            done = self.run_onehop("kick", "bob", "--for", wrong, "--admin", port.address)
            self.assert_fails(done, 2, "is not a time above 0, at most a day")
        self.assertEqual(port.requests, [])

    def test_a_name_without_a_client_is_kept_out(self):
        port = self.fake_kick(kicked=False)
        done = self.run_onehop("kick", "bob", "--for", "1m", "--admin", port.address)
        self.assertEqual((done.code, done.out), (0, "there was no client bob; its name is kept out for 60 s\n"))

    def test_an_order_in_json_is_one_object_on_standard_output(self):
        port = self.fake({"POST /api/v1/kick": (200, {"kicked": True, "for_ms": 0}),
                          "POST /api/v1/undrain": (200, {"draining": False}),
                          "POST /api/v1/drain": (202, {"draining": True}),
                          "GET /livez": (200, b"ok\n"), "GET /readyz": (503, b"drai\x1bning\n")})
        for words, code, told in (
                (["kick", "bob", "--for", "1s"], 0, {"event": "kicked", "name": "bob", "kicked": True, "for_ms": 1000}),
                (["undrain"], 0, {"event": "undrained"}),
                (["drain"], 0, {"event": "draining"}),
                (["health"], 0, {"event": "health", "alive": True, "text": "ok"}),
                (["health", "--ready"], 1, {"event": "health", "ready": False, "text": "drai\\x1bning"})):
            with self.subTest(words=words):
                done = self.run_onehop(*words, "-o", "json", "--admin", port.address)
                self.assertEqual((done.code, done.err), (code, b""))
                self.assertEqual(len(done.out.splitlines()), 1)
                said = json.loads(done.out)
                self.assertIn("text", said)
                self.assertEqual({key: said[key] for key in told}, told)

    def test_what_goes_wrong_in_json_is_told_in_one_shape(self):
        port = self.fake({})
        for words in (["kick", "bob"], ["undrain"], ["drain"], ["health"], ["trace", "a", "b"], ["clients"]):
            with self.subTest(words=words):
                done = self.run_onehop(*words, "-o", "json", "--admin", port.address)
                self.assertEqual((done.code, done.out), (1, ""))
                self.assertEqual(list(json.loads(done.err)), ["event", "text"])
                self.assertEqual(json.loads(done.err)["event"], "error")

    def test_a_refusal_to_take_a_drain_back(self):
        port = self.fake({"POST /api/v1/undrain": (409, {"error": "clients have been told"})})
        self.assert_fails(self.run_onehop("undrain", "--admin", port.address), 1, "clients have been told")


class BrokerCase(AdminCase):
    flags = ()

    def setUp(self):
        self.broker = self.start(ONEHOPD, "--listen", "tcp://127.0.0.1:0", "--admin", "tcp://127.0.0.1:0", "--shards", "2",
                                 "--log-level", "off", "--drain-spread-ms", "1", *self.flags, stdout=subprocess.PIPE)
        self.server = self.broker.stdout.readline().decode().split()[-1]
        self.admin = self.broker.stdout.readline().decode().split()[-1]

    def start(self, *args, **kwargs):
        process = subprocess.Popen(args, env=environment(), **{"stdin": subprocess.DEVNULL, **kwargs})
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT)

    def listen(self, name, *args):
        process = self.start(ONEHOP, "listen", name, "--server", self.server, *args, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.assertIn("listening as " + name, process.stderr.readline().decode())
        return process

    def ask(self, *args):
        return self.run_onehop(*args, "--admin", self.admin)

    def send(self, to, *args):
        return self.run_onehop("send", to, "x", "--server", self.server, *args)


class RealBroker(BrokerCase):
    """What the admin port of a broker really says."""

    def test_clients_and_their_ends(self):
        self.assertEqual(self.ask("clients").out.splitlines()[1:], [])
        carol = self.listen("carol", "--ack", "manual")
        self.listen("bob")
        self.assertEqual(self.send("carol", "--ttl", "0.1").code, 1)
        rows = [line.split() for line in self.ask("clients").out.splitlines()]
        self.assertEqual([row[0] for row in rows], ["NAME", "bob", "carol"])
        self.assertEqual((rows[2][1], rows[2][5]), ("up", "1/1024"))
        self.assertTrue(rows[2][-1].startswith("tcp://127.0.0.1:"), rows)
        self.assertEqual([json.loads(line)["name"] for line in self.ask("clients", "-o", "json", "--name", "ar").out.splitlines()],
                         ["carol"])
        self.assertEqual(len(self.ask("clients", "--limit", "1").out.splitlines()), 2)
        kicked = self.ask("kick", "carol", "time \x1b to go")
        self.assertEqual((kicked.code, kicked.out), (0, "carol was ended\n"))
        self.assertEqual(carol.wait(LIMIT), 4)
        self.assertIn("ADMINISTRATIVE", carol.stderr.read().decode())
        ends = [json.loads(line) for line in self.ask("clients", "--closed", "-o", "json").out.splitlines()]
        self.assertEqual((ends[0]["name"], ends[0]["code"]), ("carol", "ADMINISTRATIVE"))
        shown = self.ask("clients", "--closed", "--name", "carol", "--limit", "1").out.splitlines()
        self.assertEqual(len(shown), 2)
        self.assertIn("time \\x1b to go", shown[1])
        self.assert_fails(self.ask("kick", "carol"), 1, "there is no client of this name")

    def test_a_kick_that_keeps_the_name_out(self):
        self.listen("bob")
        self.assertEqual(self.ask("kick", "bob", "--for", "1h").code, 0)
        barred = self.run_onehop("listen", "bob", "--server", self.server)
        self.assertEqual(barred.code, 4)
        self.assertIn("an operator keeps this name out", barred.err.decode())
        self.assert_fails(self.ask("kick", "bob"), 1, "there is no client of this name")
        self.listen("bob")

    def test_trace(self):
        nobody = self.ask("trace", "alice", "bob")
        self.assertEqual(nobody.code, 1)
        self.assertIn("UNKNOWN_CLIENT", nobody.out)
        self.listen("bob")
        there = self.ask("trace", "alice", "bob")
        self.assertEqual(there.code, 0, there.out)
        self.assertRegex(there.out, r"(?m)^arrives +yes: ")
        self.assertRegex(there.out, r"(?m)^to +bob, home shard [01], up at tcp://127.0.0.1:")
        self.assertRegex(there.out, r"(?m)^from +alice, home shard [01], no session")
        self.assertEqual(json.loads(self.ask("trace", "alice", "bob", "-o", "json").out)["would_arrive"], True)

    def test_rates_are_there_the_first_time(self):
        self.listen("bob")
        sender = self.start(ONEHOP, "send", "bob", "x", "--count", "1000000", "--interval", "0.01", "--server",
                            self.server, "--name", "alice", "-v", stderr=subprocess.PIPE)
        sender.stderr.readline()  # It is connected.
        shown = self.ask("clients", "--sort", "send_rate", "-o", "json")
        first = json.loads(shown.out.splitlines()[0])
        self.assertIsNone(sender.poll())
        self.assertEqual(first["name"], "alice")
        self.assertGreater(first["sent_per_second"], 0)

    def test_top(self):
        self.listen("bob")
        shown = self.ask("top", "--once", "--interval", "0.1")
        self.assertEqual(shown.code, 0, shown.err)
        self.assertRegex(shown.out, r"(?m)^clients +1 connected, 1 sessions")
        self.assertRegex(shown.out, r"(?m)^bob +up ")

    def test_health_and_drain(self):
        self.assertEqual(self.ask("health").out, "ok\n")
        self.assertEqual(self.ask("health", "--ready").out, "ready\n")
        self.listen("bob")
        done = self.ask("drain", "--wait", "--timeout", str(LIMIT))
        self.assertEqual(done.code, 0, done.err)
        self.assertTrue(done.out.startswith("draining\ndrained: "), done.out)
        ready = self.ask("health", "--ready")
        self.assertEqual(ready.code, 1, ready.out)
        self.assert_fails(self.ask("undrain"), 1, "start the broker anew")
        # Drained it is for good: nobody is let in.
        self.assertEqual(self.send("bob").code, 3)


class DrainDelay(BrokerCase):
    """A broker whose drain tells nobody for ten minutes."""
    flags = ("--drain-delay-ms", "600000", "--stop-deadline-ms", "700000")

    def test_while_clients_are_let_in_it_is_not_drained(self):
        done = self.ask("drain", "--wait", "--timeout", "0.5")
        self.assert_fails(done, 1, "it still waits for its drain delay")
        self.listen("bob")

    def test_a_drain_is_taken_back(self):
        waiting = self.start(ONEHOP, "drain", "--wait", "--admin", self.admin, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        self.assertEqual(waiting.stdout.readline(), b"draining\n")
        self.assertEqual(self.ask("health", "--ready").code, 1)
        done = self.ask("undrain")
        self.assertEqual((done.code, done.out), (0, "not draining: clients are let in\n"))
        self.assertEqual(self.ask("health", "--ready").code, 0)
        self.assertIn(b"the drain was taken back", waiting.communicate(timeout=LIMIT)[1])
        self.assertEqual(waiting.returncode, 1)
        self.assertEqual(self.ask("undrain").code, 0)


if __name__ == "__main__":
    main()
