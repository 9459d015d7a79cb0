"""The last word between providers that are equal to apt: whose name its cache meets last.

apt numbers packages as it first meets their names, in a stanza of their own or in a relation of
another's, and lets the highest number win. That depends on the order of the index alone, which is
signed; so it is kept, rather than a rule of our own that would differ from every other machine's
answer. A note tells of each such choice, and ``prefer`` decides otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lockenv.sources.debian.index import PackageIndex

#: The order in which apt reads the fields of a stanza that can name packages.
_FIELDS = {
    name: place
    for place, name in enumerate(
        (
            b"Package",
            b"Pre-Depends",
            b"Depends",
            b"Conflicts",
            b"Breaks",
            b"Recommends",
            b"Suggests",
            b"Replaces",
            b"Enhances",
            b"Provides",
        )
    )
}
#: What may follow a name in a relation.
_AFTER = b" ,|:(\n["
#: Index, stanza, field, place: the order of first mentions.
Mention = tuple[int, int, int, int]


class Mentions:
    """Finds first mentions; a search costs some milliseconds, so it is done for ties only."""

    def __init__(self, indexes: Sequence[PackageIndex]) -> None:
        self._indexes = tuple(indexes)
        self._found: dict[str, Mention] = {}
        self._texts: dict[int, bytes] = {}

    def first(self, name: str) -> Mention:
        """Where the indexes first mention a name; later than everything if they never do."""
        found = self._found.get(name)
        if found is None:
            found = self._search(name.encode())
            self._found[name] = found
        return found

    def _search(self, name: bytes) -> Mention:
        for which, index in enumerate(self._indexes):
            own = min((index.position(number) for number in index.stanzas_of(name)), default=None)
            text = self._texts.get(which)
            if text is None:
                text = self._texts[which] = index.text()
            end = len(text) if own is None else own
            best = None if own is None else (which, own, 0, own)
            place = text.find(b" " + name, 0, end)
            while place >= 0:
                mention = _mention(text, place, len(name) + 1)
                if mention is not None:
                    best = min((which, *mention), best or (which, *mention))
                    break
                place = text.find(b" " + name, place + 1, end)
            if best is not None:
                return best
        return (len(self._indexes), 0, 0, 0)


def _mention(text: bytes, place: int, length: int) -> tuple[int, int, int] | None:
    after = text[place + length : place + length + 1]
    if after and after not in _AFTER:
        return None
    line = text.rfind(b"\n", 0, place) + 1
    while text[line : line + 1] in {b" ", b"\t"} and line:
        line = text.rfind(b"\n", 0, line - 1) + 1
    field = _FIELDS.get(text[line : text.find(b":", line)])
    if field is None:
        return None
    before = text[line:place].rstrip()[-1:]
    if before not in {b":", b",", b"|"}:
        return None
    stanza = text.rfind(b"\n\n", 0, place)
    return (0 if stanza < 0 else stanza + 2), field, place
