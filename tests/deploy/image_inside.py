"""Runs what is in an image as an engine would, from the image's own configuration, and looks at it. Started by
image_test.py in a mount, network and process name space of its own, which end with it.

    image_inside.py ROOT CONFIGURATION-AS-JSON
"""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys

from deployed import SECONDS_MAX, Lines, must_run

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(any_socket, 0x8914, request + bytes(22))  # SIOCSIFFLAGS


def mount_read_only(root):
    must_run(["mount", "--make-rprivate", "/"])
    must_run(["mount", "--bind", root, root])
    must_run(["mount", "-t", "proc", "proc", root + "/proc"])
    must_run(["mount", "-o", "remount,ro,bind", root])


class Container:
    def __init__(self, root, about):
        self._root = root
        self.about = about
        user, group = about["User"].split(":")
        self.user, self.group = int(user), int(group)

    def start(self, command, as_root=False):
        def enter():
            os.chroot(self._root)
            os.chdir("/")
            if as_root:
                return
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            for capability in range(64):
                _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
            os.setgroups([])
            os.setgid(self.group)
            os.setuid(self.user)

        environment = dict(variable.split("=", 1) for variable in self.about["Env"])
        environment.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        path = environment["PATH"]
        program = next((os.path.join(place, command[0]) for place in path.split(":")
                        if os.path.exists(f"{self._root}{place}/{command[0]}")), command[0])
        return subprocess.Popen([program, *command[1:]], env=environment, preexec_fn=enter, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *command, as_root=False):
        process = self.start(command, as_root)
        out, errors = process.communicate(timeout=SECONDS_MAX)
        return process.returncode, (out + errors).decode("utf-8", "replace")


def check_unprivileged(root, process, user):
    # The /proc of this name space, whose numbers of processes are ours, is the one in the root.
    with open(f"{root}/proc/{process.pid}/status", encoding="utf-8") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert user != 0 and status["Uid"].split() == [str(user)] * 4, status["Uid"]
    assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, status
    assert status["NoNewPrivs"].strip() == "1", status


def check_read_only(container):
    for place in ("/new", "/tmp/new", "/var/lib/new", "/usr/local/bin/new"):
        code, told = container.run("touch", place)
        assert code != 0, f"{place} could be written"
        code, told = container.run("touch", place, as_root=True)
        assert code != 0 and "Read-only file system" in told, f"{place} could be written by root: {told}"


def check_messages(container):
    listener = container.start(["onehop", "listen", "bob", "--count", "1"])
    output = Lines(listener.stdout)
    Lines(listener.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    code, told = container.run("onehop", "send", "bob", "through the image")
    assert code == 0 and "DELIVERED" in told, told
    assert listener.wait(SECONDS_MAX) == 0
    assert output.all() == ["through the image"]


def main(root, about):
    loopback_up()
    mount_read_only(root)
    container = Container(root, about)
    check = about["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    code, _ = container.run(*check[1:])
    assert code != 0, "the health check passes without a broker"

    broker = container.start(about["Entrypoint"])
    output, log = Lines(broker.stdout), Lines(broker.stderr)
    try:
        output.wait_for(lambda line: line == "admin on tcp://0.0.0.0:7412")
    except AssertionError:
        raise AssertionError(f"the broker does not start: {log.now()}") from None
    assert "listening on tcp://0.0.0.0:7411" in output.now(), output.now()
    check_unprivileged(root, broker, container.user)
    check_read_only(container)
    code, told = container.run(*check[1:])
    assert code == 0, f"the health check fails: {told}"
    check_messages(container)
    # Beyond loopback the rest of the admin port wants a token, and here is none.
    code, told = container.run("onehop", "clients")
    assert code == 1 and "token" in told, told
    code, told = container.run("onehop-loadgen", "--version")
    assert code == 0, told

    broker.send_signal(signal.Signals[about["StopSignal"]])
    code = broker.wait(SECONDS_MAX)
    assert code == 0, f"{about['StopSignal']}: ended with {code}: {log.all()[-5:]}"
    code, _ = container.run(*check[1:])
    assert code != 0, "the health check passes after the broker's end"
    print(f"run as {container.user} without capabilities on a read-only root: healthy, messages arrive, "
          f"{about['StopSignal']} ends it with 0")


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
