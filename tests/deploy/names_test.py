"""What documents and deploy/ name is there: options that a program has, metrics that the broker exports, variables that are
looked at. And every table in Markdown has as many columns in each row as in its head.

    names_test.py FOLDER-OF-PROGRAMS
"""

import glob
import os
import re
import sys
import tempfile
import urllib.request

from deployed import ROOT, SECONDS_MAX, Broker, certificate_flags, must_run, run

# Options of programs that are not ours, by the program.
FOREIGN = {
    "docker": "build build-arg cap-drop label read-only rm stop-timeout",
    "docker, in a HEALTHCHECK": "interval timeout start-period retries",
    "helm, kubectl": "set values from-literal from-file cert key namespace previous",
    "apt-get, strip": "no-install-recommends strip-debug",
    "systemctl, git": "now build",
    "cmake, pkg-config": "install prefix component cflags libs",
    "curl": "unix-socket cacert",
    "redis-server": "appendonly client-output-buffer-limit save maxclients",
    "valgrind": "tool toggle-collect",
    "nghttp, callgrind": "inclusive",
    "Google Benchmark": "benchmark",
}
# Texts with names of metrics that are no metrics of the broker.
NO_METRICS = {"onehop_runbook": "an external label of Prometheus", "onehop_loadgen_": "the beginning of the load generator's"}


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def documents():
    """Path and text. Decisions and the changelog tell of what was, so their names may be gone."""
    paths = ["README.md", "SECURITY.md"]
    for pattern in ("docs/*.md", "broker/include/**/*.h", "clients/*/include/**/*.h", "packaging/include/**/*.h", "proto/**/*.proto"):
        paths += glob.glob(pattern, root_dir=ROOT, recursive=True)
    for folder, _, names in os.walk(os.path.join(ROOT, "deploy")):
        paths += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return [(path, read(path)) for path in sorted(paths)]


def known_options(programs):
    def asked(*command):
        code, out, errors = run(command, cwd=ROOT)
        assert code == 0, f"{command}: {errors.decode()}"
        return out.decode("utf-8", "replace")
    def ours(program, *words):
        return asked(os.path.join(programs, program), *words, "--help")
    texts = [ours("onehopd"), ours("onehop"), ours("onehop-loadgen"), ours("onehop-loadgen", "merge"),
             ours("onehop-loadgen", "compare"), asked("./dev", "help")]
    commands = re.search(r"Subcommands:\n(.*?)\n\n", texts[1], re.DOTALL)[1]
    texts += [ours("onehop", command) for command in re.findall(r"^  (\w+) ", commands, re.MULTILINE)]
    # Programs of this repository that are run by hand only: their sources say what they take.
    for pattern in ("bench/*.cc", "bench/compare/*.py", "tests/sim/*.cc", "tests/*/*.py", "loadgen/run/*.cc",
                    "tests/*/*.sh", "dev"):
        for path in glob.glob(pattern, root_dir=ROOT):
            if os.path.basename(path) != os.path.basename(__file__):
                texts += re.findall(r"""["'` (](--[a-z][a-z0-9-]+)""", read(path))
    names = set(re.findall(r"--([a-z][a-z0-9-]+)", "\n".join(texts)))
    for words in FOREIGN.values():
        names.update(words.split())
    return names


def known_metrics(programs):
    with tempfile.TemporaryDirectory() as folder, \
            Broker(programs, "--admin", "tcp://127.0.0.1:0", *certificate_flags(folder)) as broker:
        address = broker.output.wait_for(lambda line: line.startswith("admin on tcp://")).split("tcp://")[1]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=SECONDS_MAX) as answer:
            text = answer.read().decode()
        broker.stop()
    return set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE)) | set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def targets():
    """Libraries of the build, and what the C API declares: names that look like metrics."""
    names = set(re.findall(r"\bonehop_\w+", read("clients/c/include/onehop.h")))
    for path in glob.glob("**/CMakeLists.txt", root_dir=ROOT, recursive=True):
        if not path.startswith("build"):
            names.update(re.findall(r"(?:onehop_layer|add_library|function)\((onehop_\w+)", read(path)))
    return names


def known_variables(programs):
    texts = [must_run([os.path.join(programs, program), "--help"]) for program in ("onehopd", "onehop-loadgen")]
    texts += [must_run([os.path.join(programs, "onehop"), command, "--help"]) for command in ("listen", "clients")]
    texts += [read("dev"), read("CMakeLists.txt"),
              read("packaging/include/onehop/export.h"), read("clients/c/include/onehop.h")]
    texts += [read("deploy", "haproxy", "haproxy.cfg"), read("deploy", "nginx", "stream.conf")]
    return set(re.findall(r"ONEHOP_[A-Z_]*[A-Z]", "\n".join(texts)))


def unknown(pattern, known):
    """FILE:LINE: NAME of what is named in the documents and not known."""
    for path, text in documents():
        for number, line in enumerate(text.splitlines(), 1):
            for name in re.findall(pattern, line):
                if name not in known:
                    yield f"{path}:{number}: {name}"


def rows_of_tables(text):
    """Line number and columns of each row, a None between two tables."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if not fenced and line.startswith("|"):
            yield number, len(re.findall(r"(?<!\\)\|", line.rstrip())), line.rstrip().endswith("|")
        else:
            yield None


def broken_tables(path, text):
    head = None
    for row in rows_of_tables(text):
        if row is None:
            head = None
            continue
        number, columns, closed = row
        head = head or columns
        if columns != head or not closed:
            yield f"{path}:{number}: {columns - 1} columns, {head - 1} in the head of the table"


def check_tables():
    paths = [path for path in glob.glob("**/*.md", root_dir=ROOT, recursive=True) if not path.startswith("build")]
    assert len(paths) > 10, paths
    wrong = [line for path in sorted(paths) for line in broken_tables(path, read(path))]
    assert not wrong, "\n".join(wrong)
    # The check is none if it lets anything pass.
    assert list(broken_tables("x", "| a | b |\n| - | - |\n| 1 | 2 | 3 |\n"))
    assert not list(broken_tables("x", "| a | b |\n| - | - |\n| 1 | `2 \\| 3` |\n\n| a |\n| - |\n"))


def main(programs):
    found = []
    for pattern, known in (
            (r"(?<![\w-])--([a-z][a-z0-9-]+)(?!\w)", known_options(programs)),
            (r"(?<![\w/])((?:onehop|process)_[a-z_]+)(?![\w.:]*\.(?:cc|h|py))",
             known_metrics(programs) | targets() | set(NO_METRICS)),
            (r"(ONEHOP_[A-Z_]*[A-Z])", known_variables(programs))):
        assert len(known) > 10, known
        found += unknown(pattern, known)
    assert not found, "named, and not there:\n" + "\n".join(found)
    check_tables()
    print("names: options, metrics and variables in documents and deploy/, columns of tables")


if __name__ == "__main__":
    main(sys.argv[1])
