"""The shared libraries show all that the public headers declare and nothing else, and load no library but those that
docs/building.md names for them.

    symbols_test.py LIBONEHOP_BROKER_SO LIBONEHOP_CLIENT_SO LIBONEHOP_SO LIBONEHOP_IDENTITY_SO
"""

import glob
import os
import re
import subprocess
import sys

# What every program in C++ loads.
EVERYWHERE = r"lib(c|m|stdc\+\+|gcc_s)\.so\.\d+|ld-linux-[\w-]+\.so\.\d+"
OPENSSL = rf"{EVERYWHERE}|lib(ssl|crypto)\.so\.3"
IDENTITY = rf"{OPENSSL}|libuv\.so\.1|libonehop-broker\.so\.\d+|libsodium\.so\.\d+|libtomlplusplus\.so\.\d+"
CLIENT = rf"{OPENSSL}|libuv\.so\.1|libprotobuf-lite\.so\.\d+"
BROKER = rf"{EVERYWHERE}|libuv\.so\.1|libprotobuf-lite\.so\.\d+|libabsl_\w+\.so\.\d+|libsodium\.so\.\d+"
# Layers, which are within the namespace, and what public classes hide.
INNER = r"onehop::(client::)?(v1|core|reactor|transport|tls|identity|server|message|local)::|::(Impl|State)\b"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def told_by(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def shown(library):
    """The symbols that others can use, by their names in C++."""
    table = told_by("nm", "--dynamic", "--defined-only", "--demangle", library)
    return [re.match(r"[0-9a-f]* +\w (.*)", line)[1] for line in table.splitlines()]


OURS = r"(?:(?:typeinfo|typeinfo name|vtable) for )?onehop::"
OURS_OF_C = r"onehop_\w+$"


def foreign(symbols, ours=OURS):
    """Those that no public header declares."""
    ours = re.compile(ours)
    return [name for name in symbols if not ours.match(name) or re.search(INNER, name.split("(")[0])]


def unmarked(header):
    """What a header declares, and a shared library would hide: classes and functions without ONEHOP_EXPORT."""
    found = re.findall(r"(?m)^class (?!ONEHOP_EXPORT)(\w+)[^;{]*\{", header)
    # What is a template is compiled by whoever uses it.
    lines = header.splitlines()
    for before, line in zip([""] + lines, lines):
        if not re.match(r"\w.*\(", line):
            continue
        if re.match(r"(template|requires)\b", before):
            continue
        if not re.match(r"(ONEHOP_EXPORT|inline|constexpr|template|using|class|struct|enum|requires)\b", line):
            found.append(line)
    return found


def check_marks():
    assert unmarked("class Box {\n  void open();\n};\nclass ONEHOP_EXPORT Lid {\n};\nclass Nail;\n") == ["Box"]
    assert unmarked("ONEHOP_EXPORT int one();\nint two(int);\nconstexpr int three() {\n  return three(3);\n}\n") == ["int two(int);"]
    assert unmarked("template <typename T>\nint one(T of);\n") == []
    headers = [path for path in glob.glob(os.path.join(ROOT, "**/include/onehop/*.h"), recursive=True)
               if not path.startswith(os.path.join(ROOT, "build"))]
    assert len(headers) > 5, headers
    # Nothing of these two is in a library: whoever includes them compiles all of it.
    for path in [path for path in headers if os.path.basename(path) not in ("asio.h", "coroutines.h")]:
        with open(path, encoding="utf-8") as file:
            wrong = unmarked(file.read())
        assert not wrong, f"{os.path.relpath(path, ROOT)}: without ONEHOP_EXPORT: {wrong}"


def check(library, needed, expected, ours=OURS):
    symbols = shown(library)
    assert not foreign(symbols, ours), f"{library} shows what is nobody's concern:\n" + "\n".join(foreign(symbols, ours))
    for name in expected:
        assert any(symbol.startswith(name) for symbol in symbols), f"{library} does not show {name}"
    loads = re.findall(r"NEEDED.*\[(.*)\]", told_by("readelf", "--dynamic", library))
    more = [name for name in loads if not re.fullmatch(needed, name)]
    assert loads and not more, f"{library} loads {more}"
    name = re.search(r"SONAME.*\[(.*)\]", told_by("readelf", "--dynamic", library))[1]
    assert re.fullmatch(r"libonehop(-\w+)?\.so\.\d+", name), name
    return len(symbols)


def main(broker, client, c, identity):
    # The check is none if it lets anything pass.
    inner = ["onehop::core::Shard::tick()", "onehop::client::Client::Impl::give()", "absl::Hash()",
             "vtable for std::_Result<onehop::client::SendResult>"]
    assert foreign(inner) == inner, foreign(inner)
    assert foreign(["onehop::Broker::start(std::string&)", "typeinfo for onehop::Broker"]) == []
    check_marks()
    counts = (check(broker, BROKER, ["onehop::Broker::start", "onehop::option_rules", "typeinfo for onehop::Broker"]),
              check(client, CLIENT, ["onehop::client::Client::send", "onehop::client::LoopClient::send",
                                     "onehop::client::ClientEngine::output", "onehop::client::to_string",
                                     "typeinfo for onehop::client::ClientEvents"]),
              check(c, CLIENT, ["onehop_client_start", "onehop_outcome_name"], OURS_OF_C),
              check(identity, IDENTITY, ["onehop::Tls::load", "onehop::Tls::reload", "onehop::Tls::security", "onehop::Identity::load"]))
    print(f"symbols: the broker shows {counts[0]}, the client {counts[1]}, that of C {counts[2]}, identity {counts[3]}")


if __name__ == "__main__":
    main(*sys.argv[1:5])
