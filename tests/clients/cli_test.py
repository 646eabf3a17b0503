"""The `onehop` command against a real `onehopd`: what it prints, where, and how it ends.

usage: cli_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import json
import os
import signal
import subprocess
import tempfile
import threading

from cli_case import LIMIT, ONEHOP, Broker, Case, environment, main


class Sending(Case):
    flags = ("--shards", "2")

    def test_delivered_and_rejected(self):
        bob = self.listen("bob", "--count", "1")
        sent = self.run_onehop("send", "bob", "hello")
        self.assertEqual((sent.code, sent.out, sent.err), (0, b"", b"DELIVERED to=bob id=1\n"))
        received = self.finish(bob)
        self.assertEqual((received.code, received.out), (0, b"hello\n"))
        refused = self.run_onehop("send", "bob", "hello")
        self.assertEqual((refused.code, refused.err), (1, b"REJECTED to=bob id=1 reason=UNKNOWN_CLIENT\n"))

    def test_without_confirmation(self):
        bob = self.listen("bob", "--count", "3")
        sent = self.run_onehop("send", "bob", "hello", "--no-confirm")
        self.assertEqual((sent.code, sent.err), (0, b"ADMITTED to=bob id=1\n"))
        sent = self.run_onehop("send", "bob", "--no-confirm", stdin=b"1\n2\n")
        self.assertEqual((sent.code, sent.err), (0, b"2 admitted\n"))
        self.assertEqual(self.finish(bob).code, 0)
        quiet = self.run_onehop("send", "bob", "hello", "--quiet", "--no-confirm")
        self.assertEqual((quiet.code, quiet.err), (1, b""))

    def test_the_end_of_the_time_and_the_outcome_agree(self):
        self.listen("bob")
        for timeout in ["0.0001"] * 10 + ["0.002", "0.003", "0.004", "0.006"]:
            sent = self.run_onehop("send", "bob", "x", "--timeout", timeout)
            self.assertEqual(b"DELIVERED" in sent.err, sent.code == 0, sent.err)

    def test_an_address_without_a_scheme(self):
        address = self.broker.address.removeprefix("tcp://")
        self.assertEqual(self.run_onehop("ping", "--count", "1", "--server", address).code, 0)

    def test_reports_in_json(self):
        refused = self.run_onehop("send", "bob", "hello", "-o", "json")
        self.assertEqual(refused.code, 1)
        self.assertEqual(refused.err, b"")
        first, summary = refused.results()
        self.assertEqual(first, {"event": "outcome", "outcome": "REJECTED", "to": "bob", "n": 1, "last_n": 1, "id": 1,
                                 "last_id": 1, "count": 1, "reason": "UNKNOWN_CLIENT"})
        self.assertEqual((summary["delivered"], summary["rejected"]), (0, 1))

    def test_every_outcome_where_wanted(self):
        self.listen("bob")
        sent = self.run_onehop("send", "bob", "-v", "-o", "json", stdin=b"1\n2\n3\n")
        lines = sent.results()
        self.assertEqual([(line["outcome"], line["n"]) for line in lines[:3]],
                         [("DELIVERED", 1), ("DELIVERED", 2), ("DELIVERED", 3)])
        self.assertEqual(lines[3]["delivered"], 3)

    def test_a_text_comes_through_byte_for_byte(self):
        text = b"".join(b"%d some words\n" % i for i in range(20_000)) + b"\n\n\xff\x00binary\r\nlast line\n"
        with tempfile.TemporaryFile() as out:  # A pipe that nobody reads yet would hold the acknowledgements back.
            bob = self.listen("bob", "--count", str(text.count(b"\n")), stdout=out)
            sent = self.run_onehop("send", "bob", stdin=text)
            self.assertEqual((sent.code, sent.err), (0, b"%d delivered\n" % text.count(b"\n")))
            self.assertEqual(self.finish(bob).code, 0)
            out.seek(0)
            self.assertEqual(out.read(), text)

    def test_a_last_line_without_newline_is_a_message(self):
        bob = self.listen("bob", "--count", "3")
        self.assertEqual(self.run_onehop("send", "bob", "-", stdin=b"a\n\nb").code, 0)
        self.assertEqual(self.finish(bob).out, b"a\n\nb\n")

    def test_no_input_is_no_message(self):
        self.assertEqual(self.run_onehop("send", "bob", stdin=b"").code, 0)

    def test_an_empty_text_is_a_message(self):
        bob = self.listen("bob", "--count", "1", "-f", "[%p]")
        self.assertEqual(self.run_onehop("send", "bob", "").code, 0)
        self.assertEqual(self.finish(bob).out, b"[]")

    def test_count(self):
        bob = self.listen("bob", "--count", "5")
        self.assertEqual(self.run_onehop("send", "bob", "x", "--count", "3").code, 0)
        self.assertEqual(self.run_onehop("send", "bob", "--count", "2", stdin=b"1\n2\n3\n").code, 0)
        self.assertEqual(self.finish(bob).out, b"x\nx\nx\n1\n2\n")

    def test_a_line_over_the_frame_limit_is_refused_and_the_rest_is_sent(self):
        bob = self.listen("bob", "--count", "2")
        sent = self.run_onehop("send", "bob", stdin=b"before\n" + b"x" * (3 << 20) + b"\nafter\n")
        self.assertEqual(sent.code, 1)
        self.assertIn("REJECTED to=bob line=2 reason=TOO_LARGE", sent.error_lines()[0])
        self.assertEqual(self.finish(bob).out, b"before\nafter\n")

    def test_headers(self):
        bob = self.listen("bob", "--count", "1", "-f", "%f %H\\n")
        self.assertEqual(self.run_onehop("send", "bob", "x", "--name", "alice", "-H", "a:1", "-H", "b:2:3").code, 0)
        self.assertEqual(self.finish(bob).out, b"alice a=1,b=2:3\n")
        too_many = [part for i in range(65) for part in ("-H", "k%d:v" % i)]
        self.assertEqual(self.run_onehop("send", "bob", "x", *too_many).code, 2)

    def test_what_the_shell_closed(self):
        done = subprocess.run([ONEHOP, "send", "bob"], stdin=None, capture_output=True, timeout=LIMIT,
                              env=environment(self.broker.address), preexec_fn=lambda: os.close(0))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot read standard input", done.stderr)

    def test_a_name_in_use(self):
        self.listen("alice")
        refusal = "onehop: the broker said goodbye NAME_IN_USE: the name is in use"
        at_once = self.run_onehop("send", "bob", "x", "--name", "alice", "--patience", "0")
        self.assertEqual((at_once.code, at_once.error_lines()), (4, [refusal]))
        for more, lines in ((), ["onehop: the name alice is in use; trying again for 4 s", refusal]), (("-q",), [refusal]):
            later = self.run_onehop("send", "bob", "x", "--name", "alice", "--patience", "4", *more)
            self.assertEqual((later.code, later.error_lines()), (4, lines))
        measured = self.run_onehop("ping", "--name", "alice")
        self.assertEqual((measured.code, measured.error_lines()), (4, [refusal]))

    def test_a_name_that_becomes_free(self):
        elder = self.listen("bob")
        waiting = self.start("listen", "bob", "-o", "json")
        self.assertEqual(json.loads(waiting.stderr.readline()),
                         {"event": "waiting", "text": "the name bob is in use; trying again for 5 s"})
        elder.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(elder).code, 0)
        self.assertEqual(json.loads(waiting.stderr.readline()), {"event": "listening", "name": "bob", "resumed": False})

    def test_the_time_limit_while_a_name_is_in_use(self):
        self.listen("bob")
        waited = self.run_onehop("listen", "bob", "--timeout", "0.1", "--patience", "60")
        self.assertEqual(waited.code, 3)
        self.assertIn("the time is up", waited.error_lines()[-1])

    def test_a_recipient_that_comes_late(self):
        # The broker has just started: whoever asks to wait, waits.
        sender = self.start("send", "bob", "-", "-v", "--patience", "60", stdin=subprocess.PIPE)
        sender.stdin.write(b"one\ntwo\nthree\n")
        sender.stdin.close()
        sender.stdin = None
        # Another one that asks for less is told meanwhile.
        hasty = self.run_onehop("send", "bob", "hello", "--patience", "0.2")
        self.assertEqual(hasty.code, 1)
        self.assertIn("REJECTED to=bob", hasty.error_lines()[0])
        bob = self.listen("bob", "--count", "3")
        self.assertEqual(self.finish(bob).out, b"one\ntwo\nthree\n")
        sent = self.finish(sender)
        self.assertEqual(sent.code, 0)
        self.assertIn("3 delivered", sent.error_lines()[-1])

    def test_interrupted(self):
        sender = self.start("send", "bob", stdin=subprocess.PIPE)
        sender.stdin.write(b"x\n")
        sender.stdin.flush()
        line = b""
        while b"REJECTED" not in line:  # It is connected, and has read the line.
            line = sender.stderr.readline()
        sender.send_signal(signal.SIGINT)
        self.assertEqual(self.finish(sender).code, 1)


class Listening(Case):
    def test_json(self):
        bob = self.start("listen", "bob", "-o", "json", "--count", "2")
        self.assertEqual(json.loads(bob.stderr.readline()), {"event": "listening", "name": "bob", "resumed": False})
        self.run_onehop("send", "bob", 'quote " and ünïcode', "--name", "alice", "-H", "k:v")
        self.run_onehop("send", "bob", stdin=b"\xff\xfe\n")
        first, second = [json.loads(line) for line in self.finish(bob).out.splitlines()]
        self.assertEqual((first["from"], first["id"], first["payload"]), ("alice", 1, 'quote " and ünïcode'))
        self.assertEqual(first["headers"], [{"key": "k", "value": "v"}])
        self.assertEqual(second["payload_base64"], "//4=")

    def test_the_broker_makes_a_name(self):
        for args in ((), ("",)):
            listener = self.start("listen", *args, "--count", "1")
            name = listener.stderr.readline().decode().split()[2]
            self.assertTrue(name.startswith("~"), name)
            self.assertEqual(self.run_onehop("send", name, "hello").code, 0)
            self.assertEqual(self.finish(listener).out, b"hello\n")
        listener = self.start("listen", "-o", "json")
        name = json.loads(listener.stderr.readline())["name"]
        self.assertEqual(self.run_onehop("send", name, "hello").code, 0)
        # Another broker makes another name, which is shown as well.
        self.broker.stop(signal.SIGKILL)
        self.broker = Broker(listen=self.broker.address)
        self.addCleanup(self.broker.stop)
        events = [json.loads(listener.stderr.readline()) for _ in range(3)]
        self.assertEqual([event["event"] for event in events], ["down", "up", "listening"])
        self.assertEqual(self.run_onehop("send", events[2]["name"], "hello").code, 0)

    def test_when_it_arrived(self):
        rfc_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
        bob = self.listen("bob", "--count", "1", "-f", "%T %p")
        self.assertEqual(self.run_onehop("send", "bob", "x").code, 0)
        self.assertRegex(self.finish(bob).out.decode(), "^" + rfc_3339 + " x$")
        bob = self.start("listen", "bob", "--count", "1", "-o", "json")
        self.assertEqual(self.run_onehop("send", "bob", "x", "--wait", "60").code, 0)
        self.assertRegex(self.finish(bob).results()[0]["received_at"], "^" + rfc_3339 + "$")

    def test_a_message_of_which_nothing_is_printed_is_acknowledged(self):
        self.listen("bob", "-f", "%p")
        self.assertEqual(self.run_onehop("send", "bob", "").err, b"DELIVERED to=bob id=1\n")

    def test_ends_with_0_at_sigint_and_sigterm(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            bob = self.listen("bob")
            self.assertEqual(self.run_onehop("send", "bob", "before").code, 0)
            self.assertEqual(bob.stdout.readline(), b"before\n")
            bob.send_signal(sig)
            self.assertEqual(self.finish(bob).code, 0)

    def test_what_arrives_is_printed_at_once(self):
        bob = self.listen("bob")
        for text in (b"one\n", b"two\n"):
            self.run_onehop("send", "bob", text.strip().decode())
            self.assertEqual(bob.stdout.readline(), text)

    def test_the_time_limit(self):
        self.assertEqual(self.run_onehop("listen", "bob", "--timeout", "0.1").code, 0)
        self.assertEqual(self.run_onehop("listen", "bob", "--timeout", "0.1", "--count", "1").code, 1)

    def test_take_over(self):
        elder = self.listen("bob")
        refused = self.run_onehop("listen", "bob", "--patience", "0")
        self.assertEqual(refused.code, 4)
        self.assertIn("NAME_IN_USE", refused.error_lines()[-1])
        self.listen("bob", "--take-over")
        ended = self.finish(elder)
        self.assertEqual(ended.code, 4)
        self.assertIn("SESSION_TAKEN_OVER", ended.error_lines()[-1])

    def test_the_broker_stops(self):
        bob = self.listen("bob", "--session-expiry", "0")
        self.broker.stop()
        ended = self.finish(bob)
        self.assertEqual(ended.code, 4)
        self.assertIn("SERVER_SHUTTING_DOWN", ended.error_lines()[-1])

    def test_the_broker_dies(self):
        bob = self.listen("bob", "--session-expiry", "0")
        self.broker.stop(signal.SIGKILL)
        ended = self.finish(bob)
        self.assertEqual(ended.code, 4)
        self.assertEqual(len(ended.error_lines()), 1)

    def test_the_broker_is_replaced(self):
        bob = self.listen("bob")
        self.broker.stop(signal.SIGKILL)
        self.assertIn("trying again", bob.stderr.readline().decode())
        self.broker = Broker(listen=self.broker.address)
        self.addCleanup(self.broker.stop)
        self.assertIn("connected again, in a new session", bob.stderr.readline().decode())
        self.assertEqual(self.run_onehop("send", "bob", "again").code, 0)
        self.assertEqual(bob.stdout.readline(), b"again\n")

    def test_it_gives_up_when_the_session_must_have_ended(self):
        bob = self.listen("bob", "--session-expiry", "0.2")
        self.broker.stop(signal.SIGKILL)
        ended = self.finish(bob)
        self.assertEqual(ended.code, 4)

    def test_a_reader_that_goes(self):
        bob = self.listen("bob")
        self.run_onehop("send", "bob", "first")
        self.assertEqual(bob.stdout.readline(), b"first\n")
        bob.stdout.close()
        bob.stdout = None
        while bob.poll() is None:
            self.run_onehop("send", "bob", "second")
        self.assertEqual(bob.returncode, 0)


class Slow(Case):
    flags = ("--shards", "2", "--frame-bytes-max", "16384", "--queue-bytes-max", "65536", "--pause-lease-ms", "50",
             "--slow-consumer-ms", "60000")

    def test_a_reader_that_stops_holds_the_sender_back_and_loses_nothing(self):
        text = b"".join(b"%07d %s\n" % (i, b"." * 100) for i in range(300_000))
        bob = self.listen("bob", "--count", str(text.count(b"\n")))
        sender = self.start("send", "bob", "-o", "json", stdin=subprocess.PIPE)
        reports = []
        writer = threading.Thread(target=lambda: (sender.stdin.write(text), sender.stdin.close()))
        reader = threading.Thread(target=lambda: reports.extend(sender.stdout.read().splitlines()))
        writer.start()
        reader.start()
        # Somebody else is served while bob's reader takes nothing.
        carol = self.listen("carol", "--count", "1")
        self.assertEqual(self.run_onehop("send", "carol", "meanwhile").code, 0)
        self.assertEqual(self.finish(carol).out, b"meanwhile\n")
        self.assertIsNone(sender.poll())
        with tempfile.TemporaryFile() as received:
            while block := bob.stdout.read1(1 << 20):
                received.write(block)
            received.seek(0)
            self.assertTrue(received.read() == text)
        self.assertEqual(bob.wait(LIMIT), 0)
        writer.join()
        reader.join()
        self.assertEqual(sender.wait(LIMIT), 0)
        summary = json.loads(reports[-1])
        self.assertEqual((summary["delivered"], summary["rejected"]), (300_000, 0))
        self.assertGreater(summary["pauses"], 0)


class Ping(Case):
    def test_text(self):
        done = self.run_onehop("ping", "--count", "3", "--interval", "0.01")
        self.assertEqual((done.code, done.err), (0, b""))
        lines = done.out.decode().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertIn("3 sent, 3 answered", lines[-1])

    def test_json(self):
        done = self.run_onehop("ping", "--count", "2", "--interval", "0.01", "-o", "json")
        lines = [json.loads(line) for line in done.out.splitlines()]
        self.assertEqual([line["seq"] for line in lines[:2]], [1, 2])
        self.assertEqual(lines[2]["answered"], 2)


if __name__ == "__main__":
    main()
