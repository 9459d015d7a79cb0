"""What a Python index says about one project, grouped by version, and its compact kept form.

The kept form is text with one line a version, newest first, so that a reader looks only at the
versions that matter: ``VERSION TAB FILE TAB FILE …``; U+001F separates the columns of a file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Part of the name under which kept forms are stored: another number for every change of it.
KEPT_FORM = "listing-1"

_COLUMN = "\x1f"
_SDIST_ENDINGS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz")
#: Control characters would break the kept form; no field of an index has a use for them.
_CONTROL = dict.fromkeys((*range(0x20), 0x7F, 0x85, 0x2028, 0x2029), " ")


class ListingError(ValueError):
    """The bytes are no page of the Simple repository API, or of a version that is too new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedFile:
    """One file of a project as the index lists it (PEP 503, 592, 658, 700, 714).

    ``url`` is absolute. ``hashes`` are ``algorithm:hex``. ``upload_time`` is RFC 3339 in UTC, cut
    to seconds. ``yanked`` is the reason (possibly empty) or None. ``metadata`` is None where no
    metadata file is offered, else its hash as ``algorithm:hex``, or empty where it has none.
    """

    filename: str
    url: str
    hashes: tuple[str, ...] = ()
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: str | None = None
    metadata: str | None = None

    @property
    def is_wheel(self) -> bool:
        """Whether the name is a wheel's."""
        return self.filename.endswith(".whl")

    def hash_by(self, algorithm: str) -> str | None:
        """The hexadecimal digits of one algorithm, if the index gives it."""
        for text in self.hashes:
            name, _, digits = text.partition(":")
            if name == algorithm:
                return digits
        return None


class FileRow:
    """A file of a kept listing: most are passed over for their name, so no more is read."""

    __slots__ = ("_text", "filename")

    def __init__(self, text: str) -> None:
        self._text = text
        self.filename = text[: text.index(_COLUMN)]

    def read(self) -> ListedFile:
        """All that the index says of the file."""
        return _file(self._text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One project on one index; versions newest first, files read when they are asked for.

    ``status`` is PEP 792's (active, archived, quarantined, deprecated); ``mirror`` is the
    host of the mirror that the page came from, or empty.
    """

    versions: tuple[str, ...]
    status: str = "active"
    status_reason: str = ""
    mirror: str = ""
    lines: dict[str, str] = field(default_factory=dict, repr=False)

    def files(self, version: str) -> tuple[ListedFile, ...]:
        """The files of one of the versions, sorted by name."""
        return tuple(row.read() for row in self.rows(version))

    def addresses(self, filename: str) -> tuple[str, ...]:
        """Where a file of this name lies."""
        rows = (row for version in self.versions for row in self.rows(version))
        return tuple(row.read().url for row in rows if row.filename == filename)

    def rows(self, version: str) -> list[FileRow]:
        """The files of one of the versions, sorted by name, of which only the names are read."""
        return [FileRow(text) for text in self.lines[version].split("\t")]


def version_of(filename: str, name: str) -> str | None:
    """The version that a file name of this (normalised) project has, or None if it is no such file.

    Wheels have five or six parts; other counts, eggs, installers and unknown endings are no files
    of a project.
    """
    if filename.endswith(".whl"):
        # Five or six parts; nearly all spell the name as the project does.
        if not 4 <= filename.count("-") <= 5:
            return None
        spelling, _, rest = filename.partition("-")
        return rest[: rest.index("-")] if _same(spelling, name) else None
    for ending in _SDIST_ENDINGS:
        if filename.endswith(ending):
            return _sdist_version(filename[: -len(ending)], name)
    return None


#: A file as it is kept: its name, and its columns as one text.
Row: TypeAlias = tuple[str, str]


def group(name: str, rows: Iterable[Row], *, status: tuple[str, str], mirror: str) -> Listing:
    """The listing of a project's files; files of other names or without a version are left out."""
    by_text: dict[str, list[Row]] = {}
    for row in rows:
        filename = row[0]
        text = version_of(filename, name)
        if text is not None:
            by_text.setdefault(text, []).append(row)
    # Texts such as 1.0 and 1.0.0 are one version, which is written as the first of them.
    grouped: dict[_Key, tuple[str, list[Row]]] = {}
    for text, some in by_text.items():
        known = _canonical(text)
        if known is not None:
            grouped.setdefault(known[0], (known[1], []))[1].extend(some)
    lines = {
        text: "\t".join([columns for _, columns in sorted(some)])
        for _, (text, some) in sorted(grouped.items(), key=_first, reverse=True)
    }
    return Listing(
        versions=tuple(lines), status=status[0], status_reason=status[1], mirror=mirror, lines=lines
    )


#: The order of versions (PEP 440) as values that compare quickly: epoch, release without the zeros
#: at its end, pre-release, post-release, dev-release, local version.
_Key: TypeAlias = tuple[
    int,
    tuple[int, ...],
    tuple[int, int],
    int,
    tuple[int, int],
    tuple[tuple[int, int, str], ...],
]
_FINAL, _NO_POST, _NO_DEV = (3, 0), -1, (1, 0)
_PRE = {"a": 0, "b": 1, "rc": 2}
#: A release that is written in the canonical way and is nothing else, as most are.
_PLAIN = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.(?:0|[1-9][0-9]{0,17}))*")


def _first(item: tuple[_Key, object]) -> _Key:
    return item[0]


def _canonical(text: str) -> tuple[_Key, str] | None:
    """A version's place in the order, and how it is written; None if the text is none."""
    if _PLAIN.fullmatch(text):
        return (0, _release(map(int, text.split("."))), _FINAL, _NO_POST, _NO_DEV, ()), text
    version = _version(text)
    if version is None:
        return None
    pre = _FINAL if version.pre is None else (_PRE[version.pre[0]], version.pre[1])
    if version.pre is None and version.post is None and version.dev is not None:
        pre = (-1, 0)
    key = (
        version.epoch,
        _release(version.release),
        pre,
        _NO_POST if version.post is None else version.post,
        _NO_DEV if version.dev is None else (0, version.dev),
        tuple(map(_local_part, version.local.split("."))) if version.local else (),
    )
    return key, str(version)


def _release(numbers: Iterable[int]) -> tuple[int, ...]:
    found = tuple(numbers)
    while found and not found[-1]:
        found = found[:-1]
    return found


def _local_part(text: str) -> tuple[int, int, str]:
    return (1, int(text), "") if text.isdecimal() else (0, 0, text)


def render_listing(listing: Listing) -> bytes:
    """The kept form."""
    head = _COLUMN.join((listing.status, clean(listing.status_reason), clean(listing.mirror)))
    lines = [head, *(f"{version}\t{rest}" for version, rest in listing.lines.items())]
    return "\n".join(lines).encode("utf-8", "replace")


def parse_listing(data: bytes) -> Listing:
    """The listing of a kept form."""
    head, *rest = data.decode("utf-8").split("\n")
    status, reason, mirror = head.split(_COLUMN)
    lines: dict[str, str] = {}
    for line in rest:
        version, _, files = line.partition("\t")
        lines[version] = files
    return Listing(
        versions=tuple(lines),
        status=status,
        status_reason=reason,
        mirror=mirror,
        lines=lines,
    )


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def _normal(spelling: str) -> str:
    return canonicalize_name(spelling)


def _same(spelling: str, name: str) -> bool:
    return spelling == name or _normal(spelling) == name


def _sdist_version(stem: str, name: str) -> str | None:
    dash = stem.rfind("-")
    if _same(stem[:dash], name):
        return stem[dash + 1 :]
    # Old sdists keep dashes in names and versions, so every dash may be the one in between.
    end = stem.find("-")
    while end != -1:
        if _same(stem[:end], name) and _version(stem[end + 1 :]) is not None:
            return stem[end + 1 :]
        end = stem.find("-", end + 1)
    return None


def clean(text: str) -> str:
    """The text without what would break the kept form."""
    return text.translate(_CONTROL) if not text.isprintable() else text


def row_of(file: ListedFile) -> Row:
    """The file as it is kept."""
    url = clean(file.url)
    # Nearly every address ends with the file's name, so it is not written twice.
    if url.endswith(file.filename):
        url = url[: -len(file.filename)] + "*"
    elif url.endswith("*"):
        url = url[:-1] + "%2A"
    return file.filename, _COLUMN.join(
        (
            clean(file.filename),
            url,
            " ".join(file.hashes),
            "" if file.requires_python is None else clean(file.requires_python),
            "" if file.size is None else str(file.size),
            file.upload_time or "",
            "" if file.yanked is None else "!" + clean(file.yanked),
            "" if file.metadata is None else "!" + file.metadata,
        )
    )


def _file(text: str) -> ListedFile:
    name, url, hashes, python, size, time, yanked, metadata = text.split(_COLUMN)
    return ListedFile(
        filename=name,
        url=url[:-1] + name if url.endswith("*") else url,
        hashes=tuple(hashes.split()),
        requires_python=python or None,
        size=int(size) if size else None,
        upload_time=time or None,
        yanked=yanked[1:] if yanked else None,
        metadata=metadata[1:] if metadata else None,
    )
