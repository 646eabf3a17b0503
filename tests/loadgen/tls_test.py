"""The load generator over TLS: every message accounted for, connects with their handshakes, the forwarder that ends TLS, and
what is refused."""

import os
import subprocess
import tempfile

from loadgen_cases import Broker, Case, main
import loadgen_cases
import programs

MAKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "tls", "make-certificates")


class Tls(Case):
    def setUp(self):
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        subprocess.run([MAKE, self.folder, "127.0.0.1"], check=True, stdout=subprocess.DEVNULL)
        self.trust = ["--tls-ca", self.file("ca.pem")]

    def file(self, name):
        return os.path.join(self.folder, name)

    def broker(self):
        return Broker(loadgen_cases.folder, "--shards", "2", "--tls-certificate-file", self.file("broker.pem"), "--tls-key-file",
                      self.file("broker.key"), listen="tls://127.0.0.1:0")

    def test_each_message_is_accounted_for(self):
        with self.broker() as broker:
            for flags in (["--rate", 2000], ["--window", 32, "--size", "uniform:64-20000"], ["--slow-readers", "50%"]):
                run = self.generate("--target", broker.address, *self.trust, "--clients", 20, "--duration", "500ms", *flags)
                self.check_good(run)
                self.assertGreater(run.json["outcomes"]["delivered"], 0, run)

    def test_connects_with_their_handshakes(self):
        with self.broker() as broker:
            run = self.generate("--target", broker.address, *self.trust, "--workload", "connects", "--duration", "500ms",
                                "--drain", "5s", "--window", 8)
            self.check_good(run)
            self.assertGreater(run.json["connections"]["opened"], 5, run)
            shaken, connected = run.json["handshake_latency_us"], run.json["connect_latency_us"]
            self.assertGreaterEqual(shaken["count"], connected["count"], run)
            self.assertLess(shaken["mean"], connected["mean"], "a handshake is a part of connecting")

    def test_the_forwarder_that_ends_tls(self):
        process = programs.start([os.path.join(loadgen_cases.folder, "onehop-blind-tls"), "--listen", "127.0.0.1:0",
                                  self.file("broker.pem"), self.file("broker.key")], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        port = int(process.stdout.readline())
        for flags in (["--size", 128], ["--size", "uniform:64-60000"]):
            run = self.generate("--target", f"blind+tls://127.0.0.1:{port}", *self.trust, "--clients", 10, "--window", 16,
                                "--duration", "300ms", *flags)
            self.check_good(run)
            self.assertGreater(run.json["outcomes"]["delivered"], 100, run)

    def test_what_is_refused(self):
        with self.broker() as broker:
            run = self.generate("--target", broker.address, "--clients", 2, "--duration", "100ms")
            self.assertIn("the server's certificate is not accepted", run.errors, run)
            run = self.generate("--target", broker.address, "--tls-ca", "missing.pem")
            self.assertIn("missing.pem: No such file or directory", run.errors, run)
            run = self.generate("--target", "tcp://127.0.0.1:1", *self.trust)
            self.assertIn("does not begin with tls://", run.errors, run)


if __name__ == "__main__":
    main()
