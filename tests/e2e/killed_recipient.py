"""A recipient that is killed (SIGKILL) at random moments, again and again, and goes on from its state file, while 20
senders send to it: every message ends in one outcome, what is DELIVERED was in the recipient's log before it was
acknowledged, and nothing is LOST while the recipient's session lives.

    killed_recipient.py BIN_FOLDER kept|expiring [--kills 20] [--lines 1000] [--senders 20] [--seed N]

kept: the session outlives each absence, so every message is DELIVERED. expiring: it stays away too long now and then, so
that some are LOST and others meet no client. The full size is --kills 200 --lines 10000.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from programs import SECONDS_MAX, Broker, Lines, start

NAME = "recipient"
# How many of the lives are killed at their work; the others may end before they are connected.
ESTABLISHED = 0.8
AWAKE_SECONDS_MAX = 0.02
# The broker refuses a session that is resumed too often while much must be redelivered. The client may try again a little later.
TOO_OFTEN = "the session was resumed too often just now"
# In the expiring job: how long the session is kept, and how long one of some absences lasts.
EXPIRY_SECONDS = 0.2
LONG_ABSENCE_SECONDS = 0.5
LONG_ABSENCE_EVERY = 5


class Recipient:
    """`onehop listen`, each life with a log of its own: a life may end within a line."""

    def __init__(self, folder, address, place, expiry_seconds):
        self._command = [os.path.join(folder, "onehop"), "listen", NAME, "--server", address, "-o", "json", "--state",
                         os.path.join(place, "state"), "--session-expiry", expiry_seconds]
        self._place = place
        self._errors = []
        self.lives = 0

    def begin(self):
        self.lives += 1
        with open(self._log_path(self.lives), "wb") as log:
            self._process = start(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.PIPE)
        self._errors.append(Lines(self._process.stderr))

    def wait_until_open(self):
        while True:
            line = self._errors[-1].wait_for(lambda line: '"event":"listening"' in line or TOO_OFTEN in line)
            if TOO_OFTEN not in line:
                return
            self._process.wait(SECONDS_MAX)
            self.begin()

    def kill(self):
        code = self._process.poll()
        if code is not None:
            errors = self._errors[-1].all()
            assert any(TOO_OFTEN in line for line in errors), f"life {self.lives} ended by itself with {code}: {errors}"
        self._process.kill()
        self._process.wait()

    def end(self):
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(SECONDS_MAX)
        assert code == 0, f"the last life ended with {code}: {self._errors[-1].all()}"

    def sessions_begun(self):
        """How many lives found no session to go on with."""
        events = [json.loads(line) for errors in self._errors for line in errors.all()]
        wrong = [event for event in events if event["event"] == "error" and TOO_OFTEN not in event["text"]]
        assert not wrong, wrong
        return sum(1 for event in events if event.get("event") == "listening" and not event["resumed"])

    def log(self):
        """For each life, what it has written in whole lines."""
        for life in range(1, self.lives + 1):
            with open(self._log_path(life), "rb") as file:
                yield life, [json.loads(line) for line in file.read().split(b"\n")[:-1]]

    def _log_path(self, life):
        return os.path.join(self._place, f"log-{life}")


class Sender:
    """`onehop send` with numbers as lines; message n is line n."""

    def __init__(self, folder, address, place, name):
        self.name = name
        self.sent = 0
        self._results_path = os.path.join(place, name)
        with open(self._results_path, "wb") as results:
            self._process = start([os.path.join(folder, "onehop"), "send", NAME, "--server", address, "--name", name,
                                   "-o", "json", "--verbose"],
                                  stdin=subprocess.PIPE, stdout=results, stderr=subprocess.DEVNULL)

    def send_up_to(self, count):
        self._process.stdin.write(b"".join(b"%d\n" % n for n in range(self.sent + 1, count + 1)))
        self._process.stdin.flush()
        self.sent = count

    def outcomes(self):
        """Of each message, once the program has ended."""
        self._process.stdin.close()
        code = self._process.wait(SECONDS_MAX)
        with open(self._results_path, "rb") as file:
            events = [json.loads(line) for line in file]
        outcomes = {}
        for event in events:
            if event.get("event") != "outcome":
                continue
            for n in range(event["n"], event["last_n"] + 1):
                assert n not in outcomes, f"{self.name}: two outcomes: {outcomes[n]}, {event}"
                outcomes[n] = event
        assert sorted(outcomes) == list(range(1, self.sent + 1)), f"{self.name}: {self.sent} sent, and outcomes of " \
            f"{len(outcomes)}; the end of what it wrote: {events[-3:]}"
        summary = events[-1]
        counts = {}
        for event in outcomes.values():
            counts[event["outcome"]] = counts.get(event["outcome"], 0) + 1
        for outcome, key in (("DELIVERED", "delivered"), ("REJECTED", "rejected"), ("LOST", "lost"),
                             ("EXPIRED", "expired"), ("UNKNOWN", "unknown"), ("NOT_SENT", "not_sent")):
            assert summary[key] == counts.get(outcome, 0), f"{self.name}: {counts} told, {summary}"
        all_delivered = counts.get("DELIVERED") == self.sent
        assert code == (0 if all_delivered else 1), f"{self.name} ended with {code}: {summary}"
        return outcomes


def check_log(recipient):
    """Returns what was logged: the numbers of each sender. Repeats are marked, never in one life, and change no order."""
    logged = {}
    repeats = 0
    for life, messages in recipient.log():
        last = {}
        for message in messages:
            sender, number = message["from"], int(message["payload"])
            what = f"{sender}'s message {number} in life {life}: {message}"
            numbers = logged.setdefault(sender, set())
            assert number > last.get(sender, 0), f"out of order, or twice in one life: {what}"
            last[sender] = number
            if number in numbers:
                assert message.get("redelivered"), f"an earlier life logged it, and it is not marked: {what}"
                repeats += 1
            else:
                assert number > max(numbers, default=0), f"out of order over the lives: {what}"
                numbers.add(number)
    return logged, repeats


def check_outcomes(sender, outcomes, numbers):
    counts = {}
    for n, event in outcomes.items():
        kind = event["outcome"] + ("(" + event["reason"] + ")" if "reason" in event else "")
        counts[kind] = counts.get(kind, 0) + 1
        if kind == "DELIVERED":
            assert n in numbers, f"{sender}: delivered, and the recipient never logged it: {event}"
        elif kind == "LOST(CONNECTION_LOST)":
            assert event["attempted"] or n not in numbers, f"{sender}: not attempted, and logged: {event}"
        else:
            assert kind == "REJECTED(UNKNOWN_CLIENT)", f"{sender}: {event}"
            assert n not in numbers, f"{sender}: rejected, and logged: {event}"
    return counts


def kill_again_and_again(recipient, senders, arguments, dice):
    """Each time, some messages are sent to the living, some while it is away."""
    for kill in range(arguments.kills):
        if dice.random() < ESTABLISHED:
            recipient.wait_until_open()
        for part in (1, 2):
            for sender in senders:
                sender.send_up_to(arguments.lines * (2 * kill + part) // (2 * arguments.kills + 1))
            if part == 1:
                time.sleep(dice.random() ** 4 * AWAKE_SECONDS_MAX)  # Mostly while there is something to do.
                recipient.kill()
        if arguments.job == "expiring" and kill % LONG_ABSENCE_EVERY == 0:
            time.sleep(LONG_ABSENCE_SECONDS)
        recipient.begin()
    recipient.wait_until_open()
    for sender in senders:
        sender.send_up_to(arguments.lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("job", choices=("kept", "expiring"))
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--lines", type=int, default=1_000)
    parser.add_argument("--senders", type=int, default=20)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--shards", default="2")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="onehop-killed-") as place, \
            Broker(arguments.folder, "--shards", arguments.shards) as broker:
        expiry_seconds = EXPIRY_SECONDS if arguments.job == "expiring" else 60
        recipient = Recipient(arguments.folder, broker.address, place, expiry_seconds)
        recipient.begin()
        recipient.wait_until_open()
        senders = [Sender(arguments.folder, broker.address, place, f"sender-{i}") for i in range(arguments.senders)]
        kill_again_and_again(recipient, senders, arguments, dice)
        outcomes = {sender.name: sender.outcomes() for sender in senders}
        recipient.end()
        broker.stop()
        logged, repeats = check_log(recipient)
        sums = {}
        for name, told in outcomes.items():
            for kind, count in check_outcomes(name, told, logged.get(name, set())).items():
                sums[kind] = sums.get(kind, 0) + count
        sessions = recipient.sessions_begun()
    print(f"{recipient.lives} lives in {sessions} sessions; {sum(sums.values())} messages: {sums}; {repeats} logged again")
    assert sum(sums.values()) == arguments.lines * arguments.senders, sums
    if arguments.job == "kept":
        assert sessions == 1, "the session was not kept"
        assert set(sums) == {"DELIVERED"}, f"the session never expired: {sums}"
    else:
        assert sessions > 1 and sums.get("LOST(CONNECTION_LOST)", 0) > 0, "no session expired"


if __name__ == "__main__":
    sys.exit(main())
