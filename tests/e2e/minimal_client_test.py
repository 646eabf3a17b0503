#!/usr/bin/python3
"""clients/python/minimal_client.py against a real onehopd, and against a scripted broker that says what the real one
does not say, or not when it is wanted.

    minimal_client_test.py ONEHOPD     PYTHONPATH: the folder with protoc's module, and clients/python
"""
import socket
import subprocess
import sys
import threading
import unittest

from google.protobuf.internal.decoder import _DecodeVarint32
from google.protobuf.internal.encoder import _VarintBytes
from minimal_client import Client, wire

ONEHOPD = sys.argv.pop(1)
SEND_WINDOW = 8
UNCONFIRMED = wire.CONFIRM_REFUSALS


def fate(client, message_id):
    receipt = client.fates[message_id]
    return receipt.outcome, receipt.reason, receipt.attempted


class RealBroker(unittest.TestCase):
    """Two minimal clients and the broker as it is."""

    def setUp(self):
        self.broker = subprocess.Popen(
            [ONEHOPD, "--listen", "tcp://127.0.0.1:0", "--admin", "none", "--shards", "2", "--frame-bytes-max", "16384",
             "--queue-bytes-max", "65536", "--send-buffer-bytes", "4096", "--send-window", str(SEND_WINDOW)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.host, port = self.broker.stdout.readline().strip().rsplit("//", 1)[1].rsplit(":", 1)
        self.port = int(port)

    def tearDown(self):
        self.broker.terminate()
        self.broker.communicate()
        self.assertEqual(0, self.broker.returncode)

    def connect(self, name, **options):
        return Client(self.host, self.port, name, **options)

    def test_messages_go_both_ways(self):
        a, b = self.connect("a"), self.connect("b")
        for i in range(100):
            a.send("b", b"to b %d" % i, UNCONFIRMED)
            b.send("a", b"to a %d" % i, UNCONFIRMED)
        for i in range(100):
            to_b, to_a = b.receive(), a.receive()
            self.assertEqual((0, 0), (to_b.delivery_tag, to_a.delivery_tag))
            self.assertEqual((b"to b %d" % i, "a", i + 1), (to_b.payload, getattr(to_b, "from"), to_b.id))
            self.assertEqual((b"to a %d" % i, "b", a.connected.session), (to_a.payload, getattr(to_a, "from"),
                                                                        to_b.from_session))
        a.settle()
        self.assertEqual({}, a.fates)
        a.close()
        b.close()

    def test_a_refusal_is_seen(self):
        a = self.connect("a")
        refused = a.send("nobody", b"hello?", UNCONFIRMED)
        a.send("a", b"to myself", UNCONFIRMED)
        a.settle()
        self.assertEqual({refused: wire.REASON_UNKNOWN_CLIENT}, {i: r.reason for i, r in a.fates.items()})
        self.assertEqual(b"to myself", a.receive().payload)
        a.close()

    def test_every_confirmed_message_has_its_outcome(self):
        a, b = self.connect("a"), self.connect("b")
        taken, refused = a.send("b", b"taken"), a.send("b", b"refused")
        first, second = b.receive(), b.receive()
        b.write(wire.Frame(ack=wire.Ack(refused=[wire.Refusal(delivery_tag=second.delivery_tag, text="no", code=7)])))
        b.acknowledge(second)  # Also speaks for the first; of the second the refusal came first.
        a.settle()
        self.assertEqual((wire.OUTCOME_DELIVERED, wire.REASON_UNSPECIFIED, True), fate(a, taken))
        self.assertEqual((wire.OUTCOME_REJECTED, wire.REASON_REFUSED_BY_RECIPIENT, True), fate(a, refused))
        self.assertEqual(("no", 7), (a.fates[refused].text, a.fates[refused].code))
        self.assertLess(first.delivery_tag, second.delivery_tag)

        late = a.send("b", b"late", ttl_ms=50)
        unread = b.receive()
        a.settle()
        self.assertEqual((wire.OUTCOME_EXPIRED, wire.REASON_UNSPECIFIED, True), fate(a, late))
        b.acknowledge(unread)  # Too late, and no error.
        b.settle()

        nobody = a.send("nobody", b"hello?")
        lost = a.send("b", b"lost")
        b.receive()
        b.close()  # Without having acknowledged it.
        a.settle()
        self.assertEqual((wire.OUTCOME_REJECTED, wire.REASON_UNKNOWN_CLIENT, False), fate(a, nobody))
        self.assertEqual((wire.OUTCOME_LOST, wire.REASON_CONNECTION_LOST, True), fate(a, lost))
        a.close()

    def test_the_send_window_is_kept(self):
        a, b = self.connect("a"), self.connect("b")
        self.assertEqual(SEND_WINDOW, a.connected.send_window)
        arrived = []

        def acknowledge_all():
            while len(arrived) != 10 * SEND_WINDOW:
                message = b.receive()
                arrived.append(message.id)
                b.acknowledge(message)

        for _ in range(SEND_WINDOW):
            a.send("b", b"x")
        reader = threading.Thread(target=acknowledge_all)
        reader.start()
        while a.last_id != 10 * SEND_WINDOW:  # One too many, or a receipt not acknowledged, would be QUOTA_EXCEEDED.
            a.send("b", b"x")
        reader.join()
        a.settle()
        self.assertEqual(list(range(1, 10 * SEND_WINDOW + 1)), arrived)
        self.assertEqual({wire.OUTCOME_DELIVERED}, {receipt.outcome for receipt in a.fates.values()})
        self.assertEqual(10 * SEND_WINDOW, len(a.fates))
        a.close()
        b.close()

    def test_silence_is_bridged_by_pings(self):
        a = self.connect("a", keepalive_ms=1000)
        self.assertEqual(1.0, a.keepalive)
        self.assertIsNone(a.receive(3.2))  # More than two of the broker's patiences.
        a.settle()
        a.close()

    def test_a_pause_is_obeyed(self):
        slow, sender = self.connect("slow"), self.connect("sender")
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not sender.paused:
            sender.send("slow", bytes(10_000), UNCONFIRMED)
        self.assertEqual(["slow"], list(sender.paused))
        arrived = []

        def read_on():
            while b"after the pause" not in arrived[-1:]:
                arrived.append(slow.receive().payload)

        reader = threading.Thread(target=read_on)
        reader.start()
        sender.send("slow", b"after the pause", UNCONFIRMED)  # Waits for RESUME or the end of the lease.
        reader.join()
        sender.settle()
        # Everything arrived but what was refused before the PAUSE was read.
        self.assertEqual({wire.REASON_QUEUE_FULL}, {r.reason for r in sender.fates.values()} | {wire.REASON_QUEUE_FULL})
        self.assertEqual(sender.last_id, len(arrived) + len(sender.fates))
        slow.close()
        sender.close()

    def test_goodbyes(self):
        a = self.connect("a")
        with self.assertRaisesRegex(ConnectionError, "NAME_IN_USE"):
            self.connect("a")  # The name is in use.
        a.close()
        again = self.connect("a")
        self.broker.terminate()
        with self.assertRaisesRegex(ConnectionError, "SERVER_SHUTTING_DOWN"):
            again.receive()
        again.socket.close()

    def test_the_command_lines_of_its_text(self):
        program = [sys.executable, sys.modules["minimal_client"].__file__, self.host, str(self.port)]
        listener = subprocess.Popen([*program, "listener"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        probe = self.connect("probe")
        while True:  # Until the listener is there.
            sent = probe.send("listener", b"are you there?")
            probe.settle()
            if fate(probe, sent)[0] == wire.OUTCOME_DELIVERED:
                break
        sent = subprocess.run([*program, "sender", "listener", "one", "two"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual("'one' OUTCOME_DELIVERED REASON_UNSPECIFIED\n'two' OUTCOME_DELIVERED REASON_UNSPECIFIED\n",
                         sent.stdout)
        self.assertEqual(["probe are you there?\n", "sender one\n", "sender two\n"],
                         [listener.stdout.readline() for _ in range(3)])
        refused = subprocess.run([*program, "sender", "nobody", "x"], stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual("'x' OUTCOME_REJECTED REASON_UNKNOWN_CLIENT\n", refused.stdout)
        listener.terminate()
        listener.communicate()
        probe.close()


class ScriptedBroker(unittest.TestCase):
    """A broker made of a script: frames in, frames out."""

    def setUp(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.made = []
        connecting = threading.Thread(target=lambda: self.made.append(Client(*listener.getsockname(), "a")))
        connecting.start()
        self.peer, _ = listener.accept()
        listener.close()
        self.stream = self.peer.makefile("rb")
        connect = self.read().connect
        self.assertEqual(("a", 1, 0), (connect.name, connect.protocol_version, connect.features))
        self.assertEqual((b"", 0), (connect.resume_token, connect.session_expiry_ms))
        self.say(connected=wire.Connected(name="a", keepalive_ms=30_000, frame_bytes_max=1 << 20, send_window=3,
                                          send_window_bytes=1000))
        connecting.join()
        self.client = self.made[0]

    def tearDown(self):
        self.stream.close()
        self.peer.close()
        self.client.socket.close()

    def read(self):
        size = b""
        while not size or size[-1] >= 0x80:
            size += self.stream.read(1)
        return wire.Frame.FromString(self.stream.read(_DecodeVarint32(size, 0)[0]))

    def say(self, **kind):
        self.say_bytes(wire.Frame(**kind).SerializeToString())

    def say_bytes(self, body):
        self.peer.sendall(_VarintBytes(len(body)) + body)

    def test_a_ping_is_answered(self):
        self.say(ping=wire.Ping(nonce=77))
        self.say(message=wire.Message(payload=b"x"))
        self.client.receive()
        self.assertEqual(77, self.read().pong.nonce)

    def test_a_tag_is_acknowledged_when_the_program_has_the_message(self):
        self.say(message=wire.Message(payload=b"first", delivery_tag=5))
        self.say(message=wire.Message(payload=b"second", delivery_tag=6))
        self.say(ping=wire.Ping(nonce=77))
        self.say(message=wire.Message(payload=b"third"))
        messages = [self.client.receive() for _ in range(3)]
        self.assertEqual(77, self.read().pong.nonce)  # And no ack before it.
        self.client.acknowledge(messages[0])
        self.assertEqual(5, self.read().ack.up_to)

    def test_what_wants_no_ack_gets_none(self):
        self.say(receipts=wire.Receipts(items=[wire.Receipt(first_id=1, last_id=1, outcome=wire.OUTCOME_REJECTED)]))
        self.say(message=wire.Message(payload=b"x"))
        self.client.acknowledge(self.client.receive())
        self.assertIn(1, self.client.fates)
        self.client.send("b", b"y")
        self.assertEqual(b"y", self.read().message.payload)

    def test_receipts_are_acknowledged_by_their_number(self):
        ids = [self.client.send("b", b"x") for _ in range(3)]
        self.assertEqual(ids, [self.read().message.id for _ in ids])
        self.say(receipts=wire.Receipts(seq=9, items=[wire.Receipt(first_id=1, last_id=2, outcome=1),
                                                      wire.Receipt(first_id=3, last_id=3, outcome=99)]))
        self.client.send("b", b"there is room again")
        self.assertEqual(9, self.read().ack.receipts_up_to)
        self.assertEqual(b"there is room again", self.read().message.payload)
        self.assertEqual([4], list(self.client.open))  # An outcome not known is final.

    def test_the_window_is_also_one_of_bytes(self):
        self.client.send("b", bytes(600))
        sending = threading.Thread(target=lambda: self.client.send("b", bytes(500)))
        sending.start()
        self.assertEqual(1, self.read().message.id)
        self.say(ping=wire.Ping(nonce=77))
        self.assertEqual(77, self.read().pong.nonce)  # Still waits.
        self.say(receipts=wire.Receipts(seq=1, items=[wire.Receipt(first_id=1, last_id=1, outcome=1)]))
        self.assertEqual(1, self.read().ack.receipts_up_to)
        self.assertEqual(2, self.read().message.id)
        sending.join()

    def test_what_a_newer_broker_says_is_ignored(self):
        self.say_bytes(b"\xa2\x06\x00")  # Kind 100.
        self.say_bytes(b"")
        self.say(receipts=wire.Receipts(items=[wire.Receipt(first_id=1, last_id=2, outcome=99, reason=99)]))
        self.say(flow=wire.Flow(client="b", state=9))
        self.say(goodbye=wire.Goodbye(code=15, grace_ms=1000))  # A beginning of the end, not the end.
        self.say(message=wire.Message(payload=b"x"))
        self.assertEqual(b"x", self.client.receive().payload)
        self.assertEqual({1, 2}, set(self.client.fates))
        self.say(goodbye=wire.Goodbye(code=99, text="later"))
        with self.assertRaisesRegex(ConnectionError, "goodbye 99: later"):
            self.client.receive()

    def test_frames_may_come_in_any_pieces(self):
        body = wire.Frame(message=wire.Message(payload=bytes(300))).SerializeToString()
        for byte in (_VarintBytes(len(body)) + body) * 2:
            self.peer.sendall(bytes([byte]))
        for _ in range(2):
            self.assertEqual(bytes(300), self.client.receive().payload)

    def test_a_lost_resume_strands_nobody(self):
        self.say(flow=wire.Flow(client="b", state=wire.STATE_PAUSE, retry_after_ms=50))
        self.say(message=wire.Message(payload=b"x"))
        self.client.receive()
        self.client.send("b", b"after the lease")
        self.assertEqual(b"after the lease", self.read().message.payload)

    def test_a_silent_broker_is_given_up(self):
        self.client.keepalive = 0.05
        with self.assertRaisesRegex(ConnectionError, "silent"):
            self.client.receive()
        self.assertTrue(self.read().HasField("ping"))


if __name__ == "__main__":
    unittest.main()
