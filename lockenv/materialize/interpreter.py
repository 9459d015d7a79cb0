"""Unpack a python-build-standalone archive into the store of interpreters.

Two layouts are read: ``install_only`` archives hold the installation in a folder ``python``, full
ones in ``python/install`` beside what it was built from, which is left out.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, NoReturn

from lockenv.errors import IntegrityError
from lockenv.formats.wheel import path_fault
from lockenv.materialize.disk import disk_errors
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    import zstandard

    from lockenv.model import Digest

#: The largest real archive unpacks to less than a gigabyte, with all that is left out.
_LARGEST = 4 << 30
_MOST_MEMBERS = 200_000
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterArchive:
    """An archive in the store: verified bytes at ``path``, its name as the lock has it."""

    path: Path
    filename: str
    digest: Digest
    version: str
    freethreaded: bool = False

    @property
    def minor(self) -> str:
        """``3.13``."""
        return ".".join(self.version.split(".")[:2])


def materialize_interpreter(archive: InterpreterArchive, folder: Path) -> Path:
    """The path of the interpreter's executable below ``folder``, unpacked there if it was not yet.

    A folder named by the archive's sha256 appears there only when it is whole. `IntegrityError`
    for an archive that is none, that is none of an interpreter, or that would write outside.
    """
    place = folder / archive.digest.hex
    executable = _executable_in(place, archive)
    if executable is not None:
        return executable
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        try:
            whole = temporary / "whole"
            _unpack(archive, whole / "python")
            if _executable_in(whole, archive) is None:
                _refuse(archive, f"has no Python {archive.version} where one must be")
            # Another process may have been faster, and its interpreter may be running.
            if _executable_in(place, archive) is None:
                with contextlib.suppress(OSError):  # damaged remains make way, if there are any
                    place.rename(temporary / "former")
                with contextlib.suppress(OSError):
                    whole.rename(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        executable = _executable_in(place, archive)
        if executable is None:
            raise OSError(None, "the folder could not be given its name", str(place))
    return executable


def _executable_in(place: Path, archive: InterpreterArchive) -> Path | None:
    """The executable in an unpacked archive, by the names that the builds give it."""
    suffix = "t" if archive.freethreaded else ""
    for name in (f"bin/python{archive.minor}{suffix}", "bin/python3", "python.exe"):
        executable = place / "python" / name
        if executable.is_file():
            return executable
    return None


def _unpack(archive: InterpreterArchive, target: Path) -> None:
    prefix = "python/" if "install_only" in archive.filename else "python/install/"
    links: set[str] = set()
    count, total = 0, 0
    target.mkdir(parents=True)
    try:
        for member, content in _members(archive):
            count, total = count + 1, total + max(0, member.size)
            if count > _MOST_MEMBERS or total > _LARGEST:
                _refuse(archive, f"would unpack to more than {_LARGEST} bytes")
            path = member.name.removeprefix("./").rstrip("/")
            if not f"{path}/".startswith("python/"):
                _refuse(archive, f"has a member outside its folder: {member.name!r}")
            relative = f"{path}/".removeprefix(prefix)[:-1]
            if f"{path}/".startswith(prefix) and relative:
                _check_path(archive, relative, links)
                try:
                    _place(archive, member, content, target, (relative, prefix, links))
                except _SENSELESS as error:
                    _refuse(archive, f"contradicts itself at {relative!r}: {error}")
    except _errors_of(archive.filename) as error:
        _refuse(archive, f"is not an archive that can be read: {error}")


#: A member that is there already, lies below a file, leads to nothing, or has an impossible time.
_SENSELESS = (
    FileExistsError,
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    OverflowError,
    ValueError,
)


def _members(
    archive: InterpreterArchive,
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """The members one after the other, as a stream; never the whole archive in memory."""
    with archive.path.open("rb") as file, _decompressed(file, archive.filename) as reader:
        with tarfile.open(fileobj=reader, mode="r|") as tar:
            for member in tar:
                yield member, tar.extractfile(member) if member.isreg() else None
        while reader.read(_CHUNK):  # to its end, where a cut would show
            pass


def _decompressed(
    file: BinaryIO, filename: str
) -> gzip.GzipFile | zstandard.ZstdDecompressionReader:
    if filename.endswith(".zst"):
        import zstandard  # noqa: PLC0415 - start-up: few commands unpack an interpreter

        decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 30)
        return decompressor.stream_reader(file, read_across_frames=True)
    return gzip.GzipFile(fileobj=file)


def _errors_of(filename: str) -> tuple[type[Exception], ...]:
    """What reading a broken archive of this kind raises."""
    if filename.endswith(".zst"):
        import zstandard  # noqa: PLC0415 - start-up, as above

        return tarfile.TarError, EOFError, ValueError, zstandard.ZstdError
    return tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, zlib.error


def _check_path(archive: InterpreterArchive, path: str, links: set[str]) -> None:
    fault = path_fault(path)
    if fault is not None:
        _refuse(archive, f"has a member whose path {fault}: {path!r}")
    parent = path.rpartition("/")[0]
    while parent:
        if parent in links:
            _refuse(archive, f"has a member behind a link: {path!r}")
        parent = parent.rpartition("/")[0]


def _place(
    archive: InterpreterArchive,
    member: tarfile.TarInfo,
    content: IO[bytes] | None,
    target: Path,
    place: tuple[str, str, set[str]],
) -> None:
    """Write one member; ``place`` is its path, the archive's prefix, and the links made so far."""
    path, prefix, links = place
    destination = target / path
    destination.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        destination.mkdir(exist_ok=True)
    elif member.issym():
        _check_link(archive, path, member.linkname)
        destination.symlink_to(member.linkname)
        links.add(path)
    elif member.islnk():
        linked = member.linkname.removeprefix("./").removeprefix(prefix)
        _check_path(archive, linked, links)
        if linked in links:
            _refuse(archive, f"has a hard link to a link: {path!r}")
        os.link(target / linked, destination)
    elif content is not None:
        with destination.open("xb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
        destination.chmod(0o755 if member.mode & stat.S_IXUSR else 0o644)
        # What the build compiled is told from its source by the source's time.
        os.utime(destination, (member.mtime, member.mtime))
    else:
        _refuse(archive, f"has a member that is neither file, folder nor link: {path!r}")


def _check_link(archive: InterpreterArchive, path: str, leads_to: str) -> None:
    """Refuse a symbolic link that could lead out of the installation.

    Steps up are taken only at its beginning: behind another link they could lead anywhere.
    """
    parts = [part for part in leads_to.split("/") if part not in {"", "."}]
    down = [number for number, part in enumerate(parts) if part != ".."]
    up = parts.count("..")
    is_plain = up <= path.count("/") and (not down or down[0] == up)
    if not is_plain or leads_to.startswith("/") or "\\" in leads_to or "\0" in leads_to:
        _refuse(archive, f"has a link that leads out of it: {path!r} to {leads_to!r}")


def _refuse(archive: InterpreterArchive, fact: str) -> NoReturn:
    raise IntegrityError(
        "hostile-archive",
        f"{archive.filename} {fact}",
        why=["such an archive is refused whole; nothing of it was used"],
        fix=["do not use this file; report it to whoever serves it"],
    )
