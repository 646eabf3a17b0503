"""What the documents say is so: every command line of the README is run, and prints what the README shows.

    readme_test.py REPOSITORY BIN_FOLDER

Blocks marked `console` are transcripts of a terminal: behind `$ ` is a command, below it what it prints, on either stream.
Before a block, `<!-- stays -->` says that its command runs on, so that what it prints comes as later commands are run
(up to the next heading, where it is ended; the first broker serves to the end); `<!-- ended -->` waits for those that
end by themselves; `<!-- measured -->` that every figure is another one each time, and that lines may be left out (three
dots stand for them). Blocks marked `sh` are run if they can be within a test; of ./dev it is checked that it has the command.
Blocks marked `cpp` are the examples that are compiled beside this file.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import termios
import threading
from concurrent.futures import ThreadPoolExecutor

from programs import SECONDS_MAX, Lines, run, start

README_PORT = "7411"
README_ADMIN_PORT = "7412"
# What differs from run to run.
MASKS = [(re.compile(r"\d+\.\d{3}(?=[ /])"), "#.###")]


class Terminal:
    """A command line, run by a shell on a terminal of its own, which shows what it prints."""

    def __init__(self, command, environment, folder):
        master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.command = command
        self.process = start(["bash", "-c", command], environment=environment, cwd=folder, stdin=subprocess.DEVNULL,
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
            else:
                commands[-1][1].append(line)
        for command, expected in commands:
            self.commands += 1
            if mark == "stays":
                self._begin(number, command, expected)
            else:
                # A busy machine must not make the load generator void its runs here.
                patient = command.replace("onehop-loadgen --", "onehop-loadgen --lag-max 1m --")
                shown = Terminal(patient, self._environment, self._folder).wait()
                if mark == "measured":
                    assert_shapes(f"{self._name}:{number}: $ {command}", expected, shown)
                else:
                    self._compare(number, command, expected, shown)

    def _begin(self, number, command, expected):
        terminal = Terminal(command, self._environment, self._folder)
        if command.startswith("onehopd"):
            shown = terminal.wait_for_lines(2)
            found = re.fullmatch(r"listening on (tcp://127\.0\.0\.1:(\d+))\nadmin on (tcp://127\.0\.0\.1:(\d+))",
                                 "\n".join(shown))
            assert found, f"{self._name}:{number}: '{command}' printed {shown}"
            assert self._broker is None, f"{self._name}:{number}: one broker serves the whole document"
            self._environment["ONEHOP_SERVER"], self._environment["ONEHOP_ADMIN"] = found.group(1, 3)
            self._ports = {found.group(2): README_PORT, found.group(4): README_ADMIN_PORT}
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
        for port, in_readme in self._ports.items():
            shown = [re.sub(rf":{port}\b", ":" + in_readme, line) for line in shown]
        if masked(expected) != masked(shown):
            raise AssertionError("\n".join([f"{self._name}:{number}: $ {command}", "  says:", *expected,
                                            "  but what is printed is:", *shown]))


def check_shell_lines(number, lines, root, bin_folder):
    _, usage, _ = run(["bash", os.path.join(root, "dev"), "help"])
    for line in lines:
        command = line.split("#")[0].strip()
        if command.startswith("./dev "):
            words = command.split()
            known = re.search(rf"(?m)^  {words[1]}\b(.*)$", usage.decode())
            assert known, f"README.md:{number}: ./dev has no command {words[1]}"
            options = [word for word in words[2:] if word.startswith("--")]
            assert all(option in known.group(1) for option in options), f"README.md:{number}: {command}"
        else:
            there = command.replace("$PWD/build/release/bin", bin_folder) + "; command -v onehop onehopd"
            code, out, errors = run(["bash", "-euc", there], cwd=root)
            assert code == 0 and out.count(b"\n") == 2, f"README.md:{number}: {command}: {errors!r}"


def options_in_help(bin_folder, *command):
    """flag → default, as the program's own help has it."""
    code, out, errors = run([os.path.join(bin_folder, command[0]), *command[1:], "--help"])
    assert code == 0, errors
    found = re.findall(r"(?m)^  (?:-\w,)?(--[a-z-]+)(?: [A-Z]+(?::\{[^}]*\})?(?:=(\S+))?)?", out.decode())
    return {flag: default.strip("[]") for flag, default in found if flag not in ("--help", "--version")}


def table_rows(text, heading):
    section = text.split("\n## " + heading + "\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`--.*?) \|$", section)
    return [[cell.strip() for cell in row.split(" | ")] for row in rows]


def check_tables(text, bin_folder):
    in_readme = {flag: row[1].strip("`") for row in table_rows(text, "The broker")
                 for flag in re.findall(r"--[a-z-]+", row[0])}
    in_help = {flag: default or "off" for flag, default in options_in_help(bin_folder, "onehopd").items()}
    assert in_readme, "README.md names no flag of onehopd"
    wrong = in_readme.items() - in_help.items()  # It has the most used; docs/configuration.md has all.
    assert not wrong, f"onehopd's flags: {wrong}"
    for heading, every in (("The command line", ("listen", "send", "ping")),
                           ("Looking in", ("clients", "top", "trace", "kick", "drain", "health"))):
        in_help = {(flag, command) for command in every for flag in options_in_help(bin_folder, "onehop", command)}
        in_readme = set()
        for row in table_rows(text, heading):
            commands = every if row[1] == "all" else row[1].split(", ")
            in_readme |= {(flag, command) for flag in re.findall(r"--[a-z-]+", row[0]) for command in commands}
        assert in_readme == in_help, f"onehop's options: {in_readme ^ in_help}"
    in_readme = {flag: row[1].strip("`") for row in table_rows(text, "The load generator")
                 for flag in re.findall(r"--[a-z-]+", row[0])}
    in_help = options_in_help(bin_folder, "onehop-loadgen")
    differ = {flag for flag in in_help.keys() | in_readme.keys()
              if (in_help.get(flag) or "") != re.sub("^(none|off)$", "", in_readme.get(flag, "missing"))}
    assert not differ, f"onehop-loadgen's options: {differ}"


def check_examples(text, folder):
    """The examples are the files that are compiled, to the letter."""
    wanted = sorted(name for name in os.listdir(folder) if re.fullmatch(r"readme_\w+\.cc", name))
    shown = ["\n".join(lines) + "\n" for _, _, language, _, lines in blocks_of(text) if language == "cpp"]
    for name in wanted:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            example = file.read()
        assert example in shown, f"README.md does not show {name} as it is"
        shown.remove(example)
    assert not shown, f"README.md shows C++ that nothing compiles: {shown[0][:200]}"


def run_examples(bin_folder):
    """A client in the program that has a broker inside."""
    embed = start([os.path.join(bin_folder, "readme_embed")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    output = Lines(embed.stdout)
    address = output.wait_for(lambda line: line.startswith("serving on ")).split()[2]
    bob = start([os.path.join(bin_folder, "onehop"), "listen", "bob", "--count", "1", "--format", "%f: %p\\n", "--server",
                 address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Lines(bob.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    code, out, _ = run([os.path.join(bin_folder, "readme_client"), address])
    assert (code, out) == (0, b"DELIVERED\n"), out
    assert bob.communicate(timeout=SECONDS_MAX)[0] == b"alice: Hello from C++.\n"
    code, out, _ = run([os.path.join(bin_folder, "readme_client"), address])
    assert (code, out) == (0, b"REJECTED: UNKNOWN_CLIENT\n"), out
    embed.stdin.write(b"\n")
    embed.stdin.close()
    assert embed.wait(SECONDS_MAX) == 0
    assert output.all()[1:] == ["1 messages were admitted"], output.all()


def check_links(root, path, text):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        there = os.path.join(root, os.path.dirname(path), target)
        assert "://" in target or os.path.exists(there), f"{path}: there is no {target}"


def check_names(root, path, text):
    """What a document names between backticks exists: files below the root or below broker/, and identifiers in C++."""
    sources = ""
    for folder in ("broker", "proto", "clients", "tests", "bench"):
        for where, _, names in os.walk(os.path.join(root, folder)):
            for name in names:
                if name.endswith((".h", ".cc", ".proto")):
                    with open(os.path.join(where, name), encoding="utf-8") as file:
                        sources += file.read()
    known = set(re.findall(r"\w+", sources))
    for token in set(re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", text))):
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", token) and ("/" in token or re.search(r"\.(h|cc|md|py|sh)$", token)):
            places = [os.path.join(root, prefix, token) for prefix in ("", "broker", "broker/core", "broker/server",
                                                                       "broker/reactor")]
            assert any(map(os.path.exists, places)), f"{path}: there is no {token}"
        elif re.fullmatch(r"[A-Za-z_]\w*(::\w+)*(\(\))?", token):
            for word in re.findall(r"\w+", token):
                assert word in known, f"{path}: nothing in the source is called {word} ({token})"


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: readme_test.py REPOSITORY BIN_FOLDER")
    root, bin_folder = sys.argv[1], os.path.abspath(sys.argv[2])
    for path in ("README.md", "docs/ARCHITECTURE.md", "loadgen/README.md", "deploy/README.md"):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        check_links(root, path, text)
        if path == "docs/ARCHITECTURE.md":
            check_names(root, path, text)
    with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
        readme = file.read()
    check_tables(readme, bin_folder)
    check_examples(readme, os.path.join(root, "tests/e2e"))
    # The examples wait for a client that never comes: meanwhile the rest goes on.
    examples = ThreadPoolExecutor().submit(run_examples, bin_folder)
    with tempfile.TemporaryDirectory(prefix="onehop-readme-") as folder:
        transcript = Transcript("README.md", bin_folder, folder)
        for number, level, language, mark, lines in blocks_of(readme):
            if level:
                transcript.end_section()
            elif language == "console":
                transcript.play(number, mark, lines)
            elif language == "sh":
                check_shell_lines(number, lines, root, bin_folder)
            else:
                assert language == "cpp", f"README.md:{number}: mark the block as sh, console or cpp"
        transcript.end()
    examples.result()
    print(f"{transcript.commands} command lines of README.md print what it says")


if __name__ == "__main__":
    main()
