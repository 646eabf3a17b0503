"""A proxy between the generator and a real broker drops, doubles, reorders, corrupts or misdirects one message.
Each time the accounts say what is wrong, and the run fails."""


from loadgen_cases import FAILED, Broker, Case, Program, main
import loadgen_cases

CLIENTS = ["--workload", "pairs", "--clients", 20, "--duration", "0.5s", "--drain", "1s"]
FLAGS = [*CLIENTS, "--rate", 1000]
CLOSED = [*CLIENTS, "--window", 8, "--confirm", "none"]
NUMBER = 100  # The number of the affected message.


class Accounting(Case):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(loadgen_cases.folder, "--shards", "2")

    @classmethod
    def tearDownClass(cls):
        cls.broker.__exit__()

    def run_through_proxy(self, fault=None, *more, flags=FLAGS):
        faults = [fault, NUMBER] if fault else []
        target = self.broker.address.removeprefix("tcp://")
        proxy = self.started(Program("onehop-hostile-proxy", "--target", target, *faults))
        run = self.generate("--target", proxy.target, *flags, *more)
        proxy.__exit__()
        if fault:
            self.assertIn(f"did {fault}", proxy.output.now(), run)
        return run

    def check_fault(self, run, unexplained=0, **faults):
        """These counters are set, and no others."""
        self.assertEqual(run.code, FAILED, run)
        self.assertEqual(run.json["exit_code"], FAILED, run)
        self.assertEqual(run.json["unexplained"], unexplained, run)
        expected = {name: faults.get(name, 0) for name in run.json["faults"]}
        self.assertEqual(run.json["faults"], expected, run)
        self.assertTrue(set(faults) <= set(run.json["faults"]), run)
        self.check_sums(run)

    def test_an_honest_proxy(self):
        self.check_all_delivered(self.run_through_proxy())

    def test_dropped(self):
        # The recipient acknowledges the messages after it, so the sender is told that it was delivered.
        self.check_fault(self.run_through_proxy("--drop"), unexplained=1, contradicted=1)

    def test_dropped_and_nothing_is_told(self):
        self.check_fault(self.run_through_proxy("--drop", "--confirm", "none"), unexplained=1)

    def test_dropped_and_told_taken(self):
        # An outcome "taken" says nothing about the recipient, so nothing is contradicted.
        self.check_fault(self.run_through_proxy("--drop", "--confirm", "taken"), unexplained=1)

    def test_dropped_before_the_broker(self):
        self.check_fault(self.run_through_proxy("--drop-sent"), unexplained=1)

    def test_doubled(self):
        self.check_fault(self.run_through_proxy("--double"), duplicates=1)

    def test_swapped(self):
        self.check_fault(self.run_through_proxy("--swap"), out_of_order=1)

    def test_corrupted(self):
        self.check_fault(self.run_through_proxy("--corrupt"), unexplained=1, contradicted=1, corrupted=1)

    def test_misdirected(self):
        self.check_fault(self.run_through_proxy("--misdirect"), unexplained=2, contradicted=2, misdirected=2)

    def test_a_closed_loop_sees_the_same(self):
        for size in (16, 128):
            for fault, found in (("--drop", {"unexplained": 1}), ("--double", {"duplicates": 1}),
                                 ("--swap", {"out_of_order": 1}), ("--corrupt", {"unexplained": 1, "corrupted": 1}),
                                 ("--misdirect", {"unexplained": 2, "misdirected": 2})):
                with self.subTest(size=size, fault=fault):
                    self.check_fault(self.run_through_proxy(fault, "--size", size, flags=CLOSED), **found)

    def test_receipts_lost(self):
        run = self.run_through_proxy("--drop-receipts")
        self.assertEqual(run.code, FAILED, run)
        self.assertGreater(run.json["faults"]["untold"], 0, run)
        self.assertEqual(run.json["outcomes"]["sent"], run.json["outcomes"]["delivered"], run)
        self.check_sums(run)


if __name__ == "__main__":
    main()
