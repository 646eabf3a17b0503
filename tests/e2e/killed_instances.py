"""Instances of a service that are killed (SIGKILL) at random moments and replaced, while a client sends requests to the
service: each request has one outcome; REPLIED means that the reply is there; what was not attempted nobody has seen; and
no request is seen twice unless its sender allowed that, and then the second time is marked.

    killed_instances.py BIN_FOLDER [--instances 10] [--requests 2000] [--kills 20] [--seed N]

Every second request has `retry_attempted`. The full size is --instances 50 --requests 20000 --kills 200.
"""
import argparse
import collections
import os
import random
import sys
import tempfile
import threading
import time

from identity_client import Client
from onehop.v1 import onehop_pb2 as wire
from programs import SECONDS_MAX, Broker, Lines, start

SERVICE = "work"
FEATURES = 1 << 2 | 1 << 4  # TOPICS, REPLIES
OPEN_MAX = 300
TAKEN_MAX = 8
WORK_SECONDS = 0.003  # That some requests take, so that instances are killed at their work.


def serve(address, log_path):
    """One instance: it notes each request before it does anything with it, replies, and acknowledges. It takes some requests
    before it replies to the first of them, so that it is often killed in between."""
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    client = Client(address, features=FEATURES)
    client.write(wire.Frame(subscribe=wire.Subscribe(service=SERVICE, ref=1)))
    taken = []
    while (frame := client.read()) is not None:
        kind = frame.WhichOneof("kind")
        if kind == "subscribed":
            print("serving", flush=True)
        elif kind == "ping":
            client.write(wire.Frame(pong=wire.Pong(nonce=frame.ping.nonce)))
        elif kind == "receipts" and frame.receipts.seq:
            client.write(wire.Frame(ack=wire.Ack(receipts_up_to=frame.receipts.seq)))
        elif kind == "message":
            os.write(log, f"{frame.message.id} {int(frame.message.redelivered)}\n".encode())
            taken.append(frame.message)
        if len(taken) >= TAKEN_MAX or not client.has_more():
            time.sleep(WORK_SECONDS if taken else 0)
            while taken:
                reply(client, taken.pop(0))


def reply(client, request):
    client.last_id += 1
    client.write(wire.Frame(message=wire.Message(
        client=getattr(request, "from"), id=client.last_id, confirm=wire.CONFIRM_DELIVERED, in_reply_to=request.id,
        in_reply_to_session=request.from_session, payload=request.payload)))
    client.write(wire.Frame(ack=wire.Ack(up_to=request.delivery_tag)))


class Instances:
    def __init__(self, address, place, count):
        self._address, self._place, self._begun = address, place, 0
        self._all = [self._begin() for _ in range(count)]
        for process in self._all:
            self._wait(process)

    def _begin(self):
        self._begun += 1
        process = start([sys.executable, "-B", __file__, "--serve", self._address, self._log(self._begun)],
                        stdout=-1, environment={"PYTHONPATH": os.environ["PYTHONPATH"]})
        process.lines = Lines(process.stdout)
        return process

    @staticmethod
    def _wait(process):
        process.lines.wait_for(lambda line: line == "serving")

    def _log(self, number):
        return os.path.join(self._place, f"{number}.log")

    def replace(self, at):
        self._all[at].kill()
        self._all[at].wait()
        self._all[at] = self._begin()
        self._wait(self._all[at])

    def end(self):
        for process in self._all:
            process.kill()
            process.wait()

    def seen(self):
        """id → whether it was marked, for each time that it was seen, in no order."""
        seen = collections.defaultdict(list)
        for number in range(1, self._begun + 1):
            with open(self._log(number), encoding="ascii") as log:
                for line in log:
                    request, redelivered = line.split()
                    seen[int(request)].append(redelivered == "1")
        return seen


class Requester:
    """Sends requests from one thread and hears of them in another."""

    def __init__(self, address):
        self._client = Client(address, "requester", features=FEATURES)
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self.outcomes = collections.defaultdict(list)
        self.replies = collections.defaultdict(list)
        self._sent = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _write(self, **frame):
        with self._writing:
            self._client.write(wire.Frame(**frame))

    def _read(self):
        while (frame := self._client.read()) is not None:
            kind = frame.WhichOneof("kind")
            if kind == "ping":
                self._write(pong=wire.Pong(nonce=frame.ping.nonce))
            elif kind == "message":
                self.replies[frame.message.in_reply_to].append(frame.message.payload)
                self._write(ack=wire.Ack(up_to=frame.message.delivery_tag))
            elif kind == "receipts":
                with self._changed:
                    for item in frame.receipts.items:
                        for request in range(item.first_id, item.last_id + 1):
                            self.outcomes[request].append(item)
                    self._changed.notify_all()
                self._write(ack=wire.Ack(receipts_up_to=frame.receipts.seq))

    def send(self):
        self.wait(OPEN_MAX)
        self._sent += 1
        self._write(message=wire.Message(
            service=SERVICE, id=self._sent, confirm=wire.CONFIRM_DELIVERED, wants_reply=True,
            retry_attempted=self._sent % 2 == 0, payload=str(self._sent).encode()))

    def wait_for_outcomes(self, count):
        with self._changed:
            self._changed.wait_for(lambda: len(self.outcomes) >= count, SECONDS_MAX)

    def wait(self, open_max):
        with self._changed:
            done = self._changed.wait_for(lambda: self._sent - len(self.outcomes) <= open_max, SECONDS_MAX)
            assert done, f"{self._sent - len(self.outcomes)} requests have no outcome"

    @property
    def sent(self):
        return self._sent


def check(requester, seen):
    counts = collections.Counter()
    seen_again = 0
    for request in range(1, requester.sent + 1):
        fates, replies, marks = requester.outcomes[request], requester.replies[request], seen[request]
        assert len(fates) == 1, f"request {request} has {len(fates)} outcomes"
        outcome = wire.Outcome.Name(fates[0].outcome).removeprefix("OUTCOME_")
        counts[outcome] += 1
        assert outcome in ("REPLIED", "LOST", "RESPONDER_LOST"), f"request {request}: {fates[0]}"
        assert replies == ([str(request).encode()] if outcome == "REPLIED" else []), f"{request}: {outcome}, {replies}"
        assert fates[0].attempted or not marks, f"request {request} was seen, and its outcome says that it was not attempted"
        assert marks.count(False) <= 1, f"request {request} was seen {len(marks)} times and not marked"
        if request % 2 != 0:
            assert len(marks) <= 1, f"request {request} was seen {len(marks)} times"
        seen_again += len(marks) > 1
    print(f"{requester.sent} requests: {dict(counts)}; {seen_again} were seen again")
    assert counts["REPLIED"] > requester.sent / 2
    assert seen_again + counts["LOST"] > 0, "no instance was killed at its work"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin_folder")
    parser.add_argument("--instances", type=int, default=10)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    print("seed", options.seed)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place, Broker(options.bin_folder, "--shards", "2") as broker:
        instances = Instances(broker.address, place, options.instances)
        requester = Requester(broker.address)
        sending = threading.Thread(target=lambda: [requester.send() for _ in range(options.requests)])
        sending.start()
        for kill in range(1, options.kills + 1):
            requester.wait_for_outcomes(kill * options.requests // (options.kills + 1))
            instances.replace(rng.randrange(options.instances))
        sending.join()
        requester.wait(0)
        instances.end()
        check(requester, instances.seen())


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(*sys.argv[2:])
    else:
        main()
