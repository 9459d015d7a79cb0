"""Put fragments one after another into a layer: its blob, its digest, and its diff ID."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lockenv.formats.oci import layer_type
from lockenv.formats.tar import END, Entry, Reader, sort_key
from lockenv.materialize.image_plan import CONSTANT_TIME, BuiltLayer
from lockenv.materialize.image_rules import NORMALISATION
from lockenv.materialize.layers_fragment import (
    FragmentWriter,
    PieceStream,
    read_fragment,
    read_pieces,
)
from lockenv.materialize.layers_store import key_of, read_json, sha256_of, write_json
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lockenv.formats.oci import Compressor
    from lockenv.materialize.layers_fragment import Fragment
    from lockenv.materialize.layers_store import ImageStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """A layer to be: members that stand first (directories, links), then fragments in order."""

    name: str
    first: tuple[Entry, ...]
    fragments: tuple[Fragment, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All members in order."""
        return self.first + tuple(entry for part in self.fragments for entry in part.entries)


def with_parents(directories: Mapping[str, Entry], paths: Iterable[str]) -> tuple[Entry, ...]:
    """The directories with all above them and above the paths, sorted.

    A directory that nobody describes is root's, 0755, at the constant time: what a layer says of it
    then does not depend on other layers.
    """
    found = dict(directories)
    for path in [*directories, *paths]:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found[parent] = Entry(path=parent, kind="directory", mode=0o755, mtime=CONSTANT_TIME)
            parent = parent.rpartition("/")[0]
    return tuple(found[path] for path in sorted(found, key=sort_key))


def filtered(
    fragment: Fragment, left_out: frozenset[str], compressor: Compressor, store: ImageStore
) -> Fragment:
    """The fragment without paths that another package replaces."""
    if not left_out:
        return fragment
    key = key_of("filtered", NORMALISATION, fragment.digest, sorted(left_out))
    data = store.fragment(key, compressor)
    kept = read_fragment(data)
    if kept is not None:
        return kept
    fragment.check()
    writer = FragmentWriter(store.temporary(), compressor)
    try:
        reader = Reader(PieceStream(fragment, compressor), fragment.data.name)
        for entry in reader:
            if entry.path not in left_out:
                writer.add(entry, reader.content())
        return writer.finish(data, fragment.directories, fragment.facts)
    except BaseException:
        writer.discard()
        raise


def assemble_layer(plan: LayerPlan, compressor: Compressor, store: ImageStore) -> BuiltLayer:
    """The layer from the store, or made now; the same plan always gives the same bytes."""
    first = [(entry.path, entry.mode, entry.uid, entry.gid, entry.target) for entry in plan.first]
    parts = [fragment.digest for fragment in plan.fragments]
    blob = store.layer(key_of("layer", NORMALISATION, compressor.label, first, parts))
    facts = blob.with_suffix(".json")
    known = read_json(facts)
    try:
        fits = known is not None and blob.stat().st_size == known["size"]
    except OSError:
        fits = False
    if not fits:
        for fragment in plan.fragments:
            fragment.check()
        temporary, known = _write(plan, compressor, store)
        temporary.replace(blob)
        write_json(facts, known)
    return BuiltLayer(
        name=plan.name,
        media_type=layer_type(compressor.name),
        digest=known["digest"],
        size=known["size"],
        diff_id=known["diff_id"],
        path=blob,
        entries=plan.entries,
    )


def remove_rotten(layers: Iterable[BuiltLayer]) -> list[str]:
    """Read layers whole before they leave the store; the names of those that were others, now gone.

    A layer of a base image is a blob of the store, and is fetched again; the rest is made again.
    """
    gone = []
    for layer in layers:
        if f"sha256:{sha256_of(layer.path)}" != layer.digest:
            layer.path.unlink(missing_ok=True)
            layer.path.with_suffix(".json").unlink(missing_ok=True)
            gone.append(layer.name)
    return gone


def check_layers(cache: Path) -> tuple[int, list[str]]:
    """Read all fragments and layers of a store; how many there are, and those that are gone now."""
    count, gone = 0, []
    for data in sorted((cache / "image" / "fragments").glob("*/*.data")):
        count += 1
        fragment = read_fragment(data)
        if fragment is None or not fragment.is_sound():
            data.unlink(missing_ok=True)
            data.with_suffix(".json").unlink(missing_ok=True)
            gone.append(f"fragment {data.stem}")
    for blob in sorted((cache / "image" / "layers").glob("*/*.layer")):
        count += 1
        known = read_json(blob.with_suffix(".json"))
        if known is None or known["digest"] != f"sha256:{sha256_of(blob)}":
            blob.unlink(missing_ok=True)
            blob.with_suffix(".json").unlink(missing_ok=True)
            gone.append(f"layer {blob.stem}")
    return count, gone


def _write(
    plan: LayerPlan, compressor: Compressor, store: ImageStore
) -> tuple[Path, dict[str, str | int]]:
    temporary = store.temporary()
    raw_hash, size = hashlib.sha256(), 0
    # Where nothing is compressed, both digests are one.
    packed_hash = raw_hash if compressor.compress(END) is END else hashlib.sha256()
    writer = FragmentWriter(store.temporary(), compressor)
    for entry in plan.first:
        writer.add(entry)
    prelude = writer.finish(store.temporary(), (), {})
    try:
        with temporary.open("wb") as file:
            for part in (prelude, *plan.fragments):
                for packed, _ in read_pieces(part):
                    packed_hash.update(packed)
                    size += file.write(packed)
                    if packed_hash is not raw_hash:
                        raw_hash.update(compressor.decompress(packed))
            last = compressor.compress(END)
            packed_hash.update(last)
            size += file.write(last)
            if packed_hash is not raw_hash:
                raw_hash.update(END)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        prelude.discard()
    return temporary, {
        "digest": f"sha256:{packed_hash.hexdigest()}",
        "diff_id": f"sha256:{raw_hash.hexdigest()}",
        "size": size,
    }
