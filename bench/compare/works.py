"""What is measured: a table of works. A work is one thing to do, the cases that do it in turns (most often: a system
each), the case that ratios are taken to, and the targets.

The generator batches for all systems alike, and checks every message for order and content. Messages to nobody are not
among the works: all of its recipients are there.
"""

from dataclasses import dataclass

from targets import Target


@dataclass(frozen=True)
class Scale:
    """How many clients take part: enough for figures, or as few as show that a work works."""

    many_pairs: int
    fan: int
    storm: int
    crowd: tuple
    idle: tuple
    idle_seconds: float


FULL = Scale(many_pairs=4000, fan=1000, storm=8000, crowd=(10, 1000, 8000, 15000), idle=(1000, 8000, 15000),
             idle_seconds=6)
QUICK = Scale(many_pairs=50, fan=20, storm=50, crowd=(10, 30, 50, 70), idle=(20, 40, 60), idle_seconds=0.1)


@dataclass(frozen=True)
class Load:
    """One run of the generator."""

    arguments: tuple
    seconds: float | None = None  # None: as long as the reader wants, after a warm-up.
    connections: int = 0  # Where they are what a figure is related to.
    half_of: tuple = ()  # An open loop: the rate is half of what the system carries in this closed one.


@dataclass(frozen=True)
class Case:
    label: str
    system: object
    loads: tuple  # One run each, each with the system started anew; all of them are one repetition.

    def is_open_loop(self):
        return any(load.half_of for load in self.loads)


@dataclass(frozen=True)
class Work:
    name: str
    title: str
    cases: list
    base: str = ""  # The label that ratios are taken to; empty: there is none.
    ours: str = "onehop"  # The label that stands for the broker where it is shown beside other systems.
    targets: tuple = ()
    counts: str = "message"  # Or "connect", or "memory": what there is one figure for.
    generator_pinned: bool = True
    spectrum: bool = False  # Whether a plot of its latencies says something.
    note: str = ""


def flags(confirm="none", **given):
    """flags(clients=2, size=128) → --clients 2 --size 128 --confirm none"""
    words = []
    for name, value in given.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    return tuple(words) + (("--confirm", confirm) if confirm else ())


def cases_of(systems, arguments, **more):
    return [Case(system.name, system, (Load(arguments, **more),)) for system in systems]


def names_of(systems):
    return [system.name for system in systems]


def pairs_work(cast, name, pairs, window, size, to_blind=None, to_nats=None, shipped=False, **more):
    """Every sender has a recipient of its own, and keeps `window` messages under way."""
    title = "{:,} pair{}, window {:,}, {}".format(pairs, "s" if pairs > 1 else "", window,
                                                   "%d KiB" % (size // 1024) if size % 1024 == 0 else "%d B" % size)
    arguments = flags(clients=2 * pairs, window=window, size=size)
    cases = cases_of([cast.blind(), *cast.brokers(), *cast.peers()], arguments)
    targets = []
    for broker in names_of(cast.brokers()):
        if to_blind:
            targets.append(Target(broker, "blind", "cpu", to_blind))
        if to_nats:
            targets.append(Target(broker, "nats", "cpu", to_nats))
            targets += [Target(broker, "nats", figure, 1) for figure in ("p50", "p99")]
    if shipped:
        cases += [Case(system.name + ", as shipped", system, (Load(arguments),)) for system in cast.as_shipped()]
    return Work(name, title, cases, "blind", targets=tuple(targets), **more)


def fan_works(cast, scale):
    brokers = [*cast.brokers(), *cast.peers()]
    fan = {"clients": scale.fan + 1, "size": 128}
    return [
        Work("fan-out", "1 sender to {:,} recipients, each message for one of them, window {:,}, 128 B".format(
            scale.fan, 4 * scale.fan),
            cases_of(brokers, flags(workload="fan-out", window=4 * scale.fan, **fan)), "onehop"),
        Work("fan-in", "{:,} senders to 1 recipient, window 4, 128 B".format(scale.fan),
             cases_of(brokers, flags(workload="fan-in", recipients=1, window=4, **fan)), "onehop"),
    ]


def confirmed_work(cast):
    load = {"clients": 200, "window": 128, "size": 128}
    cases, targets = [], []
    for broker in cast.brokers():
        for level, told in (("none", "unconfirmed"), ("taken", "told of refusals"), ("delivered", "confirmed")):
            cases.append(Case(broker.name + ", " + told, broker, (Load(flags(confirm=level, **load)),)))
        targets += [Target(broker.name + ", confirmed", broker.name + ", told of refusals", "cpu", 2),
                    Target(broker.name + ", confirmed", "nats", "rate", 1, at_least=True)]
    cases += cases_of([cast.nats()], flags(**load))
    return Work("confirmed", "100 pairs, window 128, 128 B, confirm = DELIVERED", cases, "onehop, unconfirmed",
                "onehop, confirmed", tuple(targets), note="nats tells senders nothing. Confirmed: a message is "
                "under way until its sender has read the outcome.")


def one_in_flight_work(cast):
    cases = cases_of([cast.blind(), *cast.brokers(), *cast.peers()], flags(clients=2, window=1, size=128) + ("--spin",))
    targets = [target for broker in names_of(cast.brokers())
               for target in (Target(broker, "blind", "p50", 1.05), Target(broker, "blind", "p99", 1.2))]
    return Work("one-in-flight", "1 message in flight, 128 B", cases, "blind", targets=tuple(targets), spectrum=True,
                note="The generator never sleeps here: its share is always 100 %.")


def open_loop_work(cast):
    half_of = flags(clients=200, window=128, size=128)
    cases = cases_of([cast.blind(), *cast.brokers(), *cast.peers()], flags(clients=200, size=128), half_of=half_of)
    targets = [target for broker in names_of(cast.brokers())
               for target in (Target(broker, "blind", "p50", 1.2), Target(broker, "blind", "p99", 1.5),
                              Target(broker, "blind", "p99_9", 2))]
    return Work("open-loop", "100 pairs, 128 B, at a constant rate: half of each system's own capacity", cases,
                "blind", targets=tuple(targets), spectrum=True)


def two_shards_works(cast):
    """Homes are a keyed hash of names: half of the pairs have theirs on different shards."""
    def work(name, title, arguments, target):
        cases, targets = [], []
        for one, two in zip(cast.brokers(1, pinned=False), cast.brokers(2, pinned=False)):
            labels = [one.name + ", 1 shard", one.name + ", 2 shards"]
            cases += [Case(label, system, (Load(arguments),)) for label, system in zip(labels, (one, two))]
            targets.append(target(labels[1], labels[0]))
        return Work(name, title, cases, "onehop, 1 shard", targets=tuple(targets), generator_pinned=False,
                    note="Neither broker nor generator is pinned. With two shards half of the pairs cross.")

    return [
        work("two-shards", "100 pairs, window 128, 128 B, half of them between two shards",
             flags(clients=200, window=128, size=128), lambda of, to: Target(of, to, "cpu", 1.3, how="crossing")),
        work("two-shards-one-in-flight", "16 pairs, 1 message of each in flight, half of them between two shards",
             flags(clients=32, window=1, size=128), lambda of, to: Target(of, to, "mean", 3, how="added_us")),
    ]


def connect_works(cast, scale):
    cases = cases_of([cast.bare()], flags(workload="connects", window=64))
    targets = []
    for shards, label in ((1, ", 1 shard"), (2, ", 2 shards")):
        for broker in cast.brokers(shards):
            cases.append(Case(broker.name + label, broker, (Load(flags(workload="connects", window=64)),)))
            targets.append(Target(broker.name + label, "bare", "cpu", 1.3, counts="connect"))
    cases += cases_of(cast.peers(), flags(workload="connects", window=64))
    storm = flags(workload="storm", clients=scale.storm)
    return [
        Work("connects", "clients connect, are granted their names and leave, 64 at a time", cases, "bare",
             "onehop, 2 shards", tuple(targets), counts="connect", note="bare: accepts, reads, replies, closes. With 2 "
             "shards, both on core 0, half of the connections are handed over to the shard of their name."),
        Work("storm", "{:,} clients connect at once".format(scale.storm),
             cases_of([*cast.brokers(), *cast.peers()], storm, seconds=3), "onehop", counts="connect"),
    ]


def crowd_work(cast, scale):
    """The same ten talk, beside more and more who do not."""
    cases, targets = [], []
    for broker in cast.brokers():
        labels = ["{}, {:,} clients".format(broker.name, crowd) for crowd in scale.crowd]
        for label, crowd in zip(labels, scale.crowd):
            arguments = flags(clients=10, window=128, size=128, idle=crowd - 10)
            cases.append(Case(label, broker, (Load(arguments),)))
        targets += [Target(label, labels[0], "cpu", 1.1) for label in labels[1:]]
    return Work("crowd", "5 pairs, window 128, 128 B, beside clients that only keep alive", cases,
                cases[0].label, targets=tuple(targets))


def idle_work(cast, scale):
    loads = tuple(Load(flags(workload="idle", clients=clients, keepalive="2s"), scale.idle_seconds, clients)
                  for clients in scale.idle)
    cases = [Case(system.name, system, loads) for system in [*cast.brokers(), *cast.peers()]]
    targets = tuple(Target(broker, "", "bytes_each", 512, how="value") for broker in names_of(cast.brokers()))
    return Work("idle-memory", "named connections, keepalive 2 s, slope over {}".format(
        ", ".join("{:,}".format(clients) for clients in scale.idle)), cases, targets=targets, counts="memory")


def all_works(cast, scale):
    return [
        pairs_work(cast, "one-pair", 1, 1024, 128, to_blind=1.5, to_nats=1 / 4),
        pairs_work(cast, "hundred-pairs", 100, 128, 128, to_blind=1.5, to_nats=1 / 5, shipped=True, spectrum=True),
        pairs_work(cast, "tiny", 100, 128, 16, to_blind=1.5, to_nats=1 / 5),
        pairs_work(cast, "large", 100, 64, 4096, to_blind=1.25),
        pairs_work(cast, "many-pairs", scale.many_pairs, 4, 128, to_blind=1.15),
        *fan_works(cast, scale),
        confirmed_work(cast),
        one_in_flight_work(cast),
        open_loop_work(cast),
        *two_shards_works(cast),
        *connect_works(cast, scale),
        crowd_work(cast, scale),
        idle_work(cast, scale),
    ]
