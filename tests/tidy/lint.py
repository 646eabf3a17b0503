"""Runs clang-tidy over the compile database of a build folder, several files at a time.

    lint.py [--jobs N] [--slowest N] BUILD_FOLDER

Most of its time goes into headers, so files with the same flags are checked in batches: a file in build/lint/ includes
them. A batch with a finding is split in halves, down to single files. A finding in a batch alone does not count, because
names in unnamed namespaces may collide there.

A file that passed is not looked at again until its own text, a header of ours that it includes, its command line, the
configuration or clang-tidy itself has changed: what passed is remembered in build/lint/, by the hash of all of these.
Ends with 1 if there was a finding.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

CONFIGURATIONS = (".clang-tidy", "tests/.clang-tidy")
FILES_PER_BATCH = 12
OURS = ("broker", "clients", "loadgen", "bench", "tests")


def sources(build, root):
    """(file, command) for each of our files in the compile database."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    for entry in entries:
        path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), root)
        if path.split(os.sep)[0] in OURS:
            yield path, entry["command"], entry.get("output") or entry["command"].split(" -o ")[1].split()[0]


def headers_of_objects(build, root):
    """Object → the files of ours it was made from, as ninja recorded them at the last build."""
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    objects, current = {}, None
    for line in listing.split("\n"):
        if line.startswith("    "):
            path = os.path.realpath(os.path.join(build, line.strip()))
            if path.startswith(root + os.sep):
                current.append(path)
        elif ": #deps" in line:
            current = objects.setdefault(line.split(": #deps")[0], [])
    return objects


def content_hash(path, known={}):  # noqa: B006 (remembered on purpose: a header is in many objects)
    if path not in known:
        with open(path, "rb") as file:
            known[path] = hashlib.sha256(file.read()).hexdigest()
    return known[path]


def key_of(command, files, common):
    text = "\n".join([common, command] + [f"{path} {content_hash(path)}" for path in sorted(set(files))])
    return hashlib.sha256(text.encode()).hexdigest()


def flags_of(command, path):
    """The command line without what differs from file to file, and without precompiled headers, which make clang-tidy
    slower."""
    words = shlex.split(command)
    kept, skip = [], False
    for word in words[1:]:
        if skip or word in ("-o", "-MF", "-MT", "-MQ", "-include-pch"):
            skip = not skip
        elif word not in ("-c", "-MD") and not word.endswith(path):
            kept.append(word)
    return tuple(kept)


def batches_of(todo, flags):
    """Lists of files with the same flags, of at most FILES_PER_BATCH."""
    groups = {}
    for path in sorted(todo):
        groups.setdefault(flags[path], []).append(path)
    for group in groups.values():
        for first in range(0, len(group), FILES_PER_BATCH):
            yield group[first : first + FILES_PER_BATCH]


def tidy(arguments):
    run = subprocess.run(["clang-tidy", "--quiet"] + arguments, capture_output=True, text=True)
    return run.returncode == 0, run.stdout + ("" if run.stdout else run.stderr)


def batch_file(folder, root, paths):
    """A file that includes all of them, where clang-tidy finds the configuration that is theirs."""
    if paths[0].startswith("tests/"):
        folder = os.path.join(folder, "tests")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(os.path.join(root, "tests/.clang-tidy"), folder)
    name = hashlib.sha256("\n".join(paths).encode()).hexdigest()[:16] + ".cc"
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.writelines(f'#include "{os.path.join(root, path)}"\n' for path in paths)
    return file.name


def lint(folder, root, flags, paths):
    """A list of (path, clean, what was found, seconds)."""
    start = time.monotonic()
    if len(paths) == 1:
        clean, text = tidy([os.path.join(root, paths[0]), "--", *flags])
        return [(paths[0], clean, text, time.monotonic() - start)]
    together = batch_file(folder, root, paths)
    # A batch includes source files on purpose.
    clean, _ = tidy(["--checks=-bugprone-suspicious-include", together, "--", *flags])
    os.remove(together)
    if clean:
        return [(path, True, "", (time.monotonic() - start) / len(paths)) for path in paths]
    half = len(paths) // 2
    return lint(folder, root, flags, paths[:half]) + lint(folder, root, flags, paths[half:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--slowest", type=int, default=0, help="name the files that took longest")
    parser.add_argument("build")
    arguments = parser.parse_args()
    root = os.getcwd()
    build = os.path.realpath(arguments.build)
    passed_folder = os.path.join(os.path.dirname(build), "lint")
    os.makedirs(passed_folder, exist_ok=True)

    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    common = "\n".join([version] + [content_hash(os.path.join(root, path)) for path in CONFIGURATIONS])
    objects = headers_of_objects(build, root)
    todo, flags = {}, {}
    known = 0
    for path, command, output in sources(build, root):
        flags[path] = flags_of(command, path)
        files = objects.get(os.path.relpath(os.path.join(build, output), build))
        if files is None:  # Not part of the usual build: nobody has recorded its headers, so it is looked at each time.
            todo.setdefault(path, [])
            continue
        marker = os.path.join(passed_folder, key_of(command, files, common))
        if os.path.exists(marker):
            known += 1
        else:
            todo.setdefault(path, []).append(marker)

    failed, times = 0, []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [
            pool.submit(lint, passed_folder, root, flags[batch[0]], batch) for batch in batches_of(todo, flags)
        ]
        for future in concurrent.futures.as_completed(futures):
            for path, clean, text, seconds in future.result():
                times.append((seconds, path))
                if clean:
                    for marker in todo[path]:
                        open(marker, "w", encoding="utf-8").close()
                else:
                    failed += 1
                    print(text.replace(root + os.sep, ""), flush=True)
    for seconds, path in sorted(times, reverse=True)[: arguments.slowest]:
        print(f"{seconds:6.1f} s {path}")
    print(f"lint: {len(todo)} files looked at, {known} known to be clean, {failed} with findings")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
