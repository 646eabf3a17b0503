"""What the documents say is so: every command line of the pages below is run, and prints what the page shows.

    readme_test.py REPOSITORY BIN_FOLDER [PAGE...]

transcript.py has what the marks of `console` blocks mean. Blocks marked `sh` are run if they can be within a test; of ./dev it
is checked that it has the command. Blocks marked `cpp` are the examples that are compiled beside this file. Blocks marked
`text` are pictures.
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from programs import SECONDS_MAX, Lines, run, start
from transcript import Transcript, blocks_of

# The pages whose commands are run. Their tables of options are complete, too (check_tables).
PAGES = ("README.md", "docs/everyday-tasks.md", "docs/cli.md", "docs/loadgen.md", "docs/library.md", "docs/building.md",
         "docs/identity.md", "docs/rooms.md")


def check_shell_lines(page, number, lines, root, bin_folder):
    _, usage, _ = run(["bash", os.path.join(root, "dev"), "help"])
    for line in lines:
        command = line.split("#")[0].strip()
        if command.startswith("git clone "):
            continue  # The address is the reader's to fill in.
        if command.startswith("./dev "):
            words = command.split()
            known = re.search(rf"(?m)^  {words[1]}\b(.*)$", usage.decode())
            assert known, f"{page}:{number}: ./dev has no command {words[1]}"
            options = [word for word in words[2:] if word.startswith("--")]
            assert all(option in known.group(1) for option in options), f"{page}:{number}: {command}"
        else:
            there = command.replace("$PWD/build/release/bin", bin_folder) + "; command -v onehop onehopd"
            code, out, errors = run(["bash", "-euc", there], cwd=root)
            assert code == 0 and out.count(b"\n") == 2, f"{page}:{number}: {command}: {errors!r}"


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


def check_tables(pages, bin_folder):
    in_page = {flag: row[1].strip("`") for row in table_rows(pages["docs/cli.md"], "The broker")
               for flag in re.findall(r"--[a-z-]+", row[0])}
    in_help = {flag: default or "off" for flag, default in options_in_help(bin_folder, "onehopd").items()}
    assert in_page, "docs/cli.md names no flag of onehopd"
    wrong = in_page.items() - in_help.items()  # It has the most used; docs/configuration.md has all.
    assert not wrong, f"onehopd's flags: {wrong}"
    for heading, every in (("Sending and receiving", ("listen", "send", "chat", "ping")),
                           ("Looking in", ("clients", "top", "trace", "kick", "drain", "undrain", "health"))):
        in_help = {(flag, command) for command in every for flag in options_in_help(bin_folder, "onehop", command)}
        in_page = set()
        for row in table_rows(pages["docs/cli.md"], heading):
            commands = every if row[1] == "all" else row[1].split(", ")
            in_page |= {(flag, command) for flag in re.findall(r"--[a-z-]+", row[0]) for command in commands}
        assert in_page == in_help, f"onehop's options: {in_page ^ in_help}"
    in_page = {flag: row[1].strip("`") for row in table_rows(pages["docs/loadgen.md"], "Every option")
               for flag in re.findall(r"--[a-z-]+", row[0])}
    in_help = options_in_help(bin_folder, "onehop-loadgen")
    differ = {flag for flag in in_help.keys() | in_page.keys()
              if (in_help.get(flag) or "") != re.sub("^(none|off)$", "", in_page.get(flag, "missing"))}
    assert not differ, f"onehop-loadgen's options: {differ}"


def check_examples(text, folder):
    """The examples are the files that are compiled, to the letter."""
    wanted = sorted(name for name in os.listdir(folder) if re.fullmatch(r"readme_\w+\.cc?", name))
    shown = ["\n".join(lines) + "\n" for _, _, language, _, lines in blocks_of(text) if language in ("cpp", "c")]
    for name in wanted:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            example = file.read()
        assert example in shown, f"neither docs/library.md nor docs/embedding.md shows {name} as it is"
        shown.remove(example)
    assert not shown, f"docs/library.md or docs/embedding.md shows a program that nothing compiles: {shown[0][:200]}"


def run_examples(bin_folder):
    """A client in the program that has a broker inside."""
    embed = start([os.path.join(bin_folder, "readme_embed")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    output = Lines(embed.stdout)
    address = output.wait_for(lambda line: line.startswith("serving on ")).split()[2]
    bob = start([os.path.join(bin_folder, "onehop"), "listen", "bob", "--count", "2", "--format", "%f: %p\\n", "--server",
                 address], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Lines(bob.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    code, out, _ = run([os.path.join(bin_folder, "readme_client"), address])
    assert (code, out) == (0, b"DELIVERED\n"), out
    code, out, _ = run([os.path.join(bin_folder, "readme_client_c"), address])
    assert (code, out) == (0, b"DELIVERED\n"), out
    assert bob.communicate(timeout=SECONDS_MAX)[0] == b"alice: Hello from C++.\nalice: Hello from C.\n"
    code, out, _ = run([os.path.join(bin_folder, "readme_client"), address])
    assert (code, out) == (0, b"REJECTED: UNKNOWN_CLIENT\n"), out
    code, out, _ = run([os.path.join(bin_folder, "readme_topics"), address])
    assert code == 0 and sorted(out.splitlines()) == [b"alice in news/de: Hello.", b"news/+ holds", b"news/de: ADMITTED",
                                                      b"weather: REJECTED, NOBODY_THERE"], out
    code, out, _ = run([os.path.join(bin_folder, "readme_services"), address])
    assert (code, out) == (0, b"adder: REPLIED, 42\ndivider: REJECTED, NOBODY_THERE\n"), out
    embed.stdin.write(b"\n")
    embed.stdin.close()
    assert embed.wait(SECONDS_MAX) == 0
    assert output.all()[1:] == ["5 messages were admitted"], output.all()
    hooks = start([os.path.join(bin_folder, "readme_hooks")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    address = Lines(hooks.stdout).wait_for(lambda line: line.startswith("serving on ")).split()[2]
    code, out, _ = run([os.path.join(bin_folder, "readme_client"), address])
    assert (code, out) == (0, b"NOT_SENT\n"), out  # It has no password.
    hooks.stdin.close()
    assert hooks.wait(SECONDS_MAX) == 0
    local = start([os.path.join(bin_folder, "readme_local")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    address = Lines(local.stdout).wait_for(lambda line: line.startswith("serving on ")).split()[2]
    code, out, _ = run([os.path.join(bin_folder, "onehop"), "send", "doubler", "21", "--server", address])
    assert code == 0, out
    local.stdin.close()
    assert local.wait(SECONDS_MAX) == 0


def slug(heading):
    """The fragment that leads to a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def check_links(root, path, text):
    for target, fragment in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
        if "://" in target:
            continue
        there = os.path.normpath(os.path.join(root, os.path.dirname(path), target)) if target else os.path.join(root, path)
        assert os.path.exists(there), f"{path}: there is no {target}"
        if fragment and there.endswith(".md"):
            with open(there, encoding="utf-8") as file:
                prose = re.sub(r"(?ms)^```.*?^```", "", file.read())
            slugs = {slug(heading.replace("`", "")) for heading in re.findall(r"(?m)^#+ (.*)$", prose)}
            assert fragment in slugs, f"{path}: {target} has no section #{fragment}"


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


def documents(root):
    """Every document, by its path."""
    found = {}
    for where, folders, names in os.walk(root):
        folders[:] = [folder for folder in folders if folder not in ("build", ".git")]
        for name in names:
            if name.endswith(".md"):
                path = os.path.join(where, name)
                with open(path, encoding="utf-8") as file:
                    found[os.path.relpath(path, root)] = file.read()
    return found


def play(page, text, root, bin_folder):
    with tempfile.TemporaryDirectory(prefix="onehop-readme-") as folder:
        # Readers type the commands in the root of the repository; here they leave no files in it.
        for name in ("clients", "proto", "tests"):
            os.symlink(os.path.join(os.path.abspath(root), name), os.path.join(folder, name))
        transcript = Transcript(page, bin_folder, folder)
        for number, level, language, mark, lines in blocks_of(text):
            if level:
                transcript.end_section()
            elif language == "console":
                transcript.play(number, mark, lines)
            elif language == "sh":
                check_shell_lines(page, number, lines, root, bin_folder)
            else:
                assert language in ("cpp", "c", "text"), f"{page}:{number}: mark the block as sh, console, cpp, c or text"
        transcript.end()
    print(f"{transcript.commands} command lines of {page} print what it says")


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: readme_test.py REPOSITORY BIN_FOLDER [PAGE...]")
    root, bin_folder = sys.argv[1], os.path.abspath(sys.argv[2])
    texts = documents(root)
    for path, text in texts.items():
        check_links(root, path, text)
    check_names(root, "docs/ARCHITECTURE.md", texts["docs/ARCHITECTURE.md"])
    check_tables(texts, bin_folder)
    check_examples(texts["docs/library.md"] + "\n" + texts["docs/embedding.md"], os.path.join(root, "tests/e2e"))
    # The examples wait for a client that never comes: meanwhile the rest goes on.
    examples = ThreadPoolExecutor().submit(run_examples, bin_folder)
    for page in sys.argv[3:] or PAGES:
        play(page, texts[page], root, bin_folder)
    examples.result()


if __name__ == "__main__":
    main()
