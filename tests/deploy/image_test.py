"""The image: built from the Dockerfile without an engine, on a base made by debootstrap, and run as an engine would run it:
as the user it names, without a capability, on a read-only root, in a network of its own.

    image_test.py FOLDER-OF-PROGRAMS [--full] [--chroot]

By default the build stage is left out and the programs are those of the folder. --full builds them in the image, from the
sources, which takes long: `./dev image`. --chroot does what the Dockerfile's last stage says in a chroot instead of by
buildah, as it does by itself where buildah cannot build. Needs root and debootstrap; without them it is skipped, and says so.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from debian_base import STEP_SECONDS_MAX, make_base
from deployed import ROOT, must_run, path_of, project_version, run, text_of, yaml_of

DOCKERFILE = path_of("container", "Dockerfile")
SKIPPED = 77
REVISION = "0123456789abcdef0123456789abcdef01234567"
PROGRAMS = ("onehopd", "onehop", "onehop-loadgen")
INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "image_inside.py")


def check_labels(labels):
    """Whoever finds the image in a registry sees what it is and what it was built from."""
    def told(name):
        return labels["org.opencontainers.image." + name]
    assert told("title") == "onehop" and told("description") and told("documentation")
    assert told("licenses") == "Apache-2.0"
    assert told("version") == project_version(), f"the image says {told('version')}"
    assert told("revision") == REVISION and told("base.name").startswith("localhost/onehop-base")


def check_bases():
    """Images that are built on or run with are of a version that somebody has chosen, not of whatever is newest."""
    text = text_of("container", "Dockerfile")
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", text, re.MULTILINE))
    bases = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - stages
    assert bases == {"${BASE}"}, f"a base that no build argument names: {bases}"
    names = re.findall(r"^ARG BASE=(\S+)", text, re.MULTILINE)
    names += [service["image"] for service in yaml_of("compose", "compose.yaml")[0]["services"].values()
              if "build" not in service]
    for name in names:
        assert re.search(r":v?[0-9][\w.-]*(@sha256:[0-9a-f]{64})?$", name), f"{name} names no version"


class Buildah:
    """buildah with a store of its own, without an engine and without a registry."""

    def __init__(self, folder):
        self._flags = ["--root", f"{folder}/store", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]

    def __call__(self, command, *arguments):
        return must_run(["buildah", *self._flags, command, *arguments], timeout=STEP_SECONDS_MAX).strip().splitlines()

    def works(self, folder):
        """Whether it can build here at all: nothing on top of nothing."""
        with open(f"{folder}/Dockerfile.nothing", "w", encoding="utf-8") as file:
            file.write("FROM scratch\nLABEL nothing=here\n")
        try:
            self("bud", "--isolation", "chroot", "-f", file.name, "-t", "localhost/nothing", folder)
        except AssertionError as error:
            print(f"image: buildah cannot build anything here, so that the last stage is done in a chroot: {error}")
            return False
        return True

    def build(self, base_tar, context, *flags):
        """Returns the root of the image, and its configuration."""
        base = self("from", "scratch")[-1]
        self("add", "-q", base, base_tar, "/")
        self("commit", "-q", "--rm", base, "localhost/onehop-base")
        self("bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--build-arg",
             "BASE=localhost/onehop-base", "--build-arg", f"REVISION={REVISION}", "-f", DOCKERFILE, "-t", "localhost/onehop", *flags, context)
        about = json.loads("\n".join(self("inspect", "--type", "image", "localhost/onehop")))["Docker"]["config"]
        check_labels(about["Labels"])
        container = self("from", "--pull-never", "localhost/onehop")[-1]
        return self("mount", container)[-1], about


def last_stage():
    """The instructions of the Dockerfile's last stage: pairs of a word and what follows it."""
    text = re.sub(r"^\s*#.*\n", "", text_of("container", "Dockerfile"), flags=re.MULTILINE)
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    start = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    return [line.split(None, 1) for line in lines[start + 1:]]


def build_in_chroot(base_tar, folder, programs):
    """As Buildah.build, by hand: no image, but the same steps on the same base."""
    root = os.path.join(folder, "root")
    os.mkdir(root)
    must_run(["tar", "-C", root, "-xf", base_tar])
    about = {"Env": []}
    for word, rest in last_stage():
        if word == "RUN":
            must_run(["unshare", "--mount", "sh", "-euc",
                      'mount -t proc proc "$0/proc"; cp -L /etc/resolv.conf /etc/hosts "$0/etc/"; '
                      'exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "$1"', root, rest],
                     timeout=STEP_SECONDS_MAX)
        elif word == "COPY":
            source, target = re.fullmatch(r"--from=built /onehop/ (\S+)", rest), rest.split()[-1]
            assert source, f"COPY {rest}"
            for name in PROGRAMS:
                shutil.copy(os.path.join(programs, name), root + target)
        elif word == "ENV":
            about["Env"] += rest.split()
        elif word in ("ENTRYPOINT", "HEALTHCHECK"):
            value = json.loads(rest[rest.index("["):])
            about.update({"Entrypoint": value} if word == "ENTRYPOINT" else {"Healthcheck": {"Test": ["CMD", *value]}})
        elif word == "USER":
            about["User"] = rest.strip()
        elif word == "STOPSIGNAL":
            about["StopSignal"] = rest.strip()
        else:
            assert word in ("ARG", "LABEL", "EXPOSE", "WORKDIR"), f"{word} in the last stage is not known here"
    return root, about


def check_contents(root):
    for name in PROGRAMS:
        assert os.path.isfile(f"{root}/usr/local/bin/{name}"), name
    for name in ("g++", "cmake", "ninja", "git"):
        assert not os.path.exists(f"{root}/usr/bin/{name}"), f"{name} is in the image"
    assert not os.listdir(f"{root}/var/lib/apt/lists"), "the lists of packages are in the image"


def build(programs, folder, base_tar, full, by_hand):
    buildah = Buildah(folder)
    if by_hand or (not full and not buildah.works(folder)):
        return (*build_in_chroot(base_tar, folder, programs), "in a chroot")
    if full:
        return (*buildah.build(base_tar, ROOT), "by buildah, from the sources")
    staged = os.path.join(folder, "staged")
    os.makedirs(os.path.join(staged, "onehop"))
    for name in PROGRAMS:
        shutil.copy(os.path.join(programs, name), os.path.join(staged, "onehop"))
    return (*buildah.build(base_tar, ROOT, "--build-context", f"built={staged}"), "by buildah, with programs built before")


def main(arguments):
    check_bases()
    full, by_hand = "--full" in arguments, "--chroot" in arguments
    programs = os.path.abspath(next(argument for argument in arguments if not argument.startswith("--")))
    if os.geteuid() != 0 or not shutil.which("debootstrap") or run(["unshare", "--mount", "--net", "true"])[0] != 0:
        print("image: SKIPPED: needs root, debootstrap and name spaces")
        return SKIPPED
    if not by_hand and not shutil.which("buildah"):
        print("image: no buildah here, so that the image is not built; its last stage is done in a chroot instead")
        by_hand = True
    cache = os.path.join(os.path.dirname(programs), "image")
    os.makedirs(cache, exist_ok=True)
    base_tar = make_base(cache)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        try:
            root, about, how = build(programs, folder, base_tar, full, by_hand)
            check_contents(root)
            told = must_run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable, "-B",
                             INSIDE, root, json.dumps(about)])
            size = must_run(["du", "-sm", root]).split()[0]
            print(f"image: built {how}; {size} MiB; {told.strip()}")
        finally:
            # The driver vfs mounts nothing; whatever else is mounted there is not ours to delete.
            subprocess.run(["rm", "-rf", "--one-file-system", *(os.path.join(folder, name) for name in os.listdir(folder))],
                           check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
