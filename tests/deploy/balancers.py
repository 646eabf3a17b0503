"""What the tests with real balancers share: a broker behind one, clients from addresses of their own, and the cases
that hold behind any balancer that speaks the PROXY protocol."""

import http.client
import json
import os
import socket
import sys
import tempfile
import time
import unittest
import unittest.mock

from minimal_client import Client, wire
from google.protobuf.internal.encoder import _VarintBytes

import programs

SECONDS_MAX = programs.SECONDS_MAX
create_connection = socket.create_connection
# Of the balancer, for connections on which nothing happens; longer than the shortest keepalive.
IDLE_SECONDS = 2
FORGED_LINE = b"PROXY TCP4 192.0.2.66 127.0.0.1 40000 7411\r\n"


def free_port(listening):
    """A socket on a port that is known, and the balancer's: to inherit, or (not listening) to share with SO_REUSEPORT."""
    if listening:
        return socket.create_server(("127.0.0.1", 0), backlog=128)
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def port_of(address):
    return int(address.rsplit(":", 1)[1])


def connect_bytes(name):
    frame = wire.Frame(connect=wire.Connect(name=name, protocol_version=1, keepalive_ms=600000)).SerializeToString()
    return _VarintBytes(len(frame)) + frame


def read_to_end(connection):
    """What comes until the other side closes, however it does that."""
    connection.settimeout(SECONDS_MAX)
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


class BrokerBehind(programs.Broker):
    """onehopd with a plain listener, one for a balancer on 127.0.0.1, and an admin port."""

    def __init__(self, folder):
        super().__init__(folder, "--listen-proxy", "tcp://127.0.0.1:0", "--proxy-from", "127.0.0.1", "--shards", "2",
                         "--admin", "tcp://127.0.0.1:0")
        listening = lambda line: line.startswith("listening on ")
        self.plain_port = port_of(self.address)
        self.proxy_port = port_of(self.output.wait_for_count(listening, 2))
        self.admin_port = port_of(self.output.wait_for(lambda line: line.startswith("admin on ")))

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=SECONDS_MAX)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise AssertionError(f"{path}: {answer.status} {body}")
        return json.loads(body)

    def peers(self):
        """The host of each client's address, by its name, as /api/v1/clients tells."""
        clients = self.get("/api/v1/clients?limit=1000")["clients"]
        return {client["name"]: client["peer"].removeprefix("tcp://").rsplit(":", 1)[0] for client in clients}


class BehindABalancer:
    """Cases for a TestCase that has `folder`, the programs' folder, and start_balancer."""

    inherits = True

    def start_balancer(self, broker, listener, folder):
        """Starts a balancer on the port of `listener`, which it may inherit if `inherits`; returns its process."""
        raise NotImplementedError

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.broker = BrokerBehind(self.folder)
        self.addCleanup(self.broker.__exit__)
        self.listener = free_port(self.inherits)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.balancer = self.start_balancer(self.broker, self.listener, self.scratch.name)
        self.addCleanup(self.end_balancer)

    def end_balancer(self):
        if self.balancer.poll() is None:
            self.balancer.kill()
            self.balancer.wait()

    def dial(self, port, source="127.0.0.1"):
        while True:
            self.assertIsNone(self.balancer.poll(), "the balancer has ended")
            try:
                connection = create_connection(("127.0.0.1", port), source_address=(source, 0))
                break
            except ConnectionRefusedError:  # It has not begun yet.
                time.sleep(0.01)
        self.addCleanup(connection.close)
        return connection

    def client(self, source, name, **options):
        """A client that comes from this address, through the balancer."""
        with unittest.mock.patch("socket.create_connection", lambda address: self.dial(address[1], source)):
            return Client("127.0.0.1", self.port, name, **options)

    def refusal(self, count):
        line = self.broker._log.wait_for_count(lambda text: '"event":"connect_refused"' in text, count)
        return json.loads(line)

    def test_clients_are_seen_by_their_own_addresses(self):
        clients = {f"client-{i}": self.client(f"127.0.0.{i}", f"client-{i}") for i in range(2, 8)}
        self.assertEqual({f"client-{i}": f"127.0.0.{i}" for i in range(2, 8)}, self.broker.peers())
        clients["client-2"].send("client-3", b"through the balancer")
        self.assertEqual(b"through the balancer", clients["client-3"].receive().payload)

    def test_a_forged_header_is_refused_wherever_it_comes(self):
        # From an address that is not the balancer's.
        forger = self.dial(self.broker.proxy_port, "127.0.0.9")
        forger.sendall(FORGED_LINE + connect_bytes("forger"))
        self.assertEqual(b"", read_to_end(forger))
        refused = self.refusal(1)
        self.assertIn("127.0.0.9", refused["peer"])
        self.assertIn("not believed", refused["text"])
        # Where no header is to come.
        forger = self.dial(self.broker.plain_port, "127.0.0.9")
        forger.sendall(FORGED_LINE + connect_bytes("forger"))
        self.assertIn(b"this is a PROXY header; this listener takes none", read_to_end(forger))
        # Through the balancer, whose own header stands before it.
        forger = self.dial(self.port, "127.0.0.9")
        forger.sendall(FORGED_LINE + connect_bytes("forger"))
        self.assertIn(b"this is a PROXY header; this listener takes none", read_to_end(forger))
        self.assertIn("127.0.0.9", self.refusal(3)["peer"])
        self.assertEqual({}, self.broker.peers())
        # And without any where one must come.
        forger = self.dial(self.broker.proxy_port)
        forger.sendall(connect_bytes("forger"))
        self.assertEqual(b"", read_to_end(forger))
        self.assertIn("no PROXY header", self.refusal(4)["text"])

    def test_an_idle_connection_lives_by_its_keepalives(self):
        client = self.client("127.0.0.2", "kept", keepalive_ms=1000)
        for round_number in range(2):
            # Another, that says nothing, is cut by the balancer: so much time has passed for both.
            silent = self.dial(self.port, "127.0.0.3")
            silent.sendall(connect_bytes(f"silent-{round_number}"))
            silent.setblocking(False)
            cut = False
            while not cut:
                self.assertIsNone(client.receive(0.2))
                try:
                    cut = not silent.recv(65536)
                except BlockingIOError:
                    continue
        self.assertEqual("127.0.0.2", self.broker.peers()["kept"])
        client.send("kept", b"still there")
        self.assertEqual(b"still there", client.receive().payload)


def main(case):
    """The folder of the programs is the first argument; 77 says that the balancer is not installed."""
    case.folder = sys.argv.pop(1)
    if not os.access(case.program, os.X_OK):
        print(f"{case.program} is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
