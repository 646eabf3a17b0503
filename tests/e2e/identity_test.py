#!/usr/bin/python3
"""Who gets in and what they may do, on a real onehopd. Tokens are made by another implementation: python3-cryptography.

    identity_test.py FOLDER     the folder with onehopd and onehop; PYTHONPATH: the folder with protoc's module
"""
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity_client import Client, Refused, wire
from programs import Broker, run

FOLDER = sys.argv.pop(1)
ONEHOP = os.path.join(FOLDER, "onehop")

PERMISSIONS = """
[roles.device]
allow.names = ["%p", "%p/*"]
allow.send = ["hub", "hub-*"]
deny.send = ["hub-admin"]

[roles.hub]
allow.names = ["hub", "hub-*"]
allow.take_over = ["hub"]
allow.send = ["*"]

[roles.guest]
allow.names = ["~*"]
allow.send = ["hub"]

[principals]
"device-*" = ["device"]
"hub" = ["hub"]
"both" = ["device", "hub"]
"""


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Issuer:
    """Keys of each kind, the set of their public halves, and tokens signed with them."""

    def __init__(self):
        self.edwards = ed25519.Ed25519PrivateKey.generate()
        self.curve = ec.generate_private_key(ec.SECP256R1())
        self.rsa = rsa.generate_private_key(65537, 2048)

    def jwks(self, *kinds):
        point = self.curve.public_key().public_numbers()
        modulus = self.rsa.public_key().public_numbers()
        keys = {
            "EdDSA": {"kty": "OKP", "crv": "Ed25519", "kid": "ed",
                      "x": b64(self.edwards.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))},
            "ES256": {"kty": "EC", "crv": "P-256", "kid": "ec", "x": number(point.x, 32), "y": number(point.y, 32)},
            "RS256": {"kty": "RSA", "kid": "rsa", "n": number(modulus.n), "e": number(modulus.e)},
        }
        return json.dumps({"keys": [keys[kind] for kind in kinds or keys]})

    def sign(self, algorithm, text):
        if algorithm == "EdDSA":
            return self.edwards.sign(text)
        if algorithm == "ES256":
            r, s = utils.decode_dss_signature(self.curve.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.rsa.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def token(self, algorithm="EdDSA", header=None, **claims):
        ids = {"EdDSA": "ed", "ES256": "ec", "RS256": "rsa"}
        header = {"alg": algorithm, "typ": "JWT", "kid": ids[algorithm], **(header or {})}
        claims = {"sub": "device-1", "iss": "https://issuer", "aud": "onehop", "exp": time.time() + 600, **claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        return text + "." + b64(self.sign(algorithm, text.encode()))


def run_onehop(*words, **keywords):
    code, out, errors = run([ONEHOP, *words], **keywords)
    return code, out.decode(), errors.decode()


class WithFiles(unittest.TestCase):
    """A folder of files, and the two users that most tests are about."""

    @classmethod
    def setUpClass(cls):
        cls.passwords = {"device-1": "correct horse", "hub": "battery staple"}
        cls.lines = {}
        for user, password in cls.passwords.items():
            code, line, errors = run_onehop("hash-secret", "--user", user, input=password.encode() + b"\n")
            assert code == 0, errors
            cls.lines[user] = line

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def write_users(self, *users):
        return self.write("users", "".join(self.lines[user] for user in users or self.lines))

    def broker(self, *flags, **keywords):
        broker = Broker(FOLDER, "--shards", "2", *flags, **keywords)
        self.addCleanup(broker.__exit__)
        return broker

    def with_users(self, *flags):
        return self.broker("--authentication", "users", "--users-file", self.write_users(), "--permissions-file",
                           self.write("permissions", PERMISSIONS), *flags)

    def reload(self, broker):
        """Returns the event that ends the reload."""
        before = len([line for line in broker._log.now() if self.ends_reload(line)])
        broker.process.send_signal(signal.SIGHUP)
        return json.loads(broker._log.wait_for_count(self.ends_reload, before + 1))

    @staticmethod
    def ends_reload(line):
        return '"event":"reloaded"' in line or '"event":"reload_refused"' in line

    def assert_refused(self, code, *arguments, **keywords):
        with self.assertRaises(Refused) as caught:
            Client(*arguments, **keywords)
        self.assertEqual(wire.Code.Value(code), caught.exception.code, caught.exception)
        return caught.exception


class Users(WithFiles):
    def test_who_gets_in(self):
        broker = self.with_users()
        Client(broker.address, "device-1", "device-1:correct horse").close()
        texts = set()
        for token in ("device-1:wrong horse", "device-2:correct horse", "device-1:", ":correct horse", "device-1", "",
                      ":", "device-1:correct horse\n", b"\xff:\xff", "device-1:correct horse\0"):
            texts.add(self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "device-1", token).text)
        # Nobody learns whether there is such a user.
        self.assertEqual({""}, texts)

    def test_secrets_are_nowhere(self):
        broker = self.with_users("--log-level", "debug")
        Client(broker.address, "device-1", "device-1:correct horse").close()
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "device-1", "device-1:not my secret")
        line = broker.log_line("authentication_refused")
        self.assertEqual(("users", "device-1", True), (line["method"], line["claimed"], line["audit"]))
        self.assertTrue(line["peer"].startswith("tcp://127.0.0.1:"))
        for entry in broker.stop():
            self.assertNotIn("horse", str(entry))
            self.assertNotIn("not my secret", str(entry))

    def test_names_and_destinations(self):
        broker = self.with_users()
        hub = Client(broker.address, "hub", "hub:battery staple")
        device = Client(broker.address, "device-1", "device-1:correct horse")
        Client(broker.address, "device-1/7", "device-1:correct horse").close()
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "device-2", "device-1:correct horse")
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "hub-2", "device-1:correct horse")
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "", "device-1:correct horse")
        # The same whether or not there is such a client: hub-admin is not there, device-1/7 was, hub-2 may be sent to.
        with Client(broker.address, "hub-admin", "hub:battery staple"):
            self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), device.send("hub-admin"))
        for name in ("device-1", "nobody", "*", "%p", ""):
            self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), device.send(name))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), device.send("hub-2"))
        device.write(wire.Frame(message=wire.Message(client="hub", id=device.last_id + 1, payload=b"hello")))
        message = hub.read_kind("message")
        self.assertEqual((b"hello", "device-1"), (message.payload, getattr(message, "from")))

    def test_take_over(self):
        broker = self.with_users()
        hub = Client(broker.address, "hub", "hub:battery staple")
        device = Client(broker.address, "device-1", "device-1:correct horse")
        self.assert_refused("CODE_NAME_IN_USE", broker.address, "device-1", "device-1:correct horse",
                            on_conflict=wire.ON_CONFLICT_TAKE_OVER)
        Client(broker.address, "hub", "hub:battery staple", on_conflict=wire.ON_CONFLICT_TAKE_OVER).close()
        self.assertEqual(wire.CODE_SESSION_TAKEN_OVER, hub.read_kind("goodbye").code)
        device.close()

    def test_failures_are_throttled(self):
        broker = self.with_users()
        codes = [self.refusal(broker, "device-1:wrong") for _ in range(12)]
        self.assertEqual([wire.CODE_BAD_CREDENTIALS] * 10, codes[:10])
        # Then the right secret has to wait, too; otherwise guessing would go on.
        refused = self.assert_refused("CODE_SERVER_BUSY", broker.address, "device-1", "device-1:correct horse")
        self.assertGreater(refused.retry_after_ms, 0)

    def refusal(self, broker, token):
        try:
            Client(broker.address, "device-1", token).close()
        except Refused as refused:
            return refused.code
        return None

    def test_reload_takes_away(self):
        broker = self.with_users()
        hub = Client(broker.address, "hub", "hub:battery staple")
        device = Client(broker.address, "device-1", "device-1:correct horse")
        self.write_users("hub")
        self.assertEqual("reloaded", self.reload(broker)["event"])
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, device.read_kind("goodbye").code)
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "device-1", "device-1:correct horse")
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), hub.send("device-1"))
        # Then what the hub may send to, and its name.
        self.write("permissions", PERMISSIONS.replace('allow.send = ["*"]', 'allow.send = ["a"]'))
        self.reload(broker)
        self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), hub.send("device-1"))
        self.write("permissions", PERMISSIONS.replace('["hub", "hub-*"]\nallow.take', '["hub-*"]\nallow.take'))
        self.reload(broker)
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, hub.read_kind("goodbye").code)

    def test_changed_secret_ends_whoever_had_the_old_one(self):
        broker = self.with_users()
        device = Client(broker.address, "device-1", "device-1:correct horse")
        hub = Client(broker.address, "hub", "hub:battery staple")
        _, line, _ = run_onehop("hash-secret", "--user", "device-1", input=b"another horse\n")
        self.write("users", line + self.lines["hub"])
        self.reload(broker)
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, device.read_kind("goodbye").code)
        Client(broker.address, "device-1", "device-1:another horse").close()
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), hub.send("nobody"))

    def test_wrong_reloads_change_nothing(self):
        broker = self.with_users()
        device = Client(broker.address, "device-1", "device-1:correct horse")
        good_users = "".join(self.lines.values())
        wrong = [("users", good_users + "eve:plain\n"), ("users", good_users + "eve\n"), ("users", good_users * 2),
                 ("permissions", PERMISSIONS + '"eve" = ["admin"]\n'), ("permissions", "["),
                 ("permissions", PERMISSIONS.replace("deny.send", "denies.send"))]
        for name, text in wrong:
            self.write(name, text)
            event = self.reload(broker)
            self.assertEqual("reload_refused", event["event"], text)
            self.assertIn(self.path(name) + ":", event["text"])
            self.assertNotIn("plain", event["text"])
            self.write("users", good_users)
            self.write("permissions", PERMISSIONS)
        for name in ("users", "permissions"):
            os.rename(self.path(name), self.path("away"))
            self.assertEqual("reload_refused", self.reload(broker)["event"])
            os.rename(self.path("away"), self.path(name))
        os.chmod(self.path("users"), 0o604)
        self.assertIn("others may read", self.reload(broker)["text"])
        os.chmod(self.path("users"), 0o600)
        self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), device.send("hub-admin"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), device.send("hub"))
        Client(broker.address, "device-1/2", "device-1:correct horse").close()
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "eve", "eve:plain")
        self.assertEqual("reloaded", self.reload(broker)["event"])

    def test_anonymous_clients_have_their_role_only(self):
        broker = self.with_users("--authentication", "anonymous", "--anonymous-role", "guest")
        guest = Client(broker.address)
        self.assertTrue(guest.name.startswith("~"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), guest.send("hub"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), guest.send("device-1"))
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "hub")
        # Wrong credentials do not make an anonymous client.
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "", "device-1:wrong")
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "", "a.b.c")

    def test_generated_secret(self):
        secret = self.path("device-7.secret")
        code, line, errors = run_onehop("hash-secret", "--generate", "--user", "device-7", "--secret-file", secret)
        self.assertEqual((0, ""), (code, errors))
        self.assertTrue(line.startswith("device-7:$blake2b$"))
        self.assertEqual(0o600, os.stat(secret).st_mode & 0o777)
        self.assertEqual(1, run_onehop("hash-secret", "--generate", "--secret-file", secret)[0])
        with open(secret, encoding="ascii") as file:
            token = file.read().strip()
        self.assertNotIn(token.split(":")[1], line)
        broker = self.broker("--authentication", "users", "--users-file", self.write("users", line))
        Client(broker.address, "anything", token).close()
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "anything", token[:-1])

    def test_command_line_gives_its_token_from_a_file(self):
        broker = self.with_users()
        listener = subprocess.Popen(
            [ONEHOP, "listen", "hub", "--server", broker.address, "--count", "1", "--token-file",
             self.write("hub.secret", "hub:battery staple\n")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(listener.kill)
        listener.stderr.readline()
        code, _, errors = run_onehop("send", "hub", "hello", "--name", "device-1", "--server", broker.address,
                                     environment={"ONEHOP_TOKEN": "device-1:correct horse"})
        self.assertEqual((0, ""), (code, errors))
        self.assertEqual(b"hello\n", listener.communicate(timeout=60)[0])
        code, _, errors = run_onehop("send", "hub", "hello", "--name", "device-1", "--server", broker.address)
        self.assertEqual(4, code)
        self.assertIn("BAD_CREDENTIALS", errors)
        code, _, errors = run_onehop("send", "hub", "x", "--server", broker.address, "--token-file", self.path("none"))
        self.assertEqual(2, code)
        self.assertIn(self.path("none"), errors)


class Tokens(WithFiles):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.issuer = Issuer()

    def with_tokens(self, *flags):
        return self.broker("--authentication", "token", "--token-keys-file", self.write("keys", self.issuer.jwks()),
                           "--token-issuer", "https://issuer", "--token-audience", "onehop", "--permissions-file",
                           self.write("permissions", PERMISSIONS), *flags)

    def test_each_algorithm(self):
        broker = self.with_tokens()
        for algorithm in ("EdDSA", "ES256", "RS256"):
            for _ in range(5):
                Client(broker.address, "device-1", self.issuer.token(algorithm)).close()

    def test_what_is_refused(self):
        broker = self.with_tokens("--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from", "127.0.0.1")
        good = self.issuer.token()
        header, body, signature = good.split(".")
        mallory = Issuer()
        now = time.time()
        tokens = {
            "none": b64(b'{"alg":"none"}') + "." + body + ".",
            "another key": mallory.token(),
            "another claim": header + "." + b64(b'{"sub":"hub","exp":9999999999}') + "." + signature,
            "padding": good + "=",
            "expired": self.issuer.token(exp=now - 60),
            "not yet": self.issuer.token(nbf=now + 60),
            "no end": self.issuer.token(exp=None),
            "issuer": self.issuer.token(iss="https://other"),
            "audience": self.issuer.token(aud=["other"]),
            "algorithm": self.issuer.token("EdDSA", header={"alg": "ES256"}),
            "key": self.issuer.token(header={"kid": "ec"}),
            "own key": self.issuer.token(header={"jwk": json.loads(mallory.jwks("EdDSA"))["keys"][0]}),
            "huge": self.issuer.token(more="x" * 9000),
            "user": "device-1:correct horse",
        }
        for what, token in tokens.items():
            # Each from an address of its own, so that none is throttled.
            with self.subTest(what):
                self.assertEqual(wire.CODE_BAD_CREDENTIALS, self.code_of(token, broker, list(tokens).index(what)))

    def code_of(self, token, broker, number_of_it):
        address = broker.output.wait_for_count(lambda line: line.startswith("listening on "), 2).split()[-1]
        with self.assertRaises(Refused) as caught:
            ProxiedClient(address, f"10.0.0.{number_of_it + 1}", "device-1", token)
        return caught.exception.code

    def test_roles_are_narrowed(self):
        broker = self.with_tokens()
        full = Client(broker.address, "hub", self.issuer.token(sub="both"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), full.send("anybody"))
        token = self.issuer.token(sub="both", onehop={"roles": ["device"]})
        narrow = Client(broker.address, "both", token)
        self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), narrow.send("anybody"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), narrow.send("hub-2"))
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "hub-3", token)

    def test_end_of_a_token_ends_the_connection(self):
        broker = self.with_tokens()
        # The clocks may differ by 30 seconds, so this one has about a second left.
        client = Client(broker.address, "device-1", self.issuer.token(exp=time.time() - 29))
        self.assertLessEqual(client.connected.credentials_expire_in_ms, 1_000)
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, client.read_kind("goodbye").code)

    def test_renewal(self):
        broker = self.with_tokens()
        client = Client(broker.address, "device-1", self.issuer.token(exp=time.time() + 60))
        client.write(wire.Frame(renew=wire.Renew(token=self.issuer.token(exp=time.time() + 6_000).encode())))
        renewed = client.read_kind("renewed")
        self.assertEqual(0, renewed.reason)
        self.assertGreater(renewed.expires_in_ms, 5_000_000)
        for token in (self.issuer.token(sub="device-2"), self.issuer.token(exp=1), "x.y.z"):
            client.write(wire.Frame(renew=wire.Renew(token=token.encode())))
            self.assertEqual(wire.REASON_NOT_AUTHORIZED, client.read_kind("renewed").reason)
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), client.send("hub"))

    def test_withdrawn_key_ends_whom_it_has_let_in(self):
        broker = self.with_tokens()
        edwards = Client(broker.address, "device-1", self.issuer.token("EdDSA"))
        curve = Client(broker.address, "device-2", self.issuer.token("ES256", sub="device-2"))
        self.write("keys", self.issuer.jwks("ES256", "RS256"))
        self.assertEqual("reloaded", self.reload(broker)["event"])
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, edwards.read_kind("goodbye").code)
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "device-1", self.issuer.token("EdDSA"))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), curve.send("hub"))
        self.write("keys", json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]}))
        event = self.reload(broker)
        self.assertEqual("reload_refused", event["event"])
        self.assertIn("key 1 is symmetric", event["text"])


class ProxiedClient(Client):
    """A client that a balancer on this machine has passed on."""

    def __init__(self, address, source, name, token):
        self.source = source
        super().__init__(address, name, token)

    def write(self, frame):
        if self.source:
            header = f"PROXY TCP4 {self.source} 127.0.0.1 1000 7411\r\n"
            self.source = ""
            self.socket.sendall(header.encode())
        super().write(frame)


class Configurations(WithFiles):
    def check(self, *flags):
        code, out, errors = run([os.path.join(FOLDER, "onehopd"), "--check-config", *flags])
        return code, (out + errors).decode()

    def test_what_does_not_go_together(self):
        users = self.write_users()
        permissions = self.write("permissions", PERMISSIONS)
        rows = [
            (["--authentication", "users"], "users_file: is needed by the method users"),
            (["--authentication", "token"], "token_keys_file: is needed by the method token"),
            (["--authentication", "password"], "must be one of token, users, anonymous"),
            (["--authentication", "users,users", "--users-file", users], "names users twice"),
            (["--users-file", users], "--users-file: needs the method users in authentication"),
            (["--permissions-file", permissions], "--permissions-file: needs a method in authentication"),
            (["--authentication", "anonymous", "--permissions-file", permissions], "anonymous_role: is needed"),
            (["--authentication", "anonymous", "--permissions-file", permissions, "--anonymous-role", "root"],
             "--anonymous-role: there is no such role in"),
            (["--authentication", "users", "--users-file", users, "--anonymous-role", "guest"],
             "--anonymous-role: needs the method anonymous"),
            (["--authentication", "users", "--users-file", self.folder], self.folder),
        ]
        for flags, wanted in rows:
            code, text = self.check(*flags)
            self.assertEqual(2, code, flags)
            self.assertIn(wanted, text)
        self.assertEqual((0, "ok\n"), self.check("--authentication", "users", "--users-file", users))

    def test_without_methods_the_start_says_so(self):
        self.assertEqual("none: everybody is let in", self.broker().log_line("started")["authentication"])

    def test_methods_do_not_change_while_it_runs(self):
        config = self.write("config", f'authentication = ["users"]\nusers_file = "{self.write_users()}"\n')
        broker = self.broker("--config", config)
        self.write("config", "")
        self.assertIn("authentication", self.reload(broker)["text"])
        self.assert_refused("CODE_BAD_CREDENTIALS", broker.address, "eve")


class CommandLine(WithFiles):
    def check(self, *words):
        return run_onehop("permissions", "check", "--file", self.path("permissions"), *words)

    def test_permissions_check(self):
        self.write("permissions", PERMISSIONS)
        rows = [
            (["--as", "device-1", "send", "hub-3"], 0, "allowed: role 'device' allows send 'hub-*'\n"),
            (["--as", "device-1", "send", "hub-admin"], 1, "denied: role 'device' denies send 'hub-admin'\n"),
            (["--as", "device-1", "names", "device-1/x"], 0, "allowed: role 'device' allows names '%p/*'\n"),
            (["--as", "device-1", "take_over", "hub"], 1, "denied: no role allows this\n"),
            (["--as", "eve", "send", "hub"], 1, "denied: no entry gives the principal 'eve' a role\n"),
            (["--anonymous-role", "guest", "names", ""], 0, "allowed: role 'guest' allows names '~*'\n"),
        ]
        for words, code, text in rows:
            self.assertEqual((code, text, ""), self.check(*words), words)
        for words in (["--as", "a", "fly", "x"], ["--anonymous-role", "root", "send", "x"], ["send", "x"],
                      ["--as", "a*", "send", "x"], ["--as", "a", "send"]):
            self.assertEqual(2, self.check(*words)[0], words)
        self.write("permissions", "[roles]\nx = 1\n")
        code, _, errors = self.check("--as", "a", "send", "x")
        self.assertEqual(2, code)
        self.assertIn(self.path("permissions") + ":2: role 'x' must be a table", errors)
        os.remove(self.path("permissions"))
        self.assertEqual(2, self.check("--as", "a", "send", "x")[0])

    def test_hash_secret(self):
        for given in (b"", b"\n", b"x" * 2000 + b"\n", b"a\x03b\n"):
            code, out, errors = run_onehop("hash-secret", input=given)
            self.assertEqual((2, ""), (code, out))
            self.assertIn("there is no secret", errors)
        code, out, _ = run_onehop("hash-secret", input=b"secret")
        self.assertEqual(0, code)
        self.assertTrue(out.startswith("$argon2id$"))
        self.assertEqual(2, run_onehop("hash-secret", "--user", "a:b", input=b"x\n")[0])
        self.assertEqual(2, run_onehop("hash-secret", "--secret-file", "x", input=b"x\n")[0])
        code, out, _ = run_onehop("hash-secret", "--generate")
        secret, line = out.splitlines()
        self.assertEqual((0, 64), (code, len(secret)))
        self.assertTrue(line.startswith("$blake2b$"))


if __name__ == "__main__":
    unittest.main()
