"""A base image below ours: what lies in it, and which packages it has already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lockenv.errors import FaultsError, InputError, LockenvError
from lockenv.formats.deb import parse_control
from lockenv.formats.oci import ImageConfig, parse_config
from lockenv.formats.tar import Entry, Reader
from lockenv.materialize.image_read import decoded_layer, entries_of
from lockenv.materialize.image_rules import NORMALISATION, owned, rule_for, timed
from lockenv.materialize.layers_fragment import parse_entry, render_entry
from lockenv.materialize.layers_store import key_of, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lockenv.materialize.image_plan import Base, BuiltLayer, Deb
    from lockenv.materialize.layers_store import ImageStore

_MARK, _OPAQUE = ".wh.", ".wh..wh..opq"
_STATUS = "var/lib/dpkg/status"


def base_packages(layers: Sequence[Path]) -> dict[tuple[str, str], str]:
    """The installed packages of a base image: version by name and architecture."""
    text = b""
    for layer in layers:
        with layer.open("rb") as file:
            reader = Reader(decoded_layer(file), layer.name)
            for entry in reader:
                if entry.path == _STATUS and entry.kind == "file":
                    text = reader.text(64 << 20)
    found = {}
    for paragraph in text.split(b"\n\n"):
        if b"Status: install ok installed" in paragraph:
            fields = parse_control(paragraph, "the base image's package database")
            found[fields["Package"], fields["Architecture"]] = fields["Version"]
    return found


def missing_packages(debs: Sequence[Deb], layers: Sequence[Path]) -> list[Deb]:
    """The packages that a base image lacks; InputError for one that it has in another version.

    Replacing a package runs its old scripts as well, which is an upgrade and no materialization.
    """
    there = base_packages(layers) if layers else {}
    faults: list[LockenvError] = []
    missing = []
    for deb in debs:
        version = there.get((deb.name, deb.architecture))
        if version is None:
            missing.append(deb)
        elif version != deb.version:
            faults.append(
                InputError(
                    "base-package-differs",
                    f"the base image has {deb.name} {version}, the lock has {deb.version}",
                    fix="lockenv lock --upgrade=base,system",
                )
            )
    if faults:
        raise FaultsError(faults)
    return missing


def base_config(base: Base) -> ImageConfig:
    """The base image's own config."""
    return parse_config(base.config, "the base image's config")


def base_entries(layers: Iterable[BuiltLayer], epoch: int, store: ImageStore) -> tuple[Entry, ...]:
    """What lies in a base image, normalised as our own root is, so that the two compare.

    Its layers stay as they are; what a rule would drop or clamp in them is no difference.
    """
    paths = [(layer.digest, layer.path) for layer in layers]
    key = key_of("base", NORMALISATION, [digest for digest, _ in paths], epoch)
    kept = store.layer(key).with_suffix(".json")
    if kept.exists():
        return tuple(parse_entry(row) for row in json.loads(kept.read_bytes()))
    found: dict[str, Entry] = {}
    for _, path in paths:
        with path.open("rb") as file:
            _lay_over(found, entries_of(Reader(decoded_layer(file), path.name)))
    entries = tuple(
        timed(owned(entry), epoch) for path, entry in found.items() if not _is_dropped(path)
    )
    write_json(kept, [render_entry(entry) for entry in entries])
    return entries


def _is_dropped(path: str) -> bool:
    rule = rule_for(path)
    return path == "." or (rule is not None and rule.action == "drop")


def _lay_over(found: dict[str, Entry], layer: Iterable[Entry]) -> None:
    ours: set[str] = set()
    for entry in layer:
        folder, _, name = entry.path.rpartition("/")
        if name == _OPAQUE:
            gone = [path for path in found if path.startswith(f"{folder}/") and path not in ours]
        elif name.startswith(_MARK):
            target = f"{folder}/{name.removeprefix(_MARK)}".lstrip("/")
            gone = [path for path in found if path == target or path.startswith(f"{target}/")]
        else:
            former = found.get(entry.path)
            gone = []
            if former and former.kind == "directory" and entry.kind != "directory":
                gone = [path for path in found if path.startswith(f"{entry.path}/")]
            ours.add(entry.path)
        for path in gone:
            del found[path]
        if not name.startswith(_MARK):
            found[entry.path] = entry
