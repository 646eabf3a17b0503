"""What `onehop` shows on a terminal and not in a pipe: messages that cannot command the terminal, and progress.

usage: cli_terminal_test.py ONEHOP ONEHOPD [unittest arguments]
"""
import os
import pty
import subprocess

from cli_case import LIMIT, Case, main

NASTY = b"red \x1b[31m\ttab\r bell\x07 c1 \xc2\x9b2J raw \x9b2J umlaut \xc3\xbc"
SHOWN = rb"red \x1b[31m" + b"\t" + rb"tab\x0d bell\x07 c1 \xc2\x9b2J raw \x9b2J umlaut " + b"\xc3\xbc"


class Terminal(Case):
    def on_terminal(self, stream, *args, **kwargs):
        """Starts the command with one of its streams on a terminal; returns the process and the terminal's other end."""
        master, slave = pty.openpty()
        process = self.start(*args, **{**kwargs, stream: slave})
        os.close(slave)
        self.addCleanup(os.close, master)
        return process, master

    @staticmethod
    def read_until(master, ending):
        shown = b""
        while not shown.endswith(ending):
            shown += os.read(master, 4096)
        return shown

    def send_nasty(self):
        self.assertEqual(self.run_onehop("send", "bob", "-H", "k:\x1b]0;x\x07\n", "--whole", stdin=NASTY).code, 0)

    def heard(self, *args):
        bob, master = self.on_terminal("stdout", "listen", "bob", "--count", "1", "-f", "%p|%H|end", *args)
        bob.stderr.readline()
        self.send_nasty()
        self.assertEqual(bob.wait(LIMIT), 0)
        return self.read_until(master, b"|end")

    def test_control_characters_are_shown_and_not_obeyed(self):
        self.assertEqual(self.heard(), SHOWN + rb"|k=\x1b]0;x\x07\x0a|end")

    def test_lines_of_a_payload_stay(self):
        bob, master = self.on_terminal("stdout", "listen", "bob", "--count", "1", "-f", "%p|")
        bob.stderr.readline()
        self.assertEqual(self.run_onehop("send", "bob", "--whole", stdin=b"a\nb\n").code, 0)
        self.assertEqual(self.read_until(master, b"|").replace(b"\r\n", b"\n"), b"a\nb\n|")

    def test_raw(self):
        self.assertEqual(self.heard("--raw").replace(b"\r\n", b"\n"), NASTY + b"|k=\x1b]0;x\x07\n|end")

    def test_a_pipe_gets_the_bytes(self):
        bob = self.listen("bob", "--count", "1", "-f", "%p")
        self.send_nasty()
        self.assertEqual(self.finish(bob).out, NASTY)

    def test_progress(self):
        self.listen("bob")
        sender, master = self.on_terminal("stderr", "send", "bob", stdin=subprocess.PIPE)
        sender.stdin.write(b"1\n2\n3\n")
        sender.stdin.flush()
        # It is only there after a second; and gone before anything else is written.
        shown = self.read_until(master, b"/s")
        self.assertTrue(shown.startswith(b"\r\x1b[K3 sent, 3 delivered, 0 failed, "), shown)
        sender.stdin.close()
        sender.stdin = None
        self.assertEqual(sender.wait(LIMIT), 0)
        shown += self.read_until(master, b"3 delivered\r\n")
        self.assertTrue(shown.endswith(b"\r\x1b[K3 delivered\r\n"), shown)

    def test_no_progress_where_it_is_not_wanted(self):
        for args in (("-q",), ("-o", "json")):
            sender, master = self.on_terminal("stderr", "send", "nobody", "x", "--count", "3", "--interval", "0.6", *args)
            self.assertEqual(sender.wait(LIMIT), 1)
            with self.assertRaises(OSError):  # Nothing was written before it was closed.
                os.read(master, 1)


if __name__ == "__main__":
    main()
