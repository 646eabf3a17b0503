"""Clients flood the broker with the smallest frames it knows, over a large state, while others exchange messages.

    attack.py BIN_FOLDER [--full]

Every message of the others arrives. --full (on a quiet machine): their p99 stays within ten times that of a quiet run, or
within 5 ms if that is more. Bounded: each of eight attackers sends 250 KB a second for the time of a run.
"""

import argparse
import os
import socket
import sys
import tempfile
import threading
import time

# Where the build has put the schema's module.
sys.path.insert(0, os.path.join(sys.argv[1], "..", "tests", "e2e", "python"))
from fleet import Broker  # noqa: E402
from onehop.v1 import onehop_pb2 as wire  # noqa: E402
from storm import Established  # noqa: E402

ATTACKERS = 8
BYTES_A_SECOND = 250_000
OPEN = 3_000
TIMES_MAX = 10
P99_MS_ALWAYS_ALLOWED = 5


def delimited(frame):
    data, prefix = frame.SerializeToString(), b""
    size = len(data)
    while size > 0x7F:
        prefix, size = prefix + bytes([size & 0x7F | 0x80]), size >> 7
    return prefix + bytes([size]) + data


def connect(address, name):
    connection = socket.create_connection(address)
    connection.sendall(delimited(wire.Frame(connect=wire.Connect(
        name=name, protocol_version=1, receive_window=65_535, features=1))))
    connection.recv(1 << 16)
    return connection


def frames_of(number):
    """What attacker `number` repeats."""
    settled = wire.Ack(taken=[wire.Range(first=2, last=OPEN)])
    return (delimited(wire.Frame(ack=settled)),
            delimited(wire.Frame(flow=wire.Flow(client="nobody", state=wire.STATE_RESUME))),
            delimited(wire.Frame(ping=wire.Ping(nonce=1))),
            delimited(wire.Frame(message=wire.Message(client="nobody", payload=b"x"))))[number % 4]


def drain(connection):
    """Reads and forgets, until the end."""
    try:
        while connection.recv(1 << 16):
            pass
    except OSError:
        pass


def attack(address, number, until):
    name = f"attacker-{number}"
    connection = connect(address, name)
    threading.Thread(target=drain, args=(connection,), daemon=True).start()
    # To itself: many unsettled deliveries, of which all but the first are settled then.
    messages = (wire.Message(client=name, id=id, confirm=wire.CONFIRM_DELIVERED) for id in range(1, OPEN + 1))
    connection.sendall(b"".join(delimited(wire.Frame(message=message)) for message in messages))
    time.sleep(0.5)  # Paces the attack; nothing is waited for.
    portion = frames_of(number) * (BYTES_A_SECOND // 10 // len(frames_of(number)))
    while time.monotonic() < until:
        connection.sendall(portion)
        time.sleep(0.1)
    connection.close()


def p99_ms(folder, address, seconds, place, attackers):
    established = Established(folder, address, seconds, place)
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=attack, args=((host, int(port)), number, until)) for number in range(attackers)]
    for thread in threads:
        thread.start()
    result = established.result()
    for thread in threads:
        thread.join()
    return result["latency_us"]["p99"] / 1_000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--full", action="store_true")
    given = arguments.parse_args()
    seconds = 10 if given.full else 3
    with tempfile.TemporaryDirectory() as place, Broker(given.folder, "--shards", "2") as broker:
        quiet = p99_ms(given.folder, broker.address, seconds, place, 0)
        attacked = p99_ms(given.folder, broker.address, seconds, place, ATTACKERS)
        broker.stop()
    print(f"the others' p99 is {quiet:.2f} ms in a quiet run, {attacked:.2f} ms beside {ATTACKERS} attackers")
    if given.full:
        assert attacked <= max(TIMES_MAX * quiet, P99_MS_ALWAYS_ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
