"""What the tests of identity have in common: files of users and permissions, and an onehopd that reads them."""
import json
import os
import signal
import sys
import tempfile
import unittest

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
