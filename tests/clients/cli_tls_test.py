"""The `onehop` command over TLS, with the certificates of deploy/tls/make-certificates: what docs/tls.md shows."""
import os
import subprocess
import tempfile

from cli_case import LIMIT, Broker, Case, main

MAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "tls", "make-certificates")


class CliTls(Case):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.make("localhost,127.0.0.1", "alice")
        self.broker = self.start_broker()

    def make(self, *words):
        subprocess.run([MAKE, self.folder, *words], check=True, capture_output=True, timeout=LIMIT)

    def file(self, name):
        return os.path.join(self.folder, name)

    def start_broker(self, *flags):
        broker = Broker("--tls-certificate-file", self.file("broker.pem"), "--tls-key-file", self.file("broker.key"), *flags,
                        listen="tls://127.0.0.1:0")
        self.addCleanup(broker.stop)
        return broker

    def test_a_message_over_tls(self):
        trust = ("--tls-ca", self.file("ca.pem"))
        listener = self.listen("bob", "--count", "1", *trust)
        sent = self.run_onehop("send", "bob", "hello", "-v", *trust)
        self.assertEqual(0, sent.code, sent.err)
        self.assertEqual(b"hello\n", self.finish(listener).out)

    def test_whom_it_believes(self):
        unknown = self.run_onehop("ping", "--count", "1")
        self.assertEqual(3, unknown.code)
        self.assertEqual(1, len(unknown.error_lines()))
        self.assertIn("the server's certificate is not accepted: unable to get local issuer certificate", unknown.err.decode())
        self.assertEqual(0, self.run_onehop("ping", "--count", "1", "--tls-insecure").code)
        elsewhere = self.run_onehop("ping", "--count", "1", "--tls-ca", self.file("ca.pem"), "--tls-server-name", "elsewhere")
        self.assertEqual(3, elsewhere.code)
        self.assertIn("hostname mismatch", elsewhere.err.decode())
        missing = self.run_onehop("ping", "--tls-ca", "missing.pem")
        self.assertEqual(2, missing.code)
        self.assertIn("missing.pem: No such file or directory", missing.err.decode())
        plain = self.run_onehop("ping", "--tls-ca", self.file("ca.pem"), server="tcp://127.0.0.1:1")
        self.assertEqual(2, plain.code)
        self.assertIn("does not begin with tls://", plain.err.decode())

    def test_what_it_shows(self):
        self.broker = self.start_broker("--tls-client", "required", "--tls-client-ca-file", self.file("ca.pem"))
        trust = ("--count", "1", "--tls-ca", self.file("ca.pem"))
        without = self.run_onehop("ping", *trust)
        self.assertNotEqual(0, without.code)
        self.assertIn("certificate required", without.err.decode())
        shown = ("--tls-cert", self.file("alice.pem"), "--tls-key", self.file("alice.key"))
        self.assertEqual(0, self.run_onehop("ping", *trust, *shown).code)
        # Another client of the same authority, later.
        self.make("localhost", "carol")
        shown = ("--tls-cert", self.file("carol.pem"), "--tls-key", self.file("carol.key"))
        self.assertEqual(0, self.run_onehop("ping", *trust, *shown).code)


if __name__ == "__main__":
    main()
