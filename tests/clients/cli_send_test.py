"""`onehop send`: where its messages come from, to whom they go, and how it tells what became of them.

usage: cli_send_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import json
import os
import signal
import subprocess
import tempfile
import time

from cli_case import LIMIT, Case, main


class Folding(Case):
    flags = ("--shards", "2")

    def test_failures_of_one_fate_are_one_line(self):
        sent = self.run_onehop("send", "nobody", stdin=b"x\n" * 20_000)
        self.assertEqual(sent.code, 1)
        *folds, summary = sent.error_lines()
        self.assertEqual(summary, "0 delivered, 20000 rejected")
        # On a slow machine a second passes meanwhile, and what is known by then is told.
        self.assertLess(len(folds), LIMIT)
        covered = []
        for fold in folds:
            name, to, ids, reason = fold.split()
            self.assertEqual((name, to, reason), ("REJECTED", "to=nobody", "reason=UNKNOWN_CLIENT"))
            first, _, last = ids.removeprefix("id=").partition("..")
            covered += range(int(first), int(last or first) + 1)
        self.assertEqual(covered, list(range(1, 20_001)))

    def test_in_json_they_are_one_object_of_the_same_shape(self):
        sent = self.run_onehop("send", "nobody", "-o", "json", stdin=b"1\n2\n3\n")
        outcome, summary = sent.results()
        self.assertEqual(outcome, {"event": "outcome", "outcome": "REJECTED", "to": "nobody", "n": 1, "last_n": 3,
                                   "id": 1, "last_id": 3, "count": 3, "reason": "UNKNOWN_CLIENT"})
        self.assertEqual((summary["event"], summary["rejected"]), ("summary", 3))
        self.assertEqual((sent.code, sent.err), (1, b""))

    def test_another_fate_begins_another_line(self):
        bob = self.listen("bob", "--ack", "manual", stdin=subprocess.PIPE)
        sender = self.start("send", "bob", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n2\n3\n4\n5\n6\n")
        sender.stdin.close()
        sender.stdin = None
        for _ in range(6):
            bob.stdout.readline()
        bob.stdin.write(b"refuse 1 7 no\nrefuse 2 7 no\nrefuse 3 8 no\nack 4\nrefuse 5 8 no\nrefuse 6 8 no\n")
        bob.stdin.flush()
        sent = self.finish(sender)
        told = [line for line in sent.error_lines()]
        self.assertEqual(told, ['REJECTED to=bob id=1..2 reason=REFUSED_BY_RECIPIENT code=7 text="no"',
                                'REJECTED to=bob id=3 reason=REFUSED_BY_RECIPIENT code=8 text="no"',
                                'REJECTED to=bob id=5..6 reason=REFUSED_BY_RECIPIENT code=8 text="no"',
                                "1 delivered, 5 rejected"])

    def test_it_is_told_although_more_may_come(self):
        sender = self.start("send", "nobody", "-", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n2\n")
        sender.stdin.flush()
        self.assertEqual(sender.stderr.readline(), b"REJECTED to=nobody id=1..2 reason=UNKNOWN_CLIENT\n")
        self.assertIsNone(sender.poll())

    def test_what_is_too_large_folds_as_well(self):
        large = b"x" * (3 << 20) + b"\n"
        sent = self.run_onehop("send", "nobody", stdin=large + large)
        self.assertTrue(sent.error_lines()[0].startswith("REJECTED to=nobody line=1..2 reason=TOO_LARGE"), sent.err)
        self.assertEqual(sent.error_lines()[1:], ["0 delivered, 2 rejected"])

    def test_an_interrupt_folds_what_is_open(self):
        bob = self.listen("bob", "--ack", "manual", "--receive-window", "2")
        sender = self.start("send", "bob", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n2\n3\n4\n5\n")
        sender.stdin.close()
        sender.stdin = None
        bob.stdout.readline()
        sender.send_signal(signal.SIGINT)
        sent = self.finish(sender)
        self.assertEqual((sent.code, sent.error_lines()),
                         (1, ["UNKNOWN to=bob id=1..5", "0 delivered, 5 unknown"]))

    def test_fail_fast(self):
        sender = self.start("send", "nobody", "--fail-fast", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n")
        sender.stdin.flush()  # And no end.
        self.assertEqual(sender.wait(LIMIT), 1)
        self.assertEqual(sender.stderr.read().decode().splitlines(),
                         ["REJECTED to=nobody id=1 reason=UNKNOWN_CLIENT", "0 delivered, 1 rejected"])
        bob = self.listen("bob", "--count", "2")
        self.assertEqual(self.run_onehop("send", "bob", "--fail-fast", stdin=b"1\n2\n").code, 0)
        self.assertEqual(self.finish(bob).out, b"1\n2\n")


class Sources(Case):
    def test_a_file_is_one_message(self):
        text = b"two\nlines\0\xff" * 100
        with tempfile.NamedTemporaryFile() as file:
            file.write(text)
            file.flush()
            bob = self.listen("bob", "--count", "1", "-f", "%p")
            sent = self.run_onehop("send", "bob", "--file", file.name)
            self.assertEqual((sent.code, sent.err), (0, b"DELIVERED to=bob id=1\n"))
            self.assertEqual(self.finish(bob).out, text)
            missing = self.run_onehop("send", "bob", "--file", file.name + ".not")
            self.assertEqual((missing.code, len(missing.error_lines())), (1, 1))
            self.assertIn(file.name + ".not", missing.error_lines()[0])

    def test_the_whole_input_is_one_message(self):
        for text in (b"a\nb\n", b"", b"x" * 900_000):
            bob = self.listen("bob", "--count", "1", "-f", "%p", stdout=(out := tempfile.TemporaryFile()))
            self.assertEqual(self.run_onehop("send", "bob", "--whole", stdin=text).err, b"DELIVERED to=bob id=1\n")
            self.assertEqual(self.finish(bob).code, 0)
            out.seek(0)
            self.assertEqual(out.read(), text)
            out.close()
        large = self.run_onehop("send", "bob", "--whole", stdin=b"x" * (3 << 20))
        self.assertEqual(large.code, 1)
        self.assertIn("reason=TOO_LARGE", large.error_lines()[0])

    def test_zero_bytes_end_messages(self):
        bob = self.listen("bob", "--count", "3", "-f", "[%p]")
        self.assertEqual(self.run_onehop("send", "bob", "-0", stdin=b"a\nb\0\0c").code, 0)
        self.assertEqual(self.finish(bob).out, b"[a\nb][][c]")

    def test_only_one_source(self):
        for args in (("x", "--whole"), ("x", "--file", "f"), ("--whole", "--file", "f"), ("-0", "--whole")):
            self.assertEqual(self.run_onehop("send", "bob", *args).code, 2, args)


class SmallFrames(Case):
    flags = ("--frame-bytes-max", "16384", "--queue-bytes-max", "65536")

    def test_an_input_that_is_too_large_stays_so_to_its_end(self):
        sent = self.run_onehop("send", "nobody", "--whole", stdin=b"x" * 100_000)
        self.assertEqual(sent.code, 1)
        self.assertIn("reason=TOO_LARGE", sent.error_lines()[0])


class Recipients(Case):
    def test_each_gets_every_message(self):
        listeners = [self.listen(name, "--count", "2") for name in ("bob", "carol")]
        sent = self.run_onehop("send", "bob,carol", stdin=b"1\n2\n")
        self.assertEqual((sent.code, sent.error_lines()), (0, ["4 delivered"]))
        for listener in listeners:
            self.assertEqual(self.finish(listener).out, b"1\n2\n")

    def test_one_that_is_not_there(self):
        bob = self.listen("bob", "--count", "3")
        sent = self.run_onehop("send", "nobody,bob", stdin=b"1\n2\n3\n")
        self.assertEqual((sent.code, sent.error_lines()),
                         (1, ["REJECTED to=nobody id=1..5 count=3 reason=UNKNOWN_CLIENT", "3 delivered, 3 rejected"]))
        self.assertEqual(self.finish(bob).out, b"1\n2\n3\n")

    def test_each_name_is_checked(self):
        for names in ("bob,", ",bob", "bob,,carol", "bob,bob", "bob,b*"):
            self.assertEqual(self.run_onehop("send", names, "x").code, 2, names)


class Pace(Case):
    def test_the_interval_and_the_rate(self):
        for option, value in (("--interval", "0.05"), ("--rate", "20")):
            bob = self.listen("bob", "--count", "5")
            began = time.monotonic()
            self.assertEqual(self.run_onehop("send", "bob", "x", "--count", "5", option, value).code, 0)
            # No machine is too fast for four steps.
            self.assertGreaterEqual(time.monotonic() - began, 4 * 0.05 - 0.01)
            self.assertEqual(self.finish(bob).out, b"x\n" * 5)

    def test_not_both_and_not_nothing(self):
        for args in (("--interval", "1", "--rate", "1"), ("--rate", "0"), ("--interval", "0")):
            self.assertEqual(self.run_onehop("send", "bob", "x", *args).code, 2, args)


class Waiting(Case):
    # Without a grace of the broker: only --wait makes them wait.
    flags = ("--start-grace-ms", "0")

    def test_for_a_recipient_that_comes_late(self):
        sender = self.start("send", "bob", "--wait", "60", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n2\n3\n")
        sender.stdin.close()
        sender.stdin = None
        # The sender is known to have been refused when another one of a shorter patience was.
        self.assertEqual(self.run_onehop("send", "bob", "x", "--wait", "0.2").code, 1)
        bob = self.listen("bob", "--count", "3")
        self.assertEqual(self.finish(bob).out, b"1\n2\n3\n")
        sent = self.finish(sender)
        self.assertEqual((sent.code, sent.error_lines()[0].split(" (")[0]), (0, "3 delivered"))

    def test_until_the_time_is_up(self):
        sent = self.run_onehop("send", "bob", "--wait", "0.2", stdin=b"1\n2\n")
        self.assertEqual(sent.code, 1)
        self.assertIn("0 delivered, 2 rejected", sent.error_lines()[-1])


class Errors(Case):
    def test_an_error_in_json_is_an_event(self):
        with tempfile.TemporaryDirectory() as folder:
            nowhere = "unix://" + os.path.join(folder, "socket")
            for command in (("send", "bob", "x"), ("listen", "bob"), ("ping",)):
                failed = self.run_onehop(*command, "-o", "json", server=nowhere)
                self.assertEqual((failed.code, failed.out), (3, b""), command)
                error = json.loads(failed.err)
                self.assertEqual((set(error), error["event"]), ({"event", "text"}, "error"), command)
                self.assertIn("cannot connect", error["text"])
            failed = self.run_onehop("clients", "-o", "json", "--admin", nowhere)
            self.assertEqual((failed.code, failed.out), (3, b""))
            self.assertEqual(json.loads(failed.err)["event"], "error")

    def test_also_where_the_command_line_is_wrong(self):
        for args in (("send", "b*", "x", "-o", "json"), ("listen", "bob", "--bogus", "--output=json"), ("send", "-ojson")):
            failed = self.run_onehop(*args)
            self.assertEqual((failed.code, failed.out), (2, b""))
            self.assertEqual(json.loads(failed.err)["event"], "error")

    def test_quiet_leaves_the_result(self):
        sent = self.run_onehop("send", "nobody", "x", "-o", "json", "-q")
        self.assertEqual(([result["event"] for result in sent.results()], sent.err), (["outcome", "summary"], b""))


if __name__ == "__main__":
    main()
