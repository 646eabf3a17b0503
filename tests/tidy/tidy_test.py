"""Feeds tidy.py bad snippets: each rule has to fire on its own snippet, once, and on nothing in a good tree."""

import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cpp_text import functions, strip  # noqa: E402
from tidy import check_tree  # noqa: E402

HEAD = "// What this is for.\n"


def findings(files, ratchet=""):
    """The (rule, path) pairs found in a tree of these files."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**files, "ratchet.txt": ratchet}.items():
            whole = os.path.join(root, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "w", encoding="utf-8") as file:
                file.write(text)
        return [(f.rule, f.path) for f in check_tree(root, "ratchet.txt")]


def function_of(lines, name="swell"):
    return HEAD + f"int {name}() {{\n" + "  step();\n" * (lines - 2) + "}\n"


class Rules(unittest.TestCase):
    def fires(self, rule, path, text):
        self.assertEqual(findings({path: text}), [(rule, path)], text)

    def silent(self, path, text):
        self.assertEqual(findings({path: text}), [], text)

    def test_good_files_have_no_finding(self):
        self.silent("broker/core/a.h", HEAD + '#pragma once\n#include <utility>\n#include "core/base/bytes.h"\n')
        self.silent("broker/reactor/a.h", HEAD + "#pragma once\n#include <uv.h>\n#include <sys/socket.h>\n#include <thread>\n")
        self.silent("broker/transport/a.h", HEAD + '#pragma once\n#include "core/base/bytes.h"\n')
        self.silent("broker/server/a.cc", HEAD + '#include "core/shard/shard.h"\n#include "reactor/loop.h"\n#include <chrono>\n')
        self.silent("clients/cpp/a.cc", HEAD + '#include "core/wire/frame_decoder.h"\n#include "reactor/loop.h"\n')
        self.silent("broker/include/onehop/a.h", HEAD + '#pragma once\n#include <string>\n#include "onehop/b.h"\n')

    def test_layers(self):
        bad = {
            "broker/core/a.h": ["<uv.h>", "<sys/socket.h>", "<thread>", "<chrono>", "<mutex>", "<spdlog/spdlog.h>", "<random>",
                                '"reactor/loop.h"', '"server/server.h"', "<time.h>", "<unistd.h>", '"onehop/broker.h"'],
            "broker/transport/a.h": ["<uv.h>", "<sys/socket.h>", "<thread>", "<chrono>", '"reactor/loop.h"', '"server/server.h"'],
            "broker/reactor/a.h": ['"core/base/bytes.h"', '"server/server.h"', '"onehop/v1/onehop.pb.h"', "<spdlog/spdlog.h>"],
            "broker/server/a.h": ["<uv.h>", "<spdlog/spdlog.h>", "<CLI/CLI.hpp>", '"daemon/flags.h"'],
            "broker/daemon/a.h": ["<uv.h>", '"core/shard/shard.h"', '"reactor/loop.h"', '"onehop/v1/onehop.pb.h"'],
            "broker/include/onehop/a.h": ["<uv.h>", '"core/base/bytes.h"', '"onehop/v1/onehop.pb.h"', "<sys/socket.h>"],
            "clients/cpp/include/onehop/a.h": ["<uv.h>", '"core/base/bytes.h"', '"onehop/v1/onehop.pb.h"'],
            "clients/cpp/a.h": ['"server/server.h"', "<uv.h>"],
            "clients/cli/a.h": ['"server/server.h"'],
            "loadgen/measure/a.h": ['"loadgen/drivers/driver.h"', '"loadgen/report/print.h"', '"loadgen/run/run.h"',
                                    '"client/engine.h"', "<sys/socket.h>"],
            "loadgen/drivers/a.h": ['"loadgen/measure/result.h"', '"loadgen/report/print.h"', '"loadgen/run/run.h"',
                                    '"reactor/loop.h"', "<sys/socket.h>"],
            "loadgen/report/a.h": ['"loadgen/drivers/driver.h"', '"loadgen/run/run.h"', '"reactor/loop.h"'],
            "loadgen/run/a.h": ['"server/server.h"', '"client/engine.h"', "<nlohmann/json.hpp>"],
            "tests/sim/a.h": ['"reactor/loop.h"', '"server/server.h"', "<uv.h>", "<thread>", "<chrono>"],
            "tests/core/a.h": ['"reactor/loop.h"', "<uv.h>"],
            "tests/transport/a.h": ['"reactor/loop.h"', "<uv.h>"],
            "tests/reactor/a.h": ['"core/base/bytes.h"'],
        }
        for path, names in bad.items():
            for name in names:
                self.assertIn(("layer", path), findings({path: HEAD + f"#pragma once\n#include {name}\n"}), name)

    def test_slow_headers_are_compiled_once_in_a_folder(self):
        use = HEAD + "#include <CLI/CLI.hpp>\n"
        self.assertEqual(findings({"broker/daemon/a.cc": use, "clients/cli/a.cc": use}), [])
        self.assertEqual(findings({"broker/daemon/a.cc": use, "broker/daemon/b.cc": use}), [("slow-header", "broker/daemon/b.cc")])
        self.fires("slow-header", "broker/daemon/a.h", HEAD + "#pragma once\n#include <spdlog/spdlog.h>\n")

    def test_lengths(self):
        self.silent("bench/a.cc", function_of(70))
        self.fires("function-length", "bench/a.cc", function_of(71))
        self.silent("bench/a.cc", HEAD + "int a;\n" * 399)
        self.fires("file-length", "bench/a.cc", HEAD + "int a;\n" * 400)

    def test_words(self):
        for text in ("class LinkManager;", "int string_helper;", "// A util for it.", "struct CallContext;", "void* context_;"):
            self.fires("word", "bench/a.cc", HEAD + text + "\n")
        for text in ('print("the context");', "#include <utility>", "int utilization;", "// Managed by its owner.",
                     "SSL_CTX_set_session_id_context(settings, scope, size);"):
            self.silent("bench/a.cc", HEAD + text + "\n")

    def test_marks_paths_and_hosts_in_every_kind_of_file(self):
        for path, start in (("bench/a.cc", HEAD + "// "), ("docs/a.md", ""), ("dev", "# "), (".ci/run", "# "), ("a.py", "# ")):
            for mark in ("TODO", "FIXME", "XXX", "HACK"):
                self.fires("marks", path, f"{start}{mark}: later\n")
            self.fires("machine-paths", path, f"{start}see /home/someone/file\n")
            self.fires("machine-paths", path, f"{start}see " + "/".join(("", "work", "main")) + "\n")
            self.fires("registry-hosts", path, f"{start}from deb.debian.org\n")
        self.silent("a.sh", "dir=$(mktemp -d /tmp/XXXXXX)\n cp $top/opt/a b/home/c\n")

    def test_opening(self):
        self.fires("opening", "bench/a.cc", "#include <vector>\n")
        self.fires("opening", "bench/a.h", HEAD + "#include <vector>\n")

    def test_each_source_of_core_and_reactor_has_a_test(self):
        self.fires("untested", "broker/core/a.cc", HEAD)
        self.assertEqual(findings({"broker/core/a.cc": HEAD, "tests/core/a_test.cc": HEAD}), [])
        self.silent("broker/server/a.cc", HEAD)

    def test_exceptions_only_shrink(self):
        path = "bench/a.cc"
        long_function, long_file = function_of(80), HEAD + "int a;\n" * 450
        self.assertEqual(findings({path: long_function}, f"function-length {path} swell 80\n"), [])
        self.assertEqual(findings({path: long_function}, f"function-length {path} swell 79\n"), [("function-length", path)])
        self.assertEqual(findings({path: long_function}, f"function-length {path} other 80\n"),
                         [("function-length", path), ("ratchet", "ratchet.txt")])
        self.assertEqual(findings({path: long_file}, f"file-length {path} 451\n"), [])
        self.assertEqual(findings({path: HEAD}, f"file-length {path} 451\n"), [("ratchet", "ratchet.txt")])
        untested = "broker/core/a.cc"
        self.assertEqual(findings({untested: HEAD}, f"untested {untested}  # says why\n"), [])


class FunctionFinder(unittest.TestCase):
    def found(self, text):
        return [(name, last - first + 1) for name, first, last in functions(text)]

    def test_shapes_that_clang_format_makes(self):
        self.assertEqual(self.found("namespace a {\nint f(int b) {\n  return b;\n}\n}  // namespace a\n"), [("f", 3)])
        self.assertEqual(self.found("class A {\n public:\n  A() : b_{1}, c_(2) {\n    x();\n  }\n  int b_{};\n};\n"), [("A", 3)])
        self.assertEqual(self.found("A::A(int b)\n    : b_{b},\n      c_(b) {\n  x();\n}\n"), [("A::A", 3)])
        self.assertEqual(self.found("template <class T>\nauto f(T a) -> std::vector<T> {\n}\n"), [("f", 2)])
        self.assertEqual(self.found("TEST_F(Suite, Name) {\n  EXPECT_TRUE(a);\n}\n"), [("Suite_Name", 3)])
        self.assertEqual(self.found("void f() {\n  if (a) {\n    g([] {\n      h();\n    });\n  }\n}\nint g() { return 1; }\n"),
                         [("f", 7), ("g", 1)])

    def test_what_is_not_a_function(self):
        self.assertEqual(self.found("constexpr int kA[] = {f(1),\n 2};\nenum class E : int {\n kA,\n};\nextern \"C\" {\n}\n"), [])
        self.assertEqual(self.found("struct A {\n  int b = 0;\n  std::vector<int> c{1, 2};\n};\n"), [])
        self.assertEqual(self.found("#define A(b) \\\n  void f() { \\\n  }\nint c;\n"), [])

    def test_braces_in_strings_and_comments_do_not_count(self):
        text = 'void f() {\n  a("{");  // {\n  b(\'{\');\n  /* { */\n  c(R"({)");\n  d(1\'000);\n}\nvoid g() {\n}\n'
        self.assertEqual(self.found(text), [("f", 7), ("g", 2)])

    def test_strip_keeps_lines(self):
        text = "a /* b\nc */ d\nR\"(x\ny)\" e\n"
        self.assertEqual(strip(text).count("\n"), text.count("\n"))


if __name__ == "__main__":
    unittest.main(verbosity=0)
