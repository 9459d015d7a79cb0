"""The shared libraries of a wheel: their names, and what their dynamic sections need.

A wheel that is not too large is fetched whole when its libraries are a good part of it (`sync`
takes it from the store); of others the libraries are read by ranges, the smaller ones first, within
a limit. Those that only compute are left out. Which are read follows from the wheel alone, so that
every machine learns the same; what was learned is kept under the wheel's digest for ever.
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, BinaryIO, Protocol

from lockenv.errors import IntegrityError
from lockenv.fetch import SeekableRemote
from lockenv.formats.contents import LISTING_KIND, parse_listing
from lockenv.formats.elf import ElfError, parse_dynamic
from lockenv.formats.wheel import Member, read_members, stream_member
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from lockenv.fetch import RemoteFile
    from lockenv.model import Digest, Wanted

#: Under which name facts are kept; another number for every change of their form or of the limits.
_KIND = "wheel-libraries-2"
#: How much of the libraries of one wheel is read. Those that talk to the system (windows, sound,
#: files of maps) are small; GDAL, the largest such known, has 9 MB.
_LIMIT = 32 << 20
#: A wheel that is less than a quarter libraries is cheaper by ranges.
_SHARE = 4
#: A library that unpacks to more is not looked at.
_LARGEST = 256 << 20
#: Libraries that lie closer to each other are read together, in pieces of at most this size.
_APART, _PIECE = 64 << 10, 4 << 20
#: How much of the end of a wheel is asked for when its directory is read.
_WINDOW = 256 << 10
_LIBRARY = re.compile(r"\.so(\.[0-9A-Za-z_-]+)*$")
#: Libraries that compute and need the C and C++ runtime alone; some are most of their wheel.
_COMPUTES = re.compile(
    r"lib(scipy_)?(openblas|blas|lapack|gfortran|mkl|arrow|parquet|LLVM|MLIR|crypto|icudata|"
    r"torch_cpu|torch_cuda|cublas|cudnn|cufft|curand|cusolver|cusparse|nccl|nvrtc|nvJitLink)"
)
#: Wheels of NVIDIA's own libraries: those need each other and the driver.
_CUDA_WHEELS = "nvidia_"


class NativeFetcher(Protocol):
    """What reading needs of the fetcher."""

    def remote(self, url: str) -> RemoteFile | None:
        """The file by ranges, or None where the server has none."""

    def has_blob(self, digest: Digest) -> Path | None:
        """The file if the store has it."""

    def blob(self, wanted: Wanted) -> Path:
        """The file, fetched."""

    def recall(self, kind: str, key: str) -> bytes | None:
        """A fact that was kept."""

    def remember(self, kind: str, key: str, data: bytes) -> None:
        """Keep a fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """One shared library of a wheel: its path there, its own name, and what it needs, in order."""

    path: str
    soname: str | None = None
    needed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLibraries:
    """The libraries of a wheel that were read, by path, and the paths of those that were not."""

    libraries: tuple[Library, ...] = ()
    unread: tuple[str, ...] = ()


EMPTY = WheelLibraries()


def read_libraries(wanted: Wanted, fetcher: NativeFetcher) -> WheelLibraries:
    """What the libraries of a wheel say; a pure wheel costs nothing.

    An archive that installing would refuse says nothing here. Raises `SourceError` where the wheel
    cannot be reached.
    """
    if wanted.name.endswith("-none-any.whl"):
        return EMPTY
    key = wanted.digest.hex
    kept = fetcher.recall(_KIND, key)
    found = _parse(kept) if kept is not None else None
    if found is None:
        found = EMPTY if _has_none(wanted, fetcher) else _read(wanted, fetcher)
        fetcher.remember(_KIND, key, _render(found))
    return found


def _has_none(wanted: Wanted, fetcher: NativeFetcher) -> bool:
    """Whether a listing that was made when its metadata was read shows no library."""
    kept = fetcher.recall(LISTING_KIND, wanted.digest.hex)
    listing = parse_listing(kept) if kept is not None else None
    if listing is None:
        return False
    try:
        return not any(_LIBRARY.search(entry.path) for entry in listing.entries)
    except ValueError:
        return False


def _read(wanted: Wanted, fetcher: NativeFetcher) -> WheelLibraries:
    try:
        path = fetcher.has_blob(wanted.digest)
        remote = None if path else _remote(wanted, fetcher)
        if remote is None:
            return _read_file(path or fetcher.blob(wanted), wanted.name)
        window = io.BufferedReader(SeekableRemote(remote), _WINDOW)
        members = _libraries(read_members(window, wanted.name))
        chosen = _chosen(members, wanted.name)
        most = sum(member.compressed for member in chosen)
        if remote.size <= _LIMIT and most * _SHARE >= remote.size:
            return _read_file(fetcher.blob(wanted), wanted.name)
        return _found(members, chosen, _from_server(remote, chosen, wanted.name))
    except IntegrityError as error:
        if error.slug.startswith("archive-") or error.slug == "unsafe-path":
            return EMPTY  # installing it is refused, with the whole message
        raise


def _remote(wanted: Wanted, fetcher: NativeFetcher) -> RemoteFile | None:
    for url in wanted.urls:
        remote = fetcher.remote(url)
        if remote is not None:
            return remote
    return None


def _read_file(path: Path, name: str) -> WheelLibraries:
    with path.open("rb") as file:
        members = _libraries(read_members(file, name))
        chosen = _chosen(members, name)
        return _found(members, chosen, [_library(file, member, name) for member in chosen])


def _libraries(members: Iterable[Member]) -> list[Member]:
    return [member for member in members if _LIBRARY.search(member.path)]


def _chosen(members: Iterable[Member], name: str) -> list[Member]:
    """The libraries to read, in the order of their data: the smaller ones, within the limit."""
    budget = 0 if name.startswith(_CUDA_WHEELS) else _LIMIT
    found = []
    for member in sorted(members, key=lambda one: (one.compressed, one.path)):
        if _COMPUTES.match(member.path.rpartition("/")[2]):
            continue
        budget -= member.compressed
        if budget < 0:
            break
        if 0 < member.size <= _LARGEST:
            found.append(member)
    return sorted(found, key=lambda member: member.offset)


def _found(
    members: Sequence[Member], chosen: Sequence[Member], libraries: Iterable[Library | None]
) -> WheelLibraries:
    read = {member.path for member in chosen}
    return WheelLibraries(
        libraries=tuple(
            sorted((one for one in libraries if one is not None), key=lambda one: one.path)
        ),
        unread=tuple(sorted(member.path for member in members if member.path not in read)),
    )


def _library(file: BinaryIO, member: Member, name: str) -> Library | None:
    """One library; None for what only looks like one (a linker script, another format)."""
    try:
        facts = parse_dynamic(b"".join(stream_member(file, member, name)))
    except ElfError:
        return None
    return Library(path=member.path, soname=facts.soname, needed=facts.needed)


def _from_server(remote: RemoteFile, chosen: Sequence[Member], name: str) -> list[Library | None]:
    found = []
    for group in _together(chosen):
        start = group[0].offset
        piece = io.BytesIO(remote.at(start, group[-1].end - start))
        for member in group:
            placed = member._replace(offset=member.offset - start, end=member.end - start)
            found.append(_library(piece, placed, name))
    return found


def _together(chosen: Sequence[Member]) -> Iterator[list[Member]]:
    group: list[Member] = []
    for member in chosen:
        near = group and member.offset - group[-1].end <= _APART
        if group and not (near and member.end - group[0].offset <= _PIECE):
            yield group
            group = []
        group.append(member)
    if group:
        yield group


def _render(found: WheelLibraries) -> bytes:
    rows = [[one.path, one.soname, list(one.needed)] for one in found.libraries]
    return json.dumps({"libraries": rows, "unread": list(found.unread)}).encode()


def _parse(data: bytes) -> WheelLibraries | None:
    """What `_render` wrote; None for anything else."""
    try:
        document = json.loads(data)
        return WheelLibraries(
            libraries=tuple(
                Library(
                    path=str(path),
                    soname=None if soname is None else str(soname),
                    needed=tuple(map(str, needed)),
                )
                for path, soname, needed in document["libraries"]
            ),
            unread=tuple(map(str, document["unread"])),
        )
    except (ValueError, TypeError, KeyError):
        return None
