"""Changes of bytes that find faults in parsers: numbers at their edges, pieces moved and lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, (1 << 63) - 1)
#: Among them digits that are none to `int`, a lone surrogate, and nests and numbers without end.
_WORDS = (
    *(b"\0", b"\n", b"\r\n", b" ", b"..", b"/", b"../../x", b"\\", b'"', b"'", b"[", b"]"),
    *(b"{", b"}", b"//", b"http://[", b"sha256=", b"-1", b"1e999", b"NaN", b"null", b"true"),
    *(b"[" * 2000, b'{"a":' * 2000, b"(" * 3000, b"9" * 5000, b"&amp;" * 50, b"<a href="),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\xc2\xb2", b"\xd9\xa3", b"\x1b[2J", b"%s", b"${X}"),
    *(b"&#x110000;", b"&#99999999999;"),
)


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """The seed after one to six changes."""
    data = bytearray(seed)
    for _ in range(chance.randint(1, 6)):
        chance.choice(_CHANGES)(data, chance)
    return bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _number(data: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    value = chance.choice(_EDGES) & ((1 << 8 * size) - 1)
    at = _place(data, chance)
    data[at : at + size] = value.to_bytes(size, "little")


def _word(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at : at + chance.choice((0, 1, 8))] = chance.choice(_WORDS)


def _lose(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randint(1, 40)]


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[_place(data, chance) :]


def _repeat(data: bytearray, chance: random.Random) -> None:
    at, to = _place(data, chance), _place(data, chance)
    data[to:to] = data[at : at + chance.randint(1, 200)] * chance.choice((1, 1, 1, 30))


def _swap(data: bytearray, chance: random.Random) -> None:
    at, to, size = _place(data, chance), _place(data, chance), chance.randint(1, 40)
    one, other = data[at : at + size], data[to : to + size]
    data[at : at + size] = other
    data[to : to + size] = one


_CHANGES = (_flip, _set, _number, _word, _lose, _cut, _repeat, _swap)
