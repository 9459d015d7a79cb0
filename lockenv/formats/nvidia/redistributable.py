"""``redistrib_X.Y.Z.json``: the parts of one release of a product, an archive a platform each.

No published schema; the layout is that of the manifests of CUDA 11.4 to 13.4, cuDNN, cuTENSOR and
the others. Sizes are strings. A part that exists for several CUDA majors has an object for each
(``cuda12``, ``cuda13``) under its platform, sometimes beside the keys of one of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.fields import Fields, parse_json, render_path
from lockenv.formats.wheel import path_fault
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Far beyond the largest manifest (half a megabyte).
LIMIT = 16 << 20
#: Ours to NVIDIA's: servers on Arm are ``sbsa``; ``linux-aarch64`` there means Jetson.
PLATFORM_NAMES = {
    "linux-x86_64": "linux-x86_64",
    "linux-aarch64": "linux-sbsa",
    "windows-x86_64": "windows-x86_64",
}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VARIANT = re.compile(r"cuda(\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class RedistributableError(ValueError):
    """The text is no manifest of redistributables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedArchive:
    """One archive; ``cuda`` is the major that it is for, None where there is no choice."""

    relative_path: str
    sha256: str
    size: int
    cuda: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedComponent:
    """One part at its version, with its archives by NVIDIA's platform names."""

    key: str
    name: str
    version: str
    license: str
    archives: Mapping[str, tuple[ListedArchive, ...]]

    def archive(self, platform: str, cuda: int | None = None) -> ListedArchive | None:
        """The archive for a platform (NVIDIA's name), for a CUDA major where it matters."""
        found = self.archives.get(platform, ())
        for archive in found:
            if archive.cuda == cuda and cuda is not None:
                return archive
        return next((archive for archive in found if archive.cuda is None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedistributableManifest:
    """One release of one product; ``date`` is ``YYYY-MM-DD`` or empty."""

    date: str
    label: str
    product: str
    components: Mapping[str, ListedComponent]


def parse_redistributables(body: bytes) -> RedistributableManifest:
    """The manifest that the bytes are; RedistributableError with the first fault if they are none.

    An archive whose path leaves its folder, or whose digest is none, is a fault.
    """
    if len(body) > LIMIT:
        raise RedistributableError(f"it is larger than {LIMIT} bytes")
    try:
        document = parse_json(body)
    except ValueError as error:
        raise RedistributableError(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise RedistributableError("it is no table")
    table = Fields(document)
    components = {row.key: row for row in _components(table)}
    if not components:
        table.complain("it lists no component")
    date = table.text("release_date") or ""
    if date and not _DATE.fullmatch(date):
        table.complain(f"release_date is {date[:20]!r}", "release_date")
    if table.faults:
        fault = table.faults[0]
        place = render_path(fault.path)
        raise RedistributableError(f"{place}: {fault.message}" if place else fault.message)
    return RedistributableManifest(
        date=date,
        label=table.text("release_label") or "",
        product=table.text("release_product") or "",
        components=components,
    )


def _components(table: Fields) -> Iterator[ListedComponent]:
    for key in table.table:
        if not isinstance(table.raw(key), dict):
            continue
        row = table.below(key)
        if row is None or not row.has("version"):
            continue
        archives = {
            platform: tuple(_archives(below))
            for platform in row.table
            if isinstance(row.raw(platform), dict) and (below := row.below(platform)) is not None
        }
        yield ListedComponent(
            key=key,
            name=row.text("name") or key,
            version=row.required_text("version"),
            license=row.text("license") or "",
            archives={platform: found for platform, found in archives.items() if found},
        )


def _archives(table: Fields) -> Iterator[ListedArchive]:
    """The archive that a platform's own keys describe, and one for each CUDA major."""
    if table.has("relative_path"):
        yield _archive(table, None)
    for key in table.table:
        major = _VARIANT.fullmatch(key)
        below = table.below(key) if major else None
        if major and below is not None:
            yield _archive(below, int(major.group(1)))


def _archive(table: Fields, cuda: int | None) -> ListedArchive:
    path, digest = table.required_text("relative_path"), table.required_text("sha256").lower()
    fault = path_fault(path) if path else None
    if fault:
        table.complain(f"the path {fault}", "relative_path")
    if digest and not _SHA256.fullmatch(digest):
        table.complain("it is no sha256", "sha256")
    return ListedArchive(relative_path=path, sha256=digest, size=_size(table), cuda=cuda)


def _size(table: Fields) -> int:
    value = table.raw("size")
    if isinstance(value, str) and value.isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    table.complain("size must be a number of bytes, as a string", "size")
    return 0
