"""Regenerate ``cuda-components.json`` from the index's wheels, and say what changed.

Run it from a checkout, with a network::

    python scripts/refresh_cuda_components.py [--index URL] [--check]

Reads the simple pages (JSON) of ``cuda-toolkit`` and of every package that a release names, and
the metadata of each release by range. Releases and versions that the table has stay as they are;
what a wheel of the index no longer shows is never dropped. ``--check`` writes nothing and exits
with 1 where there is something new.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from packaging.requirements import Requirement
from packaging.version import Version

from lockenv.fetch import Fetcher, open_fetcher
from lockenv.formats.index import ACCEPT, ListedFile, parse_page
from lockenv.formats.metadata import parse_wheel_name
from lockenv.model import PLATFORMS, Index, Target
from lockenv.resolve import Identifier
from lockenv.sources.python import PythonRequest, PythonSource
from lockenv.tables.addresses import PYTHON_INDEX
from lockenv.tables.cuda import tables_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "lockenv" / "tables" / "data" / "cuda-components.json"
DIGEST = TABLE.with_name("cuda-tables.sha256")
#: The letters of the table, by what a platform tag ends in.
LETTERS = (
    ("L", re.compile(r"linux.*_x86_64$")),
    ("A", re.compile(r"linux.*_aarch64$")),
    ("W", re.compile(r"win_amd64$")),
    ("X", re.compile(r"win_arm64$")),
)

Row = dict[str, object]
Table = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One version of one package as the index shows it."""

    version: str
    platforms: str
    uploaded: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One version of the metapackage: what its extra ``all`` pins, and what each extra asks for."""

    version: str
    uploaded: str
    pins: Mapping[str, str]
    extras: Mapping[str, tuple[str, ...]]


def platforms_of(filenames: Iterable[str]) -> str:
    """The letters of the platforms that wheels are for, in the order of the table."""
    tags = [parse_wheel_name(name).tags.rpartition("-")[2] for name in filenames]
    parts = [part for tag in tags for part in tag.split(".")]
    return "".join(letter for letter, form in LETTERS if any(form.search(part) for part in parts))


def parse_release(version: str, uploaded: str, requires: Iterable[str]) -> Release:
    """What the Requires-Dist lines of one metapackage say."""
    pins: dict[str, str] = {}
    extras: dict[str, set[str]] = {}
    for line in requires:
        requirement = Requirement(line)
        found = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", str(requirement.marker or ""))
        if not found:
            continue
        if found.group(1) == "all":
            pins[requirement.name] = str(requirement.specifier)
        else:
            extras.setdefault(found.group(1), set()).add(requirement.name)
    ordered = {extra: tuple(sorted(names)) for extra, names in sorted(extras.items())}
    return Release(
        version=version, uploaded=uploaded, pins=dict(sorted(pins.items())), extras=ordered
    )


def merge(
    table: Table, releases: Iterable[Release], seen: Mapping[str, Iterable[Seen]]
) -> list[str]:
    """Add to the table what is new; one line for each change, in the order of versions."""
    changes: list[str] = []
    known = cast("dict[str, Row]", table["releases"])
    shapes = cast("dict[str, dict[str, list[str]]]", table["extras"])
    for release in sorted(releases, key=lambda row: Version(row.version)):
        if release.version in known:
            continue
        shape = {extra: list(names) for extra, names in release.extras.items()}
        like = next((key for key, value in shapes.items() if value == shape), release.version)
        shapes.setdefault(like, shape)
        numbers = Version(release.version)
        row: Row = {
            "toolkit": ".".join(str(part) for part in numbers.release[:3]),
            "uploaded": release.uploaded,
            "extras_like": like,
            "pins": dict(release.pins),
        }
        if numbers.is_prerelease:
            row["prerelease"] = True
        known[release.version] = row
        changes.append(f"new release {release.version}")
    packages = cast("dict[str, dict[str, Row]]", table["packages"])
    for name in sorted(seen):
        rows = packages.setdefault(name, {})
        for one in sorted(seen[name], key=lambda row: Version(row.version)):
            changes += _merge_version(rows, name, one, known)
    return changes


def _merge_version(
    rows: dict[str, Row], name: str, one: Seen, releases: Mapping[str, Row]
) -> list[str]:
    pinning = [
        version
        for version, row in releases.items()
        if _pins(cast("dict[str, str]", row["pins"]).get(name, ""), one.version)
    ]
    old = rows.get(one.version)
    if old is None:
        rows[one.version] = {"cuda": pinning, "on": one.platforms, "up": one.uploaded}
        if not pinning:
            rows[one.version] |= _between(one.version, rows)
        return [f"new version {name} {one.version} ({', '.join(pinning) or 'no release'})"]
    changes = []
    added = [version for version in pinning if version not in cast("list[str]", old["cuda"])]
    if added:
        old["cuda"] = [*cast("list[str]", old["cuda"]), *added]
        changes.append(f"{name} {one.version} is now of {', '.join(added)} too")
    platforms = "".join(letter for letter, _ in LETTERS if letter in f"{old['on']}{one.platforms}")
    if platforms != old["on"]:
        changes.append(f"{name} {one.version} is now on {platforms} (was {old['on']})")
        old["on"] = platforms
    return changes


def _pins(specifier: str, version: str) -> bool:
    """Whether a pin means this version; of a range its lower bound."""
    for clause in specifier.split(","):
        if clause.startswith("=="):
            return version == clause[2:].removesuffix(".*")
        if clause.startswith(">="):
            return version == clause[2:]
    return False


def _between(version: str, rows: Mapping[str, Row]) -> Row:
    """Where a version that no release pins stands: between two that some pin, by their numbers."""
    pinned = sorted((v for v, row in rows.items() if row["cuda"]), key=Version)
    below = [v for v in pinned if Version(v) < Version(version)]
    above = [v for v in pinned if Version(v) > Version(version)]
    return {
        "after": cast("list[str]", rows[below[-1]]["cuda"])[-1] if below else None,
        "before": cast("list[str]", rows[above[0]]["cuda"])[0] if above else None,
        "how": "library-only release",
    }


def read_index(
    fetcher: Fetcher, index: str, names: Iterable[str]
) -> tuple[list[Release], dict[str, list[Seen]]]:
    """The releases, and every version of each package that a release or the table names."""
    target = Target(
        name="refresh", platform=PLATFORMS["linux-x86_64"], python="3.13.0", level="2.35"
    )
    request = PythonRequest(
        indexes=(Index(name="refresh", url=index, default=True, upload_time="ignore"),),
        prerelease="allow",
    )
    source = PythonSource(fetcher, target, request)
    releases = []
    for candidate in source.candidates(Identifier("pypi", "cuda-toolkit"), ()):
        metadata = source.metadata(candidate.release)
        uploaded = (candidate.release.file.upload_time or "")[:10]
        releases.append(parse_release(metadata.version, uploaded, metadata.requires_dist))
    wanted = {*names, *(name for release in releases for name in release.pins)}
    return releases, {name: _versions(fetcher, index, name) for name in sorted(wanted)}


def _versions(fetcher: Fetcher, index: str, name: str) -> list[Seen]:
    page = fetcher.page(f"{index.rstrip('/')}/{name}/", accept=ACCEPT)
    if page is None:
        return []
    listing = parse_page(name, page.body, content_type=page.content_type, url=page.url)
    found = []
    for version in listing.versions:
        wheels = [file for file in listing.files(version) if file.is_wheel]
        # 0.0.0a0 and 0.0.1 are placeholders that only hold a name.
        if wheels and any(Version(version).release[:2]):
            found.append(_seen(version, wheels))
    return found


def _seen(version: str, files: list[ListedFile]) -> Seen:
    uploads = sorted(file.upload_time or "" for file in files)
    return Seen(
        version=version,
        platforms=platforms_of(file.filename for file in files),
        uploaded=uploads[0][:10],
    )


def render(table: Table) -> str:
    """The table as it is kept: one row a line, so that a refresh is a small diff."""
    return _render(table, 0) + "\n"


def _render(value: object, depth: int) -> str:
    if isinstance(value, dict) and value and depth < 3:
        pad = " " * (depth + 1)
        rows = (f"{pad}{json.dumps(key)}: {_render(row, depth + 1)}" for key, row in value.items())
        return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        pad = " " * (depth + 1)
        lines = ",\n".join(f"{pad}{json.dumps(row)}" for row in value)
        return "[\n" + lines + "\n" + " " * depth + "]"
    return json.dumps(value)


def main() -> int:
    """Refresh, or only look."""
    parser = argparse.ArgumentParser(description="Regenerate the table of CUDA components.")
    parser.add_argument("--index", default=PYTHON_INDEX)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    table = cast("Table", json.loads(TABLE.read_text(encoding="utf-8")))
    names = list(cast("dict[str, Row]", table["packages"]))
    with tempfile.TemporaryDirectory() as cache, open_fetcher(Path(cache)) as fetcher:
        changes = merge(table, *read_index(fetcher, options.index, names))
    for change in changes:
        print(change)
    if not changes:
        print("nothing new")
        return 0
    if options.check:
        return 1
    table["read"] = datetime.now(UTC).date().isoformat()
    TABLE.write_text(render(table), encoding="utf-8")
    DIGEST.write_text(tables_digest() + "\n", encoding="utf-8")
    print(f"{len(changes)} changes written to {TABLE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
