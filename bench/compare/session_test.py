"""The whole of it as a process, with programs that were made up in place of the systems and the generator."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from made_up import write_programs

COMPARE = os.path.dirname(os.path.abspath(__file__))
NOBODY = ["--nats-server", "/nowhere", "--redis-server", "/nowhere", "--mosquitto", "/nowhere"]
SECONDS_MAX = 60


class Session(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.runs = os.path.join(self.folder, "runs")
        write_programs(self.folder)

    def start(self, *arguments, **environment):
        command = [sys.executable, "-B", COMPARE, "--bin", self.folder, *NOBODY, *arguments]
        return subprocess.Popen(command, env={**os.environ, "RUNS": self.runs, **environment},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def compare(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        out, errors = process.communicate(timeout=SECONDS_MAX)
        return process.returncode, out, errors

    def turns(self):
        with open(self.runs, encoding="utf-8") as file:
            return file.read().split()

    def test_cases_take_turns_back_and_forth(self):
        code, out, errors = self.compare("--work", "1,2,128", "--repeat", "3")
        self.assertEqual(code, 0, errors)
        self.assertEqual(self.turns(), ["blind", "onehop", "onehop", "blind", "blind", "onehop"])
        self.assertIn("| onehop | 0.500 | 2.00 | 1,000 |", out)

    def test_a_missing_program_is_reported(self):
        path = os.path.join(self.folder, "result.json")
        code, out, _ = self.compare("--work", "1,2,128", "--repeat", "1", "--json", path)
        self.assertEqual(code, 0)
        self.assertIn("| nats | skipped: nats-server was not found |", out)
        with open(path, encoding="utf-8") as file:
            cases = {case["label"]: case for case in json.load(file)["works"][0]["cases"]}
        self.assertEqual(cases["mosquitto"]["skipped"], "mosquitto was not found")
        self.assertIsNone(cases["blind"]["skipped"])

    def test_wrong_accounts_fail_the_comparison(self):
        code, out, errors = self.compare("--work", "1,2,128", "--repeat", "2", WRONG="onehop")
        self.assertEqual(code, 1)
        self.assertIn("onehop: the accounts are wrong: 1 duplicates", errors)
        self.assertIn("| onehop | **failed**: the accounts are wrong: 1 duplicates |", out)
        self.assertIn("| blind | 0.250 | 1 |", out)  # The others are measured all the same,
        self.assertEqual(self.turns(), ["blind", "onehop", "blind"])  # and who failed is not tried again.

    def test_a_system_that_does_not_start_fails_the_comparison(self):
        with open(os.path.join(self.folder, "onehopd"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 1\n")
        code, _, errors = self.compare("--work", "1,2,128", "--repeat", "1")
        self.assertEqual(code, 1)
        self.assertIn("onehop did not start", errors)

    def test_a_variant_is_measured_beside(self):
        code, out, errors = self.compare("--work", "1,2,128", "--repeat", "1", "--variant",
                                         "other=%s/onehopd --flag" % self.folder)
        self.assertEqual(code, 0, errors)
        self.assertIn("| other | 0.500 | 2.00 |", out)

    def test_interrupted_it_shows_what_there_is_and_leaves_nobody(self):
        process = self.start("--work", "1,2,128", "--repeat", "1", SLEEP="30")
        give_up = time.monotonic() + SECONDS_MAX
        while not os.path.exists(self.runs) and time.monotonic() < give_up:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=SECONDS_MAX)
        self.assertEqual(process.returncode, 1)
        self.assertIn("interrupted: this is what there was", out)
        self.assertEqual(self.processes_of(self.folder), [])

    @staticmethod
    def processes_of(folder):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, encoding="utf-8") as file:
                    command = file.read()
            except OSError:
                continue
            if folder + "/onehop" in command:
                found.append(command)
        return found

    def test_the_command_line_is_read_strictly(self):
        for arguments in (["--only", "nothing"], ["--work", "1,2"], ["--work", "1,2,15"], ["--repeat", "0"],
                          ["--variant", "x"], ["--bin", "/nowhere"]):
            code, _, errors = self.compare(*arguments)
            self.assertEqual(code, 2, (arguments, errors))

    def test_the_list(self):
        code, out, _ = self.compare("--list")
        self.assertEqual(code, 0)
        self.assertIn("hundred-pairs", out)


if __name__ == "__main__":
    unittest.main()
