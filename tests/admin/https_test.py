"""The admin port over TLS, asked by Python's own client for HTTPS and by the command line.

    https_test.py FOLDER-OF-PROGRAMS
"""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from programs import SECONDS_MAX, Broker, run  # noqa: E402

OPERATOR, VIEWER = "the-token-of-operators", "the-token-of-viewers"


class Https(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="onehop-https-")
        self.addCleanup(scratch.cleanup)
        self.certificates = os.path.join(scratch.name, "certificates")
        self.issue()
        self.tokens = {}
        for role, token in (("operator", OPERATOR), ("viewer", VIEWER)):
            self.tokens[role] = os.path.join(scratch.name, role)
            with open(self.tokens[role], "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(token)
        # Not on loopback, so that tokens count.
        self.broker = Broker(self.folder, "--admin", "tls://0.0.0.0:0", "--tls-certificate-file", self.file("broker.pem"),
                             "--tls-key-file", self.file("broker.key"), "--admin-token-file", self.tokens["operator"],
                             "--admin-viewer-token-file", self.tokens["viewer"])
        self.addCleanup(self.broker.__exit__)
        line = self.broker.output.wait_for(lambda text: text.startswith("admin on "))
        self.assertTrue(line.startswith("admin on tls://0.0.0.0:"), line)
        self.port = int(line.rsplit(":", 1)[1])

    def file(self, name):
        return os.path.join(self.certificates, name)

    def issue(self):
        subprocess.run([os.path.join(ROOT, "deploy/tls/make-certificates"), self.certificates, "localhost,127.0.0.1"], check=True,
                       capture_output=True, timeout=SECONDS_MAX)

    def connect(self):
        trust = ssl.create_default_context(cafile=self.file("ca.pem"))
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=SECONDS_MAX, context=trust)
        self.addCleanup(connection.close)
        return connection

    def ask(self, path, token=None, method="GET", connection=None):
        connection = connection or self.connect()
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def test_tokens_cross_a_network_where_it_is_encrypted(self):
        self.assertEqual(200, self.ask("/readyz")[0])
        self.assertEqual(401, self.ask("/api/v1/counters")[0])
        self.assertEqual(200, self.ask("/api/v1/counters", OPERATOR)[0])
        self.assertEqual(200, self.ask("/api/v1/counters", VIEWER)[0])
        self.assertEqual(403, self.ask("/api/v1/drain", VIEWER, "POST")[0])

    def test_many_requests_on_one_connection(self):
        connection = self.connect()
        for _ in range(20):
            status, text = self.ask("/api/v1/config", OPERATOR, connection=connection)
            self.assertEqual(200, status)
            self.assertGreater(len(json.loads(text)["settings"]), 40)
            self.assertIn("onehop_connections", self.ask("/metrics", connection=connection)[1])

    def test_plain_requests_are_told(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX) as plain:
            plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while more := plain.recv(4096):
                answer += more
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)

    def test_handshakes_that_stall_keep_nobody_out(self):
        stalled = [socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX) for _ in range(80)]
        for one in stalled:
            one.sendall(b"\x16\x03\x01")
        self.assertEqual(200, self.ask("/livez")[0])
        for one in stalled:
            one.close()

    def test_a_renewed_certificate_is_used(self):
        def serial():
            connection = self.connect()
            connection.connect()
            return connection.sock.getpeercert()["serialNumber"]
        before = serial()
        for name in ("broker.pem", "broker.key"):
            os.remove(self.file(name))
        self.issue()
        self.broker.process.send_signal(signal.SIGHUP)
        self.broker.wait_until_logged("reloaded", 1)
        self.assertNotEqual(before, serial())

    def test_the_command_line(self):
        onehop = os.path.join(self.folder, "onehop")
        address = ["--admin", f"tls://localhost:{self.port}"]
        believed = ["--tls-ca", self.file("ca.pem")]
        self.assertEqual(0, run([onehop, "health", *address, *believed])[0])
        self.assertEqual(0, run([onehop, "health", "--admin", f"https://localhost:{self.port}", *believed])[0])
        self.assertEqual(0, run([onehop, "clients", *address, *believed, "--token-file", self.tokens["viewer"]])[0])
        code, _, errors = run([onehop, "kick", "bob", *address, *believed, "--token-file", self.tokens["viewer"]])
        self.assertEqual(1, code)
        self.assertIn(b"a viewer changes nothing", errors)
        code, _, errors = run([onehop, "clients", *address, "--token-file", self.tokens["viewer"]])
        self.assertEqual(3, code, errors)
        self.assertEqual(0, run([onehop, "clients", *address, "--tls-insecure", "--token-file", self.tokens["viewer"]])[0])


class WithoutACertificate(unittest.TestCase):
    def test_is_told(self):
        code, _, errors = run([os.path.join(Https.folder, "onehopd"), "--admin", "tls://127.0.0.1:0", "--check-config"])
        self.assertEqual(2, code)
        self.assertIn(b"--admin: tls:// needs a certificate: tls_certificate_file", errors)


if __name__ == "__main__":
    Https.folder = sys.argv.pop(1)
    unittest.main(verbosity=0)
