"""What a message takes in instructions and a client in bytes is what expected.txt says.

    ratchet_test.py FOLDER-OF-PROGRAMS [--update]

Instructions are counted by callgrind in runs of two lengths, whose difference is that of the messages alone. Every run counts
the same: the name hash has a fixed key, and the C library is told which processor it runs on. A figure that is more than one
percent above or below the expected one fails. `--update` writes what was counted to expected.txt.
"""

import os
import re
import subprocess
import sys
import tempfile

EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.txt")
CASES = ("unconfirmed", "permitted", "confirmed", "refused", "crossing", "submitted", "local", "local-confirmed",
         "local-to-remote", "fan-out", "fan-out-confirmed", "service", "request")
BATCHES = (50, 150)
MESSAGES_IN_A_BATCH = 128
CHANGE_MAX = 0.01

# The C library copies with what the processor has, and by the size of its caches. Valgrind shows the programs some of the
# processor that it runs on, so all of that is switched off, and the sizes are given.
SWITCHED_OFF = ("AVX", "AVX2", "AVX512F", "AVX512VL", "AVX512BW", "AVX_Fast_Unaligned_Load", "ERMS", "FSRM", "SSSE3", "SSE4_1",
                "SSE4_2", "BMI1", "BMI2", "LZCNT", "MOVBE", "POPCNT", "RTM", "Prefer_ERMS", "Prefer_FSRM",
                "Fast_Copy_Backward", "Fast_Unaligned_Copy")
PROCESSOR = ":".join(("glibc.cpu.hwcaps=" + ",".join("-" + name for name in SWITCHED_OFF),
                      "glibc.cpu.x86_data_cache_size=0x8000", "glibc.cpu.x86_shared_cache_size=0x100000",
                      "glibc.cpu.x86_non_temporal_threshold=0xc0000"))


def callgrind(program, case, batches, output):
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={output}", program, case, str(batches)]


def instructions(program, case, batches):
    """All that a run of the program executes."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "counted")
        subprocess.run(callgrind(program, case, batches, output), check=True,
                       env={"PATH": os.environ["PATH"], "GLIBC_TUNABLES": PROCESSOR})
        with open(output, encoding="utf-8") as file:
            return int(re.search(r"^totals: (\d+)$", file.read(), re.M).group(1))


def figures(program):
    """Name → figure and unit, of all that is held against what is expected."""
    found = {}
    for case in CASES:
        short, long = (instructions(program, case, batches) for batches in BATCHES)
        each = (long - short) / ((BATCHES[1] - BATCHES[0]) * MESSAGES_IN_A_BATCH)
        found[f"message/{case}"] = (f"{each:.1f}", "instructions")
    lines = subprocess.run([program, "bytes"], check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in lines.splitlines():
        name, figure, unit = line.split()
        found[name] = (figure, unit)
    return found


def read_expected():
    """The lines of its head, and name → figure and unit."""
    with open(EXPECTED, encoding="utf-8") as file:
        lines = file.read().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [line for line in lines if line.startswith("#")], {name: (figure, unit) for name, figure, unit in rows}


def write_expected(head, found):
    with open(EXPECTED, "w", encoding="utf-8") as file:
        file.write("\n".join(head) + "\n")
        file.writelines(f"{name} {figure} {unit}\n" for name, (figure, unit) in found.items())


def complaints(expected, found):
    """A line for each figure that is not the expected one."""
    for name in sorted(expected.keys() - found.keys()):
        yield f"{name}: expected.txt has it, and nothing counts it"
    for name, (figure, unit) in found.items():
        if name not in expected:
            yield f"{name}: {figure} {unit}, and expected.txt does not have it"
            continue
        change = float(figure) / float(expected[name][0]) - 1
        if abs(change) > CHANGE_MAX:
            yield f"{name}: was {expected[name][0]} {unit} and is {figure}, {change:+.1%}"


def print_how_to_look(program, programs):
    """Commands to paste: the paths are those that the test was given."""
    command = " ".join(callgrind(program, "confirmed", BATCHES[1], "ratchet.callgrind"))
    print(f"""
Where the instructions are, by function (or another case: {', '.join(CASES)}); the same before the change shows what grew:
  GLIBC_TUNABLES={PROCESSOR} {command}
  callgrind_annotate ratchet.callgrind | head -n 60
If the change is worth it, write the new figures, and say why in the commit:
  python3 -B {os.path.relpath(__file__)} {programs} --update""")


def main():
    programs = os.path.relpath(sys.argv[1])
    program = os.path.join(programs, "onehop-ratchet")
    found = figures(program)
    head, expected = read_expected()
    for name, (figure, unit) in found.items():
        print(f"{name:28} {figure:>8} {unit}")
    if sys.argv[2:] == ["--update"]:
        write_expected(head, found)
        return 0
    failed = list(complaints(expected, found))
    if not failed:
        return 0
    print("\nNot what tests/ratchet/expected.txt says, by more than one percent:")
    for line in failed:
        print("  " + line)
    print_how_to_look(program, programs)
    return 1


if __name__ == "__main__":
    sys.exit(main())
