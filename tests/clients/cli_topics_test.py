"""Topics and rooms on the command line: listen and send with --topic, and chat.

usage: cli_topics_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import json
import signal
import subprocess

from cli_case import Broker, Case, main


class Topics(Case):
    flags = ("--shards", "2")

    def test_a_listener_shows_the_topic(self):
        bob = self.listen("bob", "--topic", "news/+", "--topic", "weather", "--count", "3")
        for topic, text in (("news/de", "Hello."), ("weather", "Rain.")):
            sent = self.run_onehop("send", "--topic", topic, text)
            self.assertEqual((sent.code, sent.err.decode()), (0, f"ADMITTED topic={topic} id=1\n"))
        self.assertEqual(self.run_onehop("send", "bob", "To you alone.").code, 0)
        heard = self.finish(bob)
        self.assertEqual((heard.code, heard.out), (0, b"news/de Hello.\nweather Rain.\n- To you alone.\n"))

    def test_json_has_the_topic(self):
        bob = self.start("listen", "bob", "--topic", "news", "--count", "2", "-o", "json")
        self.assertEqual(json.loads(bob.stderr.readline())["event"], "listening")
        sent = self.run_onehop("send", "--topic", "news", "Hello.", "-o", "json")
        self.assertEqual(sent.results()[0]["topic"], "news")
        self.assertNotIn("to", sent.results()[0])
        self.run_onehop("send", "bob", "To you alone.")
        of_topic, to_bob = self.finish(bob).results()
        self.assertEqual((of_topic["topic"], of_topic["payload"]), ("news", "Hello."))
        self.assertNotIn("topic", to_bob)
        self.assertNotIn("skipped", of_topic)

    def test_nobody_there(self):
        sent = self.run_onehop("send", "--topic", "news", "--topic", "weather", stdin=b"1\n2\n")
        self.assertEqual((sent.code, sent.error_lines()), (1, [
            "REJECTED topic=news id=1..3 count=2 reason=NOBODY_THERE",
            "REJECTED topic=weather id=2..4 count=2 reason=NOBODY_THERE", "0 admitted, 4 rejected"]))

    def test_lines_of_standard_input_in_order(self):
        bob = self.listen("bob", "--topic", "#", "--count", "1000", "-f", "%p\\n")
        lines = "".join(f"{n}\n" for n in range(1000)).encode()
        sent = self.run_onehop("send", "--topic", "numbers", stdin=lines)
        self.assertEqual((sent.code, sent.err), (0, b"1000 admitted\n"))
        self.assertEqual(self.finish(bob).out, lines)

    def test_a_confirmed_message_says_how_many_it_has_reached(self):
        for name in ("bob", "carol"):
            self.listen(name, "--topic", "news")
        sent = self.run_onehop("send", "--topic", "news", "x", "--confirm", "delivered")
        self.assertEqual((sent.code, sent.err), (0, b"DELIVERED topic=news id=1 reached=2\n"))

    def test_a_listener_subscribes_again_at_the_next_broker(self):
        bob = self.listen("bob", "--topic", "news", "--count", "1")
        self.broker.stop(signal.SIGKILL)
        self.broker = Broker(*self.flags, listen=self.broker.address)
        self.addCleanup(self.broker.stop)
        for line in iter(bob.stderr.readline, b""):
            if b"connected again" in line:
                break
        # Its subscription is answered soon after that.
        while self.run_onehop("send", "--topic", "news", "Hello.").code != 0:
            continue
        self.assertEqual(self.finish(bob).out, b"news Hello.\n")


class Chat(Case):
    flags = ("--shards", "2")

    def enter(self, name, *args):
        process = self.start("chat", name, *args, stdin=subprocess.PIPE)
        line = process.stderr.readline().decode()
        self.assertTrue(line.startswith(name + " is in the room "), line)
        return process

    @staticmethod
    def say(process, line):
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()

    def test_two_talk_and_leave(self):
        alice, bob = self.enter("alice"), self.enter("bob")
        self.say(alice, "Hello, Bob.")
        self.assertEqual(bob.stdout.readline(), b"alice: Hello, Bob.\n")
        self.say(bob, "")
        self.say(bob, "Hello, Alice.")
        self.assertEqual(alice.stdout.readline(), b"bob: Hello, Alice.\n")
        self.say(bob, "Bye.")
        left = self.finish(bob)
        self.assertEqual((left.code, left.out, left.err), (0, b"", b""))
        self.assertEqual(alice.stdout.readline(), b"bob: Bye.\n")
        left = self.finish(alice)
        self.assertEqual((left.code, left.out, left.err), (0, b"", b""))

    def test_rooms_are_apart(self):
        hall, kitchen = self.enter("hall"), self.enter("cook", "--room", "house/kitchen", "--count", "1")
        said = self.run_onehop("chat", "alice", "--room", "house/kitchen", "-q", stdin=b"Dinner!\n")
        self.assertEqual((said.code, said.out, said.err), (0, b"", b""))
        heard = self.finish(kitchen)
        self.assertEqual((heard.code, heard.out), (0, b"alice: Dinner!\n"))
        self.assertEqual(self.finish(hall).out, b"")

    def test_a_line_that_nobody_hears(self):
        said = self.run_onehop("chat", "alice", stdin=b"Hello?\nHello?\n")
        self.assertEqual((said.code, said.out), (1, b""))
        self.assertEqual(said.error_lines()[1:], ["onehop: nobody else is in the room chat"])
        quiet = self.run_onehop("chat", "alice", stdin=b"")
        self.assertEqual(quiet.code, 0)

    def test_a_message_cannot_look_like_anothers(self):
        bob = self.enter("bob", "--count", "2")
        self.run_onehop("send", "--topic", "chat", "--name", "mallory", "x\nalice: I quit.")
        self.run_onehop("send", "bob", "Psst.", "--name", "carol")
        heard = self.finish(bob)
        self.assertEqual((heard.code, heard.out), (0, b"mallory: x\\x0aalice: I quit.\ncarol (to you): Psst.\n"))

    def test_json(self):
        bob = self.start("chat", "bob", "--count", "1", "-o", "json", stdin=subprocess.PIPE)
        self.assertEqual(json.loads(bob.stderr.readline())["event"], "in_room")
        self.run_onehop("chat", "alice", stdin=b"Hello.\n")
        heard = self.finish(bob).results()
        self.assertEqual([(line["from"], line["topic"], line["payload"]) for line in heard], [("alice", "chat", "Hello.")])

    def test_the_end_of_the_time_and_a_signal(self):
        bob = self.start("chat", "bob", "--timeout", "0.3", stdin=subprocess.PIPE)
        self.assertEqual(bob.wait(60), 0)
        bob = self.start("chat", "bob", "--timeout", "0.3", "--count", "1", stdin=subprocess.PIPE)
        self.assertEqual(bob.wait(60), 1)
        alice = self.enter("alice")
        alice.send_signal(signal.SIGINT)
        self.assertEqual(alice.wait(60), 0)

    def test_a_broker_that_is_not_there(self):
        self.broker.stop()
        self.assertEqual(self.run_onehop("chat", "alice", stdin=b"Hello.\n").code, 3)


if __name__ == "__main__":
    main()
