"""What an sdist or a source folder says of itself without running anything (PEP 643, 621, 518)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.fields import Fields
from lockenv.formats.metadata import LIMIT, CoreMetadata, MetadataError, parse_core_metadata
from lockenv.formats.toml import parse_toml
from lockenv.model import BuildSystem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from lockenv.sources.python.values import SourceTree

#: The files that say something stand among the first; an sdist of more members is no reason to
#: read for ever.
_MEMBERS = 200_000
#: How much of an archive is unpacked while looking: the largest sdists known are below a GiB.
_UNPACKED = 4 << 30


#: PEP 517: what a source tree without ``[build-system]`` is built with.
LEGACY = BuildSystem(requires=("setuptools>=40.8.0",), backend="setuptools.build_meta:__legacy__")
#: The files that this module reads.
_TEXTS = frozenset({"PKG-INFO", "pyproject.toml", "setup.cfg", "setup.py"})


def static_metadata(tree: SourceTree, version: str | None = None) -> CoreMetadata | None:
    """The metadata of a source tree if they bind every build; None where only a build knows.

    ``version`` stands in where that alone is dynamic. `MetadataError` where an archive is no sdist.
    """
    found = source_texts(tree, frozenset({"PKG-INFO", "pyproject.toml"}))
    if "PKG-INFO" in found and not tree.path.is_dir():
        metadata = parse_core_metadata(found["PKG-INFO"])
        if metadata.is_static:
            return metadata
        version = metadata.version
    try:
        document = parsed_project(found["pyproject.toml"]) if "pyproject.toml" in found else {}
    except MetadataError:
        return None
    return project_metadata(document, version=version)


def build_system(tree: SourceTree) -> BuildSystem:
    """How a source tree is built (PEP 518, 517); `MetadataError` where it does not say."""
    body = source_texts(tree, frozenset({"pyproject.toml"})).get("pyproject.toml")
    return LEGACY if body is None else build_system_of(parsed_project(body))


def parsed_project(body: bytes) -> dict[str, object]:
    """What a pyproject.toml says; `MetadataError` for a bad one."""
    try:
        return parse_toml("pyproject.toml", body.decode())
    except (ValueError, InputError) as error:
        what = error.what if isinstance(error, InputError) else error
        raise MetadataError(f"its pyproject.toml cannot be read: {what}") from error


def build_system_of(document: Mapping[str, object]) -> BuildSystem:
    """The build system that a pyproject.toml names; `MetadataError` for a bad one."""
    fields = Fields(document).below("build-system")
    if fields is None:
        return LEGACY
    requires = fields.texts("requires")
    try:
        for text in requires:
            Requirement(text)
    except ValueError as error:
        raise MetadataError(f"its build-system asks for what is no requirement: {error}") from error
    if fields.faults or not fields.has("requires"):
        raise MetadataError("its build-system has no list of requirements")
    return BuildSystem(
        requires=requires,
        backend=fields.text("build-backend") or LEGACY.backend,
        backend_path=fields.texts("backend-path"),
    )


def asks_in_setup(tree: SourceTree) -> bool:
    """Whether a setup script seems to ask for packages that it is built with (setup_requires)."""
    found = source_texts(tree, frozenset({"setup.cfg", "setup.py"}))
    return any(b"setup_requires" in body for body in found.values())


def source_texts(tree: SourceTree, names: frozenset[str] = _TEXTS) -> dict[str, bytes]:
    """Those of some files beside pyproject.toml that a source tree has."""
    if tree.path.is_dir():
        return _folder_texts(tree, names)
    import tarfile  # noqa: PLC0415 - start-up: an archive is read once and then known
    import zipfile  # noqa: PLC0415 - likewise
    import zlib  # noqa: PLC0415 - likewise

    inner = tree.subdirectory.strip("/") + "/" if tree.subdirectory else ""
    wanted = {f"{inner}{name}": name for name in names}
    try:
        return _archive_texts(tree.path, wanted)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        OSError,
        zlib.error,
        ValueError,
    ) as error:
        first = str(error).partition("\n")[0].rstrip(":")
        raise MetadataError(f"it is no sound sdist: {first}") from error


def _folder_texts(tree: SourceTree, names: frozenset[str]) -> dict[str, bytes]:
    folder = tree.path / (tree.subdirectory or "")
    found = {}
    for name in sorted(names):
        try:
            found[name] = (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            raise MetadataError(f"{name} cannot be read: {error.strerror}") from error
    return found


def project_metadata(document: Mapping[str, object], *, version: str | None) -> CoreMetadata | None:
    """What ``[project]`` says, if nothing that resolving needs is dynamic (PEP 621).

    A dynamic version may be known from elsewhere. None where something is missing.
    """
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
    except ValueError:
        return line
    condition = f'extra == "{canonicalize_name(extra)}"'
    marker = requirement.marker
    requirement.marker = None
    whole = f"({marker}) and {condition}" if marker is not None else condition
    blank = " " if requirement.url else ""
    return f"{requirement}{blank}; {whole}"


def _archive_texts(path: Path, wanted: Mapping[str, str]) -> dict[str, bytes]:
    """The wanted files of the sdist's one top folder, by the names that they are wanted as."""
    found: dict[str, bytes] = {}
    members = _zip_members if path_is_zip(path) else _tar_members
    for name, body in members(path, wanted):
        found.setdefault(name, body)
        if len(found) == len(wanted):
            break
    return found


def path_is_zip(path: Path) -> bool:
    """Whether a file begins as zip files do; its name may be a digest."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _below_top(name: str) -> str:
    folder, slash, rest = name.removeprefix("./").partition("/")
    return rest if slash and folder else ""


def _tar_members(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    import tarfile  # noqa: PLC0415 - start-up, see above

    with tarfile.open(path, "r:*") as archive:
        for number, member in enumerate(archive):
            if number > _MEMBERS or archive.offset > _UNPACKED:
                raise MetadataError("it has more in it than any sdist")
            name = wanted.get(_below_top(member.name))
            if name and member.isreg():
                if member.size > LIMIT:
                    raise MetadataError(f"its {name} is larger than {LIMIT} bytes")
                stream = archive.extractfile(member)
                if stream is not None:
                    yield name, _limited(stream)


def _zip_members(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    import zipfile  # noqa: PLC0415 - start-up, see above

    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = wanted.get(_below_top(member.filename))
            if name:
                if member.file_size > LIMIT:
                    raise MetadataError(f"its {name} is larger than {LIMIT} bytes")
                with archive.open(member) as stream:
                    yield name, _limited(stream)


def _limited(stream: IO[bytes]) -> bytes:
    with stream:
        return stream.read(LIMIT)
