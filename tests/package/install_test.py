"""Programs outside the tree are built with nothing of it but what `cmake --install` has put into a folder, which was moved
since: by find_package, by pkg-config, static and shared. And with the tree as a folder of theirs. A broker in one program and a
client in the other exchange a confirmed message each time.

    install_test.py BUILD_FOLDER FOLDER-OF-PROGRAMS CXX CC
"""

import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from outside import MAJOR, MINOR, ROOT, VERSION, check_programs, configure, library_folder, loaded_by, make_project, must_run, run

BUILD, PROGRAMS, CXX, CC = map(os.path.abspath, sys.argv[1:5])
ONEHOP = os.path.join(PROGRAMS, "onehop")
WARNINGS = ["-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
# What no public header may bring along, as part of a path.
NOT_PUBLIC = re.compile(r"/(uv\.h|uv/|openssl/|absl/|google/|sodium|spdlog/|fmt/)")


def files_below(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder) for where, _, names in os.walk(folder) for name in names)


def install(folder, *components):
    for component in components:
        must_run(["cmake", "--install", BUILD, "--prefix", folder, "--component", component])
    return folder


def check_components(work):
    """Each file belongs where its readers look for it."""
    runtime = files_below(install(os.path.join(work, "runtime"), "runtime"))
    assert runtime and all(re.fullmatch(r"lib/([\w-]+/)?libonehop(-broker|-client|-identity)?\.so\.\d+(\.\d+\.\d+)?", path)
                           for path in runtime), runtime
    development = files_below(install(os.path.join(work, "development"), "development"))
    for path in development:
        assert re.fullmatch(r"include/onehop(/\w+)?\.h|lib/([\w-]+/)?(libonehop(-\w+)?\.(a|so)|pkgconfig/onehop(-\w+)?\.pc|"
                            r"cmake/onehop/onehop-[\w-]+\.cmake)", path), path
    for name in ("onehop/broker.h", "onehop/client.h", "onehop/export.h", "onehop/tls.h", "onehop/identity.h", "onehop.h"):
        assert f"include/{name}" in development, development
    tools = files_below(install(os.path.join(work, "tools"), "tools"))
    for path in ("bin/onehopd", "bin/onehop", "bin/onehop-loadgen", "share/man/man1/onehopd.1", "lib/systemd/system/onehopd.service",
                 "share/doc/onehop/examples/onehopd.toml"):
        assert path in tools, f"{path} is not among {tools}"
    with open(os.path.join(work, "tools", "lib/systemd/system/onehopd.service"), encoding="utf-8") as file:
        unit = file.read()
    assert f"ExecStart={work}/tools/bin/onehopd --config" in unit, unit
    assert unit.count("\n") == must_run(["cat", os.path.join(ROOT, "deploy/systemd/onehopd.service")]).count("\n")


def check_texts(prefix):
    """Nothing in them leads back to where it was built or first installed."""
    for path in files_below(prefix):
        if path.endswith((".cmake", ".pc", ".h")):
            with open(os.path.join(prefix, path), encoding="utf-8") as file:
                text = file.read()
            for place in (ROOT, BUILD, prefix, os.path.dirname(prefix)):
                assert place not in text, f"{path} speaks of {place}"


def check_header(prefix, work, header):
    source = os.path.join(work, os.path.basename(header) + ".cc")
    with open(source, "w", encoding="utf-8") as file:
        file.write(f"#include <{header.removeprefix('include/')}>\n")
    must_run([CXX, *WARNINGS, "-fsyntax-only", "-I", f"{prefix}/include", "-MD", "-MF", source + ".d", source])
    with open(source + ".d", encoding="utf-8") as file:
        brought = [path for path in file.read().split() if NOT_PUBLIC.search(path)]
    assert not brought, f"{header} includes {brought}"


def check_headers(prefix, work):
    """Each public header compiles alone, without a warning, and brings no header of another library along."""
    headers = [path for path in files_below(prefix) if path.endswith(".h")]
    assert len(headers) > 5, headers
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda header: check_header(prefix, work, header), headers))
    return len(headers)


def check_found_by_cmake(prefix, work, shared):
    project = make_project(os.path.join(work, "cmake-shared" if shared else "cmake-static"))
    command, keywords = configure(project, prefix, f"-DBUILD_SHARED_LIBS={'ON' if shared else 'OFF'}")
    must_run(command, **keywords)
    must_run(["ninja", "-C", os.path.join(project, "build")])
    embed, client, client_c = (os.path.join(project, "build", name) for name in ("embed", "client", "client_c"))
    check_kinds({embed: "onehop-broker", client: "onehop-client", client_c: "onehop"}, shared)
    check_programs(embed, client, ONEHOP)
    check_programs(embed, client_c, ONEHOP, language="C")


def check_kinds(libraries, shared):
    for program, name in libraries.items():
        loads = [library for library in loaded_by(program) if library.startswith("libonehop")]
        assert loads == ([f"lib{name}.so.{MAJOR}"] if shared else []), f"{program} loads {loads}"


def check_refusals(prefix, work):
    """What is not there is named."""
    project = make_project(os.path.join(work, "refused"))
    def refusal(where, *flags):
        command, keywords = configure(project, where, *flags)
        code, _, errors = run(command, **keywords)
        assert code != 0, f"configured, with {flags}"
        return " ".join(errors.decode().split())
    assert "onehop has no component 'mailbox': broker, client, c, identity" in refusal(prefix, "-DWANTED=broker;mailbox")
    # A version of the package in which something may be different.
    with open(os.path.join(project, "CMakeLists.txt"), "r+", encoding="utf-8") as file:
        text = file.read().replace(f"onehop {MAJOR}.{MINOR} ", "onehop 0.0.9 ")
        file.seek(0)
        file.write(text)
    assert "version" in refusal(prefix)
    only_shared = os.path.join(work, "only-shared")
    shutil.copytree(prefix, only_shared, symlinks=True)
    for path in files_below(only_shared):
        if path.endswith("-static.cmake"):
            os.remove(os.path.join(only_shared, path))
    with open(os.path.join(project, "CMakeLists.txt"), "w", encoding="utf-8") as file:
        file.write(text.replace("onehop 0.0.9 ", f"onehop {MAJOR}.{MINOR} "))
    assert "the static library of onehop::broker is not installed here" in refusal(only_shared)


def flags_of(prefix, module, *more):
    folder = os.path.join(library_folder(prefix), "pkgconfig")
    return must_run(["pkg-config", *more, module], environment={"PKG_CONFIG_PATH": folder}).split()


def check_pkg_config(prefix, work):
    """With the objects compiled once, both kinds: what differs is how they are linked."""
    project = make_project(os.path.join(work, "pkg-config"))
    modules = {"embed": "onehop-broker", "client": "onehop-client", "client_c": "onehop"}
    for name, module in modules.items():
        compiler, source = ([CC, "-std=c99", "-pedantic-errors"], "c") if name == "client_c" else ([CXX, *WARNINGS], "cc")
        compiled = os.path.join(project, name + ".o")
        must_run([*compiler, *flags_of(prefix, module, "--cflags"), "-c", f"{project}/readme_{name}.{source}", "-o", compiled])
        must_run([compiler[0], compiled, *flags_of(prefix, module, "--libs"), "-o", f"{project}/{name}-shared"])
        flags = flags_of(prefix, module, "--static", "--libs")
        ours = flags.index("-l" + module)
        flags[ours:ours + 1] = ["-Wl,-Bstatic", "-l" + module, "-Wl,-Bdynamic"]
        must_run([compiler[0], compiled, *flags, "-o", f"{project}/{name}-static"])
        assert flags_of(prefix, module, "--modversion") == [VERSION]
    for kind in ("shared", "static"):
        check_kinds({f"{project}/{name}-{kind}": module for name, module in modules.items()}, kind == "shared")
        for name, language in (("client", "C++"), ("client_c", "C")):
            check_programs(f"{project}/embed-{kind}", f"{project}/{name}-{kind}", ONEHOP, {"LD_LIBRARY_PATH": library_folder(prefix)},
                           language)


def check_subdirectory(work):
    """The same targets with the tree as a folder of the project. Its libraries are not compiled once more: the ones from here
    take the place of those that the project would build."""
    project = make_project(os.path.join(work, "subdirectory"))
    command, keywords = configure(project, "", f"-DTREE={ROOT}", "-DCMAKE_BUILD_TYPE=RelWithDebInfo")
    must_run(command, **keywords)
    build = os.path.join(project, "build")
    planned = must_run(["ninja", "-C", build, "-t", "commands", "embed", "client"]).splitlines()
    assert any("server.cc" in line for line in planned) and not any("onehopd" in line for line in planned), planned
    for name in ("broker", "client"):
        shutil.copy(os.path.join(BUILD, "packaging", f"libonehop-{name}.a"), os.path.join(build, "onehop", "packaging"))
    own = [line for line in planned if re.search(r"CMakeFiles/(embed|client)\.dir/readme_", line)]
    assert len(own) == 4, own
    for line in own:
        must_run(["sh", "-euc", line], cwd=build)
    check_programs(f"{build}/embed", f"{build}/client", ONEHOP)
    must_run(["cmake", "--install", build, "--prefix", os.path.join(work, "nothing")])
    assert not os.path.exists(os.path.join(work, "nothing")), "a project installs the onehop that it has inside"


def main():
    with tempfile.TemporaryDirectory(prefix="onehop-install-") as work:
        check_components(work)
        prefix = os.path.join(work, "moved")
        os.rename(install(os.path.join(work, "installed"), "runtime", "development"), prefix)
        check_texts(prefix)
        headers = check_headers(prefix, work)
        for shared in (False, True):
            check_found_by_cmake(prefix, work, shared)
        check_refusals(prefix, work)
        check_pkg_config(prefix, work)
        check_subdirectory(work)
    print(f"install: {headers} public headers; find_package, pkg-config and add_subdirectory, static and shared")


if __name__ == "__main__":
    main()
