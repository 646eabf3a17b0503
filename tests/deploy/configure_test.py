"""The build can be configured without tests, and without programs, on a machine that lacks what only they need.

    configure_test.py
"""

import os
import re
import tempfile

from deployed import ROOT, fails, must_run, needs

FOR_TESTS = ("GTest", "benchmark")
FOR_PROGRAMS = ("spdlog", "CLI11", "nlohmann_json")  # And modules of pkg-config: see only_modules().
LIBRARIES = {"libonehop_core_shard", "libonehop_reactor", "libonehop_transport", "libonehop_server", "libonehop_client",
             "libonehop-broker", "libonehop-client", "libonehop", "libonehop-broker.so", "libonehop-client.so", "libonehop.so"}
PROGRAMS = {"onehopd", "onehop", "onehop-loadgen"}


def configure(folder, *flags, without=(), environment=None):
    command = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", *flags]
    command += [f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON" for package in without]
    return command, {"environment": environment or {}}


def targets_of(folder):
    """The programs and libraries that the build has, without what CMake makes up."""
    told = must_run(["ninja", "-C", folder, "-t", "targets", "all"])
    paths = [line.split(": ")[0] for line in told.splitlines() if "_LINKER__" in line]
    names = {os.path.basename(path) for path in paths}
    return {re.sub(r"(\.so)[\d.]*$", r"\1", name.removesuffix(".a")) for name in names}


def only_modules(folder, *modules):
    """A folder in which pkg-config finds these and no others."""
    os.makedirs(folder)
    for module in modules:
        found = must_run(["pkg-config", "--variable=pcfiledir", module]).strip()
        os.symlink(os.path.join(found, module + ".pc"), os.path.join(folder, module + ".pc"))
    return {"PKG_CONFIG_LIBDIR": folder}


def main():
    needs("cmake", "ninja", "pkg-config")
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "programs")
        command, keywords = configure(folder, "-DONEHOP_BUILD_TESTS=OFF", without=FOR_TESTS)
        must_run(command, **keywords)
        targets = targets_of(folder)
        assert LIBRARIES | PROGRAMS <= targets, (LIBRARIES | PROGRAMS) - targets
        more = {name for name in targets if name.endswith("_test") or name.startswith("onehop-")} - PROGRAMS - LIBRARIES
        assert not more, f"built although tests and benchmarks are off: {more}"

        folder = os.path.join(work, "libraries")
        command, keywords = configure(folder, "-DONEHOP_BUILD_PROGRAMS=OFF", without=FOR_TESTS + FOR_PROGRAMS,
                                      environment=only_modules(os.path.join(work, "modules"), "libuv", "libsodium"))
        must_run(command, **keywords)
        targets = targets_of(folder)
        assert LIBRARIES <= targets, LIBRARIES - targets
        assert not PROGRAMS & targets, PROGRAMS & targets
        must_run(["ninja", "-C", folder, "onehop_core_base"])

        # With tests, GoogleTest is wanted: so the packages are really hidden above.
        command, keywords = configure(os.path.join(work, "everything"), without=FOR_TESTS)
        assert "GTest" in fails(command, **keywords)
        command, keywords = configure(os.path.join(work, "contradiction"), "-DONEHOP_BUILD_PROGRAMS=OFF",
                                      "-DONEHOP_BUILD_TESTS=ON")
        assert "ONEHOP_BUILD_PROGRAMS" in fails(command, **keywords)
    print("configure: without tests, and without programs")


if __name__ == "__main__":
    main()
