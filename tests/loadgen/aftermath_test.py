"""The effects of a command of --at, with a broker that stands still for a known time and a proxy that loses or doubles a
known message."""

import os
import signal
import tempfile

from loadgen_cases import FAILED, FULL, GOOD, VOID, Broker, Case, Program, main
import loadgen_cases

QUICK = ["--lag-max", "1m", "--quiet"]


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0] != "Z"


class Recovery(Case):
    def test_a_freeze_of_known_length(self):
        broker = self.started(Program("onehop-fake-broker", "--freeze", "700ms"))
        run = self.generate("--target", broker.target, *QUICK, "--clients", 10, "--rate", 1000, "--duration", "4s",
                            "--at", "1s", f"kill -USR1 {broker.process.pid}")
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        self.check_sums(run)
        [command] = run.json["commands"]
        self.assertEqual((command["lost"], command["doubled"], command["exit_status"]), (0, 0, 0), run)
        self.assertGreaterEqual(command["started_s"], 1, run)
        self.assertGreaterEqual(command["recovery_s"], 0.7, run)
        if FULL:
            self.assertLess(command["recovery_s"], 0.75, run)
        self.assertIn("recovered after", run.out)
        self.assertIn("USR1", run.out)

    def test_a_target_that_does_not_come_back(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.generate("--target", broker.target, *QUICK, "--clients", 10, "--rate", 500, "--duration", "3s",
                            "--drain", "1s", "--threshold", "errors==0", "--at", "1s", f"kill -KILL {broker.process.pid}")
        self.check_sums(run)
        [command] = run.json["commands"]
        self.assertEqual(run.code, FAILED, run)
        self.assertIsNone(command["recovery_s"], run)
        self.assertIn("NOT RECOVERED", run.out)
        outcomes = run.json["outcomes"]
        self.assertEqual(command["lost"], outcomes["sent"] - outcomes["delivered"], run)
        self.assertGreaterEqual(command["lost"], 990, run)

    def test_nothing_happened(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.generate("--target", broker.target, *QUICK, "--clients", 10, "--rate", 200, "--duration", "1s",
                            "--at", "300ms", "true", "--on-time", "1m")
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        self.check_sums(run)
        [command] = run.json["commands"]
        self.assertEqual((command["lost"], command["doubled"], command["recovery_s"]), (0, 0, 0), run)
        self.assertIn("kept up", run.out)


class LostAndDoubled(Case):
    """The proxy affects message number 400, which is due at 0.4 s."""

    def at(self, seconds, fault):
        with Broker(loadgen_cases.folder, "--shards", "1") as broker:
            proxy = self.started(Program("onehop-hostile-proxy", "--target", broker.address.removeprefix("tcp://"),
                                         fault, 400))
            run = self.generate("--target", proxy.target, *QUICK, "--clients", 2, "--rate", 1000, "--duration", "1s",
                                "--drain", "1s", "--confirm", "none", "--at", seconds, "true", "--on-time", "100ms")
        self.assertEqual(run.code, FAILED, run)
        self.check_sums(run)
        [command] = run.json["commands"]
        return command, run

    def test_from_the_command_on(self):
        command, run = self.at("0.3s", "--drop")
        self.assertEqual((command["lost"], command["doubled"]), (1, 0), run)
        self.assertGreaterEqual(command["recovery_s"], 0.1, run)
        command, run = self.at("0.3s", "--double")
        self.assertEqual((command["lost"], command["doubled"]), (0, 1), run)

    def test_what_was_before_it_is_not_its_doing(self):
        command, run = self.at("0.8s", "--drop")
        self.assertEqual((command["lost"], command["doubled"]), (0, 0), run)
        self.assertEqual(run.json["unexplained"], 1, run)


class Commands(Case):
    def setUp(self):
        self.broker = self.started(Program("onehop-fake-broker"))
        place = tempfile.TemporaryDirectory(prefix="onehop-at-")
        self.addCleanup(place.cleanup)
        self.place = place.name

    def run_with(self, *flags):
        return self.generate("--target", self.broker.target, *QUICK, "--clients", 2, "--rate", 100, "--duration", "1s",
                             "--on-time", "1m", *flags)

    def test_a_command_that_fails_fails_the_run(self):
        for command, exit_status, ended_by in (("exit 3", 3, None), ("kill -KILL $$", None, signal.SIGKILL),
                                               ("/nonexistent/program", 127, None)):
            run = self.run_with("--at", "100ms", command)
            self.assertEqual(run.code, FAILED, run)
            self.check_sums(run)
            [told] = run.json["commands"]
            self.assertEqual((told["exit_status"], told["signal"]), (exit_status, ended_by), run)
            self.assertIn("did not do its work", run.out)

    def test_what_still_runs_is_ended_with_all_that_it_started(self):
        path = os.path.join(self.place, "pids")
        run = self.run_with("--at", "100ms", f"sleep 1000 & echo $! >>{path}; echo $$ >>{path}; wait")
        self.assertIn(run.code, (GOOD,) if FULL else (GOOD, VOID), run)
        self.check_sums(run)
        [told] = run.json["commands"]
        self.assertIs(told["ended_with_run"], True, run)
        with open(path, encoding="utf-8") as file:
            pids = [int(line) for line in file]
        self.assertEqual(len(pids), 2)
        self.assertEqual([pid for pid in pids if is_there(pid)], [])

    def test_what_a_command_left_behind_is_ended_too(self):
        path = os.path.join(self.place, "pid")
        run = self.run_with("--at", "100ms", f"trap '' TERM; sleep 1000 & echo $! >{path}")
        self.check_sums(run)
        [told] = run.json["commands"]
        self.assertEqual((told["exit_status"], told["ended_with_run"]), (0, False), run)
        with open(path, encoding="utf-8") as file:
            self.assertFalse(is_there(int(file.read())))

    def test_several_in_the_order_of_their_times(self):
        path = os.path.join(self.place, "order")
        run = self.run_with("--at", "500ms", f"echo second >>{path}", "--at", "200ms", f"echo first >>{path}")
        self.assertEqual([command["at_s"] for command in run.json["commands"]], [0.2, 0.5], run)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "first\nsecond\n")

    def test_what_it_prints_does_not_come_into_the_result(self):
        run = self.generate("--target", self.broker.target, *QUICK, "--clients", 2, "--rate", 100, "--duration", "1s",
                            "--at", "100ms", "echo hello there", "--json", "-", json_file=False)
        self.assertTrue(run.out.startswith("{"), run.out[:200])
        self.assertIn("hello there\n", run.errors)

    def test_an_interrupted_run_starts_no_more(self):
        path = os.path.join(self.place, "started")
        run = self.begin("--target", self.broker.target, "--clients", 2, "--rate", 100, "--duration", "60s", "--at",
                         "50s", f"touch {path}")
        run.await_progress(" 1 s ")
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.check_sums(run)
        [told] = run.json["commands"]
        self.assertEqual([told[key] for key in ("started_s", "lost", "doubled", "recovery_s")], [None] * 4, run)
        self.assertNotEqual(run.code, GOOD, run)
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    main()
