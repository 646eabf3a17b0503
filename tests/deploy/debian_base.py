"""A minimal Debian 12, made by debootstrap, for tests that install something into it."""

import fcntl
import os
import re
import tempfile

from deployed import must_run

STEP_SECONDS_MAX = 3600  # Of a step that installs packages or compiles: on a slow machine that takes many minutes.


def debian_sources():
    """Where this machine gets Debian's own packages, as lines of sources.list, those of the base first."""
    targets = must_run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)",
                        "Created-By: Packages"])
    lines = []
    for line in sorted(set(targets.splitlines())):
        origin, release, address, component = line.split("|")
        if origin == "Debian" and component == "main" and release.startswith("bookworm"):
            lines.append((release, address))
    return sorted(lines)


def make_base(folder):
    """A tar of a minimal Debian 12 that gets its packages from where this machine does. Kept for the next time."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "base.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Another test may be making it.
        tar = os.path.join(folder, "base.tar")
        if not os.path.exists(tar):
            make_tar(folder, tar)
    return tar


def make_tar(folder, tar):
    sources = debian_sources()
    assert sources and sources[0][0] == "bookworm", f"no bookworm among the package sources of this machine: {sources}"
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    with tempfile.TemporaryDirectory(dir=folder) as work:
        root = os.path.join(work, "root")
        must_run(["debootstrap", "--variant=minbase", "--include=ca-certificates", f"--keyring={keyring}", "bookworm",
                  root, sources[0][1]], timeout=STEP_SECONDS_MAX)
        with open(os.path.join(root, "etc/apt/sources.list"), "w", encoding="utf-8") as file:
            for release, address in sources:
                file.write(f"deb [signed-by={keyring}] {address} {release} main\n")
        settings = must_run(["apt-config", "dump"])
        with open(os.path.join(root, "etc/apt/apt.conf.d/90outer-machine"), "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in settings.splitlines()
                            if re.match(r"Acquire::(http|https|Check|Retries)", line))
        must_run(["tar", "-C", root, "-cf", tar + ".new", "--numeric-owner", "."])
    os.rename(tar + ".new", tar)
