#!/usr/bin/env python3
"""With no bug switched on, the copy of core with bugs in it simulates what the product does.

usage: same_trace.py BIN SEEDS
"""
import subprocess
import sys

folder, seeds = sys.argv[1], int(sys.argv[2])
for seed in range(1, seeds + 1):
    lines = [subprocess.run([f"{folder}/{program}", "--seed", str(seed)], check=True, capture_output=True, text=True).stdout
             for program in ("onehop-sim", "onehop-sim-planted")]
    if lines[0] != lines[1] or "trace" not in lines[0]:
        sys.exit(f"seed {seed}: the product has {lines[0]!r}, the copy without a bug {lines[1]!r}")
print(f"{seeds} seeds: the traces are the same")
