"""Parts of environments beside the unpacked wheels, written when a wheel is had from the store.

The part of a wheel (`lockenv.materialize.part_of`) lies in the wheel's folder of the store, its
files about the package in ``made`` there; what every package has alike (INSTALLER, REQUESTED) is
one file for all. A part whose files are not what was written is made anew.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv import __version__
from lockenv.materialize import PlacedFile, part_name, part_of, written_file
from lockenv.workflows.joined import PART_FORM, Part
from lockenv.workflows.seen import MADE_NAME, filled_text, fits_place, render_fields

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockenv.materialize import Layout, StoredFile, Unpacked, UnpackedStore, WantedPackage
    from lockenv.materialize import Part as PurePart
    from lockenv.model import Digest

#: Files about a package up to this size are much the same for all: one file for the whole store.
_COMMON = 64


class Parts:
    """The parts of the wheels of one store."""

    def __init__(self, store: UnpackedStore) -> None:
        self._store = store
        self._new: frozenset[Digest] = frozenset()

    def leave(self, digests: Iterable[Digest]) -> None:
        """Have no parts of these wheels, which arrive just now: there is enough to do."""
        self._new = frozenset(digests)

    def files(
        self, wanted: WantedPackage, unpacked: Unpacked, layout: Layout
    ) -> tuple[PlacedFile, ...] | None:
        """As `files_of` has them, from the part; None where there can be no part.

        Raises what `files_of` does.
        """
        if wanted.digest in self._new or not fits_place(layout.root, ""):
            return None
        part = self._part(wanted, unpacked, layout)
        return None if part is None else _filled(part, unpacked, layout)

    def path(self, wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> str | None:
        """Where the part of a wheel lies, written now if it was not there; None if it cannot be."""
        return (
            None
            if self._part(wanted, unpacked, layout) is None
            else str(self._place(wanted, unpacked, layout))
        )

    def forget(self, wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> None:
        """Let a part be made anew: its files may not be what they were."""
        with contextlib.suppress(OSError):
            self._place(wanted, unpacked, layout).unlink()

    def _place(self, wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> Path:
        name = part_name(wanted, layout, __version__)
        return Path(unpacked.files_folder).with_name(f"part-{name}")

    def _part(self, wanted: WantedPackage, unpacked: Unpacked, layout: Layout) -> Part | None:
        place = self._place(wanted, unpacked, layout)
        with contextlib.suppress(OSError, ValueError, StopIteration):
            part = Part(str(place))
            if _stands(part):
                return part
        pure = part_of(wanted, unpacked, layout)
        if pure is None:
            return None
        with contextlib.suppress(OSError):
            self._write(place, pure, unpacked, layout)
            return Part(str(place))
        return None  # a store that cannot be written costs time and nothing else

    def _write(self, place: Path, part: PurePart, unpacked: Unpacked, layout: Layout) -> None:
        known = {file.path: file for file in unpacked.files}
        library: list[str] = []
        for inside in part.library:
            library += (inside, *_state(known[inside]))
        others: list[str] = []
        for file in part.constant:
            others += (file.path, *self._made(file, place), file.digest, "")
        base = f"{unpacked.files_folder}/"
        for file in part.placed:
            inside = (file.source or "").removeprefix(base)
            runs = "x" if file.is_executable else ""
            others += (file.path, f"files/{inside}", *_state(known[inside]), file.digest, runs)
        written = [cell for path, mode, text in part.written for cell in (path, f"{mode:o}", text)]
        fields = [part.row, f"{layout.site_packages}/"]
        for cells in (part.folders, others, library, written):
            fields += (str(len(cells)), *cells)
        _replace(place, render_fields(fields, PART_FORM), 0o644)

    def _made(self, file: PlacedFile, place: Path) -> tuple[str, str, str]:
        """Keep a file of our making in the store: its path there, size and time."""
        content = file.content or b""
        is_common = len(content) <= _COMMON
        folder = (self._store.folder if is_common else place.parent) / MADE_NAME
        target = folder / file.digest
        if _bytes(target) != content:
            folder.mkdir(exist_ok=True)
            _replace(target, content, 0o444)
        state = target.stat()
        source = str(target) if is_common else f"{MADE_NAME}/{file.digest}"
        return source, str(state.st_size), str(state.st_mtime_ns)


def _state(file: StoredFile) -> tuple[str, str]:
    return str(file.size), str(file.mtime_ns)


def _stands(part: Part) -> bool:
    """Whether the files of our making are as they were written (those of the wheel are known)."""
    count = 4 * len(part.facts)
    rows = part.placed[:count]
    for source, size, time in zip(rows[1::4], rows[2::4], rows[3::4], strict=True):
        found = os.lstat(source)
        if found.st_mtime_ns != int(time) or found.st_size != int(size):
            return False
    return True


def _filled(part: Part, unpacked: Unpacked, layout: Layout) -> tuple[PlacedFile, ...]:
    """The files of a part in one place, RECORD last."""
    texts: list[bytes] = []
    files: list[PlacedFile] = []
    rows = part.written
    for path, mode, text in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        content = filled_text(text, layout.root, "", texts).encode("utf-8")
        texts.append(content)
        files.append(written_file(path, content, is_executable=mode == "755"))
    known = {file.path: file for file in unpacked.files}
    base = f"{unpacked.files_folder}/"
    for inside in part.library:
        _, digest, size, is_executable, _ = known[inside]
        path = f"{layout.site_packages}/{inside}"
        files.append(PlacedFile(path, digest, size, is_executable, base + inside))
    for number, (digest, runs) in enumerate(part.facts):
        path, source, size_text = part.placed[4 * number : 4 * number + 3]
        files.append(PlacedFile(path, digest, int(size_text), bool(runs), source))
    files.sort(key=lambda file: file.path == f"{layout.site_packages}/{unpacked.dist_info}/RECORD")
    return tuple(files)


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Write a file in one step: nobody finds half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.chmod(mode)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
