"""The command line of `onehop` that is wrong, its help, and brokers that are not there.

usage: cli_usage_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import os
import socket
import subprocess
import threading
import unittest

from cli_case import LIMIT, ONEHOP, main


class Usage(unittest.TestCase):
    def check(self, args, what):
        done = subprocess.run([ONEHOP, *args], capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL, text=True)
        self.assertEqual(done.returncode, 2, args)
        self.assertEqual(done.stdout, "", args)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(what, done.stderr)

    def test_what_is_wrong_is_one_line_and_exit_code_2(self):
        for args, what in [
            ([], "listen, send, chat, ping or another"),
            (["--bogus"], "--bogus"),
            (["shout", "bob"], "shout"),
            (["send"], "TO"),
            (["send", "bob", "x", "--bogus"], "--bogus"),
            (["send", "bob", "x", "y"], "y"),
            (["send", "bo b", "x"], "'bo b'"),
            (["send", "", "x"], "''"),
            (["send", "bob", "x", "--server", "http://there"], "http://there"),
            (["send", "bob", "x", "--server", "tcp://127.0.0.1:99999"], "99999"),
            (["send", "bob", "x", "--count", "0"], "--count"),
            (["send", "bob", "x", "--timeout", "soon"], "--timeout"),
            (["send", "bob", "x", "-o", "xml"], "xml"),
            (["send", "bob", "x", "-H", "nocolon"], "nocolon"),
            (["send", "bob", "x", "--name", "$sys"], "$sys"),
            (["listen", "a*"], "a*"),
            (["listen", "~mine"], "~mine"),
            (["listen", "n" * 256], "255"),
            (["listen", "line\nbreak"], "line\\x0abreak"),
            (["listen", "bübchen"], "'bübchen'"),
            (["send", "bob", "x", "--server", "there:0"], "port 0"),
            (["send", "bob", "x", "--server", ""], "--server"),
            (["lisen", "bob"], "'lisen' is not a command; did you mean 'listen'?"),
            (["qwertz"], "'qwertz' is not a command (see"),
            (["help", "nosuch"], "'nosuch' is not a command"),
            (["send", "bob", "x", "--no-confrim"], "did you mean '--no-confirm'?"),
            (["send", "bob", "x", "--headr=a:1"], "'--headr=a:1' is not an option of 'send'; did you mean '--header'?"),
            (["drain", "--wiat"], "'--wiat' is not an option of 'drain'; did you mean '--wait'?"),
            (["send", "bob", "x", "and more"], "'and more' is one argument too many for 'send'"),
            (["listen", "bob", "-f", "%q"], "%q"),
            (["listen", "bob", "--ack", "maybe"], "maybe"),
            (["listen", "bob", "--receive-window", "0"], "--receive-window"),
            (["listen", "bob", "--state", "file", "--session-expiry", "0"], "--state"),
            (["listen", "bob", "--session-expiry", "90000"], "--session-expiry"),
            (["send", "bob", "x", "--ttl", "0"], "--ttl"),
            (["ping", "--interval", "-1"], "--interval"),
            (["send", "--topic", "news/+", "x"], "wildcards are for those who subscribe"),
            (["send", "--topic", "news", "x", "y"], "'y' is one argument too many for 'send --topic'"),
            (["send", "--topic", "news", "x", "--wait", "1"], "--wait"),
            (["send", "--topic", "news", "--topic", "news", "x"], "'news' is named twice"),
            (["send", "bob", "x", "--confirm", "maybe"], "maybe"),
            (["send", "bob", "x", "--confirm", "delivered", "--no-confirm"], "--no-confirm"),
            (["listen", "bob", "--topic", "news/#/de"], "nothing may follow #"),
            (["listen", "bob", "--topic", "ne\nws"], "ne\\x0aws"),
            (["chat"], "NAME"),
            (["chat", "alice", "--room", "#"], "--room"),
        ]:
            with self.subTest(args=args):
                self.check(args, what)

    def test_help_and_version_go_to_standard_output(self):
        for args, what in [(["--version"], "onehop "), (["version"], "onehop "), (["help"], "Exit codes"), (["--help"], "Exit codes"),
                           (["help", "send"], "DELIVERED"), (["listen", "--help"], "%p")]:
            done = subprocess.run([ONEHOP, *args], capture_output=True, timeout=LIMIT, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), args)
            self.assertIn(what, done.stdout)

    def test_every_command_has_examples(self):
        for command in ("", "listen", "send", "chat", "ping", "clients", "top", "trace", "kick", "drain", "undrain", "health", "hash-secret", "permissions", "completion",
                        "man"):
            shown = subprocess.run([ONEHOP, "help", *command.split()], capture_output=True, timeout=LIMIT, text=True).stdout
            self.assertIn("onehop " + command, shown.split("Examples:")[-1], command)


class Completion(unittest.TestCase):
    def script(self, shell):
        done = subprocess.run([ONEHOP, "completion", shell], capture_output=True, timeout=LIMIT, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def completed(self, *words):
        """What bash makes of these words when the tab key is pressed behind the last of them."""
        call = ('COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _onehop; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-uc", self.script("bash") + call, "bash", "onehop", *words], timeout=LIMIT,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout.split()

    def test_bash_completes_commands_options_and_values(self):
        for words, completed in [(("li",), ["listen"]), (("help", "tr"), ["trace"]), (("h",), ["hash-secret", "health", "help"]),
                                 (("send", "bob", "--fail"), ["--fail-fast"]), (("send", "bob", "--take"), []),
                                 (("listen", "bob", "--ack", "m"), ["manual"]), (("clients", "-o", ""), ["text", "json"]),
                                 (("top", "--sort", "id"), ["idle"]), (("send", "bob", "--file", ""), []),
                                 (("send", "--confirm", "d"), ["delivered"]), (("nosuch", "-"), [])]:
            self.assertEqual(sorted(self.completed(*words)), sorted(completed), words)

    def test_every_command_and_option_is_there(self):
        self.assertIn("drain", self.completed(""))
        self.assertLess({"--header", "-H", "--ttl", "--help", "-0", "--no-confirm"}, set(self.completed("send", "-")))

    def test_zsh_has_them_too(self):
        script = self.script("zsh")
        self.assertTrue(script.startswith("#compdef onehop\n"))
        for words in ("'listen:Connect as NAME", "'--ack[", "(auto manual refuse)", "'--fail-fast["):
            self.assertIn(words, script)

    def test_no_other_shell(self):
        self.assertEqual(subprocess.run([ONEHOP, "completion", "tcsh"], capture_output=True, timeout=LIMIT).returncode, 2)


class Connecting(unittest.TestCase):
    def run_onehop(self, *args):
        return subprocess.run([ONEHOP, *args], capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL, text=True)

    def test_a_broker_that_is_not_there(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # Bound, and nobody listens.
            address = "tcp://127.0.0.1:%d" % taken.getsockname()[1]
            for args in (["send", "bob", "x"], ["listen", "bob"], ["ping"]):
                done = self.run_onehop(*args, "--server", address)
                self.assertEqual(done.returncode, 3)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(address, done.stderr)
        self.assertEqual(self.run_onehop("ping", "--server", "unix:///nowhere").returncode, 3)

    def test_something_else_is_there(self):
        for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00", b""):
            with socket.create_server(("127.0.0.1", 0)) as server:
                def serve():
                    peer, _ = server.accept()
                    with peer:
                        peer.recv(4096)
                        peer.sendall(answer)
                thread = threading.Thread(target=serve)
                thread.start()
                done = self.run_onehop("send", "bob", "x", "--server", "tcp://127.0.0.1:%d" % server.getsockname()[1])
                thread.join()
                self.assertEqual(done.returncode, 3, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("cannot connect", done.stderr)

    def test_an_empty_variable_is_none(self):
        done = subprocess.run([ONEHOP, "ping", "--server", "unix:///nowhere"], capture_output=True, timeout=LIMIT,
                              env={**os.environ, "ONEHOP_SERVER": ""})
        self.assertEqual(done.returncode, 3)
        shown = subprocess.run([ONEHOP, "help", "ping"], capture_output=True, timeout=LIMIT,
                               env={**os.environ, "ONEHOP_SERVER": ""}).stdout
        self.assertIn(b"tcp://127.0.0.1:7411", shown)

    def test_the_time_limit(self):
        with socket.create_server(("127.0.0.1", 0)) as server:  # Accepts, and never answers.
            address = "tcp://127.0.0.1:%d" % server.getsockname()[1]
            done = self.run_onehop("send", "bob", "x", "--timeout", "0.2", "--server", address)
            self.assertEqual(done.returncode, 3)
            self.assertIn("the time is up", done.stderr)


if __name__ == "__main__":
    main()
