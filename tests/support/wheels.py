"""Builders of tiny real wheels and sdists: what a package index would hold, made in microseconds.

    wheel("demo", "1.0", requires=["base>=2"], extras={"x": ["other"]}, files={"demo.py": "…"})

gives a `Built` with the file's name and bytes; ``built.write(folder)`` puts it there. The same
arguments give the same bytes. ``metadata`` and ``record`` replace what would be written, for tales
of broken and lying wheels.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TIME = (2020, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Built:
    """A file for an index: its name and bytes, and the METADATA inside (empty if there is none)."""

    filename: str
    data: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        """The hexadecimal digest."""
        return hashlib.sha256(self.data).hexdigest()

    def write(self, folder: Path) -> Path:
        """Put the file into a folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.filename
        path.write_bytes(self.data)
        return path


def core_metadata(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    metadata_version: str = "2.1",
    dynamic: Sequence[str] = (),
) -> bytes:
    """The text of METADATA or PKG-INFO. ``extras`` maps each extra to what it asks for."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {one}" for one in requires]
    for extra, asked in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_with_extra(one, extra)}" for one in asked]
    lines += [f"Dynamic: {field}" for field in dynamic]
    return ("\n".join(lines) + "\n\nA description.\n").encode()


def _with_extra(requirement: str, extra: str) -> str:
    line, semicolon, marker = requirement.partition(";")
    own = f"extra == '{extra}'"
    return f"{line}; ({marker.strip()}) and {own}" if semicolon else f"{line}; {own}"


def wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
    files: Mapping[str, str | bytes] | None = None,
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    metadata: bytes | None = None,
    record: bytes | None = None,
    padding: int = 0,
) -> Built:
    """A wheel. ``files`` defaults to one module; ``scripts`` are console entry points.

    ``padding`` puts so many incompressible bytes in front, so that the tail is not the whole.
    """
    stem = f"{_escaped(name)}-{version}"
    inside = f"{stem}.dist-info"
    text = (
        core_metadata(
            name, version, requires=requires, extras=extras, requires_python=requires_python
        )
        if metadata is None
        else metadata
    )
    module = re.sub(r"\W", "_", name)
    members: dict[str, bytes] = {}
    if padding:
        members[f"{module}_padding.bin"] = _noise(padding)
    for path, content in (files or {f"{module}.py": f"VERSION = {version!r}\n"}).items():
        members[path] = content.encode() if isinstance(content, str) else content
    members[f"{inside}/METADATA"] = text
    members[f"{inside}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    ).encode()
    if scripts:
        lines = ["[console_scripts]", *(f"{one} = {scripts[one]}" for one in sorted(scripts))]
        members[f"{inside}/entry_points.txt"] = ("\n".join(lines) + "\n").encode()
    members[f"{inside}/RECORD"] = _record(members, inside) if record is None else record
    number = f"-{build}" if build else ""
    return Built(f"{stem}{number}-{tag}.whl", _zip(members), text)


def sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    metadata_version: str = "2.2",
    dynamic: Sequence[str] = (),
    pyproject: str | None = None,
    files: Mapping[str, str | bytes] | None = None,
    metadata: bytes | None = None,
) -> Built:
    """An sdist (``.tar.gz``) with PKG-INFO, and with pyproject.toml if one is given."""
    stem = f"{_escaped(name)}-{version}"
    text = (
        core_metadata(
            name, version, requires=requires, metadata_version=metadata_version, dynamic=dynamic
        )
        if metadata is None
        else metadata
    )
    members: dict[str, bytes] = {"PKG-INFO": text}
    if pyproject is not None:
        members["pyproject.toml"] = pyproject.encode()
    for path, content in (files or {}).items():
        members[path] = content.encode() if isinstance(content, str) else content
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(members):
            entry = tarfile.TarInfo(f"{stem}/{path}")
            entry.size, entry.mtime, entry.mode = len(members[path]), 1577836800, 0o644
            archive.addfile(entry, io.BytesIO(members[path]))
    return Built(f"{stem}.tar.gz", gzip.compress(raw.getvalue(), mtime=0), text)


def _escaped(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name)


def _noise(count: int) -> bytes:
    blocks = (hashlib.sha256(b"%d" % number).digest() for number in range(count // 32 + 1))
    return b"".join(blocks)[:count]


def _record(members: Mapping[str, bytes], inside: str) -> bytes:
    def row(path: str, data: bytes) -> str:
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(data)}"

    rows = [row(path, data) for path, data in members.items()]
    return ("\n".join([*rows, f"{inside}/RECORD,,"]) + "\n").encode()


def _zip(members: Mapping[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in members.items():
            entry = zipfile.ZipInfo(path, _TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return raw.getvalue()
