"""Plays the transcripts of a document: every command line in them is run, and must print what the document shows.

Blocks marked `console` are transcripts of a terminal: behind `$ ` is a command, below it what it prints, on either stream.
Before a block, `<!-- stays -->` says that its command runs on, so that what it prints comes as later commands are run
(up to the next heading, where it is ended; the first broker serves to the end of the document); `<!-- ended -->` waits for
those that end by themselves; `<!-- measured -->` that every figure is another one each time, and that lines may be left
out (three dots stand for them).
"""

import os
import pty
import re
import signal
import subprocess
import termios
import threading

from programs import SECONDS_MAX, start

PAGE_PORT = "7411"
PAGE_ADMIN_PORT = "7412"
# What differs from run to run.
MASKS = [(re.compile(r"\d+\.\d{3}(?=[ /])"), "#.###")]


class Terminal:
    """A command line, run by a shell on a terminal of its own, which shows what it prints. If it `stays`, somebody sits there
    and types nothing; otherwise its standard input has ended."""

    def __init__(self, command, environment, folder, stays=False):
        master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.command = command
        self.process = start(["bash", "-c", command], environment=environment, cwd=folder,
                             stdin=subprocess.PIPE if stays else subprocess.DEVNULL,
                             stdout=slave, stderr=slave)
        os.close(slave)
        self._shown = bytearray()
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, args=(master,), daemon=True)
        self._reader.start()

    def _read(self, master):
        while True:
            try:
                block = os.read(master, 4096)
            except OSError:  # The terminal's way to say that nobody writes to it any more.
                break
            with self._changed:
                self._shown += block
                self._changed.notify_all()
        os.close(master)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _lines(self):
        # A line of progress is written over: what counts is what stays.
        shown = re.sub(rb"\r\x1b\[K[^\r\n]*(?=\r)|\r\x1b\[K", b"", bytes(self._shown))
        return shown.decode("utf-8", "backslashreplace").split("\n")[:-1]

    def wait_for_lines(self, count):
        """Waits until it has printed so many lines, or has ended; returns all."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._lines()) >= count, SECONDS_MAX)
            return self._lines()

    def wait(self):
        """Waits for its end; returns what it printed."""
        self.process.wait(SECONDS_MAX)
        self._reader.join(SECONDS_MAX)
        if self.process.stdin:
            self.process.stdin.close()
        return self._lines()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait()


def masked(lines):
    out = []
    for line in lines:
        for pattern, mask in MASKS:
            line = pattern.sub(mask, line)
        out.append(line)
    return out


def blocks_of(text):
    """(line number, heading level if it is a heading, language, mark before the block, lines) in order."""
    lines = text.split("\n")
    number = 0
    mark = ""
    while number < len(lines):
        line = lines[number]
        fence = re.match(r"```(\w*)$", line)
        if fence:
            end = lines.index("```", number + 1)
            yield number + 1, 0, fence.group(1), mark, lines[number + 1:end]
            number = end
        elif heading := re.match(r"(#+) ", line):
            yield number + 1, len(heading.group(1)), "", "", []
        comment = re.match(r"<!-- (\w+) -->$", line)
        mark = comment.group(1) if comment else ""
        number += 1


def shape(line):
    """What is left of a line when its figures and the widths of its columns are forgotten."""
    line = re.sub(r"on \S+, onehop-loadgen", "on #, onehop-loadgen", line)
    line = re.sub(r"\b(tcp|onehop)://", "", line)
    # Told only where it was so, and what a busy machine spoils.
    line = re.sub(r" \(waiting for a processor [^)]*\)", "", line).replace("spoiled", "0")
    return " ".join(re.sub(r"[-\d.,:TZ]*\d[\d.,:TZ]*( ?(ns|µs|us|ms|s|m|B|[KMGT]iB)\b)?|\B-\B", "#", line).split())


def assert_shapes(where, expected, shown):
    """Every expected line is there, in order."""
    left = iter([shape(line) for line in shown])
    for line in expected:
        assert line == "..." or shape(line) in left, f"{where}: no line like '{line}' in order in: {shown}"


class Transcript:
    """Plays the console blocks of a document."""

    def __init__(self, name, bin_folder, folder):
        self._name = name
        self._folder = folder
        self._environment = {"PATH": bin_folder + ":" + os.environ["PATH"], "ONEHOP_LISTEN": "tcp://127.0.0.1:0",
                             "ONEHOP_ADMIN": "tcp://127.0.0.1:0"}
        self._ports = {}  # What was taken → what the document says.
        self._broker = None
        self._staying = []  # (line number, terminal, expected lines)
        self.commands = 0

    def play(self, number, mark, lines):
        if mark == "ended":
            self._wait_for_ended()
        commands = []
        for line in lines:
            if line.startswith("$ "):
                commands.append((line[2:], []))
            elif line.startswith("> ") and not commands[-1][1]:  # As a shell shows the further lines of a command.
                commands[-1] = (commands[-1][0] + "\n" + line[2:], [])
            else:
                commands[-1][1].append(line)
        for command, expected in commands:
            self.commands += 1
            if mark == "stays":
                self._begin(number, command, expected)
            else:
                # A busy machine must not make the load generator void its runs here.
                patient = command.replace("onehop-loadgen --", "onehop-loadgen --lag-max 1m --")
                shown = Terminal(self._for_here(patient), self._environment, self._folder).wait()
                if mark == "measured":
                    assert_shapes(f"{self._name}:{number}: $ {command}", expected, shown)
                else:
                    self._compare(number, command, expected, shown)

    def _for_here(self, command):
        """The command with the ports that were taken, and with the process of this broker, not of every other one here."""
        for port, in_page in self._ports.items():
            command = re.sub(rf"(localhost|127\.0\.0\.1)([: ]){in_page}\b", rf"\1\g<2>{port}", command)
        return command.replace("$(pidof onehopd)", str(self._broker.process.pid) if self._broker else "none")

    def _begin(self, number, command, expected):
        terminal = Terminal(self._for_here(command), self._environment, self._folder, stays=True)
        if command.startswith("onehopd"):
            shown = terminal.wait_for_lines(2)
            found = re.fullmatch(r"listening on (tcp://127\.0\.0\.1:(\d+))\nadmin on (tcp://127\.0\.0\.1:(\d+))",
                                 "\n".join(shown))
            assert found, f"{self._name}:{number}: '{command}' printed {shown}"
            assert self._broker is None, f"{self._name}:{number}: one broker serves the whole document"
            self._environment["ONEHOP_SERVER"], self._environment["ONEHOP_ADMIN"] = found.group(1, 3)
            self._ports = {found.group(2): PAGE_PORT, found.group(4): PAGE_ADMIN_PORT}
            self._broker = terminal
            self._compare(number, command, expected, shown)
            return
        first = terminal.wait_for_lines(1)
        self._compare(number, command, expected[:1], first[:1])
        self._staying.append((number, terminal, expected))

    def _wait_for_ended(self):
        for _, terminal, _ in self._staying:
            if "--count" in terminal.command:
                terminal.wait()

    def end_section(self):
        for number, terminal, expected in self._staying:
            terminal.wait_for_lines(len(expected))
            self._compare(number, terminal.command, expected, terminal.stop())
        self._staying = []

    def end(self):
        self.end_section()
        if self._broker is not None:
            self._broker.stop()
            assert self._broker.process.returncode == 0, "the broker did not stop in good order"

    def _compare(self, number, command, expected, shown):
        for port, in_page in self._ports.items():
            shown = [re.sub(rf":{port}\b", ":" + in_page, line) for line in shown]
        if masked(expected) != masked(shown):
            raise AssertionError("\n".join([f"{self._name}:{number}: $ {command}", "  says:", *expected,
                                            "  but what is printed is:", *shown]))
