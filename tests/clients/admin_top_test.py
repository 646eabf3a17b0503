#!/usr/bin/python3
"""`onehop top` on a terminal and in a pipe.

    admin_top_test.py ONEHOP ONEHOPD
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

from admin_case import AdminCase, client, counters, environment
from cli_case import LIMIT, ONEHOP, main


class Screen:
    """`onehop` on a terminal of its own."""

    def __init__(self, *args, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen([ONEHOP, *args], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=environment(TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.shown = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, words, after=0):
        """Until it has shown these words behind that place; returns the place behind them."""
        deadline = time.monotonic() + LIMIT
        while (at := self.shown.find(words, after)) < 0:
            if not select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"it does not show {words!r} but {self.shown[after:][-2000:]!r}")
            self.shown += os.read(self.master, 65536)
        return at + len(words)

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        code = self.process.wait(LIMIT)
        while select.select([self.master], [], [], 0)[0]:
            self.shown += os.read(self.master, 65536)
        return code

    def is_restored(self):
        return self.shown.endswith(b"\x1b[?25h\x1b[?1049l") and termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class Top(AdminCase):
    def setUp(self):
        self.received = 0
        self.names = ["bob", "carol"]

    def port(self):
        def count(_):
            self.received += 100_000
            return 200, counters(messages_received=self.received)

        return self.fake({"GET /api/v1/counters": count,
                          "GET /api/v1/clients": lambda _: (200, {"found": len(self.names), "clients": [
                              client(name, sent_per_second=5) for name in self.names]})})

    def screen(self, *args, **size):
        screen = Screen("top", *args, **size)
        self.addCleanup(screen.close)
        return screen

    def test_in_a_pipe_it_prints_one_screen(self):
        port = self.port()
        shown = self.run_onehop("top", "--admin", port.address, "--interval", "0.1", "--limit", "7")
        self.assertEqual((shown.code, shown.err), (0, b""))
        self.assertNotIn("\x1b", shown.out)
        lines = shown.out.splitlines()
        self.assertTrue(lines[0].startswith("onehop top  " + port.address))
        self.assertRegex(lines[1], "^clients +3 connected, 4 sessions")
        # A hundred thousand between two samples, at least a tenth of a second apart.
        rate = int(re.match(r"messages/s +([\d,]+) in", lines[2]).group(1).replace(",", ""))
        self.assertLessEqual(rate, 1_000_000)
        self.assertGreater(rate, 0)
        self.assertIn("loop lag 1ms", shown.out)
        self.assertEqual([line.split()[0] for line in lines if line.endswith(":5000")], ["bob", "carol"])
        self.assertIn("sort=send_rate&offset=0&limit=7", port.requests[-1][1])

    def test_ties_are_steady_and_the_order_is_marked(self):
        self.names = ["dave", "bob", "carol"]
        shown = self.run_onehop("top", "--admin", self.port().address, "--interval", "0.1").out
        lines = shown.splitlines()
        self.assertEqual([line.split()[0] for line in lines if line.endswith(":5000")], ["bob", "carol", "dave"])
        self.assertRegex(shown, r"(?m)^NAME .* SENT/s\* .* RECEIVED/s ")
        self.assertRegex(shown, r"(?m)^failed/s ")
        self.assertNotIn(" more", shown)

    def test_it_draws_sorts_and_quits(self):
        port = self.port()
        screen = self.screen("--admin", port.address, "--interval", "60")
        place = screen.wait_for(b"by send_rate")
        screen.wait_for(b"carol", place)
        screen.press(b"s")
        screen.wait_for(b"by receive_rate", place)
        self.assertIn("sort=receive_rate", port.requests[-1][1])
        screen.press(b"xq")
        self.assertEqual(screen.end(), 0)
        self.assertTrue(screen.shown.startswith(b"\x1b[?1049h"))
        self.assertTrue(screen.is_restored(), screen.shown[-100:])

    def test_it_draws_again_by_itself(self):
        screen = self.screen("--admin", self.port().address, "--interval", "0.05")
        place = 0
        for _ in range(3):
            place = screen.wait_for(b"onehop top", place)
        self.names = ["dave"]
        screen.wait_for(b"dave", place)

    def test_signals_end_it_and_restore_the_terminal(self):
        for how in (signal.SIGINT, signal.SIGTERM, "key"):
            screen = self.screen("--admin", self.port().address)
            screen.wait_for(b"carol")
            if how == "key":
                screen.press(b"\x03")
            else:
                screen.process.send_signal(how)
            self.assertEqual(screen.end(), 0)
            self.assertTrue(screen.is_restored(), screen.shown[-100:])

    def test_it_keeps_within_the_terminal(self):
        self.names = [f"client-{i}" for i in range(100)]
        screen = self.screen("--admin", self.port().address, rows=12, columns=40)
        screen.wait_for(b"98 more")
        screen.press(b"q")
        screen.end()
        self.assertTrue(screen.is_restored())
        frame = screen.shown.decode().split("\x1b[H")[1]
        lines = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", frame).split("\n")
        self.assertEqual(len(lines), 12)
        self.assertIn("client-1 ", lines[-2])
        self.assertLessEqual(max(len(line.rstrip("\r")) for line in lines), 40)

    def test_a_broker_that_goes_is_waited_for(self):
        port = self.port()
        screen = self.screen("--admin", port.address, "--interval", "0.05")
        place = screen.wait_for(b"carol")
        port.stop()
        place = screen.wait_for(b"!! cannot reach the admin port", place)
        self.assertIsNone(screen.process.poll())
        screen.press(b"q")
        self.assertEqual(screen.end(), 0)

    def test_its_end_is_heard_while_the_admin_port_hangs(self):
        hold = threading.Event()
        self.addCleanup(hold.set)
        hanging = threading.Semaphore(0)
        asked = []

        # The first of a screen, which decides whether it is drawn at all, and the first drawn one are answered.
        def count(_):
            asked.append(None)
            if len(asked) % 3 == 0:
                hanging.release()
                hold.wait(LIMIT)
            return 200, counters()

        port = self.fake({"GET /api/v1/counters": count,
                          "GET /api/v1/clients": (200, {"found": 0, "clients": []})})
        for press in (lambda: screen.press(b"sq"), lambda: screen.process.send_signal(signal.SIGINT)):
            screen = self.screen("--admin", port.address, "--interval", "0.01")
            screen.wait_for(b"by send_rate")
            hanging.acquire(timeout=LIMIT)
            press()
            self.assertEqual(screen.end(), 0)
            self.assertTrue(screen.is_restored())


if __name__ == "__main__":
    main()
