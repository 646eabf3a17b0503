"""Projects of somebody else's, outside the tree: one folder each, with the examples of docs/library.md as their programs."""

import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from programs import SECONDS_MAX, Lines, run, start  # noqa: E402

with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as _file:
    VERSION = re.search(r"project\(onehop VERSION ([0-9.]+)", _file.read())[1]
MAJOR, MINOR = map(int, VERSION.split(".")[:2])
EXAMPLES = os.path.join(ROOT, "tests", "e2e")


def must_run(command, **keywords):
    """Runs it to its end, which must be good. Returns what it wrote."""
    code, out, errors = run(command, **keywords)
    out, errors = out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
    assert code == 0, f"{' '.join(map(str, command))} exited with {code}:\n{out[-4000:]}\n{errors[-4000:]}"
    return out


def make_project(folder):
    os.makedirs(folder)
    shutil.copy(os.path.join(HERE, "outside", "CMakeLists.txt"), folder)
    for name in ("readme_embed.cc", "readme_client.cc", "readme_client_c.c"):
        shutil.copy(os.path.join(EXAMPLES, name), folder)
    return folder


def configure(project, prefix, *flags, **keywords):
    """The command, and what else run() has to be told, to configure a project that finds packages below `prefix` first."""
    command = ["cmake", "-S", project, "-B", os.path.join(project, "build"), "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}", *flags]
    return command, keywords


def loaded_by(program):
    told = must_run(["readelf", "--dynamic", program])
    return re.findall(r"NEEDED.*\[(.*)\]", told)


def library_folder(prefix):
    found = glob.glob(os.path.join(prefix, "lib", "**", "libonehop-client.so"), recursive=True)
    assert len(found) == 1, found
    return os.path.dirname(found[0])


def check_programs(embed, client, command_line, environment=None, language="C++"):
    """The client sends a message through the broker in the other program, and learns what became of it."""
    keywords = {"environment": environment or {}}
    server = start([embed], stdin=subprocess.PIPE, stdout=subprocess.PIPE, **keywords)
    output = Lines(server.stdout)
    address = output.wait_for(lambda line: line.startswith("serving on ")).split()[2]
    bob = start([command_line, "listen", "bob", "--count", "1", "--format", "%f: %p\\n", "--server", address],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Lines(bob.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    told = must_run([client, address], **keywords)
    assert told == "DELIVERED\n", told
    assert bob.communicate(timeout=SECONDS_MAX)[0] == f"alice: Hello from {language}.\n".encode()
    server.stdin.write(b"\n")
    server.stdin.close()
    assert server.wait(SECONDS_MAX) == 0
    assert output.all()[1:] == ["1 messages were admitted"], output.all()
