"""What the tests of deploy/ share: where things are, reading them, and a process's exit told in one line."""

import os
import re
import shutil
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DEPLOY = os.path.join(ROOT, "deploy")

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from programs import SECONDS_MAX, Broker, Lines, run, start  # noqa: E402,F401


def needs(*programs):
    """Ends the test as skipped, and says so, where one of these is not installed."""
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        print(f"{os.path.basename(sys.argv[0])}: SKIPPED: not installed: {', '.join(missing)}")
        sys.exit(77)


def path_of(*parts):
    return os.path.join(DEPLOY, *parts)


def text_of(*parts):
    with open(path_of(*parts), encoding="utf-8") as file:
        return file.read()


def yaml_of(*parts):
    return list(yaml.safe_load_all(text_of(*parts)))


def project_version():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        return re.search(r"project\(onehop VERSION ([0-9.]+)", file.read())[1]


def must_run(command, **keywords):
    """Runs it to its end; fails, with what it wrote, unless it exits with 0. Returns what it wrote."""
    code, out, errors = run(command, **keywords)
    out, errors = out.decode("utf-8", "replace"), errors.decode("utf-8", "replace")
    assert code == 0, f"{' '.join(map(str, command))} exited with {code}:\n{out[-4000:]}\n{errors[-4000:]}"
    return out + errors


def certificate_flags(folder):
    """Flags with which a broker has a certificate for localhost, and what it exports of certificates."""
    must_run([path_of("tls", "make-certificates"), folder, "localhost"])
    return ["--tls-certificate-file", os.path.join(folder, "broker.pem"), "--tls-key-file",
            os.path.join(folder, "broker.key")]


def fails(command, **keywords):
    """Runs it to its end; fails unless it exits with something else than 0. Returns what it wrote."""
    code, out, errors = run(command, **keywords)
    assert code != 0, f"{' '.join(map(str, command))} should have failed"
    return (out + errors).decode("utf-8", "replace")
