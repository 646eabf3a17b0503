"""Runs clang-tidy over the compile database of a build folder, several files at a time.

    lint.py [--jobs N] [--slowest N] BUILD_FOLDER

A file that passed is not looked at again until its own text, a header of ours that it includes, its command line, the
configuration or clang-tidy itself has changed: what passed is remembered in build/lint/, by the hash of all of these.
Ends with 1 if there was a finding.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import time

CONFIGURATIONS = (".clang-tidy", "tests/.clang-tidy")
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


def lint(build, path):
    start = time.monotonic()
    run = subprocess.run(["clang-tidy", "-p", build, "--quiet", path], capture_output=True, text=True)
    return run.returncode == 0, run.stdout + ("" if run.stdout else run.stderr), time.monotonic() - start


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
    todo = {}
    known = 0
    for path, command, output in sources(build, root):
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
        futures = {pool.submit(lint, build, path): path for path in todo}
        for future in concurrent.futures.as_completed(futures):
            clean, text, seconds = future.result()
            path = futures[future]
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
