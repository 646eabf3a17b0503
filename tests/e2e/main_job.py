"""The main job on real input: a large text file, piped through `onehop send` into `onehop listen`, arrives complete,
in order, byte for byte; also when the listener is ten times slower than the sender.

    main_job.py BIN_FOLDER fast|slow SHARDS
"""

import glob
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from programs import SECONDS_MAX, Broker, Lines, run, start

LINES_MIN = 100_000
SLOW_BYTES_MIN = 64 << 20
SLOWER = 10
LAST = b"this is the last message, from somebody else\n"
# Texts that every Debian has, and that are large enough together for some variety.
TEXTS = ("/usr/share/common-licenses/*", "/usr/share/perl/*/*.pl", "/usr/share/perl/*/*.pm", "/usr/share/doc/*/copyright",
         "/usr/share/doc/*/README*")


def real_lines():
    """Lines of the texts, as they are, some of them not UTF-8; over and over."""
    lines = []
    for path in sorted(itertools.chain.from_iterable(glob.glob(pattern) for pattern in TEXTS)):
        if os.path.isfile(path) and not path.endswith(".gz") and len(lines) < LINES_MIN:
            with open(path, "rb") as file:
                lines += file.read().splitlines()
    assert len(lines) > 1_000, "no texts are installed here"
    return itertools.cycle(lines)


def fast_file():
    """A text of many lines, as they come, empty ones too."""
    return b"".join(line + b"\n" for line in itertools.islice(real_lines(), LINES_MIN + 1_000))


def slow_file():
    """A text as large as it must be, with lines as long as paragraphs."""
    lines, paragraphs, size = real_lines(), [], 0
    while size < SLOW_BYTES_MIN or len(paragraphs) < LINES_MIN:
        paragraph = b" ".join(line for line in itertools.islice(lines, 17)) + b"\n"
        paragraphs.append(paragraph)
        size += len(paragraph)
    return b"".join(paragraphs)


class Listener:
    """`onehop listen NAME` into a pipe, whose other end is read no faster than `bytes_per_second`."""

    def __init__(self, onehop, name, address, bytes_per_second=None):
        self.process = start([onehop, "listen", name, "--server", address], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._errors = Lines(self.process.stderr)
        self._bytes_per_second = bytes_per_second
        self._received = bytearray()
        self._last_came = threading.Event()
        self._errors.wait_for(lambda line: line.startswith("listening as "))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        began = time.monotonic()
        while block := os.read(self.process.stdout.fileno(), 16 << 10):
            self._received += block
            if self._bytes_per_second is not None:
                ahead = len(self._received) / self._bytes_per_second - (time.monotonic() - began)
                time.sleep(max(0, ahead))
            if self._received.endswith(LAST):
                self._last_came.set()

    def received(self):
        """Everything, once the last message has come; ends the program as its user would."""
        assert self._last_came.wait(SECONDS_MAX), f"the last message did not come, only {len(self._received)} bytes"
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(SECONDS_MAX)
        self._reader.join(SECONDS_MAX)
        assert code == 0, f"listen ended with {code}: {self._errors.all()}"
        return bytes(self._received)


def compare(expected, received):
    if expected == received:
        return
    at = next((i for i, (a, b) in enumerate(zip(expected, received)) if a != b), min(len(expected), len(received)))
    line = expected.count(b"\n", 0, at) + 1
    raise AssertionError(f"{len(received)} bytes of {len(expected)} came; the first that differs is byte {at}, line "
                         f"{line}: sent {expected[at:at + 60]!r}, received {received[at:at + 60]!r}")


def transfer(folder, broker, sender, recipient, path, bytes_per_second=None, level=()):
    """Pipes the file from sender to recipient; returns the seconds it took and what the sender says of it."""
    onehop = os.path.join(folder, "onehop")
    listener = Listener(onehop, recipient, broker.address, bytes_per_second)
    began = time.monotonic()
    with open(path, "rb") as file:
        code, results, errors = run([onehop, "send", recipient, "--name", sender, "-o", "json", "--server", broker.address,
                               *level], stdin=file)
    assert code == 0, f"send ended with {code}: {errors[-300:]!r}"
    summary = json.loads(results.splitlines()[-1])
    # From another client, so that it is a message behind all others, whatever became of them.
    code, _, errors = run([onehop, "send", recipient, LAST.decode().rstrip("\n"), "--server", broker.address])
    assert code == 0, f"the last message: {errors!r}"
    received = listener.received()
    seconds = time.monotonic() - began
    with open(path, "rb") as file:
        expected = file.read()
    compare(expected + LAST, received)
    lines = expected.count(b"\n")
    assert summary["admitted" if level else "delivered"] == lines, summary
    assert summary["rejected"] == summary["expired"] == summary["lost"] == summary["unknown"] == 0, summary
    return seconds, summary


def find_names(folder, broker, shards):
    """Pairs of names, sender and recipient, for each way two clients can live: on one shard, and on two."""
    homes = {}
    pairs = {}
    for number in range(64):
        name = f"client-{number}"
        code, _, errors = run([os.path.join(folder, "onehop"), "ping", "--count", "1", "--name", name, "--server",
                               broker.address])
        assert code == 0, errors
        home = broker.home_of(name)
        for other, other_home in homes.items():
            pairs.setdefault("one shard" if home == other_home else "two shards", (other, name))
        homes[name] = home
        if len(pairs) == min(shards, 2):
            return pairs
    raise AssertionError(f"64 names live on so few shards: {homes}")


def fast(folder, shards, path):
    with Broker(folder, "--shards", shards, "--log-level", "debug") as broker:
        for where, (sender, recipient) in find_names(folder, broker, int(shards)).items():
            for level in ((), ("--no-confirm",)):
                seconds, _ = transfer(folder, broker, sender, recipient, path, level=level)
                print(f"{sender} to {recipient}, on {where}, {level}: {os.path.getsize(path)} bytes in {seconds:.2f} s")
        served = next(line for line in broker.stop() if line["event"] == "served")
        assert served["messages_dropped"] == 0, served


def slow(folder, shards, path):
    with Broker(folder, "--shards", shards) as broker:
        seconds, _ = transfer(folder, broker, "quick-sender", "quick-listener", path)
        broker.stop()
    bytes_per_second = os.path.getsize(path) / seconds / SLOWER
    print(f"nobody slow: {seconds:.2f} s; from here on the listener reads {bytes_per_second / 1e6:.1f} MB/s")
    # A small queue and small socket buffers, so that little of the file is under way. (With buffers below the loopback
    # device's segments of 64 KiB it is the kernel that is slow: it waits for delayed acknowledgements.)
    small = ("--frame-bytes-max", "65536", "--queue-bytes-max", "262144", "--send-buffer-bytes", "65536",
             "--receive-buffer-bytes", "65536", "--log-level", "debug", "--shards", shards)
    with Broker(folder, *small) as broker:
        where = "one shard" if shards == "1" else "two shards"
        sender, recipient = find_names(folder, broker, int(shards))[where]
        seconds, summary = transfer(folder, broker, sender, recipient, path, bytes_per_second)
        print(f"{sender} to {recipient}, on {where}: {seconds:.2f} s, paused {summary['pauses']} times, "
              f"{summary['repeats']} messages refused and repeated")
        assert summary["pauses"] > 0, "the sender was never told PAUSE"
        assert summary["repeats"] > 0, "no message was refused"
        served = next(line for line in broker.stop() if line["event"] == "served")
        # No other refusal is repeated here: the shard's own limit is far away, so each was QUEUE_FULL.
        assert served["pauses_told"] > 0 and served["gates_closed"] > 0, served
        assert served["messages_refused"] > 0 and served["messages_dropped"] == 0, served


def main():
    if len(sys.argv) != 4 or sys.argv[2] not in ("fast", "slow"):
        sys.exit("usage: main_job.py BIN_FOLDER fast|slow SHARDS")
    folder, job, shards = sys.argv[1:]
    with tempfile.NamedTemporaryFile(prefix="onehop-main-job-") as file:
        text = fast_file() if job == "fast" else slow_file()
        file.write(text)
        file.flush()
        print(f"the file: {text.count(bytes([10]))} lines, {len(text)} bytes")
        (fast if job == "fast" else slow)(folder, shards, file.name)


if __name__ == "__main__":
    main()
