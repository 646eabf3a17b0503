"""The Debian packages: made of what is built here, and looked at; installed into a fresh Debian, run there, and removed again
until nothing is left.

    deb_test.py BUILD_FOLDER

Needs root, debootstrap and name spaces; without them only the packages are looked at, and the test says so.
"""

import glob
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile

from outside import EXAMPLES, HERE, MAJOR, MINOR, ROOT, VERSION, must_run, run

sys.path.insert(0, os.path.join(ROOT, "tests", "deploy"))
from debian_base import STEP_SECONDS_MAX, make_base  # noqa: E402

SKIPPED = 77
BUILD = os.path.abspath(sys.argv[1])
# Section, what it must and must not depend on, and some of what is in it.
LIBRARY = f"libonehop{MAJOR}"
PACKAGES = {
    LIBRARY: ("libs", ("libuv1", "libprotobuf-lite32", "libabsl", "libsodium23", "libc6"), ("libspdlog", "libcurl", "libsystemd"),
                   (f"libonehop-broker.so.{VERSION}", f"libonehop-client.so.{MAJOR}", f"libonehop.so.{MAJOR}", f"libonehop-identity.so.{MAJOR}")),
    "libonehop-dev": ("libdevel", (f"{LIBRARY} (= {VERSION}-1)", "libuv1-dev", "libprotobuf-dev", "libabsl-dev", "libsodium-dev", "libssl-dev"), ("libspdlog",),
                      ("libonehop-broker.a", "libonehop-client.so", "libonehop.a", "broker.h", "onehop.h", "onehop-client.pc", "onehop.pc", "onehop-config.cmake")),
    "onehop": ("net", ("libuv1", "libspdlog", "libcurl4", "libsystemd0"), (LIBRARY,),
               ("onehopd", "onehop", "onehop-loadgen", "onehopd.1.gz", "onehop.1.gz", "onehopd.service", "onehopd.toml")),
}


def make_packages(folder):
    """name → file."""
    must_run(["cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", folder], cwd=folder)
    made = {os.path.basename(path).split("_")[0]: path for path in glob.glob(os.path.join(folder, "*.deb"))}
    assert made.keys() == PACKAGES.keys(), made
    return made


def check_texts(name, root):
    """Nothing in a package says where it was built; documents are where Debian has them."""
    for where, _, names in os.walk(root):
        for path in (os.path.join(where, name) for name in names):
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            for place in (ROOT, BUILD):
                assert place.encode() not in content, f"{os.path.relpath(path, root)} of {name} speaks of {place}"
    documents = os.path.join(root, "usr/share/doc", name)
    with open(os.path.join(documents, "copyright"), encoding="utf-8") as file:
        assert "License: Apache-2.0" in file.read()
    for changelog, begin in (("changelog.gz", "# Changelog"), ("changelog.Debian.gz", f"onehop ({VERSION}-1) ")):
        with gzip.open(os.path.join(documents, changelog), "rt", encoding="utf-8") as file:
            assert file.read().startswith(begin), changelog


def check_package(name, deb, work):
    section, needed, unneeded, contents = PACKAGES[name]
    fields = dict(line.split(": ", 1) for line in must_run(["dpkg-deb", "--field", deb]).splitlines() if re.match(r"[A-Z]\S*: ", line))
    assert fields["Section"] == section and fields["Version"] == f"{VERSION}-1" and fields["Priority"] == "optional", fields
    for other in needed:
        assert other in fields["Depends"], f"{name} does not depend on {other}: {fields['Depends']}"
    for other in unneeded:
        assert other not in fields["Depends"], f"{name} depends on {other}"
    table = [line.split(None, 5) for line in must_run(["dpkg-deb", "--contents", deb]).splitlines()]
    paths = [row[5].split(" -> ")[0] for row in table]
    for file in contents:
        assert any(path.endswith("/" + file) for path in paths), f"{file} is not in {name}: {paths}"
    for row in table:
        expected = r"lrwxrwxrwx" if row[0][0] == "l" else r"(d|-)rwxr-xr-x" if row[0][0] == "d" or "/bin/" in row[5] else "-rw-r--r--"
        assert re.fullmatch(expected, row[0]) and row[1] == "root/root", row
        assert not re.search(r"/usr/local|\.1$", row[5]), row
    root = os.path.join(work, name)
    must_run(["dpkg-deb", "--raw-extract", deb, root])
    check_texts(name, root)
    return root


def check_control(roots):
    """What Debian does with it beyond unpacking."""
    def control(package, name):
        with open(os.path.join(roots[package], "DEBIAN", name), encoding="utf-8") as file:
            return file.read()
    assert control("onehop", "conffiles") == "/etc/onehop/onehopd.toml\n"
    assert control(LIBRARY, "shlibs").splitlines() == [
        f"libonehop-{library} {MAJOR} {LIBRARY} (>= {VERSION}), {LIBRARY} (<< {MAJOR}.{MINOR + 1}~)" for library in ("broker", "client", "identity")] + [
        f"libonehop {MAJOR} {LIBRARY} (>= {VERSION})"]
    assert "ldconfig" in control(LIBRARY, "triggers")
    with open(glob.glob(f"{roots['onehop']}/usr/lib/systemd/system/onehopd.service")[0], encoding="utf-8") as file:
        assert "ExecStart=/usr/bin/onehopd --config /etc/onehop/onehopd.toml" in file.read()
    for archive in glob.glob(f"{roots['libonehop-dev']}/usr/lib/**/*.a", recursive=True):
        assert ".debug_info" not in must_run(["readelf", "--section-headers", "--wide", archive]), archive


class Debian:
    """A fresh Debian in a folder."""

    def __init__(self, folder, base_tar):
        self.root = os.path.join(folder, "debian")
        os.mkdir(self.root)
        must_run(["tar", "-C", self.root, "-xf", base_tar])

    def shell(self, script):
        """Runs it with the network of this machine."""
        return must_run(["unshare", "--mount", "sh", "-euc",
                         'mount -t proc proc "$0/proc"; cp -L /etc/resolv.conf /etc/hosts "$0/etc/"; exec chroot "$0" env -i '
                         'PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive sh -euc "$1"', self.root, script],
                        timeout=STEP_SECONDS_MAX)

    def install(self, *names):
        self.shell("apt-get -q install -y --no-install-recommends " + " ".join(names))

    def inside(self, what):
        """Runs a part of deb_inside.py with a network of its own."""
        return must_run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", sys.executable, "-B",
                         os.path.join(HERE, "deb_inside.py"), self.root, what])

    def close(self):
        # Whatever is mounted there is not ours to delete.
        subprocess.run(["rm", "-rf", "--one-file-system", self.root], check=True)


def check_in_debian(debian, packages):
    for deb in packages.values():
        shutil.copy(deb, os.path.join(debian.root, "srv"))
    there = {name: "/srv/" + os.path.basename(deb) for name, deb in packages.items()}
    debian.shell("apt-get -q update")
    # The programs alone, so that they cannot live on what the others depend on.
    debian.install(there["onehop"])
    debian.inside("programs")
    debian.install(there[LIBRARY], there["libonehop-dev"], "g++", "pkg-config")
    for name, module in (("embed", "onehop-broker"), ("client", "onehop-client")):
        shutil.copy(os.path.join(EXAMPLES, f"readme_{name}.cc"), os.path.join(debian.root, "srv"))
        debian.shell(f"g++ -std=c++20 -o /srv/{name} /srv/readme_{name}.cc $(pkg-config --cflags --libs {module})")
    debian.inside("libraries")

    installed = debian.shell(f"dpkg -L {' '.join(there)}").split("\n")
    files = [path for path in installed if os.path.isfile(debian.root + path) and not os.path.islink(debian.root + path)]
    assert "/etc/onehop/onehopd.toml" in files and "/usr/bin/onehopd" in files, files
    debian.shell("rm -r /srv/*; apt-get -q purge -y " + " ".join(there))
    left = debian.shell("find / -xdev -name '*onehop*' -not -path '/proc/*'").split()
    assert not left, f"after they were removed there is {left}"
    left = [path for path in files if os.path.exists(debian.root + path)]
    assert not left, f"after they were removed there is {left}"
    assert "onehop" not in debian.shell("dpkg-query -W")


def main():
    with tempfile.TemporaryDirectory(prefix="onehop-packages-") as work:
        packages = make_packages(work)
        check_control({name: check_package(name, deb, work) for name, deb in packages.items()})
        if os.geteuid() != 0 or not shutil.which("debootstrap") or run(["unshare", "--mount", "--net", "true"])[0] != 0:
            print("packages: SKIPPED: looked at, and not installed: that needs root, debootstrap and name spaces")
            return SKIPPED
        debian = Debian(work, make_base(os.path.join(BUILD, "image")))
        try:
            check_in_debian(debian, packages)
        finally:
            debian.close()
    print("packages: made, looked at, installed, run, built against, removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
