"""The manual pages that the programs write of themselves: groff finds nothing wrong with them, and they have every
command, every option and its examples. `cmake --install` puts them where man(1) looks.

    man_test.py ONEHOP ONEHOPD ONEHOP_LOADGEN CMAKE BUILD_FOLDER
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

ONEHOP, ONEHOPD, LOADGEN, CMAKE, BUILD = sys.argv[1:6]
LIMIT = 120
PAGES = {"onehop": [ONEHOP, "man"], "onehopd": [ONEHOPD, "--print-man"], "onehop-loadgen": [LOADGEN, "man"]}


def run(*command, **more):
    return subprocess.run(command, stdin=more.pop("stdin", subprocess.DEVNULL) if "input" not in more else None,
                          capture_output=True, timeout=LIMIT, check=True, text=True, **more)


def rendered(page):
    """As a terminal shows it, in one line, with single spaces; and what groff complains about."""
    done = run("groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-o", "-P-u", "-ww", "-rLL=200n", input=page)
    return " ".join(done.stdout.replace("‐\n", "").split()), done.stderr


def options_in(text):
    return set(re.findall(r"(?:^| |,)(--[a-z][-a-z]*)", text, re.MULTILINE))


def options_listed(help_text):
    """Those that a --help lists, at the beginnings of lines."""
    lines = [line for line in help_text.splitlines() if re.match(r" +(-\w(,| |$)|--)", line)]
    return options_in("\n".join(line.split("  ")[1] for line in lines))


class Man(unittest.TestCase):
    def page(self, program):
        text, warnings = rendered(run(*PAGES[program]).stdout)
        self.assertEqual(warnings, "", program)
        for part in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO", "Examples", "Exit codes"):
            self.assertIn(part, text, program)
        return text

    def test_each_command_of_onehop_with_its_options_and_examples(self):
        text = self.page("onehop")
        commands = re.findall(r"^  ([a-z]+)  ", run(ONEHOP, "help").stdout, re.MULTILINE)
        self.assertGreater(len(commands), 10)
        for command in commands:
            with self.subTest(command=command):
                self.assertIn(f"onehop {command} [OPTIONS]", text)
                said = run(ONEHOP, "help", command).stdout
                self.assertEqual(options_listed(said) - options_in(text), set())
                examples = said.split("Examples:")[1].splitlines()
                self.assertTrue(any(examples))
                for line in said.splitlines():
                    if line.startswith("  onehop "):
                        self.assertIn(" ".join(line.split()), text)

    def test_each_option_of_onehopd(self):
        text = self.page("onehopd")
        listed = options_listed(run(ONEHOPD, "--help").stdout)
        self.assertGreater(len(listed), 30)
        self.assertEqual(listed - options_in(text), set())
        self.assertNotIn("--acl-file", text)  # Not served yet, and hidden.

    def test_each_option_of_the_load_generator(self):
        text = self.page("onehop-loadgen")
        for command in ("run", "merge", "compare"):
            self.assertIn(f"onehop-loadgen {command} [OPTIONS]", text)
            listed = options_listed(run(LOADGEN, command, "--help").stdout)
            self.assertGreater(len(listed), 3)
            self.assertEqual(listed - options_in(text), set())

    def test_words_that_groff_would_take_for_its_own(self):
        text = self.page("onehop")
        self.assertIn(r"%T %f: %p\n", text)
        self.assertIn("'Hello, Bob.'", text)
        self.assertIn("http://…", text)

    def test_they_are_installed(self):
        with tempfile.TemporaryDirectory() as prefix:
            run(CMAKE, "--install", BUILD, "--prefix", prefix, "--component", "tools")
            for program, command in PAGES.items():
                self.assertTrue(os.access(f"{prefix}/bin/{program}", os.X_OK), program)
                with open(f"{prefix}/share/man/man1/{program}.1", encoding="utf-8") as file:
                    self.assertEqual(file.read(), run(*command).stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[6:], verbosity=2)
