"""The programs of examples/ are built outside the tree, against what `cmake --install` has put into a folder, and do what they say.

    examples_test.py BUILD_FOLDER FOLDER-OF-PROGRAMS
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile

from outside import MAJOR, ROOT, SECONDS_MAX, Lines, configure, loaded_by, must_run, run, start

sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from programs import Broker  # noqa: E402

BUILD, PROGRAMS = map(os.path.abspath, sys.argv[1:3])


class Program:
    """One of the examples, with what it writes, and a keyboard."""

    def __init__(self, *command):
        self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output, self.errors = Lines(self.process.stdout), Lines(self.process.stderr)

    def says(self, text):
        return self.output.wait_for(lambda line: line.startswith(text))

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def leave(self):
        self.process.stdin.close()
        return self.process.wait(SECONDS_MAX)


def built(work):
    prefix, project = os.path.join(work, "prefix"), os.path.join(work, "examples")
    for component in ("runtime", "development"):
        must_run(["cmake", "--install", BUILD, "--prefix", prefix, "--component", component])
    shutil.copytree(os.path.join(ROOT, "examples"), project)
    command, keywords = configure(project, prefix, "-DBUILD_SHARED_LIBS=ON",
                                  "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wconversion -Wshadow -Werror")
    must_run(command, **keywords)
    must_run(["ninja", "-C", os.path.join(project, "build")])
    return os.path.join(project, "build")


def check_chat_room(folder):
    chat_room = os.path.join(folder, "chat_room")
    assert {f"libonehop-broker.so.{MAJOR}", f"libonehop-client.so.{MAJOR}"} <= set(loaded_by(chat_room))
    with open(os.path.join(ROOT, "examples/chat_room/chat_room.cc"), encoding="utf-8") as file:
        assert file.read().count("\n") < 150
    room = Program(chat_room, "tcp://127.0.0.1:0")
    address = room.says("open at ").split()[2]
    members = {name: Program(chat_room, address, name) for name in ("alice", "bob", "carol")}
    for member in members.values():
        member.says("you are in")
    members["alice"].type("hello")
    for name in ("bob", "carol"):
        assert members[name].says("alice") == "alice: hello"
    assert members["carol"].leave() == 0
    members["bob"].type("good morning")
    assert members["alice"].says("bob") == "bob: good morning"
    # Nobody hears what they say themselves. The room speaks to each in order.
    members["alice"].type("bye")
    members["bob"].says("alice: bye")
    assert members["bob"].output.now() == ["you are in", "alice: hello", "alice: bye"], members["bob"].output.now()
    code, _, errors = run([chat_room, address, "two words"])
    assert code == 1 and b"two words" in errors, errors
    assert [members[name].leave() for name in ("alice", "bob")] == [0, 0]
    assert room.leave() == 0


def check_device_gateway(folder):
    gateway = Program(os.path.join(folder, "device_gateway"), "tcp://127.0.0.1:0", "pump-1=red", "pump-2=blue")
    address = gateway.says("open at ").split()[2]
    def device(*words):
        return run([os.path.join(folder, "device"), address, *words])
    code, output, errors = device("pump-1", "red", "gateway", "12 bar")
    assert code == 0 and b"DELIVERED" in output, (output, errors)
    assert gateway.says("pump-1:") == "pump-1: 12 bar"
    code, _, errors = device("pump-1", "blue", "gateway", "12 bar")
    assert code == 1 and b"BAD_CREDENTIALS" in errors, errors
    code, output, _ = device("pump-2", "blue", "pump-1", "12 bar")
    assert code == 1 and b"REJECTED: NOT_AUTHORIZED" in output, output
    gateway.says("pump-2 is here")
    gateway.says("pump-2 is gone")
    assert gateway.leave() == 0


def check_jobs(folder, broker):
    dispatcher, worker = (os.path.join(folder, name) for name in ("dispatcher", "worker"))
    slow = Program(worker, broker.address, "slow", "3600000")
    quick = Program(worker, broker.address, "quick", "1")
    for program in (slow, quick):
        program.says("ready")
    jobs = Program(dispatcher, broker.address, "40", "slow", "quick")
    # Four at once, because it acknowledges none of them.
    slow.output.wait_for_count(lambda line: line.startswith("begins "), 4)
    slow.process.send_signal(signal.SIGKILL)
    assert jobs.process.wait(SECONDS_MAX) == 0, jobs.output.all()
    told = jobs.output.all()
    lost = [line.split()[0] for line in told if line.endswith(" of slow: LOST")]
    begun = [line.split()[1] for line in slow.output.all() if line.startswith("begins ")]
    assert len(begun) == 4 and set(begun) <= set(lost), (begun, told)
    assert told[-1].startswith("40 done, 0 refused, "), told
    done = {line.split()[1] for line in quick.output.now() if line.startswith("begins ")}
    assert done == {str(job) for job in range(1, 41)}, done
    code, out, _ = run([dispatcher, broker.address, "impossible", "quick"])
    assert code == 1 and out.decode().splitlines() == [
        "impossible: nobody can do that", "0 done, 1 refused, 0 given to another worker"], out
    quick.process.kill()
    slow.process.wait()
    quick.process.wait()


def check_one_send(folder, broker):
    styles = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.startswith("send_")]
    assert len(styles) >= 2, styles
    listener = start([os.path.join(PROGRAMS, "onehop"), "listen", "bob", "--count", len(styles), "--server", broker.address],
                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Lines(listener.stderr).wait_for(lambda line: line.startswith("listening as bob"))
    for program in styles:
        assert run([program, broker.address, "bob", "hello"])[:2] == (0, b"DELIVERED\n"), program
    assert listener.communicate(timeout=SECONDS_MAX)[0] == b"hello\n" * len(styles)
    for program in styles:
        assert run([program, broker.address, "nobody", "hello"])[:2] == (1, b"REJECTED\n"), program


def main():
    with tempfile.TemporaryDirectory(prefix="onehop-examples-") as work:
        folder = built(work)
        check_chat_room(folder)
        check_device_gateway(folder)
        # Clients of a broker before it are not expected, so that nobody waits for them.
        with Broker(PROGRAMS, "--start-grace-ms", "0") as broker:
            check_jobs(folder, broker)
            check_one_send(folder, broker)
            broker.stop()
    print("examples: a chat room, jobs of a worker that is killed, one send in each style")


if __name__ == "__main__":
    main()
