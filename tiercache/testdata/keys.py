#!/usr/bin/env python3
"""Prints keys.txt from the documented encoding of keys (src/key/format.rs), independently of the Rust code."""
import hashlib
import struct


def leb(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def text(s):
    raw = s.encode()
    return leb(len(raw)) + raw


def integer(n):
    size = (abs(n).bit_length() + 7) // 8
    return bytes([(0x20 if n < 0 else 0) + size]) + abs(n).to_bytes(size, "little")


def string(s):
    return b"\x44" + text(s)


def displayed(s):
    raw = s.encode()
    out = b"\x45"
    while len(raw) >= 64:
        out, raw = out + b"\x40" + raw[:64], raw[64:]
    return out + bytes([len(raw)]) + raw


def blob(raw):
    return b"\x46" + leb(len(raw)) + raw


def double(x):
    return b"\x42" + struct.pack("<d", x)


def seq(*items):
    return b"\x4a" + b"".join(items) + b"\x51"


def mapping(*entries):
    return b"\x4b" + b"".join(sorted(k + v for k, v in entries)) + b"\x51"


def fields(*pairs):
    return b"".join(string(name) + value for name, value in pairs) + b"\x51"


FALSE, TRUE, UNIT, NONE = b"\x40", b"\x41", b"\x47", b"\x48"


def some(x):
    return b"\x49" + x


def site(*parts):
    return hashlib.sha256(b"".join(struct.pack("<Q", len(p.encode())) + p.encode() for p in parts)).digest()


def key(of, *parts):
    return hashlib.sha256(of + b"".join(parts)).hexdigest()


USER = site("tiercache function 1", "user", "shop::get_user")
DIRECT = site("tiercache direct 1", "user")

VECTORS = {
    "no parts": key(USER),
    "another prefix": key(site("tiercache function 1", "users", "shop::get_user"), integer(42)),
    "made by hand": key(DIRECT, seq(integer(42), string("en"))),
    "0": key(USER, integer(0)),
    "42": key(USER, integer(42)),
    "256": key(USER, integer(256)),
    "u64::MAX": key(USER, integer(2**64 - 1)),
    "u128::MAX": key(USER, integer(2**128 - 1)),
    "-1": key(USER, integer(-1)),
    "i64::MIN": key(USER, integer(-(2**63))),
    "i128::MIN": key(USER, integer(-(2**127))),
    "false, true": key(USER, FALSE, TRUE),
    "1.5": key(USER, double(1.5)),
    "zero": key(USER, double(0.0)),
    "nan": key(USER, b"\x42" + bytes.fromhex("000000000000f87f")),
    "char": key(USER, b"\x43" + struct.pack("<I", ord("ß"))),
    "42, en": key(USER, integer(42), string("en")),
    "a, bc": key(USER, string("a"), string("bc")),
    "ab, c": key(USER, string("ab"), string("c")),
    "200 bytes of text": key(USER, string("x" * 200)),
    "displayed": key(USER, displayed("10.0.0.1")),
    "64 displayed": key(USER, displayed("x" * 64)),
    "bytes": key(USER, blob(b"\x00\xff")),
    "unit": key(USER, UNIT),
    "none": key(USER, NONE),
    "some none": key(USER, some(NONE)),
    "seq": key(USER, seq(integer(1), integer(2), integer(3))),
    "map": key(USER, mapping((string("b"), integer(1)), (string("a"), mapping((integer(300), TRUE), (integer(2), FALSE))))),
    "struct": key(USER, b"\x4c" + fields(("id", integer(7)), ("name", some(string("x"))))),
    "newtype": key(USER, integer(7)),
    "unit variant": key(USER, b"\x4d" + text("Unit")),
    "newtype variant": key(USER, b"\x4e" + text("Newtype") + integer(7)),
    "tuple variant": key(USER, b"\x4f" + text("Tuple") + integer(7) + string("x") + b"\x51"),
    "struct variant": key(USER, b"\x50" + text("Struct") + fields(("id", integer(7)))),
}

for name, digest in VECTORS.items():
    print(f"{digest} {name}")
