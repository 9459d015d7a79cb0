"""What an sdist or a source folder says of itself without running anything (PEP 643, PEP 621)."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
import zlib
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lockenv.fields import Fields
from lockenv.formats.metadata import LIMIT, CoreMetadata, MetadataError, parse_core_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

#: The files that say something stand among the first; an sdist of more members is no reason to
#: read for ever.
_MEMBERS = 200_000
#: How much of an archive is unpacked while looking: the largest sdists known are below a GiB.
_UNPACKED = 4 << 30


def static_metadata(path: Path) -> CoreMetadata | None:
    """The metadata of an sdist file if they bind every build; None where only a build knows.

    `MetadataError` where the file is no sdist.
    """
    try:
        found = _sdist_texts(path)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        zlib.error,
        ValueError,
    ) as error:
        raise MetadataError(f"it is no sound sdist: {error}") from error
    if "PKG-INFO" in found:
        metadata = parse_core_metadata(found["PKG-INFO"])
        if metadata.is_static:
            return metadata
        version: str | None = metadata.version
    else:
        version = None
    if "pyproject.toml" in found:
        return project_metadata(found["pyproject.toml"], version=version)
    return None


def folder_metadata(folder: Path) -> CoreMetadata | None:
    """The metadata of a source folder if its pyproject.toml has them; None where a build must."""
    try:
        body = (folder / "pyproject.toml").read_bytes()
    except OSError:
        return None
    return project_metadata(body, version=None)


def project_metadata(body: bytes, *, version: str | None) -> CoreMetadata | None:
    """What ``[project]`` says, if nothing that resolving needs is dynamic (PEP 621).

    A dynamic version may be known from elsewhere. None where something is missing.
    """
    try:
        document = tomllib.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    project = Fields(document).below("project")
    if project is None:
        return None
    dynamic = set(project.texts("dynamic"))
    name = project.text("name")
    known = version if "version" in dynamic else project.text("version")
    if (
        not name
        or not known
        or dynamic & {"dependencies", "optional-dependencies", "requires-python"}
    ):
        return None
    requires = list(project.texts("dependencies"))
    extras = project.below("optional-dependencies")
    names = sorted(extras.table) if extras is not None else []
    for extra in names:
        requires += [with_extra(line, extra) for line in extras.texts(extra)] if extras else []
    if project.faults:
        return None
    return CoreMetadata(
        metadata_version="2.2",
        name=name,
        version=known,
        requires_dist=tuple(requires),
        provides_extra=tuple(sorted({canonicalize_name(extra) for extra in names})),
        requires_python=project.text("requires-python"),
    )


def with_extra(line: str, extra: str) -> str:
    """A requirement line as core metadata write it for an extra."""
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return line
    condition = f'extra == "{canonicalize_name(extra)}"'
    marker = requirement.marker
    requirement.marker = None
    whole = f"({marker}) and {condition}" if marker is not None else condition
    blank = " " if requirement.url else ""
    return f"{requirement}{blank}; {whole}"


def _sdist_texts(path: Path) -> dict[str, bytes]:
    """PKG-INFO and pyproject.toml of the sdist's one top folder."""
    found: dict[str, bytes] = {}
    wanted = {"PKG-INFO", "pyproject.toml"}
    for name, body in _zip_members(path) if path_is_zip(path) else _tar_members(path):
        found.setdefault(name, body)
        if wanted <= found.keys():
            break
    return found


def path_is_zip(path: Path) -> bool:
    """Whether a file begins as zip files do; its name may be a digest."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _top(name: str) -> str:
    folder, slash, rest = name.removeprefix("./").partition("/")
    return rest if slash and folder and rest in {"PKG-INFO", "pyproject.toml"} else ""


def _tar_members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path, "r:*") as archive:
        for number, member in enumerate(archive):
            if number > _MEMBERS or archive.offset > _UNPACKED:
                raise MetadataError("it has more in it than any sdist")
            name = _top(member.name)
            if name and member.isreg():
                if member.size > LIMIT:
                    raise MetadataError(f"its {name} is larger than {LIMIT} bytes")
                stream = archive.extractfile(member)
                if stream is not None:
                    yield name, _limited(stream)


def _zip_members(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _top(member.filename)
            if name:
                if member.file_size > LIMIT:
                    raise MetadataError(f"its {name} is larger than {LIMIT} bytes")
                with archive.open(member) as stream:
                    yield name, _limited(stream)


def _limited(stream: IO[bytes]) -> bytes:
    with stream:
        return stream.read(LIMIT)
