"""The C API against a real onehopd: from a program in C99, and from Python through the shared library.

    c_api_test.py ONEHOPD C_GUEST LIBRARY
"""
import ctypes
import subprocess
import sys
import threading
import unittest

ONEHOPD, C_GUEST, LIBRARY = sys.argv[1:4]
LIMIT = 60  # Seconds that nothing here may take; what ends a failure, not what is tested.
LONG_MS = LIMIT * 1000


class Bytes(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]

    def __bytes__(self):
        return ctypes.string_at(self.data, self.size)


def told(text):
    return Bytes(text, len(text))


class Message(ctypes.Structure):
    """As far as it is needed: the library may know more."""
    _fields_ = [("size", ctypes.c_size_t), ("sender", Bytes), ("payload", Bytes)]


class Result(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("ticket", ctypes.c_uint64), ("id", ctypes.c_uint64), ("outcome", ctypes.c_int),
                ("reason", ctypes.c_int), ("retry_after_ms", ctypes.c_uint32), ("attempted", ctypes.c_int),
                ("code", ctypes.c_uint32), ("text_size", ctypes.c_uint32), ("text", ctypes.c_char * 256)]


class Options(ctypes.Structure):
    """Only the beginning, as in a program that was built with an earlier library."""
    _fields_ = [("size", ctypes.c_size_t), ("name", Bytes), ("software", Bytes)]


ON_MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(Message))
COMPLETION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(Result))


class Handlers(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("user", ctypes.c_void_p), ("on_message", ON_MESSAGE)]


def load():
    library = ctypes.CDLL(LIBRARY)
    library.onehop_client_start.restype = ctypes.c_void_p
    library.onehop_client_start.argtypes = [ctypes.c_void_p, Bytes, ctypes.POINTER(Options), ctypes.POINTER(Handlers),
                                            ctypes.c_char_p, ctypes.c_size_t]
    library.onehop_client_send.argtypes = [ctypes.c_void_p, Bytes, Bytes, ctypes.c_void_p, COMPLETION, ctypes.c_void_p]
    library.onehop_client_send_and_wait.argtypes = [ctypes.c_void_p, Bytes, Bytes, ctypes.c_void_p,
                                                    ctypes.POINTER(Result), ctypes.c_size_t]
    for name in ("wait_until_open", "flush"):
        getattr(library, "onehop_client_" + name).argtypes = [ctypes.c_void_p, ctypes.c_uint64]
    library.onehop_client_destroy.argtypes = [ctypes.c_void_p]
    library.onehop_options_init.argtypes = [ctypes.POINTER(Options), ctypes.c_size_t]
    library.onehop_outcome_name.restype = library.onehop_version.restype = ctypes.c_char_p
    return library


class CApi(unittest.TestCase):
    def setUp(self):
        self.broker = subprocess.Popen([ONEHOPD, "--listen", "tcp://127.0.0.1:0", "--admin", "none", "--log-level", "off",
                                        "--start-grace-ms", "0"],
                                       stdout=subprocess.PIPE, text=True)
        self.address = self.broker.stdout.readline().split()[-1]

    def tearDown(self):
        self.broker.terminate()
        self.broker.wait(LIMIT)
        self.broker.stdout.close()

    def test_a_program_in_c(self):
        done = subprocess.run([C_GUEST, self.address], capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def start(self, library, name, on_message=None):
        options = Options()
        library.onehop_options_init(options, ctypes.sizeof(options))
        self.assertEqual(ctypes.sizeof(options), options.size)
        options.name = told(name)
        handlers = Handlers(ctypes.sizeof(Handlers), None, on_message or ON_MESSAGE())
        error = ctypes.create_string_buffer(256)
        client = library.onehop_client_start(None, told(self.address.encode()), options, handlers, error, len(error))
        self.assertTrue(client, error.value)
        self.addCleanup(library.onehop_client_destroy, client)
        self.assertEqual(0, library.onehop_client_wait_until_open(client, LONG_MS))
        return client

    def test_python_through_the_shared_library(self):
        library = load()
        received, outcomes = [], []
        lock = threading.Lock()

        @ON_MESSAGE
        def on_message(_user, _client, message):
            with lock:
                received.append((bytes(message.contents.sender), bytes(message.contents.payload)))

        @COMPLETION
        def on_result(_user, result):
            with lock:
                outcomes.append(library.onehop_outcome_name(result.contents.outcome))

        self.start(library, b"bob", on_message)
        alice = self.start(library, b"alice")
        for i in range(200):
            payload = b"%d with a zero byte: \0" % i
            self.assertEqual(0, library.onehop_client_send(alice, told(b"bob"), told(payload), None, on_result, None))
        self.assertEqual(0, library.onehop_client_flush(alice, LONG_MS))
        self.assertEqual([(b"alice", b"%d with a zero byte: \0" % i) for i in range(200)], received)
        self.assertEqual([b"DELIVERED"] * 200, outcomes)
        result = Result()
        self.assertEqual(0, library.onehop_client_send_and_wait(alice, told(b"nobody"), told(b"x"), None, result,
                                                                ctypes.sizeof(result)))
        self.assertEqual(b"REJECTED", library.onehop_outcome_name(result.outcome))
        self.assertEqual(201, result.ticket)

    def test_nothing_else_is_exported(self):
        symbols = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", LIBRARY], capture_output=True, text=True,
                                 check=True).stdout
        names = [line.split()[0] for line in symbols.splitlines()]
        self.assertGreater(len(names), 30)
        self.assertEqual([], [name for name in names if not name.startswith("onehop_")])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
