#!/usr/bin/python3
"""The smallest correct onehop client. The numbers are the steps of "A minimal client" in docs/wire.md.

    minimal_client.py HOST PORT NAME              prints what arrives for NAME, and acknowledges it
    minimal_client.py HOST PORT NAME TO TEXT...   sends each TEXT to TO, then says what became of it

Needs Debian's python3-protobuf, and on PYTHONPATH the folder FOLDER that this makes:
    protoc -I proto --python_out=FOLDER onehop/v1/onehop.proto"""
import select, socket, sys, time

from onehop.v1 import onehop_pb2 as wire


class Client:
    def __init__(self, host, port, name, keepalive_ms=0):
        self.socket = socket.create_connection((host, port))  # 1
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received, self.heard, self.pinged, self.keepalive = b"", time.monotonic(), False, 30
        self.connected = self.going = None
        self.inbox = []  # messages for the program
        self.open = {}  # id → frame's length, of confirmed messages that have no fate yet
        self.fates = {}  # id → receipt
        self.paused = {}  # name → when sending to it may go on
        self.last_id = self.last_nonce = self.last_pong = 0
        self.write(wire.Frame(connect=wire.Connect(  # 3: no features, so no gate to mind; no resuming
            name=name, protocol_version=1, software="minimal-python", keepalive_ms=keepalive_ms)))
        self.run_until(lambda: self.connected)

    def send(self, to, payload, confirm=wire.CONFIRM_DELIVERED, ttl_ms=0):
        """Waits for room in the send window, and while `to` is paused; returns the id, whose fate comes to self.fates."""
        message = wire.Message(client=to, id=self.last_id + 1, confirm=confirm, ttl_ms=ttl_ms, payload=payload)  # 4
        size = wire.Frame(message=message).ByteSize()
        if size > self.connected.frame_bytes_max:
            raise ValueError("larger than the broker takes")
        self.run_until(lambda: not confirm or (  # 6
            len(self.open) < self.connected.send_window and
            sum(self.open.values()) + size <= self.connected.send_window_bytes))
        while self.paused.get(to, 0) > time.monotonic():  # 8
            self.run_until(lambda: to not in self.paused, self.paused[to])
        if confirm:
            self.open[message.id] = size
        self.write(wire.Frame(message=message))
        self.last_id = message.id
        return message.id

    def settle(self):
        """Returns once every confirmed message has its fate, and all refusals of the others have been told."""
        self.last_nonce += 1
        self.write(wire.Frame(ping=wire.Ping(nonce=self.last_nonce)))  # 7
        self.run_until(lambda: self.last_pong == self.last_nonce and not self.open)

    def receive(self, seconds=1e9):
        """The next message; None if none came in time."""
        self.run_until(lambda: self.inbox or self.going, time.monotonic() + seconds)
        if self.going and not self.inbox:  # 11: what acknowledgements make room for comes within two round trips.
            self.settle(), self.settle()
            if not self.inbox:
                self.close()
                raise ConnectionError(self.going)
        return self.inbox.pop(0) if self.inbox else None

    def acknowledge(self, message):
        """The program has this message, and all that came before it."""
        if message.delivery_tag:
            self.write(wire.Frame(ack=wire.Ack(up_to=message.delivery_tag)))  # 5

    def close(self):
        self.write(wire.Frame(goodbye=wire.Goodbye(code=wire.CODE_NORMAL)))  # 11
        try:
            self.run_until(lambda: False)
        except ConnectionError:  # The broker's goodbye, or its end.
            self.socket.close()

    def take(self, frame):
        kind = frame.WhichOneof("kind")
        if kind == "connected":
            self.connected, self.keepalive = frame.connected, frame.connected.keepalive_ms / 1000
        elif kind == "message":  # 5
            self.inbox.append(frame.message)
        elif kind == "receipts":  # 6
            for receipt in frame.receipts.items:
                for message_id in range(receipt.first_id, receipt.last_id + 1):
                    self.fates[message_id] = receipt
                    self.open.pop(message_id, None)
            if frame.receipts.seq:
                self.write(wire.Frame(ack=wire.Ack(receipts_up_to=frame.receipts.seq)))
        elif kind == "flow" and frame.flow.state == wire.STATE_PAUSE:  # 8
            self.paused[frame.flow.client] = time.monotonic() + frame.flow.retry_after_ms / 1000
        elif kind == "flow" and frame.flow.state == wire.STATE_RESUME:
            self.paused.pop(frame.flow.client, None)
        elif kind == "ping":  # 9
            self.write(wire.Frame(pong=wire.Pong(nonce=frame.ping.nonce)))
        elif kind == "pong":
            self.last_pong = frame.pong.nonce
        elif kind == "goodbye":  # 11
            text = f"goodbye {name_of(wire.Code, frame.goodbye.code)}: {frame.goodbye.text}"
            if not frame.goodbye.grace_ms:
                raise ConnectionError(text)
            self.going = text
        # 12: any other kind is a newer broker's, and ignored.

    def run_until(self, done, deadline=float("inf")):
        """Takes what arrives until done() or the deadline; raises ConnectionError at the end of the connection."""
        finished = False
        while not finished:
            while (frame := self.next_frame()) is not None:
                self.take(frame)
            now = time.monotonic()
            if now >= self.heard + 1.5 * self.keepalive:  # 9
                raise ConnectionError("the broker is silent")
            if now >= self.heard + self.keepalive and not self.pinged:
                self.pinged = True
                self.write(wire.Frame(ping=wire.Ping()))
            wake = self.heard + self.keepalive * (1.5 if self.pinged else 1)
            finished = done() or now >= deadline
            if select.select([self.socket], [], [], 0 if finished else max(0, min(wake, deadline) - now))[0]:
                self.read()

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the broker closed the connection")
        self.received, self.heard, self.pinged = self.received + data, time.monotonic(), False

    def next_frame(self):  # 2
        length = 0
        for i, byte in enumerate(self.received[:5]):
            length |= (byte & 0x7F) << 7 * i
            if byte < 0x80 and len(self.received) > i + length:
                body, self.received = self.received[i + 1:i + 1 + length], self.received[i + 1 + length:]
                return wire.Frame.FromString(body)
            if byte < 0x80:
                return None
        return None

    def write(self, frame):  # 2
        body = frame.SerializeToString()
        length, prefix = len(body), b""
        while length >= 0x80:
            prefix, length = prefix + bytes([length & 0x7F | 0x80]), length >> 7
        data = prefix + bytes([length]) + body
        while data:  # 10
            readable, writable, _ = select.select([self.socket], [self.socket], [])
            if writable:
                data = data[self.socket.send(data):]
            elif readable:
                self.read()


def name_of(enum, value):
    return enum.Name(value) if value in enum.values() else str(value)  # 12


def main(host, port, name, to=None, *texts):
    client = Client(host, int(port), name)
    while to is None:
        message = client.receive()
        print(getattr(message, "from"), message.payload.decode(errors="replace"), flush=True)
        client.acknowledge(message)
    for text in texts:
        client.send(to, text.encode())
    client.settle()
    for message_id, receipt in sorted(client.fates.items()):
        print(repr(texts[message_id - 1]), name_of(wire.Outcome, receipt.outcome), name_of(wire.Reason, receipt.reason))
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
