#!/usr/bin/python3
"""Writes the first inputs of the fuzz targets, one named file each, into corpus/TARGET.

Files that a fuzzer found are added to the same folders by hand, under a name that says what was wrong; this script
touches only the files it names itself.
"""
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


def main():
    for target, inputs in (("message_scan_fuzz", MESSAGES), ("frame_decoder_fuzz", STREAMS), ("name_fuzz", NAMES)):
        folder = FOLDER / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in inputs.items():
            (folder / name).write_bytes(body)


if __name__ == "__main__":
    main()
