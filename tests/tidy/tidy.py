"""The rules that a compiler does not check, read from the text of the tree: which layer may include what, how long
files and functions are, words and marks that are not wanted, and that each source file has its test.

    tidy.py ROOT     prints one line for each finding, file:line: rule: what to do; ends with 1 if there was any

Exceptions are in ratchet.txt beside this file, one a line: `RULE PATH [NAME] LIMIT`. The list may only shrink: one that
is no longer needed is a finding too.
"""

import os
import re
import sys

from cpp_text import functions, strip

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

SKIPPED_FOLDERS = {".git", "build", "__pycache__", "node_modules"}
TEXT_ENDINGS = (".cc", ".h", ".py", ".sh", ".txt", ".cmake", ".md", ".proto", ".json", ".toml", ".yml", ".yaml", ".c")
TEXT_NAMES = {"dev", "run", "Dockerfile", ".clang-format", ".clang-tidy"}
# These state the rules, so they contain what is forbidden.
RULE_FOLDER = "tests/tidy/"

STANDARD_HEADER = re.compile(r"[a-z0-9_]+$")
# Standard headers that reach a clock, a thread, a file or a random source.
IMPURE = {
    "thread", "mutex", "shared_mutex", "condition_variable", "future", "atomic", "stop_token", "semaphore", "latch",
    "barrier", "chrono", "ctime", "random", "iostream", "fstream", "filesystem", "csignal", "cstdio",
}
# Folder → what its files may include beyond the standard library: prefixes of the name between <> or "". "posix" is
# the operating system's headers. The first folder that matches a path holds, so inner ones come first.
LAYERS = [
    ("broker/include/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    # What all shards share, as its head says.
    ("broker/core/base/memory_ledger.h", {"allow": ("core/",), "std_deny": tuple(IMPURE - {"atomic"})}),
    ("broker/core/", {"allow": ("core/", "onehop/v1/", "absl/", "sodium", "google/protobuf/"), "pure": True}),
    ("broker/transport/", {"allow": ("transport/", "core/"), "pure": True}),
    ("broker/tls/include/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    ("broker/tls/", {"allow": ("tls/", "transport/", "core/", "onehop/", "openssl/", "posix"), "deny": ("onehop/v1/",)}),
    ("broker/reactor/", {"allow": ("reactor/", "uv.h", "posix")}),
    ("broker/local/", {"allow": ("local/", "message/", "core/", "onehop/", "absl/", "google/protobuf/"), "pure": True}),
    ("broker/server/", {"allow": ("server/", "local/", "message/", "core/", "transport/", "reactor/", "onehop/", "posix", "absl/", "sodium")}),
    ("broker/manual/", {"allow": ("manual/",)}),
    ("broker/admin/", {"allow": ("admin/", "reactor/", "transport/", "onehop/", "posix", "llhttp.h", "nlohmann/", "prometheus/", "sodium"),
                       "deny": ("onehop/v1/",)}),
    ("broker/identity/include/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    ("broker/identity/", {"allow": ("identity/", "reactor/file_text.h", "onehop/", "posix", "toml++/", "nlohmann/", "openssl/",
                                    "sodium"),
                          "deny": ("onehop/v1/",)}),
    ("broker/daemon/", {"allow": ("daemon/", "identity/", "server/", "reactor/file_text.h", "onehop/", "posix", "CLI/", "spdlog/",
                                  "fmt/", "google/", "toml++/", "systemd/", "admin/", "manual/"),
                        "deny": ("onehop/v1/",)}),
    ("clients/cpp/include/onehop/asio.h", {"allow": ("onehop/", "asio.hpp"), "deny": ("onehop/v1/",)}),
    ("clients/cpp/include/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    ("clients/message/include/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    ("clients/message/", {"allow": ("message/", "core/", "onehop/"), "pure": True}),
    ("clients/cpp/", {"allow": ("client/", "message/", "core/", "reactor/", "transport/", "tls/", "onehop/", "posix", "uv.h", "google/", "absl/")}),
    ("clients/cli/", {"allow": ("client/", "identity/", "cli/", "core/", "reactor/", "onehop/", "posix", "CLI/", "spdlog/", "fmt/", "uv.h",
                               "curl/", "nlohmann/", "manual/")}),
    ("loadgen/measure/", {"allow": ("loadgen/measure/", "core/", "onehop/", "absl/", "xxhash.h"), "deny": ("onehop/v1/",)}),
    ("loadgen/drivers/", {"allow": ("loadgen/drivers/", "message/", "core/", "onehop/")}),
    ("loadgen/report/", {"allow": ("loadgen/report/", "loadgen/measure/", "core/", "nlohmann/")}),
    ("loadgen/run/", {"allow": ("loadgen/", "client/secure_link.h", "core/", "reactor/", "onehop/", "posix", "CLI/", "uv.h", "absl/", "manual/"),
                      "deny": ("onehop/v1/",)}),
    ("examples/", {"allow": ("onehop/",), "deny": ("onehop/v1/",)}),
    ("tests/sim/", {"allow": ("sim/", "core/", "onehop/v1/", "gtest/", "gmock/", "absl/", "google/protobuf/",
                              "sanitizer/"),
                    "std_deny": ("thread", "chrono", "mutex", "atomic")}),
    ("tests/core/", {"deny": ("uv.h", "reactor/", "server/")}),
    ("tests/transport/", {"deny": ("uv.h", "reactor/", "server/")}),
    ("tests/reactor/", {"deny": ("core/", "server/")}),
    ("tests/clients/", {"deny": ()}),
    ("", {}),
]
# Compiled in one translation unit each: they cost seconds.
SLOW_HEADERS = ("spdlog/", "CLI/")

# Names that a library gives its functions, which whoever calls them cannot choose.
FOREIGN_NAMES = re.compile(r"\bSSL_CTX_set_session_id_context\b")
BANNED_WORDS = {"manager", "managers", "helper", "helpers", "util", "utils", "context", "contexts"}
BANNED_EVERYWHERE = [
    ("marks", re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "finish it or file it as an issue"),
    ("machine-paths", re.compile(r"(?<![\w.$}])/(work|root|home)/"), "a path of one machine; use a relative one"),
    ("registry-hosts", re.compile(r"(deb|security|snapshot)\.debian\.org|registry\.npmjs|registry\.yarnpkg|pypi\.org|"
                                  r"files\.pythonhosted|index\.crates\.io|proxy\.golang\.org|docker\.io|ghcr\.io"),
     "the machine's own configuration says where packages come from"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


class Finding:
    def __init__(self, path, line, rule, text, subject=None, size=None):
        self.path, self.line, self.rule, self.text, self.subject, self.size = path, line, rule, text, subject, size

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def text_files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            if name.endswith(TEXT_ENDINGS) or name in TEXT_NAMES:
                path = os.path.join(folder, name)
                if not os.path.islink(path):
                    yield os.path.relpath(path, root)


def layer_of(path):
    return next((prefix, rules) for prefix, rules in LAYERS if path.startswith(prefix))


def include_allowed(name, rules):
    """Whether a file under these rules may include `name`."""
    if name.startswith(rules.get("deny", ())):
        return False
    if STANDARD_HEADER.match(name):
        return not (rules.get("pure") and name in IMPURE) and name not in rules.get("std_deny", ())
    if "allow" not in rules:
        return True
    known = name.startswith(tuple(prefix for prefix in rules["allow"] if prefix != "posix"))
    own = any(name.startswith(prefix) for prefix in (
        "core/", "transport/", "reactor/", "server/", "admin/", "identity/", "daemon/", "client/", "cli/", "loadgen/", "sim/", "onehop/", "uv.h", "spdlog/",
        "CLI/", "absl/", "google/", "sodium", "gtest/", "gmock/", "fmt/", "readerwriterqueue/", "concurrentqueue/"))
    return known or ("posix" in rules["allow"] and not own and name.endswith(".h"))


def check_includes(path, lines):
    prefix, rules = layer_of(path)
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(1)
        if not include_allowed(name, rules):
            yield Finding(path, number, "layer", f"{prefix or 'this file'} may not include {name}")
        elif name == "uv.h" and path.startswith("clients/cpp/") and path.endswith(".h"):
            yield Finding(path, number, "layer", "a client header names uv_loop_t by forward declaration only")
        elif path.startswith(("clients/", "loadgen/")) and name.startswith("server/"):
            yield Finding(path, number, "layer", "programs beside the broker never include the server")


def check_slow_headers(sources):
    """`sources`: path → lines, the whole tree. One folder compiles each of the slow headers once."""
    for header in SLOW_HEADERS:
        seen = {}
        for path, lines in sources.items():
            uses = [number for number, line in enumerate(lines, 1)
                    if (match := INCLUDE.match(line)) and match.group(1).startswith(header)]
            if not uses:
                continue
            first = seen.setdefault(os.path.dirname(path), path)
            if path.endswith(".h") or first != path:
                yield Finding(path, uses[0], "slow-header", f"{header} belongs in one .cc of a folder")


def check_opening(path, lines):
    if not lines or not lines[0].startswith(("//", "/*")):
        yield Finding(path, 1, "opening", "open with a comment: what the file is for, and its invariant")
    if path.endswith(".h") and "#pragma once" not in lines:
        yield Finding(path, 1, "opening", "a header needs #pragma once")


def words_of(text):
    """The words in identifiers and prose: snake_case and CamelCase taken apart."""
    for match in re.finditer(r"[A-Za-z]+", text):
        for word in re.finditer(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", match.group()):
            yield word.group().lower()


def check_words(path, lines):
    without_strings = strip("\n".join(lines), comments=False).split("\n")
    for number, line in enumerate(without_strings, 1):
        if INCLUDE.match(lines[number - 1]):
            continue
        for word in words_of(FOREIGN_NAMES.sub("", line)):
            if word in BANNED_WORDS:
                yield Finding(path, number, "word", f"'{word}' says nothing: name what it does")


def check_everywhere(path, lines):
    for number, line in enumerate(lines, 1):
        for rule, pattern, advice in BANNED_EVERYWHERE:
            match = pattern.search(line)
            if match:
                yield Finding(path, number, rule, f"'{match.group()}': {advice}")


def check_lengths(path, lines):
    if len(lines) > FILE_LINES_MAX:
        yield Finding(path, 1, "file-length", f"{len(lines)} lines, at most {FILE_LINES_MAX}", size=len(lines))
    if path.endswith((".cc", ".h")):
        for name, first, last in functions("\n".join(lines)):
            size = last - first + 1
            if size > FUNCTION_LINES_MAX:
                yield Finding(path, first, "function-length", f"{name} has {size} lines, at most {FUNCTION_LINES_MAX}",
                              subject=name, size=size)


def check_tests(paths):
    """Each source file of core, transport and reactor has its _test.cc in the same folder below tests/."""
    for path in sorted(paths):
        match = re.match(r"broker/((core|transport|reactor)/([a-z0-9_/]+))\.cc$", path)
        if match:
            test = f"tests/{match.group(1)}_test.cc"
            if test not in paths:
                yield Finding(path, 1, "untested", f"{test} is missing")


def read_ratchet(path):
    exceptions = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                words = line.split("#")[0].split()
                if words:
                    exceptions.append((number, words))
    return exceptions


def apply_ratchet(findings, exceptions, ratchet_path):
    """Takes out what is excepted; adds a finding for each exception that excepts nothing."""
    left = list(findings)
    for number, words in exceptions:
        rule, path, rest = words[0], words[1], words[2:]
        limit = int(rest[-1]) if rest and rest[-1].isdigit() else None
        subject = rest[0] if rest and not rest[0].isdigit() else None
        excepted = [f for f in left if f.rule == rule and f.path == path and f.subject == subject
                    and (f.size is None) == (limit is None)]
        if not excepted:
            left.append(Finding(ratchet_path, number, "ratchet", f"'{' '.join(words)}' is no longer needed: delete it"))
        for finding in excepted:
            if limit is None or finding.size <= limit:
                left.remove(finding)
            else:
                finding.text += f" (its exception allows {limit} and may only shrink)"
    return left


def check_tree(root, ratchet=None):
    findings, sources, paths = [], {}, set()
    for path in text_files(root):
        paths.add(path)
        with open(os.path.join(root, path), encoding="utf-8") as file:
            lines = file.read().split("\n")
        if lines[-1] == "":
            lines.pop()
        checks = [check_lengths]
        if not path.startswith(RULE_FOLDER):
            checks.append(check_everywhere)
        if path.endswith((".cc", ".h")):
            sources[path] = lines
            checks += [check_includes, check_opening, check_words]
        if path.endswith((".md", ".json", ".txt", ".proto")):
            checks.remove(check_lengths)
        for check in checks:
            findings += check(path, lines)
    findings += check_slow_headers(sources)
    findings += check_tests(paths)
    ratchet_path = ratchet or os.path.join(RULE_FOLDER, "ratchet.txt")
    return apply_ratchet(findings, read_ratchet(os.path.join(root, ratchet_path)), ratchet_path)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tidy.py ROOT")
    findings = check_tree(sys.argv[1])
    for finding in sorted(findings, key=lambda f: (f.path, f.line)):
        print(finding)
    if findings:
        sys.exit(f"tidy: {len(findings)} findings")


if __name__ == "__main__":
    main()
