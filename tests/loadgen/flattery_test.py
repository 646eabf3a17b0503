"""Every known way to make a load generator flatter its target: targets that die, freeze, lie, lose, refuse and double; a
generator that is stopped or killed; a user who interrupts, or compares what cannot be compared. The tests know the truth
about every message, and the run must tell it."""

import os
import signal
import time

from loadgen_cases import FAILED, FULL, GOOD, INTERRUPTED, VOID, Case, Program, main

MESSAGES = 1000
EVERY = 20  # The fake broker mistreats every 20th message.
WRONG = MESSAGES // EVERY
# starved_test.py tests what a busy machine does to the generator.
PATIENT = ["--lag-max", "1m"]
WORK = ["--clients", 10, "--rate", MESSAGES, "--duration", "1s", "--drain", "1s"]


class Flattery(Case):
    def run_against(self, *misdeeds, flags=WORK, more=PATIENT):
        broker = self.started(Program("onehop-fake-broker", *misdeeds))
        return self.generate("--target", broker.target, *flags, *more)

    def check_never(self, run, count):
        """This many messages never came, and every percentile shows it."""
        latency = run.json["latency_us"]
        self.assertEqual(latency["infinite"], count, run)
        self.assertEqual(latency["count"], MESSAGES - count, run)
        self.assertIsNone(latency["max"], run)
        self.assertIsNone(latency["mean"], run)


class Targets(Flattery):
    def test_an_honest_one(self):
        run = self.run_against()
        self.check_all_delivered(run)
        self.assertEqual(run.json["planned"], MESSAGES, run)
        self.assertEqual(run.json["latency_us"]["infinite"], 0, run)
        self.assertEqual(run.json["failures"], [], run)

    def test_it_dies(self):
        run = self.run_against("--die-after", 500, more=[*PATIENT, "--threshold", "p99<1s"])
        self.check_failed(run, "planned messages were not delivered", "10 connections broke")
        undelivered = MESSAGES - run.json["outcomes"]["delivered"]
        self.assertGreaterEqual(undelivered, 501, run)
        self.check_never(run, undelivered)
        self.assertIsNone(run.json["latency_us"]["p50"], run)
        self.assertEqual([threshold["kept"] for threshold in run.json["thresholds"]], [False], run)
        self.assertIn("never", run.out, run)

    def test_it_dies_in_a_closed_loop(self):
        run = self.run_against("--die-after", 500, flags=["--clients", 10, "--window", 2, "--duration", "1s", "--drain",
                                                          "1s"])
        self.check_failed(run, "planned messages were not delivered", "10 connections broke")

    def test_it_dies_while_clients_only_rest(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, "--workload", "idle", "--clients", 4, "--duration", "2s")
        run.await_progress(" 1 s ")
        broker.process.kill()
        self.check_failed(run.finish(), "4 connections broke")

    def test_it_freezes(self):
        run = self.run_against("--freeze-after", 500)
        self.check_failed(run, "planned messages were not delivered", "not arrived within --drain")
        # The target is extremely slow, but it does nothing that is forbidden.
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        self.check_never(run, MESSAGES - run.json["outcomes"]["delivered"])

    def test_it_freezes_while_clients_only_rest(self):
        for flags in (["--workload", "idle", "--clients", 4], ["--clients", 2, "--rate", 100, "--idle", 4]):
            broker = self.started(Program("onehop-fake-broker"))
            run = self.begin("--target", broker.target, *flags, "--duration", "2s", "--drain", "1s")
            run.await_progress(" 1 s ")
            broker.process.send_signal(signal.SIGSTOP)
            run.finish()
            self.check_failed(run, "4 clients gave no sign of life at the end")

    def test_it_answers_wrongly(self):
        run = self.run_against("--babble-after", 500)
        self.check_failed(run, "1 connections broke")

    def test_it_is_only_slow(self):
        """The target carries half of the rate: it is late, and is not accused of faults."""
        run = self.run_against("--service-rate", MESSAGES / 2, flags=[*WORK[:-1], "0.5s"])
        self.check_failed(run, "not arrived within --drain")
        self.assertEqual(run.json["unexplained"], 0, run)
        self.assertEqual(set(run.json["faults"].values()), {0}, run)
        self.assertGreater(run.json["outcomes"]["not_arrived"], 100, run)
        for accusation in ("UNEXPLAINED", "FAULT", "must not"):
            self.assertNotIn(accusation, run.out, run)

    def test_it_refuses_expires_or_loses(self):
        for misdeed, outcome in (("--reject-every", "rejected"), ("--expire-every", "expired"), ("--lose-every", "lost")):
            with self.subTest(outcome):
                run = self.run_against(misdeed, EVERY, more=[*PATIENT, "--threshold", "p99<1h", "p90<1h"])
                self.check_failed(run, f"{WRONG} of 1,000 planned messages were not delivered: {WRONG} {outcome}")
                self.assertEqual(run.json["outcomes"][outcome], WRONG, run)
                self.check_never(run, WRONG)
                # 5 % never came, so the 99th percentile is never and the 90th is not.
                self.assertEqual([threshold["kept"] for threshold in run.json["thresholds"]], [False, True], run)
                self.assertTrue(run.json["thresholds"][0]["infinite"], run)

    def test_it_drops_without_a_word(self):
        run = self.run_against("--drop-every", EVERY)
        self.check_failed(run, "UNEXPLAINED")
        # The last message of each of the five streams may have been on its way.
        self.assertEqual(run.json["unexplained"] + run.json["outcomes"]["not_arrived"], WRONG, run)
        self.assertLessEqual(run.json["outcomes"]["not_arrived"], 5, run)
        self.check_never(run, WRONG)

    def test_it_lies(self):
        run = self.run_against("--lie-every", EVERY)
        self.check_failed(run, f"{WRONG} UNEXPLAINED", f"{WRONG} messages had an outcome that is not what happened")
        self.assertEqual(run.json["faults"]["contradicted"], WRONG, run)
        self.check_never(run, WRONG)

    def test_it_doubles(self):
        run = self.run_against("--double-every", EVERY)
        self.check_failed(run, f"{WRONG} messages were delivered more than once")
        self.assertEqual(run.json["faults"]["duplicates"], WRONG, run)
        self.assertEqual(run.json["latency_us"]["infinite"], 0, run)

    def test_a_step_of_a_search_does_not_hold_with_losses(self):
        run = self.run_against("--lose-every", EVERY, flags=["--clients", 10, "--rate", 400, "--rate-max", 400,
                                                             "--find-capacity", "--slo", "p50<1h", "--step", "2s"])
        step = run.json["capacity"]["steps"][0]
        self.assertFalse(step["held"], run)
        self.assertIn("lost", step["why_not"], run)

    def test_a_step_with_allowed_losses_is_judged_with_them(self):
        flags = ["--clients", 10, "--rate", 400, "--rate-max", 400, "--find-capacity", "--step", "2s", "--allow",
                 "lost<6%", "--slo"]
        held = self.run_against("--lose-every", EVERY, flags=[*flags, "p90<1h"])
        self.assertTrue(held.json["capacity"]["steps"][0]["held"], held)
        self.assertEqual(held.json["capacity"]["rate"], 400, held)
        failed = self.run_against("--lose-every", EVERY, flags=[*flags, "p99<1h"])
        self.assertIn("p99<1h was not kept: never", failed.json["capacity"]["steps"][0]["why_not"], failed)


class Allowed(Flattery):
    def test_what_is_allowed_in_so_many_words(self):
        for allowed, code in ((["lost<=5%"], GOOD), (["lost<5%"], FAILED), (["rejected<50%"], FAILED),
                              (["undelivered<10%"], GOOD), (["undelivered<10%", "lost<1%"], FAILED)):
            with self.subTest(allowed):
                words = [word for condition in allowed for word in ("--allow", condition)]
                run = self.run_against("--lose-every", EVERY, more=[*PATIENT, *words])
                self.assertEqual(run.code, code, run)
                self.assertEqual(run.json["allowed"], allowed, run)
                # Allowed failures are not hidden.
                self.check_never(run, WRONG)
                self.assertIn(f"{WRONG} lost", run.out, run)

    def test_a_death_that_is_allowed(self):
        run = self.run_against("--die-after", 500, more=[*PATIENT, "--allow", "undelivered<90%", "--allow", "broken<=10"])
        self.assertEqual(run.code, GOOD, run)


class Generators(Flattery):
    SECONDS, STOPPED = (30, 0.1) if FULL else (4, 0.2)

    def stopped(self, *flags):
        """A run whose generator stands still for a moment."""
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, "--clients", 10, "--duration", f"{self.SECONDS}s", *flags)
        run.await_progress(" 2 s ")
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(self.STOPPED)
        run.process.send_signal(signal.SIGCONT)
        return run.finish()

    def test_stopped(self):
        run = self.stopped("--rate", 500, "--threshold", "p99.9<10s", "--threshold", "lost==0")
        self.check_sums(run)
        for figure in ("p99_9", "p99_99", "max"):
            self.assertIn(figure, run.json["latency_us"]["spoiled"], run)
        self.assertIn("spoiled", run.out, run)
        # The target is neither blamed nor praised, since the threshold cannot be judged.
        self.assertEqual(run.code, VOID, run)
        self.assertEqual([(one["kept"], one["spoiled"]) for one in run.json["thresholds"]], [(False, True), (True, False)],
                         run)
        self.assertTrue(any("'p99.9<10s' cannot be judged" in reason for reason in run.json["void_reasons"]), run)
        if FULL:
            for figure in ("p50", "p90", "p99"):
                self.assertNotIn(figure, run.json["latency_us"]["spoiled"], run)

    def test_stopped_in_a_closed_loop(self):
        run = self.stopped("--window", 2, "--threshold", "max<10s")
        self.check_sums(run)
        self.assertIn("max", run.json["latency_us"]["spoiled"], run)
        self.assertEqual(run.code, VOID, run)

    def test_killed(self):
        """A generator that is killed leaves no file, not even that of an earlier run."""
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, "--clients", 10, "--rate", 500, "--duration", "60s")
        with open(run.path, "w", encoding="utf-8") as file:
            file.write("of an earlier run")
        run.await_progress(" 1 s ")
        run.process.kill()
        run.process.communicate()
        self.assertFalse(os.path.exists(run.path))


class Users(Flattery):
    SEARCH = ["--clients", 10, "--rate", 200, "--find-capacity", "--slo", "p99<1h", "--step", "2s"]

    def check_claims_nothing(self, run, why):
        self.check_sums(run)
        found = run.json["capacity"]
        self.assertEqual((found["finished"], found["rate"]), (False, None), run)
        self.assertIn(why, found["unfinished"], run)
        self.assertIn("not found: the search ended early", run.out, run)
        self.assertNotIn("no longer at", run.out, run)

    def test_a_search_is_interrupted(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, *self.SEARCH)
        run.await_progress("200/s: p99")
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertEqual(run.code, INTERRUPTED, run)
        self.assertIs(run.json["interrupted"], True, run)
        self.check_claims_nothing(run, "interrupted")
        self.assertEqual(run.json["capacity"]["held_rate"], 200, run)

    def test_a_search_is_interrupted_in_its_first_step(self):
        broker = self.started(Program("onehop-fake-broker"))
        run = self.begin("--target", broker.target, *self.SEARCH)
        run.await_progress(" 1 s ")
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertEqual(run.code, INTERRUPTED, run)
        self.check_claims_nothing(run, "interrupted")
        self.assertIsNone(run.json["capacity"]["held_rate"], run)

    def test_the_target_of_a_search_dies(self):
        run = self.run_against("--die-after", 600, flags=self.SEARCH)
        self.check_claims_nothing(run, "cannot connect")
        self.check_failed(run, "the search for the capacity ended before it had found it")

    def test_interrupted_while_it_waits_it_leaves_at_once_and_says_what_is_missing(self):
        broker = self.started(Program("onehop-fake-broker", "--latency", "fixed:600s"))
        run = self.begin("--target", broker.target, "--clients", 10, "--rate", 100, "--duration", "1s", "--drain", "500s")
        run.await_progress("waiting for")
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertEqual(run.code, INTERRUPTED, run)
        self.assertGreater(run.json["outcomes"]["not_arrived"], 50, run)
        self.assertIn("planned messages were not delivered", "".join(run.json["failures"]), run)

    def test_what_cannot_be_compared_is_refused(self):
        good = [self.run_against(), self.run_against()]
        failed = self.run_against("--lose-every", EVERY)
        void = self.run_against(more=["--lag-max", "0s", "--threshold", "max<0ns"])
        self.assertEqual((failed.code, void.code), (FAILED, VOID), f"{failed} {void}")
        interrupted = self.begin("--target", self.started(Program("onehop-fake-broker")).target, *WORK[:-4], "--duration",
                                 "60s")
        interrupted.await_progress(" 1 s ")
        interrupted.process.send_signal(signal.SIGINT)
        interrupted.finish()
        closed = self.run_against(flags=["--clients", 10, "--window", 1, "--duration", "0.5s"])
        for bad, words in ((failed, f"{WRONG} lost"), (void, "void: "), (interrupted, "interrupted"),
                           (good[0], "the same run"), (closed, "different work")):
            with self.subTest(words):
                run = self.generate("compare", good[0].path, "--", bad.path, json_file=False)
                self.assertEqual((run.code, run.out), (FAILED, ""), run)
                self.assertIn(words, run.errors, run)
                self.assertIn("--force", run.errors, run)
                self.assertEqual(len(run.errors.splitlines()), 1, run)
        forced = self.generate("compare", good[0].path, "--", failed.path, "--force")
        self.assertEqual(forced.code, GOOD, forced)
        self.assertIn("DOUBTFUL B1", forced.out, forced)
        self.assertEqual(len(forced.json["doubtful"]), 1, forced)
        # One run of each says nothing, which is no pass.
        gate = self.generate("compare", good[0].path, "--", good[1].path, "--fail-if-slower", "5%")
        self.assertEqual(gate.code, FAILED, gate)
        self.assertIn("NOT JUDGED", gate.out, gate)
        self.assertEqual(gate.json["exit_code"], FAILED, gate)
        self.assertTrue(gate.json["slower"]["failed"], gate)


if __name__ == "__main__":
    main()
