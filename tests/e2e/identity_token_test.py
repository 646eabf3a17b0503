#!/usr/bin/python3
"""Who gets in with a signed token, on a real onehopd. Another implementation makes the tokens: python3-cryptography.

    identity_token_test.py FOLDER     the folder with onehopd; PYTHONPATH: the folder with protoc's module
"""
import base64
import json
import time
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity_client import Client, Refused, wire
from identity_rig import PERMISSIONS, WithFiles


RENEWAL = 2  # The bit of Connect.features.


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
            for number_of_it in range(5):
                Client(broker.address, f"device-1/{algorithm}{number_of_it}", self.issuer.token(algorithm)).close()

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
        # The clocks may differ by 30 seconds, so this one has 5 seconds left.
        client = Client(broker.address, "device-1", self.issuer.token(exp=time.time() - 25))
        self.assertLessEqual(client.connected.credentials_expire_in_ms, 5_000)
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, client.read_kind("goodbye").code)

    def test_renewal(self):
        broker = self.with_tokens()
        client = Client(broker.address, "device-1", self.issuer.token(exp=time.time() + 60), features=RENEWAL)
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


if __name__ == "__main__":
    unittest.main()
