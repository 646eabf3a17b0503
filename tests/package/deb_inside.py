"""Runs what the Debian packages have installed below ROOT. Started by deb_test.py in name spaces of its own, which end with it.

    deb_inside.py ROOT programs|libraries
"""

import os
import signal
import subprocess
import sys

from outside import ROOT as SOURCES
from outside import SECONDS_MAX, VERSION, Lines, must_run

sys.path.insert(0, os.path.join(SOURCES, "tests", "deploy"))
from image_inside import Container, check_messages, loopback_up  # noqa: E402

ADDRESS = "tcp://127.0.0.1:7411"


class Broker:
    """onehopd with the configuration that is installed, as somebody without rights."""

    def __init__(self, container):
        self._process = container.start(["onehopd", "--config", "/etc/onehop/onehopd.toml"])
        output, self._log = Lines(self._process.stdout), Lines(self._process.stderr)
        output.wait_for(lambda line: line == f"listening on {ADDRESS}")

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(SECONDS_MAX)
        assert code == 0, f"ended with {code}: {self._log.all()[-5:]}"


def check_installed_programs(container):
    code, told = container.run("onehopd", "--config", "/etc/onehop/onehopd.toml", "--check-config")
    assert code == 0, told
    code, told = container.run("onehop-loadgen", "--version")
    assert code == 0 and VERSION in told, told
    broker = Broker(container)
    check_messages(container)
    code, told = container.run("onehop", "health")
    assert code == 0, told
    broker.stop()


def send_from_client(container, address):
    """The example of docs/library.md sends to bob, who listens on the command line."""
    listener = container.start(["onehop", "listen", "bob", "--count", "1", "--server", address])
    Lines(listener.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    code, told = container.run("/srv/client", address)
    assert (code, told) == (0, "DELIVERED\n"), told
    assert listener.wait(SECONDS_MAX) == 0


def check_built_programs(container):
    broker = Broker(container)
    send_from_client(container, ADDRESS)
    broker.stop()
    def enter():
        os.chroot(container_root)
        os.chdir("/")
    embed = subprocess.Popen(["/srv/embed"], preexec_fn=enter, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    output = Lines(embed.stdout)
    send_from_client(container, output.wait_for(lambda line: line.startswith("serving on ")).split()[2])
    embed.stdin.write(b"\n")
    embed.stdin.close()
    assert embed.wait(SECONDS_MAX) == 0
    assert output.all()[1:] == ["1 messages were admitted"], output.all()


if __name__ == "__main__":
    container_root, part = sys.argv[1:3]
    loopback_up()
    must_run(["mount", "--make-rprivate", "/"])
    must_run(["mount", "-t", "proc", "proc", container_root + "/proc"])
    nobody = Container(container_root, {"User": "65534:65534", "Env": []})
    {"programs": check_installed_programs, "libraries": check_built_programs}[part](nobody)
