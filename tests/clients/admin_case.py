"""What the tests of the operator's commands have in common: an admin port that answers what a test tells it to, and
remembers what it was asked."""
import contextlib
import http.server
import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest

from cli_case import LIMIT, ONEHOP, Result


class FakeAdminPort:
    """`answers`: "GET /path" without its query → what to answer: (status, object or bytes), or a function of the query
    that returns it. What is not there is 404."""

    def __init__(self, answers):
        self.requests = []  # (method, path with query, headers)
        self._connections = []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                fake._connections.append(self.connection)

            def answer(self):
                fake.requests.append((self.command, self.path, self.headers))
                path, _, query = self.path.partition("?")
                what = answers.get(f"{self.command} {path}", (404, {"error": "there is no such path"}))
                status, body = what(query) if callable(what) else what
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # Who asked has gone.
        self.address = "tcp://127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self):
        """From then on nobody is there."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def client(name, **facts):
    return {"name": name, "session": "1", "shard": 0, "connected": True, "peer": "tcp://127.0.0.1:5000",
            "connected_ms": 5000, "idle_ms": 1500, "queue_bytes": 0, "waiting_messages": 0, "unacknowledged": 0,
            "receive_window": 1024, "open_sent": 0, "messages_sent": 0, "messages_received": 0,
            "sent_per_second": 0.0, "received_per_second": 0.0, "paused_senders": 0, "closed_gates": 0,
            "blocked": False, **facts}


def counters(**facts):
    return {"connections": 3, "sessions": 4, "messages_received": 0, "bytes_received": 0, "queued_bytes": 2048,
            "memory_bytes": 1 << 20, "memory_bytes_max": 1 << 30, "memory_stage": 0,
            "route_latency": {"counts": [0] * 13, "sum_us": 0}, "shards": [{"loop_lag_us_max": 1500}], **facts}


def environment(**more):
    return {**{name: value for name, value in os.environ.items() if not name.startswith("ONEHOP_")}, **more}


class AdminCase(unittest.TestCase):
    def fake(self, answers):
        port = FakeAdminPort(answers)
        self.addCleanup(port.stop)
        return port

    def run_onehop(self, *args, **more):
        done = subprocess.run([ONEHOP, *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                              env=environment(**more))
        return Result(done.returncode, done.stdout.decode(), done.stderr)

    def assert_fails(self, result, code, words):
        self.assertEqual(result.code, code, result.err)
        self.assertEqual(len(result.error_lines()), 1, result.err)
        self.assertIn(words, result.error_lines()[0])

    def folder(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name
