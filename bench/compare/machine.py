"""This machine: which cores there are, what it says about itself, and the limit of open files."""

import os
import platform
import re
import resource
import shlex
import subprocess
import time


def raise_descriptor_limit():
    """For every process that is started from here, too: the most that each may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cores():
    """The core of the system and that of the generator: the same one where there is no other."""
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[min(1, len(usable) - 1)]


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = re.search(r"^model name\s*:\s*(.+)$", file.read(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def version_of(system):
    """What a program says of itself, and of who compiled it if it is one of ours."""
    if not system.version:
        return ""
    try:
        said = subprocess.run(system.version, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=10, check=False).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = re.search(r"\d+\.\d+[\w.+-]*", said)
    words = [number.group()] if number else []
    return ", ".join(words + ([compiler_of(system.version[0])] if system.scheme == "onehop" else []))


def compiler_of(program):
    """As compilers note it in what they make."""
    try:
        with open(program, "rb") as file:
            found = re.findall(rb"(GCC): \([^)]*\) ([\d.]+)|(clang) version ([\d.]+)", file.read())
    except OSError:
        found = []
    return " and ".join(sorted({b" ".join(filter(None, note)).decode() for note in found})) or "an unknown compiler"


def origins(command, seen, timing):
    """Where figures come from: what has to be known to judge them or to take them again."""
    usable = len(os.sched_getaffinity(0))
    notes = []
    if usable < 2:
        notes.append("There was one core for the system and the generator together.")
    told = [{"name": system.name + ", as shipped" * system.as_shipped, "version": version_of(system),
             "command": system.shown(), "pinned": system.pinned} for system in seen]
    return {
        "command": " ".join(shlex.quote(word) for word in command),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": _processor(),
        "cores": usable,
        "kernel": platform.system() + " " + platform.release(),
        "repetitions": timing.repeat,
        "seconds": timing.seconds,
        "warmup_s": timing.warmup,
        "quick": timing.quick,
        "systems": told,
        "notes": notes,
    }
