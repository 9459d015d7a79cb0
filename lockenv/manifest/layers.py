"""Tables that start from others (``extends``): one merged table, and where each value stands.

Tables are merged key by key, the own keys winning; ``[[index]]`` and ``[[system.archive]]`` member
by member, by their names, the own ones first; anything else replaces what was there. An entry of
``[sources]`` is replaced as a whole: half a source is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import Origin
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.fields import KeyPath

Table = dict[str, object]

#: Arrays of tables whose members have names of their own.
_NAMED = {("index",), ("system", "archive")}


@dataclass(frozen=True, slots=True)
class Layer:
    """A table with the origin of its root and of each part that comes from another file."""

    table: Table
    places: Mapping[KeyPath, Origin]

    def place(self, path: KeyPath) -> Origin:
        """Where the value at this path of the merged table was written."""
        for length in range(len(path), -1, -1):
            origin = self.places.get(path[:length])
            if origin is not None:
                return Origin(origin.file, (*origin.path, *path[length:]), origin.line)
        raise KeyError(path)  # pragma: no cover - the root always has a place


def written_in(file: str, prefix: KeyPath, table: Table) -> Layer:
    """The layer of one file alone: its table lies at ``prefix``."""
    return Layer(table, {(): Origin(file, prefix)})


def merge(base: Layer, own: Layer) -> Layer:
    """The base's keys with the own ones over them."""
    places = dict(own.places)
    return Layer(_merge((), base, own, base.table, own.table, places), places)


def _merge(
    path: KeyPath,
    base: Layer,
    own: Layer,
    below: Table,
    above: Table,
    places: dict[KeyPath, Origin],
) -> Table:
    merged: Table = {}
    for key, value in above.items():
        former = below.get(key)
        here = (*path, key)
        if isinstance(value, dict) and isinstance(former, dict) and path != ("sources",):
            merged[key] = _merge(here, base, own, former, value, places)
        elif isinstance(value, list) and isinstance(former, list) and here in _NAMED:
            merged[key] = _members(here, base, former, value, places)
        else:
            merged[key] = value
    for key, value in below.items():
        if key not in above:
            here = (*path, key)
            merged[key] = value
            places[here] = base.place(here)
            places.update(
                (deeper, origin)
                for deeper, origin in base.places.items()
                if len(deeper) > len(here) and deeper[: len(here)] == here
            )
    return merged


def _members(
    path: KeyPath,
    base: Layer,
    former: list[object],
    own: list[object],
    places: dict[KeyPath, Origin],
) -> list[object]:
    names = {member.get("name") for member in own if isinstance(member, dict)}
    members = list(own)
    for number, member in enumerate(former):
        if not isinstance(member, dict) or member.get("name") not in names:
            places[*path, len(members)] = base.place((*path, number))
            members.append(member)
    return members
