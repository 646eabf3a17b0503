"""Acknowledgements and sessions of the `onehop` command, against a real `onehopd`.

usage: cli_sessions_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import json
import os
import signal
import subprocess
import tempfile

from cli_case import LIMIT, Broker, Case, main


class Acknowledging(Case):
    def test_refused_by_the_recipient(self):
        bob = self.listen("bob", "--ack", "refuse", "--refuse-text", "not today")
        sent = self.run_onehop("send", "bob", "hello")
        self.assertEqual((sent.code, sent.err),
                         (1, b'REJECTED to=bob id=1 reason=REFUSED_BY_RECIPIENT text="not today"\n'))
        self.assertEqual(bob.stdout.readline(), b"hello\n")

    def test_by_hand_in_any_order(self):
        bob = self.listen("bob", "--ack", "manual", stdin=subprocess.PIPE)
        sender = self.start("send", "bob", "-v", "-o", "json", stdin=subprocess.PIPE)
        sender.stdin.write(b"a\nb\nc\nd\n")
        sender.stdin.close()
        sender.stdin = None
        self.assertEqual([bob.stdout.readline() for _ in range(4)], [b"1 a\n", b"2 b\n", b"3 c\n", b"4 d\n"])
        outcomes = []
        for verdict in (b"ack 3\n", b"refuse 2 7 no thanks\n", b"upto 4\n"):
            bob.stdin.write(verdict)
            bob.stdin.flush()
            outcomes.append(json.loads(sender.stdout.readline()))
        outcomes.append(json.loads(sender.stdout.readline()))
        self.assertEqual([(line["n"], line["outcome"]) for line in outcomes],
                         [(3, "DELIVERED"), (2, "REJECTED"), (1, "DELIVERED"), (4, "DELIVERED")])
        self.assertEqual((outcomes[1]["code"], outcomes[1]["text"]), (7, "no thanks"))
        self.assertEqual(self.finish(sender).code, 1)
        for wrong in (b"take 1\n", b"ack\n", b"ack one\n", b"ack 0\n", b"refuse 1 x\n", b"x" * 9000 + b"\n"):
            bob.stdin.write(wrong)
            bob.stdin.flush()
            self.assertIn("is no verdict", bob.stderr.readline().decode())

    def test_what_is_not_printed_is_not_acknowledged(self):
        """A reader that takes nothing: the message is in the pipe at most, and what is behind it is not DELIVERED."""
        self.listen("bob")  # Nobody reads its pipe, which takes 64 KiB.
        sent = self.run_onehop("send", "bob", "--ttl", "1", stdin=(b"x" * 999 + b"\n") * 1000)
        self.assertEqual(sent.code, 1)
        self.assertRegex(sent.err, rb"\d+ delivered, \d+ expired")

    def test_expired(self):
        self.listen("bob", "--ack", "manual", "--receive-window", "1")
        sent = self.run_onehop("send", "bob", "--ttl", "0.3", stdin=b"a\nb\n")
        self.assertEqual((sent.code, sent.error_lines()),
                         (1, ["EXPIRED to=bob id=1 attempted=yes", "EXPIRED to=bob id=2 attempted=no",
                              "0 delivered, 2 expired"]))

    def test_lost(self):
        bob = self.listen("bob", "--ack", "manual")
        sender = self.start("send", "bob", "hello")
        self.assertEqual(bob.stdout.readline(), b"1 hello\n")
        bob.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(bob).code, 0)
        lost = self.finish(sender)
        self.assertEqual((lost.code, lost.err), (1, b"LOST to=bob id=1 reason=CONNECTION_LOST attempted=yes\n"))


class Replaced(Case):
    """The broker process dies with a message open, and another takes its place."""

    def send_through_two_brokers(self, *flags):
        bob = self.start("listen", "bob", "--ack", "manual", "-o", "json", stdin=subprocess.PIPE)
        self.assertIn("listening", bob.stderr.readline().decode())
        sender = self.start("send", "bob", "hello", *flags)
        self.assertEqual(json.loads(bob.stdout.readline())["payload"], "hello")
        sender.send_signal(signal.SIGSTOP)  # So that bob is there before it comes back.
        self.broker.stop(signal.SIGKILL)
        self.broker = Broker(listen=self.broker.address)
        self.addCleanup(self.broker.stop)
        while "new session" not in bob.stderr.readline().decode():
            pass
        sender.send_signal(signal.SIGCONT)
        return bob, sender

    def test_what_was_open_is_unknown(self):
        _, sender = self.send_through_two_brokers()
        unknown = self.finish(sender)
        self.assertEqual(unknown.code, 1)
        self.assertIn("UNKNOWN to=bob id=1", unknown.error_lines())

    def test_or_repeated_and_marked(self):
        bob, sender = self.send_through_two_brokers("--repeat-unknown")
        again = json.loads(bob.stdout.readline())
        self.assertEqual((again["payload"], again["maybe_repeated"]), ("hello", True))
        bob.stdin.write(b"ack %d\n" % again["tag"])
        bob.stdin.flush()
        delivered = self.finish(sender)
        self.assertEqual(delivered.code, 0)
        self.assertIn("DELIVERED to=bob id=1", delivered.error_lines())


class State(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "state")

    def test_a_session_goes_on_in_another_process(self):
        for end in (signal.SIGKILL, signal.SIGTERM):
            with self.subTest(end=end):
                bob = self.listen("bob", "--state", self.file, "--ack", "manual")
                sender = self.start("send", "bob", "hello")
                self.assertRegex(bob.stdout.readline(), rb"\d+ hello")
                bob.send_signal(end)
                bob.wait(LIMIT)
                again = self.start("listen", "bob", "--state", self.file, "--count", "1", "-f", "%r %p\\n")
                self.assertIn("in the session from before", again.stderr.readline().decode())
                received = self.finish(again)
                self.assertEqual((received.code, received.out), (0, b"again hello\n"))
                self.assertEqual(self.finish(sender).code, 0)

    def test_messages_wait_while_nobody_listens(self):
        bob = self.listen("bob", "--state", self.file)
        bob.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(bob).code, 0)
        sender = self.start("send", "bob", stdin=subprocess.PIPE)
        sender.stdin.write(b"a\nb\n")
        sender.stdin.close()
        sender.stdin = None
        again = self.start("listen", "bob", "--state", self.file, "--count", "2")
        self.assertEqual(self.finish(again).out, b"a\nb\n")
        self.assertEqual(self.finish(sender).code, 0)

    def test_only_its_owner_can_read_it(self):
        self.listen("bob", "--state", self.file)
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)

    def test_a_file_that_is_none(self):
        for content in (b"", b"hello", b"onehop session\nname=bob\nsession=x\ntoken=00\nattempt=1\n",
                        b"onehop session\nname=carol\nsession=1\ntoken=00\nattempt=1\n"):
            with open(self.file, "wb") as file:
                file.write(content)
            wrong = self.run_onehop("listen", "bob", "--state", self.file)
            self.assertEqual((wrong.code, len(wrong.error_lines())), (2, 1), wrong.err)
            self.assertIn(self.file, wrong.error_lines()[0])

    def test_a_pipe_is_no_file(self):
        os.mkfifo(self.file)  # Nobody writes into it.
        wrong = self.run_onehop("listen", "bob", "--state", self.file)
        self.assertEqual((wrong.code, len(wrong.error_lines())), (2, 1), wrong.err)
        self.assertIn("not a regular file", wrong.error_lines()[0])

    def test_a_session_that_has_ended_begins_anew(self):
        with open(self.file, "w") as file:
            file.write("onehop session\nname=bob\nsession=1\ntoken=00ff\nattempt=1\n")
        bob = self.start("listen", "bob", "--state", self.file)
        self.assertEqual(bob.stderr.readline().decode().split(" on ")[0], "listening as bob")


if __name__ == "__main__":
    main()
