"""Memory runs out, in a control group that kills whoever takes more than its limit: the broker sheds in stages, in their
order, and lives.

    memory_cap.py BIN_FOLDER        PYTHONPATH: the schema for Python, and clients/python

The broker takes its cap from the group's limit by itself. First recipients that do not read are sent to until messages
are refused with BROKER_BUSY; then others begin frames that they do not finish, which nobody can refuse, until the clients
that hold most are ended. Then all of them leave, and the broker serves as before. In another broker and group, clients
send what is refused, acknowledge none of the receipts, and leave sessions that can be resumed: no queue holds anything, and
the broker refuses for want of memory all the same.

Needs root and a memory controller (version 1 or 2) in which a group can be made; otherwise the broker is given its cap by
flag, and only its own accounts are looked at. The test says which it was.
"""

import contextlib
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from minimal_client import Client, wire  # noqa: E402
from programs import SECONDS_MAX, Broker  # noqa: E402

GROUP_BYTES = 160 << 20
CAP_BYTES = GROUP_BYTES // 2
SILENT = 60  # Recipients that do not read, with a queue of 4 MiB at the most.
DRIBBLERS = 150  # Clients that begin a frame of nearly 1 MiB.
BODY = b"x" * (128 << 10)
PART_BYTES = 900 << 10
HOARDERS = 400
OUTCOMES = 4_000  # Of each: just within the send window.
FLAGS = ["--shards", "2", "--send-buffer-bytes", str(64 << 10)]


class Group:
    """A control group of the test's own, with a limit."""

    ROOTS = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
             ("/sys/fs/cgroup", "memory.max", "memory.peak"))

    def __init__(self):
        self.path = None
        for root, limit, self._peak in self.ROOTS:
            path = os.path.join(root, f"onehop-test-{os.getpid()}")
            try:
                os.mkdir(path)
            except OSError:
                continue
            try:
                with open(os.path.join(path, limit), "w", encoding="ascii") as file:
                    file.write(str(GROUP_BYTES))
            except OSError:
                os.rmdir(path)
                continue
            self.path = path
            return

    def peak_bytes(self):
        with open(os.path.join(self.path, self._peak), encoding="ascii") as file:
            return int(file.read())

    def remove(self):
        if self.path:
            os.rmdir(self.path)


@contextlib.contextmanager
def broker_in(group, folder):
    """A broker that was born in the group, so that all of its memory counts there."""
    if not group.path:
        with Broker(folder, *FLAGS, "--memory-bytes-max", str(CAP_BYTES)) as broker:
            yield broker
        return
    starter = ["/bin/sh", "-c", f'echo $$ > {group.path}/cgroup.procs; exec "$0" "$@"']
    with Broker(folder, *FLAGS, before=starter) as broker:
        yield broker


def silent_client(address, number):
    """One that does not read, and for which the kernel keeps little."""
    client = Client(*address, f"silent-{number}")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    return client


def fill(sender, silent):
    """Until the broker refuses for want of memory; every other refusal is of a full queue."""
    ids = {}
    for turn in range(40):
        for number in range(len(silent)):
            # Not settled here: the pause that each of them asks for is not waited for.
            sender.paused.clear()
            ids[sender.send(f"silent-{number}", BODY, confirm=wire.CONFIRM_REFUSALS)] = number
        sender.settle()
        reasons = {receipt.reason for receipt in sender.fates.values()}
        assert reasons <= {wire.REASON_QUEUE_FULL, wire.REASON_BROKER_BUSY}, reasons
        if wire.REASON_BROKER_BUSY in reasons:
            busy = [r for r in sender.fates.values() if r.reason == wire.REASON_BROKER_BUSY]
            assert all(receipt.retry_after_ms > 0 for receipt in busy), "no time to try again is told"
            return turn
    raise AssertionError("nothing was refused for want of memory")


def begin_frames(dribblers):
    length = PART_BYTES + 4_096
    prefix = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
    begun = prefix + b"\x1a" + b"x" * (PART_BYTES - 4)
    ended = 0
    for client in dribblers:
        client.socket.setblocking(True)
        client.socket.settimeout(SECONDS_MAX)
        try:
            client.socket.sendall(begun)
        except ConnectionError:
            ended += 1
    return ended


def expect_refused(address):
    try:
        Client(*address, "newcomer")
    except ConnectionError as error:
        assert "SERVER_BUSY" in str(error), error
        return
    raise AssertionError("a new client was let in though memory has run out")


def exchanged(address, attempt):
    """Whether a message is delivered; if it is not, for want of memory."""
    try:
        alice, bob = Client(*address, f"alice-{attempt}"), Client(*address, f"bob-{attempt}")
    except ConnectionError as error:
        assert "SERVER_BUSY" in str(error), error
        return False
    alice.send(f"bob-{attempt}", b"hello")
    while not alice.fates:
        if message := bob.receive(0):
            bob.acknowledge(message)
        alice.receive(0)
    fate = alice.fates[1]
    assert fate.outcome == wire.OUTCOME_DELIVERED or fate.reason == wire.REASON_BROKER_BUSY, fate
    return fate.outcome == wire.OUTCOME_DELIVERED


def expect_service(address):
    """Once what the others held has been given back; the deadline only ends a failure."""
    deadline = time.monotonic() + SECONDS_MAX
    attempt = 0
    while not exchanged(address, attempt):
        assert time.monotonic() < deadline, "memory is not given back"
        attempt += 1


def delimited(frame):
    data = frame.SerializeToString()
    prefix, size = b"", len(data)
    while size > 0x7F:
        prefix, size = prefix + bytes([size & 0x7F | 0x80]), size >> 7
    return prefix + bytes([size]) + data


def hoard(address, number):
    """Leaves a session behind with as many outcomes as it may have: with gaps between the ids none goes with another."""
    connect = wire.Connect(name=f"hoarder-{number}", protocol_version=1, session_expiry_ms=3_600_000)
    ids = range(2, 2 * OUTCOMES + 1, 2)
    messages = (wire.Message(client="nobody", id=id, confirm=wire.CONFIRM_DELIVERED) for id in ids)
    with socket.create_connection(address, SECONDS_MAX) as connection:
        connection.sendall(delimited(wire.Frame(connect=connect)) +
                           b"".join(delimited(wire.Frame(message=message)) for message in messages) +
                           delimited(wire.Frame(goodbye=wire.Goodbye(code=wire.CODE_PROTOCOL_ERROR))))
        while connection.recv(1 << 16):
            pass


def where_of(group):
    if not group.path:
        return "no control group can be made here: the cap came by flag, and the kernel's view was not looked at"
    return f"its control group's peak was {group.peak_bytes() >> 20} of {GROUP_BYTES >> 20} MiB"


def check_hoarders(folder):
    group = Group()
    try:
        with broker_in(group, folder) as broker:
            host, port = broker.address.removeprefix("tcp://").rsplit(":", 1)
            for number in range(HOARDERS):
                hoard((host, int(port)), number)
            assert broker.process.poll() is None, "the broker was killed"
            events = [line["event"] for line in broker.stop()]
        print(f"{HOARDERS} hoarders of receipts; refused for want of memory "
              f"{events.count('memory_refusing')} times, {events.count('memory_ending')} ended; {where_of(group)}")
        # They are away, and those that are have half of the cap.
        assert "memory_ending" in events, "what they hold is not counted"
    finally:
        group.remove()


def main(folder):
    check_hoarders(folder)
    group = Group()
    try:
        with broker_in(group, folder) as broker:
            host, port = broker.address.removeprefix("tcp://").rsplit(":", 1)
            address = (host, int(port))
            sender = Client(*address, "sender")
            silent = [silent_client(address, number) for number in range(SILENT)]
            dribblers = [Client(*address, f"dribbler-{number}") for number in range(DRIBBLERS)]
            turns = fill(sender, silent)
            expect_refused(address)
            begin_frames(dribblers)
            broker.log_line("memory_ending")
            assert broker.process.poll() is None, "the broker was killed"
            for client in silent + dribblers + [sender]:
                client.socket.close()
            expect_service(address)
            events = [line["event"] for line in broker.stop()]
        assert events.index("memory_refusing") < events.index("memory_ending"), events
        ended = events.count("memory_ending")
        assert 0 < ended < DRIBBLERS + SILENT, f"{ended} clients were ended"
        print(f"refused for want of memory after {turns} rounds; {ended} clients ended for it; {where_of(group)}")
    finally:
        group.remove()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
