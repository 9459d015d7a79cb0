"""Fragments that the store has: as they are asked for, or made of what another compressor packed.

So another compressor neither decodes a package again nor runs a script.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import HostError
from lockenv.formats.oci import open_compressor
from lockenv.materialize.layers_fragment import read_fragment, read_pieces, write_fragment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lockenv.formats.oci import Compressor
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore


def kept_fragment(key: str, compressor: Compressor, store: ImageStore) -> Fragment | None:
    """The fragment of this key, packed by this compressor; None if the store has none."""
    place = store.fragment(key, compressor)
    kept = read_fragment(place)
    if kept is not None:
        return kept
    for other in sorted(place.parent.glob(f"{key}.*.data")):
        found = read_fragment(other)
        if found is not None and found.is_sound() and (theirs := _compressor_of(other)) is not None:
            return write_fragment(
                store.temporary(), place, found, _repacked(found, theirs, compressor)
            )
    return None


def _compressor_of(data: Path) -> Compressor | None:
    """What packed a fragment, by its file's name; None where its library is missing here."""
    try:
        return open_compressor(data.name.split(".")[1].partition("-")[0])
    except HostError:
        return None


def _repacked(
    fragment: Fragment, theirs: Compressor, ours: Compressor
) -> Iterator[tuple[bytes | memoryview, int]]:
    for packed, raw in read_pieces(fragment):
        yield ours.compress(theirs.decompress(packed)), raw
