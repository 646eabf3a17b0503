"""The `onehop` command through a broker that drains and is replaced: what was under way is finished, what was refused
for it is sent again, and everybody comes back.

    cli_drain_test.py ONEHOP ONEHOPD
"""
import json
import signal
import subprocess
import threading
import time

from cli_case import LIMIT, Broker, Case, main


class Drain(Case):
    # A spread of its own, so that the recipients are back before the sender has much to say; never at once.
    flags = ("--shards", "2", "--drain-spread-ms", "20")

    def replace(self):
        """Ends the broker as an upgrade does, and starts the next at the same address."""
        self.broker.stop()
        self.assertEqual(self.broker.process.returncode, 0)
        self.broker = Broker(*self.flags, listen=self.broker.address)
        self.addCleanup(self.broker.stop)

    def test_a_listener_goes_on_with_the_next_broker(self):
        bob = self.listen("bob")
        self.assertEqual(self.run_onehop("send", "bob", "before").code, 0)
        self.replace()
        self.assertIn("SERVER_SHUTTING_DOWN", (line := bob.stderr.readline().decode()))
        self.assertIn("trying again", line)
        self.assertIn("connected again, in a new session", bob.stderr.readline().decode())
        self.assertEqual(self.run_onehop("send", "bob", "after").code, 0)
        self.assertEqual([bob.stdout.readline(), bob.stdout.readline()], [b"before\n", b"after\n"])
        bob.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(bob).code, 0)

    def test_who_may_not_come_back_ends_as_told_by_the_broker(self):
        bob = self.listen("bob", "--session-expiry", "0")
        self.broker.stop()
        self.assertEqual(self.broker.process.returncode, 0)
        ended = self.finish(bob)
        self.assertEqual(ended.code, 4)
        self.assertIn("SERVER_SHUTTING_DOWN", ended.error_lines()[-1])

    # When the broker is told to end, the recipient has a full window, behind which most of the messages wait.
    def test_what_was_taken_is_delivered_although_the_window_is_full(self):
        bob = self.listen("bob", "--ack", "manual", "--receive-window", "4", "--session-expiry", "0",
                          stdin=subprocess.PIPE)
        sender = self.start("send", "bob", "-o", "json", stdin=subprocess.PIPE)
        sender.stdin.write(b"".join(b"%d\n" % i for i in range(20)))  # In one piece, which the broker reads as one.
        sender.stdin.close()
        sender.stdin = None
        tags = [bob.stdout.readline().split()[0] for _ in range(4)]
        self.broker.process.send_signal(signal.SIGTERM)
        for left in (16, 12, 8, 4, 0):
            # Nothing it knows of is open then.
            bob.stdin.write(b"upto %s\n" % tags[-1])
            bob.stdin.flush()
            if left != 0:
                tags += [bob.stdout.readline().split()[0] for _ in range(4)]
        self.assertEqual(self.broker.process.wait(LIMIT), 0)
        done = self.finish(sender)
        self.assertEqual((done.code, done.results()[-1]["delivered"]), (0, 20))

    # The recipient has it on its screen, and never says anything.
    def test_a_message_that_has_expired_keeps_no_drain_waiting(self):
        self.listen("bob", "--ack", "manual", "--session-expiry", "0", stdin=subprocess.PIPE)
        self.assertIn(b"EXPIRED", self.run_onehop("send", "bob", "x", "--ttl", "0.1").err)
        self.broker.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.broker.process.wait(LIMIT), 0)  # 1, if it had to cut the recipient off.

    def test_every_message_of_a_stream_has_its_outcome(self):
        bob = self.listen("bob")
        printed = []
        reader = threading.Thread(target=lambda: printed.extend(bob.stdout))
        reader.start()
        sender = self.start("send", "bob", "-o", "json", stdin=subprocess.PIPE)
        enough = threading.Event()
        reports = []
        reporter = threading.Thread(target=lambda: reports.extend(map(json.loads, sender.stdout)))
        reporter.start()
        sent = [0]

        def write():
            while not enough.is_set():
                sender.stdin.write(b"".join(b"%d\n" % i for i in range(sent[0], sent[0] + 1000)))
                sent[0] += 1000
            sender.stdin.close()

        writer = threading.Thread(target=write)
        writer.start()
        self.wait_until(lambda: len(printed) > 10_000)
        self.replace()
        before = len(printed)
        self.wait_until(lambda: len(printed) > before + 10_000)
        enough.set()
        for thread in (writer, reporter):
            thread.join(LIMIT)
        self.assertEqual(sender.wait(LIMIT), 0)
        bob.send_signal(signal.SIGINT)
        reader.join(LIMIT)
        summary = reports[-1]
        # Also where the sender is back before its recipient.
        self.assertEqual(summary["delivered"], sent[0], summary)
        self.assertEqual(len(printed), sent[0])
        numbers = list(map(int, printed))
        self.assertEqual(numbers, sorted(set(numbers)))

    def wait_until(self, holds):
        deadline = time.monotonic() + LIMIT
        while not holds():
            self.assertLess(time.monotonic(), deadline, "it does not come to that")
            time.sleep(0.01)


class ConnectionAge(Case):
    flags = ("--shards", "2", "--connection-age-ms-max", "1000")

    def test_connections_that_end_for_their_age_are_not_noticed(self):
        bob = self.listen("bob", "--count", "3000")
        sender = self.start("send", "bob", "-o", "json", stdin=subprocess.PIPE)
        for i in range(30):
            sender.stdin.write(b"".join(b"%d\n" % n for n in range(100 * i, 100 * i + 100)))
            sender.stdin.flush()
            time.sleep(0.08)  # So that it takes more than an age.
        sender.stdin.close()
        sender.stdin = None
        done, heard = self.finish(sender), self.finish(bob)
        self.assertEqual((done.code, heard.code), (0, 0), done.err)
        self.assertEqual(heard.out.split(), [b"%d" % n for n in range(3000)])
        summary = done.results()[-1]
        self.assertEqual(summary["delivered"], 3000)
        self.assertGreater(summary["resumes"], 0)
        self.assertIn("USE_ANOTHER_SERVER", heard.err.decode())


if __name__ == "__main__":
    main()
