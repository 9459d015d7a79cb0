"""The zip directory of a wheel on a server, and the facts that its own libraries tell.

Read by ranges: the directory first (for every wheel: it says which files two of them would both
write), then the small libraries whole. Nothing else of a wheel is fetched, and what was learned is
kept under the wheel's digest for ever.
"""

from __future__ import annotations

import contextlib
import io
import json
import mmap
import os
import re
import tempfile
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from lockenv.errors import IntegrityError
from lockenv.fetch import SeekableRemote
from lockenv.fields import Fields
from lockenv.formats.contents import LISTING_KIND, Listing, parse_listing, render_listing
from lockenv.formats.elf import ElfError, parse_dynamic, section_range, sonames_in_prefix
from lockenv.formats.fatbin import CodeSummary, fatbin_entries, summarize
from lockenv.formats.wheel import Member, read_members, stream_member
from lockenv.sources.cuda.facts import CandidateFacts, WheelFile, facts_from_libraries
from lockenv.tables.cuda import WheelLibrary, components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from lockenv.fetch import RemoteFile

T = TypeVar("T")

#: How much of one wheel's libraries is fetched without being asked to.
READ_LIMIT = 64 << 20
#: No library that one would read is larger unpacked; a bomb is.
_LARGEST = 1 << 30
#: How much of a library that is too large to read is looked at for names.
_PREFIX = 1 << 20
#: How many of those that are too large.
_GLANCES = 4
#: Part of the name under which facts are kept: another number for every change of their form.
_FACTS_KIND = "wheel-cuda-2"
#: The same for what was found when a wheel was installed.
_INSTALLED_KIND = "wheel-cuda-installed-1"
_LIBRARY = re.compile(r"\.so(\.\d+)*$")
#: A library that auditwheel has put into a wheel: ``libcudart-c64a25f3.so.12.3.101``.
_BUNDLED = re.compile(r"(?:^|/)(lib[^/]+?)-[0-9a-f]{8}\.so[^/]*$")
_LOOKS_LIKE_CUDA = re.compile(
    r"cuda|cudnn|cublas|nccl|cutlass|flash_?attn|_gpu|gpu_|[-_.]cu\d\d|libnv|pjrt", re.IGNORECASE
)


class Shelf(Protocol):
    """What reading needs of the fetcher."""

    def remote(self, url: str) -> RemoteFile | None:
        """The file by ranges, or None where the server has none."""

    def recall(self, kind: str, key: str) -> bytes | None:
        """A fact that was kept."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep a fact."""

    def soon(self, work: Callable[[], T]) -> Future[T]:
        """Work on it in one of its threads."""


class _Pieces(Protocol):
    """Where the members of an archive are read from."""

    def of(self, member: Member, most: int) -> tuple[BinaryIO, Member]:
        """A file with (at least the first ``most`` bytes of) a member, and its place there."""


class _FromDisk:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def of(self, member: Member, most: int) -> tuple[BinaryIO, Member]:  # noqa: ARG002 - all is there
        return self._file, member


class _FromServer:
    """One request a member: its local header and data, nothing beside them."""

    def __init__(self, remote: RemoteFile) -> None:
        self._remote = remote

    def of(self, member: Member, most: int) -> tuple[BinaryIO, Member]:
        count = min(member.end - member.offset, most)
        piece = self._remote.at(member.offset, count)
        return io.BytesIO(piece), member._replace(offset=0, end=member.end - member.offset)


def _listed(remote: RemoteFile, name: str) -> tuple[Member, ...]:
    # A quarter of a megabyte at once holds the directory of nearly every wheel.
    return read_members(io.BufferedReader(SeekableRemote(remote), 1 << 18), name)


def wheel_directory(wheel: WheelFile, shelf: Shelf) -> Listing | None:
    """Every file that installing the wheel writes; None if it cannot be read by ranges.

    Where its metadata was read from its tail, that was remembered then. Raises `IntegrityError`
    for an archive that installing would refuse.
    """
    kept = shelf.recall(LISTING_KIND, wheel.sha256) if wheel.sha256 else None
    if kept is not None:
        found = parse_listing(kept)
        if found is not None:
            return found
    members = _members(wheel, shelf)
    if members is None:
        return None
    data = render_listing((member.path, member.size, member.crc) for member in members)
    if wheel.sha256:
        shelf.remember(LISTING_KIND, wheel.sha256, data)
    return parse_listing(data)


def _members(wheel: WheelFile, shelf: Shelf) -> tuple[Member, ...] | None:
    remote = shelf.remote(wheel.url) if wheel.url else None
    if remote is None:
        return None
    return _listed(remote, wheel.file)


def read_wheel_facts(
    wheel: WheelFile, shelf: Shelf, *, limit: int = READ_LIMIT, glance: bool = False
) -> CandidateFacts | None:
    """What the libraries of a wheel on a server say; None if it cannot be read by ranges.

    All libraries of a wheel up to the limit. Of a larger one nothing, or with ``glance`` the first
    bytes of some libraries, whose names are weak evidence: then the facts are partial.
    """
    key = f"{wheel.sha256}-{limit}{'-glance' if glance else ''}"
    kept = shelf.recall(_FACTS_KIND, key) if wheel.sha256 else None
    if kept is not None:
        return _parse_facts(kept)
    remote = shelf.remote(wheel.url) if wheel.url else None
    if remote is None or (remote.size > limit and not glance):
        return None
    try:
        members = _listed(remote, wheel.file)
        whole = limit if remote.size <= limit else 0
        facts = _read(_FromServer(remote), members, wheel.file, whole)
    except IntegrityError as error:
        # Installing refuses such a file with its own message; here it only says nothing.
        return CandidateFacts(is_partial=True, how=(error.what,))
    if wheel.sha256:
        shelf.remember(_FACTS_KIND, key, _render_facts(facts))
    return facts


def facts_of_file(path: BinaryIO, name: str) -> CandidateFacts:
    """What the libraries of a whole wheel on disk say (after its download)."""
    return _read(_FromDisk(path), read_members(path, name), name, 1 << 62)


def recall_facts(sha256: str, shelf: Shelf | None) -> CandidateFacts | None:
    """What `facts_of_folder` found before."""
    kept = shelf.recall(_INSTALLED_KIND, sha256) if shelf is not None else None
    return None if kept is None else _parse_facts(kept)


def facts_of_folder(
    folder: Path, paths: Iterable[str], sha256: str, shelf: Shelf | None = None
) -> CandidateFacts:
    """What the libraries of an unpacked wheel say, whatever their size; each file is mapped.

    Remembered by the wheel's digest, apart from what a look at it while locking found: what lies
    on one machine must not decide what is locked there.
    """
    known = recall_facts(sha256, shelf)
    if known is not None:
        return known
    found: list[WheelLibrary] = []
    isa = ""
    for path in sorted(path for path in paths if _LIBRARY.search(path)):
        with (folder / path).open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                continue
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                library, newest = _library(path, data)
        isa = max(isa, newest, key=_version_key)
        found += [library] if library is not None else []
    facts = facts_from_libraries(found, ptx_isa=isa, how="its own libraries")
    if shelf is not None:
        shelf.remember(_INSTALLED_KIND, sha256, _render_facts(facts))
    return facts


def _read(pieces: _Pieces, members: tuple[Member, ...], name: str, limit: int) -> CandidateFacts:
    libraries: list[WheelLibrary] = []
    isa, is_partial = "", False
    budget, glances = limit, _GLANCES
    candidates = [m for m in members if _LIBRARY.search(m.path)]
    copies = (_BUNDLED.search(m.path) for m in candidates)
    bundled = frozenset(found[1] for found in copies if found)
    for member in sorted(candidates, key=_worth):
        library: WheelLibrary | None = None
        if member.compressed <= budget and member.size <= _LARGEST:
            budget -= member.compressed
            library, newest = _read_library(pieces, member, name)
            isa = max(isa, newest, key=_version_key)
        else:
            is_partial = True
            if glances:
                glances -= 1
                library = _read_prefix(pieces, member, name, bundled)
        if library is not None:
            libraries.append(library)
    provides = sorted({m.path.rpartition("/")[2] for m in candidates})
    return facts_from_libraries(
        tuple(sorted(libraries, key=lambda lib: lib.path)),
        provides=tuple(p for p in provides if p in components().sonames),
        ptx_isa=isa,
        is_partial=is_partial,
        how="its own libraries",
    )


def _worth(member: Member) -> tuple[bool, int, str]:
    """The order of reading: what looks like CUDA first, then the small ones."""
    return not _LOOKS_LIKE_CUDA.search(member.path), member.compressed, member.path


def _version_key(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")) if text else ()


def _read_library(pieces: _Pieces, member: Member, name: str) -> tuple[WheelLibrary | None, str]:
    """One library as a whole, by way of a temporary file: some unpack to hundreds of megabytes."""
    if not member.size:
        return None, ""
    file, placed = pieces.of(member, member.end - member.offset)
    with tempfile.TemporaryFile() as unpacked:
        for piece in stream_member(file, placed, name):
            unpacked.write(piece)
        unpacked.flush()
        with mmap.mmap(unpacked.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _library(member.path, data)


def _library(path: str, data: mmap.mmap) -> tuple[WheelLibrary | None, str]:
    try:
        needed = parse_dynamic(data).needed
        section = section_range(data, ".nv_fatbin")
    except ElfError:
        return None, ""
    start, size = section or (0, len(data))
    summary = summarize(fatbin_entries(data, start, start + size))
    needs = tuple(sorted(n for n in needed if n in components().sonames))
    if not needs and not summary.cubins and not summary.ptx:
        return None, ""
    return _with_code(path, needs, summary), summary.isa


def _with_code(path: str, needs: tuple[str, ...], summary: CodeSummary) -> WheelLibrary:
    return WheelLibrary(
        path=path,
        # Code for exactly one architecture still runs on that one.
        base=summary.base or summary.specific,
        few=summary.few,
        ptx=summary.ptx,
        needs=needs,
        cubins=summary.cubins,
    )


def _read_prefix(
    pieces: _Pieces, member: Member, name: str, bundled: frozenset[str]
) -> WheelLibrary | None:
    """What the first bytes of a library mention; not what the wheel has a copy of its own of."""
    prefix = b""
    file, placed = pieces.of(member, _PREFIX)
    # What was fetched is cut off on purpose: the archive's end is not there to be found.
    with contextlib.suppress(IntegrityError):
        for piece in stream_member(file, placed, name):
            prefix += piece
            if len(prefix) >= _PREFIX:
                break
    mentioned = (n for n in sonames_in_prefix(prefix) if n.partition(".so")[0] not in bundled)
    needs = tuple(n for n in mentioned if n in components().sonames)
    own = member.path.rpartition("/")[2]
    return (
        WheelLibrary(path=member.path, needs=tuple(n for n in needs if n != own)) if needs else None
    )


def _render_facts(facts: CandidateFacts) -> bytes:
    document = {
        "isa": facts.ptx_isa,
        "partial": facts.is_partial,
        "provides": list(facts.provides),
        "libraries": [
            {
                "path": lib.path,
                "base": list(lib.base),
                "few": list(lib.few),
                "ptx": list(lib.ptx),
                "needs": list(lib.needs),
                "cubins": lib.cubins,
            }
            for lib in facts.libraries
        ],
    }
    return json.dumps(document, sort_keys=True).encode()


def _parse_facts(data: bytes) -> CandidateFacts:
    table = Fields(json.loads(data))
    return facts_from_libraries(
        tuple(
            WheelLibrary(
                path=row.required_text("path"),
                base=row.texts("base"),
                few=row.texts("few"),
                ptx=row.texts("ptx"),
                needs=row.texts("needs"),
                cubins=row.integer("cubins") or 0,
            )
            for row in table.tables("libraries")
        ),
        provides=table.texts("provides"),
        ptx_isa=table.text("isa") or "",
        is_partial=table.flag("partial") or False,
        how="its own libraries",
    )
