#!/usr/bin/python3
"""Who gets in with a secret, and what clients may do, on a real onehopd.

    identity_test.py FOLDER     the folder with onehopd and onehop; PYTHONPATH: the folder with protoc's module
"""
import json
import os
import subprocess
import unittest

from identity_client import Client, Refused, wire
from identity_rig import FOLDER, ONEHOP, PERMISSIONS, WithFiles, run_onehop
from programs import run


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
        for name in ("device-1", "nobody", "*", "%p"):
            self.assertEqual(("OUTCOME_REJECTED", "REASON_NOT_AUTHORIZED"), device.send(name))
        self.assertEqual(("OUTCOME_REJECTED", "REASON_UNKNOWN_CLIENT"), device.send("hub-2"))
        device.write(wire.Frame(message=wire.Message(client="hub", id=device.last_id + 1, payload=b"hello")))
        message = hub.read_kind("message")
        self.assertEqual((b"hello", "device-1"), (message.payload, getattr(message, "from")))

    def test_take_over(self):
        broker = self.with_users()
        hub = Client(broker.address, "hub", "hub:battery staple")
        device = Client(broker.address, "device-1", "device-1:correct horse")
        self.assert_refused("CODE_NOT_AUTHORIZED", broker.address, "device-1", "device-1:correct horse",
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

    def test_load_generator_gives_its_token_from_a_file(self):
        self.write("permissions", '[roles.load]\nallow.names = ["load-*"]\nallow.send = ["load-*"]\n'
                                  '[principals]\n"device-1" = ["load"]\n')
        broker = self.broker("--authentication", "users", "--users-file", self.write_users(), "--permissions-file",
                             self.path("permissions"))
        command = [os.path.join(FOLDER, "onehop-loadgen"), "--target", broker.address.replace("tcp", "onehop"), "--clients", "4",
                   "--prefix", "load-", "--rate", "100", "--duration", "1s", "--lag-max", "1m"]
        secret = self.write("load.secret", "device-1:correct horse\n")
        code, out, errors = run([*command, "--token-file", secret])
        self.assertEqual(0, code, (out, errors))
        self.assertNotEqual(0, run(command)[0])

    def test_command_line_gives_its_token_from_a_file(self):
        broker = self.with_users()
        listener = subprocess.Popen(
            [ONEHOP, "listen", "hub", "--server", broker.address, "--count", "1", "--token-file",
             self.write("hub.secret", "hub:battery staple\n")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(listener.kill)
        listener.stderr.readline()
        code, _, errors = run_onehop("send", "hub", "hello", "--name", "device-1", "--server", broker.address,
                                     environment={"ONEHOP_TOKEN": "device-1:correct horse"})
        self.assertEqual(0, code, errors)
        self.assertEqual(b"hello\n", listener.communicate(timeout=60)[0])
        code, _, errors = run_onehop("send", "hub", "hello", "--name", "device-1", "--server", broker.address)
        self.assertEqual(4, code)
        self.assertIn("BAD_CREDENTIALS", errors)
        code, _, errors = run_onehop("send", "hub", "x", "--server", broker.address, "--token-file", self.path("none"))
        self.assertEqual(2, code)
        self.assertIn(self.path("none"), errors)


class Topics(WithFiles):
    PERMISSIONS = """
[roles.reader]
allow.names = ["%p"]
allow.subscribe = ["news/*", "news/#"]
{denied}
[roles.writer]
allow.names = ["hub"]
allow.publish = ["news/*"]
[principals]
"device-*" = ["reader"]
"hub" = ["writer"]
"""

    def with_topics(self):
        return self.broker("--authentication", "users", "--users-file", self.write_users(), "--permissions-file",
                           self.write("permissions", self.PERMISSIONS.format(denied="")))

    @staticmethod
    def subscribe(client, topic):
        client.write(wire.Frame(subscribe=wire.Subscribe(topic=topic)))
        return wire.Reason.Name(client.read_kind("subscribed").reason)

    @staticmethod
    def publish(client, topic):
        """The reason of its refusal; None: there is none."""
        client.last_id += 1
        client.write(wire.Frame(message=wire.Message(topic=topic, id=client.last_id, payload=b"x")))
        client.write(wire.Frame(ping=wire.Ping(nonce=client.last_id)))
        reason = None
        while (frame := client.read()).WhichOneof("kind") != "pong":
            reason = wire.Reason.Name(frame.receipts.items[0].reason)
        return reason

    def test_who_publishes_and_subscribes(self):
        broker = self.with_topics()
        device = Client(broker.address, "device-1", "device-1:correct horse", features=4)
        hub = Client(broker.address, "hub", "hub:battery staple", features=4)
        self.assertEqual("REASON_NOT_AUTHORIZED", self.subscribe(device, "#"))
        self.assertEqual("REASON_NOT_AUTHORIZED", self.subscribe(hub, "news/1"))
        self.assertEqual("REASON_NOT_AUTHORIZED", self.publish(device, "news/1"))
        self.assertEqual("REASON_NOT_AUTHORIZED", self.publish(hub, "news"))
        self.assertEqual("REASON_NOBODY_THERE", self.publish(hub, "news/1"))
        self.assertEqual("REASON_UNSPECIFIED", self.subscribe(device, "news/#"))
        self.assertIsNone(self.publish(hub, "news/1"))
        self.assertEqual("news/1", device.read_kind("message").topic)

    def test_a_reload_takes_subscriptions_away(self):
        broker = self.with_topics()
        device = Client(broker.address, "device-1", "device-1:correct horse", features=4)
        hub = Client(broker.address, "hub", "hub:battery staple", features=4)
        self.assertEqual("REASON_UNSPECIFIED", self.subscribe(device, "news/#"))
        self.write("permissions", self.PERMISSIONS.format(denied='deny.subscribe = ["news/secret"]'))
        self.reload(broker)
        self.assertEqual(wire.CODE_NOT_AUTHORIZED, device.read_kind("goodbye").code)
        again = Client(broker.address, "device-1", "device-1:correct horse", features=4)
        self.assertEqual("REASON_NOT_AUTHORIZED", self.subscribe(again, "news/#"))
        self.assertEqual("REASON_NOT_AUTHORIZED", self.subscribe(again, "news/secret"))
        self.assertEqual("REASON_UNSPECIFIED", self.subscribe(again, "news/open"))
        self.assertIsNone(self.publish(hub, "news/open"))


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
            (["--authentication", "password"], "must be one of certificate, token, users, anonymous"),
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
        code, text = self.check("--authentication", "users", "--users-file", users)
        self.assertEqual(0, code, text)

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

    def test_permissions_check_of_a_running_broker(self):
        broker = self.with_users("--admin", "tcp://127.0.0.1:0")
        admin = broker.log_line("started")["admin"]

        def check(*words):
            return run_onehop("permissions", "check", "--admin", admin, *words)

        device = ("--as", "device-1")
        self.assertEqual((0, "allowed: role 'device' allows send 'hub-*'\n", ""), check(*device, "send", "hub-3"))
        self.assertEqual((1, "denied: role 'device' denies send 'hub-admin'\n", ""), check(*device, "send", "hub-admin"))
        self.assertEqual((1, "denied: anonymous clients have no role\n", ""), check("send", "hub"))
        code, out, _ = check(*device, "-o", "json", "send", "hub & co")
        self.assertEqual((1, {"allowed": False, "why": "no role allows this"}), (code, json.loads(out)))
        # What holds, not what the file says by now.
        self.write("permissions", PERMISSIONS.replace("deny.send", "allow.request"))
        self.assertEqual(1, check(*device, "send", "hub-admin")[0])
        self.reload(broker)
        self.assertEqual((0, "allowed: role 'device' allows send 'hub-*'\n", ""), check(*device, "send", "hub-admin"))
        for words in (["--as", "a*", "send", "x"], ["--as", "a", "fly", "x"], ["--anonymous-role", "guest", "send", "x"],
                      ["--file", self.path("permissions"), "--as", "a", "send", "x"]):
            self.assertEqual(2, check(*words)[0], words)
        broker.stop()
        self.assertEqual(3, check(*device, "send", "x")[0])

    def test_permissions_check_of_a_broker_without_them(self):
        broker = self.broker("--admin", "tcp://127.0.0.1:0")
        code, out, _ = run_onehop("permissions", "check", "--admin", broker.log_line("started")["admin"], "--as", "a", "send", "b")
        self.assertEqual((0, "allowed: there is no authentication: everybody may do everything\n"), (code, out))

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
