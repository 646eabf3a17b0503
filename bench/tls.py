#!/usr/bin/python3
"""What TLS costs, beside others: processor time of a message (the forwarder that ends TLS), memory of an idle client
(nats-server, mosquitto), full handshakes for each second of processor time (HAProxy), and how long messages of connected
clients take while 2,000 others connect at once. Needs the machine for itself.

    tls.py FOLDER-OF-PROGRAMS [--quick] [--only messages|idle|handshakes|storm]
"""
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

PROGRAMS = os.path.abspath(sys.argv[1])
QUICK = "--quick" in sys.argv
ONLY = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
SECONDS = 1 if QUICK else 5
IDLE = 50 if QUICK else 1000
STORM = 200 if QUICK else 2000
ROUNDS = 1 if QUICK else 5
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Server:
    """A process, ended with the block."""

    def __init__(self, *command, port=None):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env={**os.environ, "ONEHOP_ADMIN": "none"})
        self.port = port
        while port and not self.is_there():
            assert self.process.poll() is None, f"{command[0]} has ended"

    def is_there(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except ConnectionRefusedError:
            time.sleep(0.05)
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def pid(self):
        return self.process.pid


class Tls:
    def __init__(self, folder):
        self.folder = folder
        subprocess.run([f"{ROOT}/deploy/tls/make-certificates", folder, "localhost,127.0.0.1"], check=True,
                       stdout=subprocess.DEVNULL)
        self.ca, self.certificate, self.key = (f"{folder}/{name}" for name in ("ca.pem", "broker.pem", "broker.key"))
        with open(f"{folder}/both.pem", "w", encoding="ascii") as both:
            for name in (self.certificate, self.key):
                with open(name, encoding="ascii") as file:
                    both.write(file.read())
        self.trust = ssl.create_default_context(cafile=self.ca)

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
            file.write(text)
        return f"{self.folder}/{name}"

    def onehopd(self, *flags):
        server = Server(f"{PROGRAMS}/onehopd", "--shards", "1", "--log-level", "off", "--listen", "tls://127.0.0.1:0",
                        "--tls-certificate-file", self.certificate, "--tls-key-file", self.key, *flags)
        server.port = int(server.process.stdout.readline().split()[2].rpartition(":")[2])
        return server

    def blind(self):
        server = Server(f"{PROGRAMS}/onehop-blind-tls", "--listen", "127.0.0.1:0", self.certificate, self.key)
        server.port = int(server.process.stdout.readline())
        return server

    def haproxy(self):
        port = free_port()
        return Server("/usr/sbin/haproxy", "-db", "-q", "-f", self.write("haproxy.cfg", f"""
global
  nbthread 1
  tune.ssl.cachesize 0
defaults
  mode tcp
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend one
  bind 127.0.0.1:{port} ssl crt {self.folder}/both.pem
  tcp-request content reject
"""), port=port)

    def nats(self):
        port = free_port()
        return Server("/usr/sbin/nats-server", "-a", "127.0.0.1", "-p", str(port), "--tls", "--tlscert", self.certificate,
                      "--tlskey", self.key, port=port)

    def mosquitto(self):
        port = free_port()
        return Server("/usr/sbin/mosquitto", "-c", self.write("mosquitto.conf", f"""
listener {port} 127.0.0.1
certfile {self.certificate}
keyfile {self.key}
allow_anonymous true
user root
"""), port=port)


def message_cpu_us(tls, server, scheme, size):
    with server:
        before = cpu_seconds(server.pid)
        report = f"{tls.folder}/report.json"
        # A run that is void has times that say nothing; the processor time of the server is what it is.
        done = subprocess.run([f"{PROGRAMS}/onehop-loadgen", "--target", f"{scheme}://127.0.0.1:{server.port}", "--tls-ca", tls.ca,
                        "--clients", "20", "--window", "64", "--size", str(size), "--duration", f"{SECONDS}s", "--confirm", "none",
                        "--quiet", "--json", report], check=False, stdout=subprocess.DEVNULL)
        assert done.returncode in (0, 4), done
        used = cpu_seconds(server.pid) - before
    with open(report, encoding="utf-8") as file:
        return used * 1e6 / json.load(file)["outcomes"]["delivered"]


def connect(tls, port, kind, number):
    connection = socket.create_connection(("127.0.0.1", port))
    if kind == "nats":
        connection.recv(4096)  # INFO comes in plaintext.
    connection = tls.trust.wrap_socket(connection, server_hostname="localhost")
    name = f"idle-{number}".encode()
    if kind == "nats":
        connection.sendall(b'CONNECT {"verbose":false,"tls_required":true}\r\nSUB ' + name + b' 1\r\nPING\r\n')
    elif kind == "mqtt":
        body = b"\x00\x04MQTT\x04\x02\x02\x58" + len(name).to_bytes(2, "big") + name
        connection.sendall(b"\x10" + bytes([len(body)]) + body)
    else:
        body = b"\x0a" + bytes([len(name)]) + name + b"\x10\x01"
        connection.sendall(bytes([len(body) + 2]) + b"\x0a" + bytes([len(body)]) + body)
    assert connection.recv(4096)
    return connection


def idle_bytes(tls, server, kind):
    with server:
        kept = [connect(tls, server.port, kind, number) for number in range(IDLE)]  # What all share is there from now on.
        before = resident_bytes(server.pid)
        kept += [connect(tls, server.port, kind, IDLE + number) for number in range(IDLE)]
        time.sleep(1)
        grown = resident_bytes(server.pid) - before
        for connection in kept:
            connection.close()
    return grown / IDLE


def handshakes_per_cpu_second(tls, server):
    with server:
        before = cpu_seconds(server.pid)
        told = subprocess.run(["openssl", "s_time", "-new", "-time", str(SECONDS), "-connect", f"127.0.0.1:{server.port}",
                               "-CAfile", tls.ca], capture_output=True, text=True, check=False).stdout
        used = cpu_seconds(server.pid) - before
    return int(re.search(r"(\d+) connections in \d+ real seconds", told)[1]) / used


def loadgen(tls, server, *flags):
    return [f"{PROGRAMS}/onehop-loadgen", "--target", f"tls://127.0.0.1:{server.port}", "--tls-ca", tls.ca, "--quiet",
            "--lag-max", "1m", *flags]


def p99_ms(tls, storm):
    """Of clients that are connected, from the moment at which `storm` others connect."""
    with tls.onehopd() as server:
        report = f"{tls.folder}/report.json"
        connected = subprocess.Popen(loadgen(tls, server, "--clients", "20", "--rate", "400", "--warmup", "2s", "--duration",
                                             "8s", "--json", report), stdout=subprocess.DEVNULL)
        time.sleep(2)
        if storm:
            subprocess.run(loadgen(tls, server, "--clients", "2", "--idle", str(storm), "--count", "1"), check=True,
                           stdout=subprocess.DEVNULL)
            assert connected.poll() is None, "the storm outlasted those that it was to disturb"
        assert connected.wait() == 0
    with open(report, encoding="utf-8") as file:
        return json.load(file)["latency_us"]["p99"] / 1000


def median(values):
    return sorted(values)[len(values) // 2]


def in_turns(ours, other):
    """The medians of both, and of their ratios: both in each round, so that a change of the machine meets both."""
    pairs = [(ours(), other()) for _ in range(ROUNDS)]
    return median([a for a, _ in pairs]), median([b for _, b in pairs]), median([a / b for a, b in pairs])


def messages(tls):
    for size in (128, 4096):
        ours, blind, ratio = in_turns(lambda: message_cpu_us(tls, tls.onehopd(), "tls", size),
                                      lambda: message_cpu_us(tls, tls.blind(), "blind+tls", size))
        print(f"CPU of a message of {size} bytes: onehopd {ours:.2f} us, forwarder that ends TLS {blind:.2f} us, "
              f"{ratio:.2f} times", flush=True)


def idle(tls):
    rows = [("onehopd", tls.onehopd, "onehop"), ("nats-server", tls.nats, "nats"), ("mosquitto", tls.mosquitto, "mqtt")]
    for name, start, kind in rows:
        print(f"memory of an idle client: {name} {idle_bytes(tls, start(), kind) / 1024:.1f} KiB", flush=True)


def handshakes(tls):
    ours, other, ratio = in_turns(lambda: handshakes_per_cpu_second(tls, tls.onehopd()),
                                  lambda: handshakes_per_cpu_second(tls, tls.haproxy()))
    print(f"full handshakes in a second of processor time: onehopd {ours:.0f}, HAProxy {other:.0f}, {ratio:.2f} times",
          flush=True)


def storm(tls):
    quiet, stormy, _ = in_turns(lambda: p99_ms(tls, 0), lambda: p99_ms(tls, STORM))
    print(f"p99 of connected clients: {quiet:.1f} ms, while {STORM} others connect {stormy:.1f} ms")


def main():
    works = {"messages": messages, "idle": idle, "handshakes": handshakes, "storm": storm}
    assert ONLY is None or ONLY in works, f"--only is one of {', '.join(works)}"
    with tempfile.TemporaryDirectory() as folder:
        tls = Tls(folder)
        for name, work in works.items():
            if ONLY in (None, name):
                work(tls)


if __name__ == "__main__":
    main()
