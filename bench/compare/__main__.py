"""The broker beside a forwarder that does not look, and beside other brokers: one generator, the same work, in turns.

    python3 -B bench/compare --bin build/release/bin                      everything; some 35 minutes
    python3 -B bench/compare --bin build/release/bin --only hundred-pairs one part of it
    python3 -B bench/compare --list                                       which parts there are

How it is read, from the outside in: works.py says what is measured, systems.py how each system is started, runs.py how
one is driven and how they take turns, figures.py what is computed from it, targets.py what it is held against,
report.py and plots.py how it is shown.
"""

import argparse
import json
import os
import signal
import sys

import machine
import plots
import report
import runs
import systems
import works


def number_above_zero(kind):
    def read(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError("must be above 0")
        return value

    return read


def own_work(text):
    try:
        pairs, window, size = (int(number) for number in text.split(","))
    except ValueError:
        pairs = window = size = 0
    if min(pairs, window) < 1 or size < 16:
        raise argparse.ArgumentTypeError("wants PAIRS,WINDOW,BYTES, with at least 16 bytes")
    return pairs, window, size


def variant(text):
    name, equals, command = text.partition("=")
    if not (name and equals and command.strip()):
        raise argparse.ArgumentTypeError("wants NAME=PATH, or NAME='PATH --flag value'")
    return name, command


def read_arguments(arguments):
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.partition("\n")[0])
    parser.add_argument("--bin", default="build/release/bin", metavar="FOLDER", help="of onehopd, onehop-blind and "
                        "onehop-loadgen; default: %(default)s")
    parser.add_argument("--only", action="append", metavar="WORK", help="measure this one; may be given again")
    parser.add_argument("--work", action="append", type=own_work, metavar="PAIRS,WINDOW,BYTES",
                        help="the reader's own, instead of ours; may be given again")
    parser.add_argument("--list", action="store_true", help="say which works there are, and measure nothing")
    parser.add_argument("--repeat", type=number_above_zero(int), metavar="N", help="repetitions; default: 5")
    parser.add_argument("--seconds", type=number_above_zero(float), help="of each run, beside its warm-up; default: 2")
    parser.add_argument("--quick", action="store_true", help="everything once, for a moment, with few clients: shows "
                        "that it works, and no figures")
    parser.add_argument("--json", metavar="FILE", help="everything measured")
    parser.add_argument("--markdown", metavar="FILE", help="the tables, which go to standard output too")
    parser.add_argument("--plots", metavar="FOLDER", help="draw there, with gnuplot")
    programs = parser.add_argument_group("programs of the reader's own")
    for kind in systems.PROGRAMS:
        programs.add_argument("--" + kind, metavar="PATH")
    programs.add_argument("--variant", action="append", default=[], type=variant, metavar="NAME=PATH",
                          help="another build of onehopd, or the same with flags, measured beside; may be given again")
    return parser, parser.parse_args(arguments)


def chosen_works(parser, options):
    cast = systems.Cast(systems.find_programs(options.bin, vars(options)), options.variant)
    scale = works.QUICK if options.quick else works.FULL
    if options.work:
        return [works.pairs_work(cast, "own-%d-%d-%d" % own, *own) for own in options.work]
    table = works.all_works(cast, scale)
    unknown = set(options.only or []) - {work.name for work in table}
    if unknown:
        parser.error("--only: there is no work " + ", ".join(sorted(unknown)) + "; --list names them")
    return [work for work in table if not options.only or work.name in options.only]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main(arguments):
    parser, options = read_arguments(arguments)
    table = chosen_works(parser, options)
    if options.list:
        for work in table:
            print("%-26s %s" % (work.name, work.title))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends as with Ctrl-C: with what there is.
    machine.raise_descriptor_limit()
    generator = os.path.join(options.bin, "onehop-loadgen")
    if not os.access(generator, os.X_OK):
        parser.error("--bin: %s was not found" % generator)
    timing = runs.timing_of(options)
    session = runs.Session(generator, timing, machine.cores(), runs.Progress(sys.stderr))
    problem = session.measure(table)
    origins = machine.origins(["compare"] + arguments, session.systems_seen(), timing)
    results = session.results
    if options.plots:
        origins["notes"] += plots.draw(results, options.plots)
    text = report.markdown(origins, results, problem)
    print(text, end="")
    if options.markdown:
        write(options.markdown, text)
    if options.json:
        write(options.json, json.dumps(report.as_json(origins, results, problem), indent=1, ensure_ascii=False) + "\n")
    if problem:
        print("compare: " + problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
