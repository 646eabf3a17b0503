"""The systems that are compared, and how each is started: by itself, on a free loopback port, for one run.

Each other broker is there twice: with one core and settings under which it loses nobody's messages, so that it does the
same work on the same processor; and "as shipped", as its package or its defaults start it.
"""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

PROGRAMS = {"onehopd": "onehopd", "blind": "onehop-blind", "nats-server": "nats-server",
            "redis-server": "redis-server", "mosquitto": "mosquitto"}  # The flag that names one, and its file.
START_SECONDS_MAX = 20

# Loaded before any fork: afterwards only what is safe there is called.
_libc = ctypes.CDLL(None)


class CannotStart(Exception):
    """One line for people."""


@dataclass(frozen=True)
class System:
    name: str
    scheme: str  # Of the generator's target.
    command: tuple  # {port} and {config} are filled in; empty: the program is missing.
    version: tuple = ()
    config: str = ""  # The text of a configuration file, where the system wants one.
    environment: dict = field(default_factory=dict, hash=False)
    pinned: bool = True
    tells_port: bool = False  # It takes port 0, and its first line of output ends with the port.
    as_shipped: bool = False
    missing: str = ""  # Why it cannot be started.

    def shown(self):
        """For people, and for no particular machine."""
        settings = ["%s=%s" % pair for pair in self.environment.items()]
        program = [os.path.basename(word) for word in self.command[:1]]
        words = settings + program + [word if "{" in word else shlex.quote(word) for word in self.command[1:]]
        return " ".join(words) + (" with " + "; ".join(self.config.splitlines()) if self.config else "")


def find_programs(folder, given):
    """The path of each program: as given, beside the generator, or where the distribution puts it; None: nowhere."""
    places = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/usr/local/sbin"
    found = {}
    for kind, file in PROGRAMS.items():
        path = given.get(kind.replace("-", "_"))
        if path:
            found[kind] = _program(path)
        elif file.startswith("onehop"):
            found[kind] = _program(os.path.join(folder, file))
        else:
            found[kind] = _program(file, places)
    return found


def _program(name, places=None):
    path = shutil.which(name, path=places)
    return os.path.abspath(path) if path else None  # Each is started in a folder of its own.


class Cast:
    """Who takes part. A work takes from it the systems that it compares, whether their programs are there or not."""

    def __init__(self, programs, variants=()):
        self._programs = programs
        self._variants = [(name, shlex.split(command)) for name, command in variants]

    def _system(self, kind, name, scheme, arguments, version="--version", **more):
        path = self._programs[kind]
        if path is None:
            return System(name, scheme, (), missing="%s was not found" % PROGRAMS[kind], **more)
        return System(name, scheme, (path, *arguments), version=(path, version) if version else (), **more)

    def blind(self):
        return self._system("blind", "blind", "blind", ("--listen", "127.0.0.1:0"), version="", tells_port=True)

    def bare(self):
        """Answers what comes, and forwards nothing: the least that a connect can cost."""
        return self._system("blind", "bare", "bare", ("--listen", "127.0.0.1:0", "--answer"), version="",
                            tells_port=True)

    def brokers(self, shards=1, pinned=True):
        """onehopd, and the other builds of it. shards = 0: as shipped."""
        flags = ("--listen", "tcp://127.0.0.1:0") + (("--shards", str(shards)) if shards else ())
        more = {"pinned": pinned and shards != 0, "as_shipped": shards == 0, "tells_port": True}
        out = [self._system("onehopd", "onehop", "onehop", flags, **more)]
        for name, command in self._variants:
            path = _program(command[0])
            if path is None:
                out.append(System(name, "onehop", (), missing=command[0] + " was not found", **more))
            else:
                words = (path, *command[1:], *flags)
                out.append(System(name, "onehop", words, version=(path, "--version"), **more))
        return out

    def peers(self):
        return [self.nats(), self.redis(), self.mosquitto()]

    def nats(self):
        return self._system("nats-server", "nats", "nats", ("-a", "127.0.0.1", "-p", "{port}"),
                            environment={"GOMAXPROCS": "1"})

    def redis(self):
        """Nobody is cut off for reading late, nothing is written to disk, and as many may come as for the others."""
        return self._system("redis-server", "redis", "redis", (
            "--bind", "127.0.0.1", "--port", "{port}", "--save", "", "--appendonly", "no", "--maxclients", "19000",
            "--tcp-backlog", "4096", "--client-output-buffer-limit", "pubsub", "0", "0", "0"))

    def mosquitto(self):
        """Nothing is dropped, written to disk, logged for each connection, or held back to be sent in one packet."""
        return self._system("mosquitto", "mosquitto", "mqtt", ("-c", "{config}"), version="-h", config=(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nconnection_messages false\n"
            "log_type error\nmax_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n"))

    def as_shipped(self):
        """Where the defaults differ from the above: with the defaults, and the scheduler's choice of cores."""
        shipped = {"pinned": False, "as_shipped": True}
        return [
            *self.brokers(shards=0)[:1],
            self._system("nats-server", "nats", "nats", ("-a", "127.0.0.1", "-p", "{port}"), **shipped),
            self._system("redis-server", "redis", "redis", ("--bind", "127.0.0.1", "--port", "{port}"), **shipped),
            self._system("mosquitto", "mosquitto", "mqtt", ("-c", "{config}"), version="-h", **shipped,
                         config="listener {port} 127.0.0.1\nallow_anonymous true\n"),
        ]


def start_process(command, core, **keywords):
    """Starts a program that ends with this one, on that core (None: any). Ctrl-C is for us to pass on, so it is in a
    session of its own."""
    def prepare():
        _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if core is not None:
            os.sched_setaffinity(0, {core})

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=prepare, start_new_session=True, **keywords)


def end_process(process):
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _port_told(process):
    line = process.stdout.readline().decode("utf-8", "replace").strip()
    digits = line[len(line.rstrip("0123456789")):]
    return int(digits) if digits else 0


def _wait_until_it_listens(process, port):
    """Whether it does; False: it has ended, or somebody else got the port."""
    give_up = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return process.poll() is None
        time.sleep(0.01)
    return False


def _start(system, folder, core):
    port = 0 if system.tells_port else _free_port()
    config = os.path.join(folder, "config")
    with open(config, "w", encoding="utf-8") as file:
        file.write(system.config.format(port=port))
    command = [word.replace("{port}", str(port)).replace("{config}", config) for word in system.command]
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("ONEHOP_") and name != "GOMAXPROCS"}
    environment["ONEHOP_ADMIN"] = "none"  # Several builds of onehopd run at a time.
    environment.update(system.environment)
    out = subprocess.PIPE if system.tells_port else subprocess.DEVNULL
    # What it logs of thousands of clients goes where it costs no terminal.
    try:
        process = start_process(command, core, cwd=folder, env=environment, stdout=out, stderr=subprocess.DEVNULL)
    except OSError as problem:
        raise CannotStart("%s did not start: %s" % (system.name, problem)) from None
    try:
        port = _port_told(process) if system.tells_port else port
        if port and (system.tells_port or _wait_until_it_listens(process, port)):
            return process, port
    except BaseException:
        end_process(process)
        raise
    end_process(process)
    return None, 0


@contextlib.contextmanager
def running(system, core):
    """The system, started: its process id and the generator's target. `core`: where it runs, if it is pinned."""
    with tempfile.TemporaryDirectory(prefix="onehop-compare-") as folder:
        for _ in range(3):  # The port that was free may be somebody else's by now.
            process, port = _start(system, folder, core if system.pinned else None)
            if process:
                break
        else:
            raise CannotStart("%s did not start: %s" % (system.name, system.shown()))
        try:
            yield process.pid, "%s://127.0.0.1:%d" % (system.scheme, port)
        finally:
            end_process(process)
