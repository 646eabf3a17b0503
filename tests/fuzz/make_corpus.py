#!/usr/bin/python3
"""Writes the first inputs of the fuzz targets, one named file each, into corpus/TARGET.

Files that a fuzzer found are added to the same folders by hand, under a name that says what was wrong; this script
touches only the files it names itself.
"""
import base64
import pathlib

FOLDER = pathlib.Path(__file__).parent / "corpus"


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def fixed64(field, value):
    return varint(field << 3 | 1) + value.to_bytes(8, "little")


def header(body):
    return text(11, body)


def frame(body):
    return varint(len(body)) + body


TO_BOB = text(1, b"bob")
FULL = (TO_BOB + number(5, 300) + number(6, 1) + number(8, 30000) + number(9, 7) + fixed64(13, 0x1122334455667788)
        + number(16, 1) + header(text(1, b"traceparent") + text(2, b"00-abc-01")) + text(15, b"hello"))

MESSAGES = {
    "smallest": TO_BOB,
    "usual": TO_BOB + number(5, 1) + text(15, b"hello"),
    "full": FULL,
    "topic": text(2, b"room") + text(15, b"x"),
    "service": text(3, b"work") + number(18, 1),
    "unknown_fields": TO_BOB + number(17, 1) + text(20, b"gzip") + fixed64(40, 1) + varint(41 << 3 | 5) + b"1234"
                      + text((1 << 29) - 1, b"last"),
    "no_destination": number(5, 1) + text(15, b"hello"),
    "two_destinations": TO_BOB + text(2, b"room"),
    "repeated_id": TO_BOB + number(5, 1) + number(5, 2),
    "brokers_from": TO_BOB + text(4, b"mallory"),
    "brokers_origin": TO_BOB + number(25, 1),
    "wrong_wire_type": TO_BOB + text(5, b"1"),
    "wrong_type_maybe_repeated": TO_BOB + text(16, b""),
    "repeated_maybe_repeated": TO_BOB + number(16, 1) * 2,
    "length_over_five": TO_BOB + text(17, b"x") + b"\x7a\x80\x80\x80\x80\x80\x00",
    "tag_over_five": TO_BOB + b"\xf8\xff\xff\xff\x8f\x00\x01",
    "header_key_not_utf8": TO_BOB + header(text(1, b"\xff")),
    "group": TO_BOB + b"\x9b\x01\x9c\x01",
    "longest_numbers": TO_BOB + b"\x28" + b"\xff" * 9 + b"\x01" + b"\x30" + b"\xff" * 9 + b"\x01",
    "number_over_64_bits": TO_BOB + b"\x28" + b"\xff" * 9 + b"\x02",
    "long_tag": b"\x8a\x00\x03bob",
    "long_length": b"\x0a\x83\x80\x80\x80\x00bob",
    "not_utf8": text(1, b"caf\xc3"),
    "not_utf8_as_long_as_bob": text(1, b"bo\xff"),
    "length_past_end_by_one": TO_BOB + b"\x7a\x03pp",
    "field_number_zero": TO_BOB + b"\x00\x01",
    "end_of_group": TO_BOB + b"\x9c\x01",
    "tag_over_32_bits": TO_BOB + b"\xf8\xff\xff\xff\x1f\x01",
    "headers_64": TO_BOB + header(b"") * 64,
    "headers_65": TO_BOB + header(b"") * 65,
    "header_repeated_key": TO_BOB + header(text(1, b"k") + text(1, b"k")),
    "header_repeated_value": TO_BOB + header(text(2, b"v") + text(2, b"v")),
    "headers_8_kib": TO_BOB + header(text(2, b"v" * 2045)) * 4,
    "headers_over_8_kib": TO_BOB + header(text(2, b"v" * 2045)) * 3 + header(text(2, b"v" * 2046)),
    "brokers_last": TO_BOB + number(31, 1),
    "brokers_ttl_left": TO_BOB + number(14, 1),
    "frame_of_message": text(3, FULL),
    "frame_of_ping": text(7, fixed64(1, 42)),
    "frame_with_two_fields": text(7, b"") + text(7, b""),
}

THREE = frame(b"one") + frame(b"2" * 200) + frame(b"three")
# The first byte chooses the maximum (4: 1 MiB, 2: 200 bytes), the second is the number of steps.
STREAMS = {
    "one_piece": b"\x04\x01\x1f" + THREE,
    "byte_by_byte": b"\x04\x01\x01" + THREE,
    "in_blocks": b"\x04\x02\x87\x9f" + THREE,
    "saved": b"\x04\x02\x45\x49" + THREE,
    "put_back": b"\x04\x02\x25\x29" + THREE,
    "put_back_and_saved": b"\x04\x03\x65\x7f\xe3" + THREE,
    "empty_reads": b"\x04\x04\x00\x03\x00\x40" + THREE,
    "too_large": b"\x02\x01\x03" + THREE + frame(b"x" * 201),
    "largest_allowed": b"\x02\x01\x1e" + THREE,
    "length_zero": b"\x04\x01\x02" + frame(b"a") + b"\x00" + frame(b"b"),
    "length_zero_in_two": b"\x04\x01\x02" + frame(b"a") + b"\x80\x00" + frame(b"b"),
    "length_over_five": b"\x04\x01\x02" + frame(b"a") + b"\x80\x80\x80\x80\x80\x01",
    "length_of_32_gib": b"\x04\x01\x02" + b"\xff\xff\xff\xff\x7f" + b"abc",
    "one_mib_announced": b"\x04\x01\x03" + varint(1 << 20) + b"abcdef",
    "long_prefix": b"\x04\x01\x02" + b"\x83\x80\x80\x80\x00abc" + frame(b"d"),
    "unfinished_frame": b"\x04\x01\x03" + frame(b"a") + b"\x0aabc",
    "unfinished_prefix": b"\x04\x01\x03" + frame(b"a") + b"\x80",
    "many_small": b"\x04\x03\x47\x05\xff" + frame(b"x") * 100,
    "large": b"\x04\x02\x1f\x18" + frame(b"L" * 3000) + frame(b"s"),
}

NAMES = {
    "plain": b"bob",
    "every_allowed_byte": bytes(byte for byte in range(0x21, 0x7f) if byte not in b"\"'\\`*>#+?,$"),
    "every_forbidden_byte": b"\"'\\`*>#+?,",
    "space": b"two words",
    "dollar_first": b"$system",
    "dollar_later": b"a$",
    "made_by_the_broker": b"~7f3a9c",
    "longest": b"n" * 255,
    "too_long": b"n" * 256,
    "control": b"a\x00b\x7f",
    "two_byte_characters": "éàü".encode(),
    "mixed": "naïve €5 😀 and some more ASCII".encode(),
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
    "above_the_last": b"\xf4\x90\x80\x80",
    "cut_character": b"12345678\xf0\x9f\x98",
}

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FOUR = bytes([192, 0, 2, 1, 127, 0, 0, 1]) + b"\x9c\x40\x1c\xf3"


def proxy(command, family, rest):
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


PROXY_HEADERS = {
    "line_tcp4": b"PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\r\nand on",
    "line_tcp6": b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 7411\r\n",
    "line_unknown": b"PROXY UNKNOWN\r\n",
    "line_longest": b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    "line_too_long": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "line_without_return": b"PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\n",
    "line_leading_zero": b"PROXY TCP4 192.0.2.01 127.0.0.1 40000 7411\r\n",
    "line_two_gaps": b"PROXY TCP6 1::2::3 ::1 1 2\r\n",
    "tcp4": proxy(0x21, 0x11, FOUR) + b"and on",
    "tcp6": proxy(0x21, 0x21, bytes(range(36))),
    "unix": proxy(0x21, 0x31, b"/run/client".ljust(108, b"\0") * 2),
    "unspecified": proxy(0x21, 0x00, b""),
    "local": proxy(0x20, 0x00, b""),
    "local_with_rest": proxy(0x20, 0x11, FOUR + b"\x04"),
    "datagram": proxy(0x21, 0x12, FOUR),
    "too_short": proxy(0x21, 0x21, FOUR),
    "tlvs": proxy(0x21, 0x11, FOUR + b"\x04\x00\x03abc\x05\x00\x00"),
    "tlv_cut": proxy(0x21, 0x11, FOUR + b"\x04\x00\x03ab"),
    "checksum_wrong": proxy(0x21, 0x11, FOUR + b"\x03\x00\x04\0\0\0\0"),
    "longest": proxy(0x21, 0x11, FOUR + b"\x04" + (4096 - 15).to_bytes(2, "big") + bytes(4096 - 15)),
    "too_long": proxy(0x21, 0x11, bytes(4097)),
    "version_3": proxy(0x31, 0x11, FOUR),
}

HOST = b"Host: localhost:7412\r\n"
ADMIN_REQUESTS = {
    "probe": b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "query": b"GET /api/v1/clients?name=a%20b+c&sort=idle&limit=10 HTTP/1.1\r\n" + HOST + b"Accept: */*\r\n\r\n",
    "pipelined": (b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n") * 3,
    "body": b"POST /api/v1/drain HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
    "token": b"GET / HTTP/1.1\r\n" + HOST + b"Authorization: Bearer 0123456789abcdef\r\nOrigin: null\r\n\r\n",
    "close": b"HEAD / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\nmore",
    "upgrade": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nmore",
    "chunked": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two_lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "connect": b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad_percent": b"GET /?a=%4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "two_hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "empty_lines": b"\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "long_target": b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "long_head": b"GET / HTTP/1.1\r\nX: " + b"x" * 16384,
    "folded": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "version_2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


CONFIG_FILES = {
    "all_types": b'listen = ["tcp://127.0.0.1:7411", \'unix:///a\']\npin = true\nqueue_bytes_max = 8_388_608\n'
                 b'log_level = "warn"  # a comment\n',
    "out_of_range": b"shards = 65\nkeepalive_ms = -1\nsend_window = 99999999999999999999\n",
    "wrong_types": b"shards = 1.5\npin = 1\nlisten = 'unix:///a'\nproxy_from = [1]\nadmin = 1979-05-27\n",
    "unknown": b"colour = 'red'\ntls_key_file = 'key'\n[table]\nshards = 1\n",
    "dotted": b"shards.x = 1\nadmin = { a = 1 }\n[[listen]]\n",
    "escapes": b'admin = "\\u0041\\"\\\\\\t"\nadmin_token_file = """a\nb"""\n',
    "twice": b"shards = 1\nshards = 2\n",
    "not_utf8": b"admin = '\xff'\n",
    "cut": b"listen = [",
    "line_ends": b"\r\nshards = 1\r\n\r\n",
    "deep_key": b"a" + b".a" * 2000 + b" = 1\n",
    "deep_values": b"a = " + b"[{a=" * 500,
    "quotes": b'admin = """a"""""\nlisten = [\'\'\'b\'\'\'\'\'] # \'\npin = true\n',
}

PERMISSIONS = {
    "roles": b"""[roles.a]
allow.names = ["%p", "%p/*", "x-%p"]
allow.send = ["b", "c*", "100%%"]
deny.send = ["c-d*"]
[principals]
"a*" = ["a"]
"b" = ["a"]
""",
    "wrong": b'[roles.a]\nallow.send = ["*a", "%q", "%p*"]\nallow.fly = []\n[principals]\na = ["z"]\n',
    "types": b"roles = [1]\nprincipals = \"a\"\n",
    "deep": b"roles" + b".a" * 100 + b" = 1\n",
    "empty": b"",
}


def part(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=")


CLAIMS = b'{"sub":"alice","exp":1700000600,"nbf":1,"iss":"i","aud":["a"],"onehop":{"roles":["r"]}}'
TOKENS = {
    "plain": part(b'{"alg":"EdDSA","typ":"JWT"}') + b"." + part(CLAIMS) + b"." + part(bytes(64)),
    "none": part(b'{"alg":"none"}') + b"." + part(CLAIMS) + b".",
    "twice": part(b'{"alg":"EdDSA","alg":"none"}') + b"." + part(CLAIMS) + b".AAAA",
    "deep": part(b'{"alg":' + b"[" * 50) + b".e30.AA",
    "dots": b"....",
    "users": b"alice:secret",
}


def record(fragment):
    return b"\x16\x03\x01" + len(fragment).to_bytes(2, "big") + fragment


HELLO = b"\x01\x00\x00\x40" + bytes(64)
HELLOS = {
    "whole": record(HELLO),
    "in_pieces": b"".join(record(HELLO[at:at + 9]) for at in range(0, len(HELLO), 9)),
    "header_in_pieces": b"".join(record(HELLO[at:at + 1]) for at in range(4)) + record(HELLO[4:]),
    "cut": record(HELLO)[:20],
    "too_long": record(b"\x01\x01\x00\x00" + bytes(10)),
    "too_many_records": b"".join(record(HELLO[at:at + 1]) for at in range(40)),
    "another_message": record(b"\x02\x00\x00\x04" + bytes(4)),
    "alert_within": record(HELLO[:30]) + b"\x15\x03\x01\x00\x02\x02\x28",
    "http": b"GET / HTTP/1.1\r\n",
    "plaintext": b"\x05\x0a\x03bob",
}


def main():
    for target, inputs in (("message_scan_fuzz", MESSAGES), ("frame_decoder_fuzz", STREAMS), ("name_fuzz", NAMES),
                           ("proxy_header_fuzz", PROXY_HEADERS), ("admin_request_fuzz", ADMIN_REQUESTS),
                           ("config_file_fuzz", CONFIG_FILES), ("permissions_fuzz", PERMISSIONS),
                           ("token_fuzz", TOKENS), ("hello_gate_fuzz", HELLOS)):
        folder = FOLDER / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in inputs.items():
            (folder / name).write_bytes(body)


if __name__ == "__main__":
    main()
