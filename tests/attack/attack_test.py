"""No frame costs a shard much more than an ordinary message, whatever its kind and however large the state it meets.

    attack_test.py FOLDER-OF-PROGRAMS

Instructions are counted by callgrind, so the result does not depend on the machine or on what else runs there. A frame may
cost ten times an ordinary message of about 128 bytes; a longer one as much for each 128 bytes of it.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

TIMES_MAX = 10
ORDINARY = "small/message"


def totals(path):
    """The name of a dump and its instructions."""
    text = open(path, encoding="utf-8").read()
    name = re.search(r"^desc: Trigger: Client Request: (\S+)$", text, re.M)
    total = re.search(r"^totals: (\d+)$", text, re.M)
    return (name.group(1), int(total.group(1))) if name and total else None


def main():
    program = os.path.join(sys.argv[1], "onehop-attack-cost")
    subprocess.run([program], check=True, stdout=subprocess.DEVNULL)  # By itself: what it makes the shard hold.
    with tempfile.TemporaryDirectory() as folder:
        output = subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", "-q",
             f"--callgrind-out-file={folder}/out", program],
            check=True, stdout=subprocess.PIPE, text=True).stdout
        costs = dict(found for found in map(totals, glob.glob(f"{folder}/out*")) if found)
    rows = re.findall(r"^(\S+) frames (\d+) bytes (\d+)$", output, re.M)
    assert rows, "the program printed no attack"
    missing = [name for name, _, _ in rows if not costs.get(name)]
    assert not missing, f"callgrind counted nothing of {missing}"
    ordinary = next(costs[name] / int(frames) for name, frames, _ in rows if name == ORDINARY)
    failed = []
    for name, frames, size in rows:
        each = costs[name] / int(frames)
        portions = max(1, int(size) / int(frames) / 128)
        times = each / ordinary / portions
        print(f"{name:40} {each:9.0f} instructions a frame, {times:5.2f} times an ordinary message")
        if times > TIMES_MAX:
            failed.append(name)
    if failed:
        print(f"over {TIMES_MAX} times: {', '.join(failed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
