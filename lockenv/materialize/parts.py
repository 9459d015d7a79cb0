"""What one wheel brings to any environment of one kind, worked out once; pure.

An environment is the sum of its parts, and each part is the same wherever it stands but for the
environment's own path, which is marked. Kept beside the unpacked wheel, parts make an environment
without a look at the wheels, and files about packages are links like all others.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from lockenv.materialize.layout import files_of
from lockenv.materialize.tree_list import ROOT_MARKED, Texts, installed_row, is_constant
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from lockenv.materialize.layout import Layout
    from lockenv.materialize.unpack import Unpacked
    from lockenv.materialize.values import PlacedFile, WantedPackage

#: Raised when what a part says, or what installing a wheel writes, changes.
_FORM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The files of one package, RECORD last, and its row in the environment's state.

    ``library`` are files of the wheel that lie in site-packages as they lie in the archive, by
    that path; ``placed`` its other ones. ``constant`` are files of our making that are the same
    everywhere; those of ``written`` have marks for what hangs on the place.
    """

    row: str
    folders: tuple[str, ...]
    library: tuple[str, ...]
    placed: tuple[PlacedFile, ...]
    constant: tuple[PlacedFile, ...]
    written: tuple[tuple[str, int, str], ...]


def part_name(wanted: WantedPackage, layout: Layout, version: str) -> str:
    """What tells a part from others of its wheel; ``version`` is that of whoever works it out."""
    facts = [_FORM, version, layout.site_packages, layout.minor, layout.system, wanted.origin_key]
    return hashlib.sha256(json.dumps(facts).encode("ascii")).hexdigest()[:24]


def part_of(wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> Part | None:
    """The part of a wheel; None where it cannot be told without its place.

    Raises what `files_of` does. Whose path is not plain needs `files_of` itself.
    """
    layout = replace(layout, root=ROOT_MARKED, python=f"{ROOT_MARKED}/bin/python")
    files = files_of(wanted, unpacked, layout)
    prefix = f"{layout.site_packages}/"
    base = f"{unpacked.files_folder}/"
    texts = Texts()
    library, placed, constant, written = [], [], [], []
    for file in files:
        if file.source is not None:
            inside = file.source.removeprefix(base)
            if file.path == prefix + inside:
                library.append(inside)
            else:
                placed.append(file)
            continue
        text = texts.added(file)
        if text is None:
            return None
        if is_constant(file.path, text):
            constant.append(file)
        else:
            written.append((file.path, 0o755 if file.is_executable else 0o644, text))
    return Part(
        row=installed_row(wanted, unpacked.dist_info, files, texts),
        folders=_folders(files),
        library=tuple(library),
        placed=tuple(placed),
        constant=tuple(constant),
        written=tuple(written),
    )


def _folders(files: tuple[PlacedFile, ...]) -> tuple[str, ...]:
    """Every folder that the files need, those above before those below."""
    found: set[str] = set()
    for file in files:
        folder = file.path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return tuple(sorted(found))
