"""Certificates, keys of tokens, tokens and permissions are changed again and again under a broker that is busy. Every message of
every client has its outcome, and nobody comes in who should not.

    identity_soak.py BIN_FOLDER [--rounds 4 | --seconds S] [--clients 24] [--latency]     PYTHONPATH: the schema for Python

A fleet of clients sends over TLS with tokens that hold for some seconds. They take them from a file, which gets a new one every
second. In each round the broker gets a new certificate, a new key, new permissions, and permissions with a mistake, which must change
nothing. It reloads after each change. After each round clients that must be refused try to connect: with no token, with one of an
unknown, a removed or a wrong key, with one for another audience, with one that has expired or has no signature, without TLS, and
under a name that the permissions do not give them. With --latency, other clients stay connected and measure how long their messages
take, first without changes and then with them: p99 with changes may be at most twice as high.
"""

import argparse
import base64
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

from fleet import SECONDS_MAX, Broker, Fleet
from onehop.v1 import onehop_pb2 as wire

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOKEN_SECONDS = 15
# How long it is measured how long messages take while nothing changes.
QUIET_SECONDS_MAX = 60
AUDIENCE = "chat"
PERMISSIONS = """
[roles.member]
allow.names = ["f*"]
allow.take_over = ["f*"]
allow.send = ["f*"]
{denied}
[roles.guest]
allow.names = ["guest-*"]
[roles.load]
allow.names = ["*"]
allow.send = ["*"]

[principals]
"load" = ["load"]
"fleet" = ["member"]
"guest" = ["guest"]
"""


def must_run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS_MAX, check=False)
    assert done.returncode == 0, f"{command} exited with {done.returncode}: {done.stderr.decode()}"
    return done.stdout


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An Ed25519 key that signs tokens."""

    def __init__(self, folder, name):
        self.name, self._file = name, os.path.join(folder, name + ".key")
        must_run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self._file)
        # The last 32 bytes of the encoding are the key itself.
        self._public = must_run("openssl", "pkey", "-in", self._file, "-pubout", "-outform", "DER")[-32:]

    def public(self):
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.name, "alg": "EdDSA", "x": encoded(self._public)}

    def sign(self, data):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return must_run("openssl", "pkeyutl", "-sign", "-inkey", self._file, "-rawin", "-in", file.name)

    def token(self, principal="fleet", seconds=TOKEN_SECONDS, audience=AUDIENCE, algorithm="EdDSA", kid=None):
        header = {"alg": algorithm, "kid": kid or self.name}
        claims = {"sub": principal, "exp": int(time.time()) + seconds, "aud": audience}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        return signed + "." + ("" if algorithm == "none" else encoded(self.sign(signed.encode())))


def write(path, text):
    """As a whole, or not at all, as whoever rotates files should."""
    with open(path + ".new", "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    os.replace(path + ".new", path)


class World:
    """The files, the broker that reads them, and who may come in at the moment."""

    def __init__(self, binaries, folder):
        self.folder, self.rounds, self.tries = folder, 0, 0
        self.certificates, self.keys_file, self.permissions_file, self.token_file = (
            os.path.join(folder, name) for name in ("certificates", "keys.json", "permissions.toml", "token"))
        self.removed = None
        # Held where a token is made and written, so that none of an earlier key is written after one of a later key.
        self.token_lock = threading.Lock()
        self.stranger = Key(folder, "stranger")
        self.key, self.load_key = Key(folder, "key-0"), Key(folder, "key-of-load")
        self.issue_certificate()
        self.put_keys(self.key)
        self.put_permissions("")
        self.renew_token()
        self.broker = Broker(binaries, "--tls-certificate-file", self.file("broker.pem"), "--tls-key-file", self.file("broker.key"),
                             "--authentication", "token", "--token-keys-file", self.keys_file, "--token-audience", AUDIENCE,
                             "--permissions-file", self.permissions_file, "--shards", "2", "--log-level", "info",
                             listen="tls://127.0.0.1:0")
        self.address = self.broker.address
        self.target = self.address.replace("127.0.0.1", "localhost")

    def file(self, name):
        return os.path.join(self.certificates, name)

    def issue_certificate(self):
        for name in ("broker.pem", "broker.key"):
            if os.path.exists(self.file(name)):
                os.remove(self.file(name))
        must_run(os.path.join(ROOT, "deploy/tls/make-certificates"), self.certificates, "localhost,127.0.0.1")

    def put_keys(self, *keys):
        write(self.keys_file, json.dumps({"keys": [key.public() for key in (*keys, self.load_key)]}))

    def put_permissions(self, denied):
        write(self.permissions_file, PERMISSIONS.format(denied=denied))

    def renew_token(self):
        with self.token_lock:
            write(self.token_file, self.key.token())

    @contextlib.contextmanager
    def tokens_renewed(self):
        """Every second, however long the rounds take."""
        end, failed = threading.Event(), []

        def renew():
            try:
                while not end.wait(1):
                    self.renew_token()
            except Exception as error:  # Raised where it is seen, below.
                failed.append(error)

        thread = threading.Thread(target=renew)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
            if failed:
                raise failed[0]

    def make_certificates_in_vain(self, load):
        """What the rounds take of the processors beside the broker, until the load is over."""
        while load.runs():
            with tempfile.TemporaryDirectory() as folder:
                must_run(os.path.join(ROOT, "deploy/tls/make-certificates"), folder, "localhost,127.0.0.1")
                Key(folder, "key").token()
                time.sleep(0.5)

    def reload(self, answer="reloaded"):
        before = self.broker.times_logged(answer)
        self.broker.process.send_signal(signal.SIGHUP)
        self.broker.wait_until_logged(answer, before + 1)

    def round(self):
        """Everything is changed once; tokens are renewed in between, as they would be."""
        self.rounds += 1
        self.issue_certificate()
        self.reload()
        old, new = self.key, Key(self.folder, f"key-{self.rounds}")
        self.put_keys(new, old)
        self.reload()
        self.key = new
        self.renew_token()
        # Whoever has a token of the old key still is ended with the key, and comes back with the new token.
        self.put_keys(self.key)
        self.removed = old
        self.reload()
        self.put_permissions('deny.send = ["f0"]' if self.rounds % 2 else "")
        self.reload()
        write(self.permissions_file, "[roles.member\n")
        self.reload("reload_refused")
        self.put_permissions('deny.send = ["f0"]' if self.rounds % 2 else "")
        self.reload()

    def connect(self, token="", name="f0", secure=True):
        """The code of the goodbye that a client hears, or "connected", or "cut off"."""
        host, port = self.address.split("//")[1].rsplit(":", 1)
        # Each from an address of its own: who has failed too often is told to wait, whatever it brings.
        self.tries += 1
        source = f"127.1.{self.tries // 250}.{self.tries % 250 + 1}"
        plain = socket.create_connection((host, int(port)), timeout=SECONDS_MAX, source_address=(source, 0))
        with plain:
            try:
                link = plain
                if secure:
                    link = ssl.create_default_context(cafile=self.file("ca.pem")).wrap_socket(plain, server_hostname="localhost")
                frame = wire.Frame(connect=wire.Connect(name=name, token=token.encode(), on_conflict=wire.ON_CONFLICT_REJECT))
                body = frame.SerializeToString()
                link.sendall(varint(len(body)) + body)
                return answer_in(link)
            except (ConnectionError, ssl.SSLError):
                return "cut off"


class Load:
    """Clients that stay connected, and how long their messages take."""

    def __init__(self, binaries, world, seconds):
        self._result = os.path.join(world.folder, "load.json")
        token = os.path.join(world.folder, "load.token")
        write(token, world.load_key.token("load", seconds=int(seconds) + 3600))
        self._process = subprocess.Popen(
            [os.path.join(binaries, "onehop-loadgen"), "--target", world.target, "--tls-ca", world.file("ca.pem"), "--token-file", token,
             "--clients", "20", "--rate", "400", "--duration", f"{seconds}s", "--lag-max", "1m", "--json", self._result, "--quiet"],
            stdout=subprocess.DEVNULL)
        self._limit = seconds + SECONDS_MAX

    def runs(self):
        return self._process.poll() is None

    def p99_us(self):
        """At its end. Everything has arrived."""
        code = self._process.wait(self._limit)
        assert code == 0, f"the load generator ended with {code}"
        with open(self._result, encoding="utf-8") as file:
            return json.load(file)["latency_us"]["p99"]


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def answer_in(link):
    got = b""
    while True:
        more = link.recv(4096)
        if not more:
            return "cut off"
        got += more
        size, shift, at = 0, 0, 0
        while at < len(got) and got[at] & 128:
            size |= (got[at] & 127) << shift
            shift, at = shift + 7, at + 1
        if at == len(got):
            continue
        size |= got[at] << shift
        if len(got) - at - 1 < size:
            continue
        frame = wire.Frame.FromString(got[at + 1:at + 1 + size])
        return wire.Code.Name(frame.goodbye.code) if frame.HasField("goodbye") else "connected"


def try_to_come_in(world):
    """Clients that must be refused, and one that must not, which shows that not everybody is refused."""
    key, refused, forbidden = world.key, "CODE_BAD_CREDENTIALS", "CODE_NOT_AUTHORIZED"
    tries = {
        "no token": ({}, refused),
        "no token at all": ({"token": "fleet:secret"}, refused),
        "an unknown key": ({"token": world.stranger.token()}, refused),
        "the key's name, signed by another": ({"token": world.stranger.token(kid=key.name)}, refused),
        "somebody else's token": ({"token": key.token(audience="mail")}, refused),
        "expired": ({"token": key.token(seconds=-3600)}, refused),
        "no signature": ({"token": key.token(algorithm="none")}, refused),
        "a name of others": ({"token": key.token(principal="guest"), "name": "f1"}, forbidden),
        "nobody whom the permissions know": ({"token": key.token(principal="mallory"), "name": "guest-1"}, forbidden),
        "no TLS": ({"token": key.token(), "secure": False}, "cut off"),
        "a guest": ({"token": key.token(principal="guest"), "name": "guest-1"}, "connected"),
    }
    if world.removed:
        tries["a removed key"] = ({"token": world.removed.token()}, refused)
    for who, (given, expected) in tries.items():
        found = world.connect(**given)
        assert found == expected, f"{who}: {found} instead of {expected}"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("binaries")
    arguments.add_argument("--rounds", type=int, default=4)
    arguments.add_argument("--seconds", type=float, default=0)
    arguments.add_argument("--clients", type=int, default=24)
    arguments.add_argument("--latency", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="onehop-soak-") as folder:
        world = World(given.binaries, folder)
        fleet = Fleet(given.binaries, world.target, "--clients", str(given.clients), "--tls-ca", world.file("ca.pem"),
                      "--token-file", world.token_file)
        with world.tokens_renewed(), world.broker, fleet:
            fleet.wait_until_all_open()
            quiet = 0
            if given.latency:
                load = Load(given.binaries, world, min(given.seconds, QUIET_SECONDS_MAX))
                world.make_certificates_in_vain(load)
                quiet = load.p99_us()
            load = Load(given.binaries, world, given.seconds) if given.latency else None
            end = time.monotonic() + given.seconds
            while world.rounds < given.rounds or time.monotonic() < end:
                before = fleet.outcomes()
                world.round()
                try_to_come_in(world)
                fleet.wait_for_outcomes(before + 1_000)
            busy = load.p99_us() if load else 0
            report = fleet.finish()
            log = world.broker.stop()
        events = {line["event"] for line in log}
        assert "reload_refused" in events, events
        assert report["counts"].get("DELIVERED", 0) > 1_000, report
        if load:
            print(f"identity: p99 of those who stayed connected: {quiet:.0f} us before, {busy:.0f} us meanwhile")
            assert busy <= 2 * quiet, "those who stayed connected were slowed down"
        print(f"identity: {world.rounds} rounds; {report['counts']}; connections ended by {report['downs']}")


if __name__ == "__main__":
    main()
