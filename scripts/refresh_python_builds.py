"""Write the table of python-build-standalone builds anew from the listing of its releases.

Reads the releases page by page, as the hosting service's API lists them (name of the release, its
files with addresses and, on newer releases, digests), and for releases without digests their
``SHA256SUMS`` or the ``NAME.sha256`` beside a file. Of each version, platform and variant the table
keeps the newest build; among the archives of one release a stripped ``install_only`` one goes
before a plain one, and that before a full one. Builds that the listing no longer names stay as they
were. Prints what changed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from lockenv.fields import Fields
from lockenv.tables.addresses import PYTHON_BUILDS, PYTHON_BUILDS_LISTING
from lockenv.tables.builds import version_key

TABLE = Path(__file__).parents[1] / "lockenv" / "tables" / "data" / "python-builds.json"
ABOUT = (
    "python-build-standalone: version, platform, variant, release, file name, sha256; "
    "the newest build of each version"
)
#: The widest page that the API gives.
PER_PAGE = 100
#: A page of releases with all their files is some 20 MB; more is not a listing.
LARGEST_ANSWER = 256 << 20

PLATFORMS = {
    "x86_64-unknown-linux-gnu": "linux-x86_64",
    "aarch64-unknown-linux-gnu": "linux-aarch64",
    "x86_64-unknown-linux-musl": "linux-x86_64-musl",
    "aarch64-unknown-linux-musl": "linux-aarch64-musl",
    "aarch64-apple-darwin": "macos-arm64",
    "x86_64-apple-darwin": "macos-x86_64",
    "x86_64-pc-windows-msvc": "windows-x86_64",
    "x86_64-pc-windows-msvc-shared": "windows-x86_64",
}
NAME = re.compile(
    r"cpython-(?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)(?:\+(?P<build>\d{8}))?"
    rf"-(?P<triple>{'|'.join(sorted(PLATFORMS, key=len, reverse=True))})-(?P<rest>.+)"
)
#: What comes after the triple, best first: how the archive was made, and its layout.
FLAVOURS = (
    "install_only_stripped.tar.gz",
    "install_only.tar.gz",
    "pgo+lto-full.tar.zst",
    "lto-full.tar.zst",
    "pgo-full.tar.zst",
    "pgo+lto.tar.zst",
    "lto.tar.zst",
    "pgo.tar.zst",
)


class Row(NamedTuple):
    """One line of the table; ``name`` as it stands in the address."""

    version: str
    platform: str
    variant: str
    build: str
    name: str
    sha256: str

    @property
    def cell(self) -> tuple[str, str, str]:
        """What there is one build of."""
        return self.version, self.platform, self.variant


def main(arguments: list[str]) -> int:
    """Refresh the table; status 1 if ``--check`` was given and it would change."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--listing", default=PYTHON_BUILDS_LISTING, help="address of the releases")
    parser.add_argument("--downloads", default=PYTHON_BUILDS, help="address of their files")
    parser.add_argument("--table", type=Path, default=TABLE, help="the file to write")
    parser.add_argument("--pages", type=int, default=50, help="read at most so many pages")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)

    former = read_table(options.table)
    rows = dict(former)
    for release in releases(options.listing, options.pages):
        for row in release_rows(release, options.downloads):
            if row.cell not in rows or is_better(row, rows[row.cell]):
                rows[row.cell] = row

    changes = render_changes(former, rows)
    print("\n".join(changes) if changes else "nothing changed")
    if changes and not options.check:
        options.table.write_text(render_table(rows), encoding="utf-8")
    return 1 if changes and options.check else 0


def read_table(path: Path) -> dict[tuple[str, str, str], Row]:
    """The rows of a table file, or none where there is no file."""
    if not path.exists():
        return {}
    rows = [Row(*row) for row in json.loads(path.read_text("utf-8"))["builds"]]
    return {row.cell: row for row in rows}


def render_table(rows: dict[tuple[str, str, str], Row]) -> str:
    """The table's text: one build a line, by version, platform and variant."""
    ordered = sorted(rows.values(), key=lambda row: (version_key(row.version), *row[1:3]))
    lines = ",\n".join(json.dumps(row) for row in ordered)
    return f'{{\n"about": {json.dumps(ABOUT)},\n"builds": [\n{lines}\n]\n}}\n'


def render_changes(
    former: dict[tuple[str, str, str], Row], rows: dict[tuple[str, str, str], Row]
) -> list[str]:
    """One line for each build that is new or was replaced."""
    return [
        f"{'replaced' if cell in former else 'added'} {' '.join(cell)}: {row.build} {row.name}"
        for cell, row in sorted(rows.items(), key=lambda item: (version_key(item[0][0]), item[0]))
        if former.get(cell) != row
    ]


def is_better(row: Row, other: Row) -> bool:
    """Whether a build should stand in place of another: install_only first, then the newer."""
    return rank(row) > rank(other)


def rank(row: Row) -> tuple[bool, str, int]:
    """What orders the builds of one cell."""
    is_full = row.name.endswith(".tar.zst")
    return not is_full, row.build, -flavour(unquote(row.name))


def flavour(name: str) -> int:
    """The place of a file's flavour in FLAVOURS; behind all of them where it is not there."""
    plain = re.sub(r"-\d{8}T\d{4}(?=\.tar)", "", name).replace("freethreaded+", "")
    places = [place for place, end in enumerate(FLAVOURS) if plain.endswith(f"-{end}")]
    return min(places, default=len(FLAVOURS))


def releases(listing: str, pages: int) -> list[Fields]:
    """The releases of all pages of the listing, newest first as it has them."""
    found = []
    for page in range(1, pages + 1):
        answer = json.loads(read(f"{listing}?per_page={PER_PAGE}&page={page}"))
        table = Fields({"releases": answer})
        on_page = list(table.tables("releases"))
        if table.faults:
            raise SystemExit(f"{listing}: page {page}: {table.faults[0].message}")
        if not on_page:
            break
        found += on_page
    return found


def release_rows(release: Fields, downloads: str) -> list[Row]:
    """The rows that the files of one release make; nothing of drafts."""
    if release.flag("draft"):
        return []
    build = release.required_text("tag_name")
    addresses: dict[str, str] = {}
    digests: dict[str, str] = {}
    for asset in release.tables("assets"):
        name = asset.required_text("name")
        addresses[name] = asset.required_text("browser_download_url")
        digest = asset.text("digest") if isinstance(asset.raw("digest"), str) else None
        if digest is not None and digest.startswith("sha256:"):
            digests[name] = digest.removeprefix("sha256:")
    wanted = {name: cell for name in addresses if (cell := cell_of(name)) is not None}
    if not wanted.keys() <= digests.keys() and "SHA256SUMS" in addresses:
        digests = {**parse_sums(read(addresses["SHA256SUMS"])), **digests}
    rows = []
    for name, cell in wanted.items():
        prefix = f"{downloads}{build}/"
        if not addresses[name].startswith(prefix):
            raise SystemExit(f"{name} of release {build} is not at {prefix} but {addresses[name]}")
        if name not in digests and f"{name}.sha256" in addresses:
            digests[name] = read(addresses[f"{name}.sha256"]).decode("ascii").split()[0]
        sha256 = digests.get(name, "").lower()
        if re.fullmatch(r"[0-9a-f]{64}", sha256):
            rows.append(Row(*cell, build, addresses[name].removeprefix(prefix), sha256))
        else:
            print(f"left out, no sha256: {build} {name}", file=sys.stderr)
    return rows


def cell_of(name: str) -> tuple[str, str, str] | None:
    """Version, platform and variant of an archive; None for files that are not for the table."""
    match = NAME.fullmatch(name)
    if match is None or "debug" in match["rest"] or flavour(name) == len(FLAVOURS):
        return None
    variant = "freethreaded" if match["rest"].startswith("freethreaded") else "default"
    return match["version"], PLATFORMS[match["triple"]], variant


def parse_sums(text: bytes) -> dict[str, str]:
    """The digests of a ``SHA256SUMS`` file by file name."""
    pairs = (line.split() for line in text.decode("utf-8").splitlines())
    return {pair[1].lstrip("*"): pair[0] for pair in pairs if len(pair) == 2}


def read(url: str) -> bytes:
    """The body at an address."""
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise SystemExit(f"not an address to read a listing from: {url}")
    request = urllib.request.Request(url, headers={"Accept": "application/json, */*"})  # noqa: S310 - the scheme was checked above
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - likewise
        body: bytes = answer.read(LARGEST_ANSWER + 1)
    if len(body) > LARGEST_ANSWER:
        raise SystemExit(f"{url} answered with more than {LARGEST_ANSWER} bytes")
    return body


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
