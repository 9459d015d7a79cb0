"""A base image below ours: what lies in it, and which packages it has already."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from lockenv.errors import FaultsError, InputError, IntegrityError, LockenvError
from lockenv.formats.debian import parse_status
from lockenv.formats.oci import ImageConfig, parse_config
from lockenv.formats.tar import Entry, Reader
from lockenv.materialize.image_read import (
    MARK,
    OPAQUE,
    decoded_layer,
    entries_of,
    marked_path,
)
from lockenv.materialize.image_rules import NORMALISATION, owned, rule_for, timed
from lockenv.materialize.layers_fragment import parse_entry, render_entry
from lockenv.materialize.layers_store import key_of, read_json, write_json
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lockenv.formats.tar import Stream
    from lockenv.materialize.image_plan import Base, BaseLayer, BuiltLayer, Deb, ImagePlan
    from lockenv.materialize.layers_store import ImageStore

_STATUS = "var/lib/dpkg/status"
#: No status file of a real image is that large: 5,000 packages have 8 MB.
_LARGEST_STATUS = 64 << 20
_LIBRARY = re.compile(r"^lib.+\.so(\.[0-9A-Za-z_-]+)*$")
#: Where the loader looks, with what ld.so.conf.d of Debian and of CUDA's images adds.
_SEARCHED = re.compile(
    r"(usr/)?(local/)?lib(32|64|x32)?(/[a-z0-9_]+-linux-gnu[a-z0-9]*)?"
    r"|usr/local/cuda(-[0-9.]+)?(/targets/[a-z0-9_-]+)?/lib(64)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """What `lock` must know of a base image's content.

    ``status`` is dpkg's status file ("" where there is none), ``dpkg`` whether dpkg itself is
    there, ``release`` the text of os-release(5), ``libraries`` the names of shared libraries in the
    folders that the loader searches.
    """

    status: str = ""
    dpkg: bool = False
    release: str = ""
    libraries: tuple[str, ...] = ()


def read_base(layers: Sequence[tuple[Path, str]], name: str) -> BaseFacts:
    """The facts of a base image, from its layers in order, each with its diff ID.

    IntegrityError for a layer whose content is not that of its diff ID.
    """
    found: dict[str, bytes] = {}
    libraries: set[str] = set()
    has_dpkg = False
    for path, diff_id in layers:
        with path.open("rb") as file:
            stream = _Hashing(decoded_layer(file))
            packed = path.stat().st_size
            reader = Reader(stream, f"{name}, layer {path.name[:12]}", packed=packed)
            for entry in reader:
                folder, _, base = entry.path.rpartition("/")
                has_dpkg = has_dpkg or entry.path == "usr/bin/dpkg"
                if base.startswith(MARK):
                    _take_away(found, folder, base)
                elif entry.kind == "file" and _is_told(folder, entry.path):
                    found[entry.path] = reader.text(_LARGEST_STATUS)
                elif _LIBRARY.search(base) and _SEARCHED.fullmatch(folder):
                    libraries.add(base)
            _check_diff_id(stream, diff_id, name)
    status = found.get(_STATUS, b"")
    if not status:
        # Images without dpkg itself keep one file a package, without a line of its state.
        stanzas = [found[path] for path in sorted(found) if path.startswith(f"{_STATUS}.d/")]
        status = b"\n".join(
            b"Status: install ok installed\n" + stanza.strip(b"\n") + b"\n" for stanza in stanzas
        )
    release = found.get("etc/os-release") or found.get("usr/lib/os-release") or b""
    return BaseFacts(
        status=status.decode("utf-8", "replace"),
        dpkg=has_dpkg,
        release=release.decode("utf-8", "replace"),
        libraries=tuple(sorted(libraries)),
    )


def _is_told(folder: str, path: str) -> bool:
    if folder == f"{_STATUS}.d":
        return not path.endswith(".md5sums")
    return path in {_STATUS, "etc/os-release", "usr/lib/os-release"}


def _take_away(found: dict[str, bytes], folder: str, mark: str) -> None:
    gone = folder if mark == OPAQUE else marked_path(folder, mark)
    for path in [path for path in found if path == gone or path.startswith(f"{gone}/")]:
        del found[path]


class _Hashing:
    """A stream whose digest is told at its end."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._hasher = hashlib.sha256()

    def read(self, count: int, /) -> bytes:
        piece = self._stream.read(count)
        self._hasher.update(piece)
        return piece

    def digest(self) -> str:
        """The digest of all that the stream holds."""
        while self.read(1 << 20):
            pass
        return f"sha256:{self._hasher.hexdigest()}"


def _check_diff_id(stream: _Hashing, expected: str, name: str) -> None:
    received = stream.digest()
    if expected.startswith("sha256:") and received != expected:
        raise IntegrityError(
            "digest-mismatch",
            f"a layer of {name} is not what the image's config says",
            why=(f"the config has {expected}", f"the layer has {received}"),
            fix="do not use this image; ask its publisher",
        )


def base_packages(layers: Sequence[BaseLayer], store: ImageStore) -> dict[tuple[str, str], str]:
    """The installed packages of a base image: version by name and architecture."""
    key = key_of("base-packages", 1, [str(layer.digest) for layer in layers])
    kept = store.layer(key).with_suffix(".json")
    rows: list[list[str]] | None = read_json(kept)
    if rows is not None:
        return {(name, architecture): version for name, architecture, version in rows}
    facts = read_base([(layer.path, str(layer.diff_id)) for layer in layers], "the base image")
    found = parse_status(facts.status.encode())
    write_json(kept, [[*pair, version] for pair, version in sorted(found.items())])
    return found


def same_packages(
    debs: Iterable[Deb], layers: Sequence[BaseLayer], store: ImageStore
) -> frozenset[Deb]:
    """The packages that a base image has in the very version."""
    there = base_packages(layers, store)
    return frozenset(deb for deb in debs if there.get((deb.name, deb.architecture)) == deb.version)


def upgraded_packages(plan: ImagePlan, store: ImageStore) -> tuple[Deb, ...]:
    """The packages that the base image has in other versions, in the order of their names.

    Replacing one runs its old scripts as well: dpkg of the base image does it. InputError for an
    image without scripts, where nothing of the base may run.
    """
    there = base_packages(plan.base.layers, store) if plan.base else {}
    found = sorted(
        (
            deb
            for deb in plan.debs
            if there.get((deb.name, deb.architecture), deb.version) != deb.version
        ),
        key=lambda deb: (deb.name, deb.architecture),
    )
    if found and plan.scripts != "run":
        faults: list[LockenvError] = [
            InputError(
                "base-package-differs",
                f"the base image has {deb.name} {there[deb.name, deb.architecture]}, "
                f"the lock has {deb.version}",
                why='with scripts = "none" no package of a base image is replaced',
                fix="lockenv lock --upgrade=base,system",
            )
            for deb in found
        ]
        raise FaultsError(faults)
    return tuple(found)


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
    rows: list[list[object]] | None = read_json(kept)
    if rows is not None:
        return tuple(parse_entry(row) for row in rows)
    found: dict[str, Entry] = {}
    for _, path in paths:
        with path.open("rb") as file:
            packed = path.stat().st_size
            reader = Reader(decoded_layer(file), path.name, packed=packed)
            _lay_over(found, entries_of(reader))
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
        if name == OPAQUE:
            gone = [path for path in found if path.startswith(f"{folder}/") and path not in ours]
        elif name.startswith(MARK):
            target = marked_path(folder, name)
            gone = [path for path in found if path == target or path.startswith(f"{target}/")]
        else:
            former = found.get(entry.path)
            gone = []
            if former and former.kind == "directory" and entry.kind != "directory":
                gone = [path for path in found if path.startswith(f"{entry.path}/")]
            ours.add(entry.path)
        for path in gone:
            del found[path]
        if not name.startswith(MARK):
            found[entry.path] = entry
