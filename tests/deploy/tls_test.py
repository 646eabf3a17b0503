#!/usr/bin/python3
"""TLS with what others have made: openssl s_client, Python's ssl, HAProxy in front of the broker's TLS and HAProxy that ends
TLS itself; the certificates are those of deploy/tls/make-certificates.

    tls_test.py FOLDER     the folder of the programs; PYTHONPATH: as tests/deploy/CMakeLists.txt says
"""
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

import programs
from balancers import connect_bytes, port_of, read_to_end
from deployed import must_run, path_of
from minimal_client import Client, wire

GOODBYE_FRAME = wire.Frame(goodbye=wire.Goodbye(code=wire.CODE_NORMAL)).SerializeToString()
GOODBYE = bytes([len(GOODBYE_FRAME)]) + GOODBYE_FRAME
HAPROXY = "/usr/sbin/haproxy"
CONFIGURATION = """
global
  log stdout format raw local0
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend passes
  bind "${{PASSES}}"
  default_backend secure
frontend ends
  bind "${{ENDS}}" ssl crt {folder}/both.pem ca-file {folder}/ca.pem verify optional
  default_backend plain
backend secure
  server broker 127.0.0.1:{secure_port} send-proxy-v2
backend plain
  server broker 127.0.0.1:{plain_port} send-proxy-v2-ssl-cn
"""


class Reading(Client):
    """The minimal client waits by select(), which knows nothing of what TLS has read ahead: so all of that is read first."""

    def read(self):
        try:
            super().read()
            while self.socket.pending():
                super().read()
        except ssl.SSLWantReadError:
            pass  # A part of a record, or a ticket.


class Tls(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.certificates = os.path.join(self.scratch.name, "certificates")
        must_run([path_of("tls", "make-certificates"), self.certificates, "localhost,127.0.0.1", "alice", "bob"])

    def file(self, name):
        return os.path.join(self.certificates, name)

    def broker(self, *flags):
        broker = programs.Broker(self.folder, "--tls-certificate-file", self.file("broker.pem"), "--tls-key-file",
                                 self.file("broker.key"), "--shards", "2", *flags, listen="tls://127.0.0.1:0")
        self.addCleanup(broker.__exit__)
        return broker

    def trust(self, client=None):
        trust = ssl.create_default_context(cafile=self.file("ca.pem"))
        if client:
            trust.load_cert_chain(self.file(f"{client}.pem"), self.file(f"{client}.key"))
        return trust

    def client(self, port, name, trust, **options):
        """The minimal client of docs/wire.md, over Python's TLS."""
        create_connection = socket.create_connection

        def dial(address):
            return trust.wrap_socket(create_connection(address), server_hostname="localhost")
        with unittest.mock.patch("socket.create_connection", dial):
            client = Reading("127.0.0.1", port, name, **options)
        self.addCleanup(client.socket.close)
        return client

    def test_python_speaks_with_the_broker(self):
        broker = self.broker()
        port = port_of(broker.address)
        alice, bob = (self.client(port, name, self.trust()) for name in ("alice", "bob"))
        payloads = [bytes([i % 251]) * (i * 977 % 40_000) for i in range(60)]
        for payload in payloads:
            alice.send("bob", payload)
            message = bob.receive()
            self.assertEqual(payload, message.payload)
            bob.acknowledge(message)
        alice.settle()
        self.assertEqual({wire.OUTCOME_DELIVERED}, {fate.outcome for fate in alice.fates.values()})
        self.assertEqual("TLSv1.3", alice.socket.version())

    def test_python_is_refused_what_is_too_old(self):
        broker = self.broker()
        old = self.trust()
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises(ssl.SSLError):
            self.client(port_of(broker.address), "old", old)
        middle = self.trust()
        middle.maximum_version = ssl.TLSVersion.TLSv1_2
        client = self.client(port_of(broker.address), "middle", middle)
        self.assertEqual("TLSv1.2", client.socket.version())

    def s_client(self, broker, *flags, given=None):
        return programs.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port_of(broker.address)}", "-CAfile",
                             self.file("ca.pem"), "-verify_return_error", *flags], input=given or b"")

    def test_openssl_speaks_with_the_broker(self):
        broker = self.broker()
        # Connect and a goodbye: what comes is the answer to both, and the end of the stream.
        given = connect_bytes("openssl") + GOODBYE
        code, out, errors = self.s_client(broker, "-quiet", "-ign_eof", "-verify_hostname", "localhost", given=given)
        self.assertEqual(0, code, errors)
        self.assertIn(b"onehop/", out, "the name of the broker, in Connected")
        code, _, errors = self.s_client(broker, "-verify_hostname", "elsewhere")
        self.assertNotEqual(0, code)
        self.assertIn(b"hostname mismatch", errors.lower())
        code, out, _ = self.s_client(broker, "-alpn", "onehop/1")
        self.assertIn(b"ALPN protocol: onehop/1", out)
        code, _, errors = self.s_client(broker, "-alpn", "http/1.1")
        self.assertIn(b"no application protocol", errors)

    def test_openssl_resumes_its_session(self):
        broker = self.broker()
        session = os.path.join(self.scratch.name, "session")
        given = connect_bytes("first") + GOODBYE
        self.s_client(broker, "-ign_eof", "-sess_out", session, given=given)
        _, out, _ = self.s_client(broker, "-ign_eof", "-sess_in", session, given=given)
        self.assertIn(b"Reused, TLSv1.3", out)
        # New files are a new beginning: nobody gets past them with an old ticket.
        broker.process.send_signal(signal.SIGHUP)
        broker.log_line("reloaded")
        _, out, _ = self.s_client(broker, "-ign_eof", "-sess_in", session, given=given)
        self.assertIn(b"New, TLSv1.3", out)

    def test_new_files_are_for_those_who_come_after_a_reload(self):
        broker = self.broker("--tls-client", "required", "--tls-client-ca-file", self.file("ca.pem"))
        port = port_of(broker.address)
        there = self.client(port, "there", self.trust("alice"))
        # Another authority altogether.
        for name in ("ca.pem", "broker.pem", "alice.pem"):
            shutil.move(self.file(name), self.file(name + ".old"))
        must_run([path_of("tls", "make-certificates"), self.certificates, "localhost", "alice"])
        with self.assertRaises(ssl.SSLError):
            self.client(port, "early", self.trust("alice"))
        broker.process.send_signal(signal.SIGHUP)
        broker.log_line("reloaded")
        new = self.client(port, "new", self.trust("alice"))
        there.send("new", b"who is there stays")
        self.assertEqual(b"who is there stays", new.receive().payload)
        # A file that is broken changes nothing.
        pathlib.Path(self.file("broker.pem")).write_text("nonsense\n", encoding="utf-8")
        broker.process.send_signal(signal.SIGHUP)
        self.assertIn("broker.pem: no start line", broker.log_line("reload_refused")["text"])
        self.client(port, "still", self.trust("alice"))

    def start_haproxy(self, secure_port, plain_port):
        if not os.access(HAPROXY, os.X_OK):
            self.skipTest(f"{HAPROXY} is not installed")
        both = pathlib.Path(self.file("broker.pem")).read_text() + pathlib.Path(self.file("broker.key")).read_text()
        pathlib.Path(self.file("both.pem")).write_text(both, encoding="utf-8")
        path = os.path.join(self.scratch.name, "haproxy.cfg")
        pathlib.Path(path).write_text(CONFIGURATION.format(folder=self.certificates, secure_port=secure_port,
                                                           plain_port=plain_port), encoding="utf-8")
        passes, ends = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        for listener in (passes, ends):
            self.addCleanup(listener.close)
        process = programs.start([HAPROXY, "-db", "-q", "-f", path], pass_fds=[passes.fileno(), ends.fileno()],
                                 environment={"PASSES": f"fd@{passes.fileno()}", "ENDS": f"fd@{ends.fileno()}"},
                                 stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return passes.getsockname()[1], ends.getsockname()[1]

    def test_haproxy_passes_tls_on_or_ends_it(self):
        broker = self.broker("--listen-proxy", "tls://127.0.0.1:0", "--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from",
                             "127.0.0.1")
        listening = [broker.output.wait_for_count(lambda line: line.startswith("listening on "), count).split()[2]
                     for count in (1, 2, 3)]
        passes, ends = self.start_haproxy(port_of(listening[1]), port_of(listening[2]))
        through = self.client(passes, "through", self.trust("alice"))
        ended = self.client(ends, "ended", self.trust("bob"))
        through.send("ended", b"over two kinds of TLS")
        self.assertEqual(b"over two kinds of TLS", ended.receive().payload)
        ended.send("through", b"and back")
        self.assertEqual(b"and back", through.receive().payload)
        # The PROXY header comes before TLS, and is not believed within it.
        forger = socket.create_connection(("127.0.0.1", port_of(listening[1])))
        self.addCleanup(forger.close)
        forger.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        self.assertEqual(b"", read_to_end(forger))


def main():
    Tls.folder = sys.argv.pop(1)
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
