"""A client that says what it is told to say, for tests of who may do what: a socket, frames, and no more."""
import select
import socket

from google.protobuf.internal.decoder import _DecodeVarint32
from google.protobuf.internal.encoder import _VarintBytes
from onehop.v1 import onehop_pb2 as wire

SECONDS_MAX = 60  # What one step may take before the test gives up.


class Refused(Exception):
    """The broker's goodbye to a Connect."""

    def __init__(self, goodbye):
        super().__init__(wire.Code.Name(goodbye.code) + ": " + goodbye.text)
        self.code, self.text, self.retry_after_ms = goodbye.code, goodbye.text, goodbye.retry_after_ms


class Client:
    def __init__(self, address, name="", token=b"", **connect):
        host, port = address.split("//")[1].rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=SECONDS_MAX)
        self.buffer = b""
        self.last_id = 0
        self.write(wire.Frame(connect=wire.Connect(
            name=name, protocol_version=1, token=token if isinstance(token, bytes) else token.encode(), **connect)))
        frame = self.read()
        if frame.WhichOneof("kind") == "goodbye":
            self.socket.close()
            raise Refused(frame.goodbye)
        self.connected = frame.connected
        self.name = self.connected.name

    def write(self, frame):
        body = frame.SerializeToString()
        self.socket.sendall(_VarintBytes(len(body)) + body)

    def read(self):
        """The next frame; None: the connection has ended."""
        while True:
            try:
                size, begin = _DecodeVarint32(self.buffer, 0)
                if len(self.buffer) >= begin + size:
                    frame = wire.Frame.FromString(self.buffer[begin:begin + size])
                    self.buffer = self.buffer[begin + size:]
                    return frame
            except IndexError:
                pass
            more = self.socket.recv(65536)
            if not more:
                return None
            self.buffer += more

    def has_more(self):
        """Whether something of the next frames is there."""
        return bool(self.buffer) or bool(select.select([self.socket], [], [], 0)[0])

    def read_kind(self, kind):
        """The next frame of this kind; others are passed over."""
        while True:
            frame = self.read()
            if frame is None:
                raise AssertionError(f"the connection ended without a {kind}")
            if frame.WhichOneof("kind") == kind:
                return getattr(frame, kind)

    def send(self, to, text=b"x"):
        """Sends a confirmed message, and returns its fate: OUTCOME, and REASON if there is one."""
        self.last_id += 1
        self.write(wire.Frame(message=wire.Message(client=to, id=self.last_id, confirm=wire.CONFIRM_DELIVERED,
                                                   payload=text)))
        receipts = self.read_kind("receipts")
        receipt = receipts.items[0]
        assert (receipt.first_id, receipt.last_id) == (self.last_id, self.last_id), receipt
        self.write(wire.Frame(ack=wire.Ack(receipts_up_to=receipts.seq)))
        return wire.Outcome.Name(receipt.outcome), wire.Reason.Name(receipt.reason)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
