"""Folders for builds: source archives unpacked, and places whose names two machines share.

What is unpacked has the same modes and times everywhere: umask, time zone and clock have no part.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.formats.sdist import SourceMember, read_source_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: 1980-01-02: no zip archive can say an earlier time, in any time zone.
_EARLIEST = 315619200


def unpack_source(archive: Path, name: str, into: Path) -> Path:
    """Unpack a source archive into an empty folder; its one top folder, or else that folder.

    ``name`` stands for it in messages. Raises `IntegrityError` for whatever is unsound or unsafe.
    """
    with archive.open("rb") as stream:
        for member in read_source_members(stream, name):
            _write(member, into)
    tops = list(into.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() and not tops[0].is_symlink() else into


def copy_source(folder: Path, into: Path, names: Sequence[str] = ()) -> Path:
    """Copy a checkout, or these files of it, into an empty folder, the answer; links stay links."""
    if names:
        for name in names:
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / name, target, follow_symlinks=False)
    else:
        shutil.copytree(folder, into, symlinks=True, dirs_exist_ok=True)
    for place, folders, files in os.walk(into):
        for name in folders:
            if not (Path(place) / name).is_symlink():
                (Path(place) / name).chmod(0o755)
        for name in files:
            path = Path(place) / name
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
                os.utime(path, (_EARLIEST, _EARLIEST))
    return into


def _write(member: SourceMember, into: Path) -> None:
    place = into / member.path
    if member.kind == "directory":
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        place.unlink()
    if member.kind == "symlink":
        place.symlink_to(member.target)
        return
    if member.kind == "hardlink":
        shutil.copyfile(into / member.target, place, follow_symlinks=False)
        executable = bool((into / member.target).stat().st_mode & stat.S_IXUSR)
    else:
        executable = member.executable
        with place.open("xb") as file:
            for piece in member.content():
                file.write(piece)
    place.chmod(0o755 if executable else 0o644)
    time = max(member.mtime, _EARLIEST)
    os.utime(place, (time, time))


@contextmanager
def build_place(key: str) -> Iterator[Path]:
    """An empty folder for one build, gone afterwards; the same path for a key on every machine.

    Compilers write paths into what they make. So the folder has a name that follows from the key,
    in ``/tmp`` where that can be had; only where somebody else has that name now (another build of
    the same, or a stranger) it gets another one.
    """
    top = _top()
    place = top / f"lockenv-build-{key[:16]}"
    handle = _claimed(place)
    if handle is None:
        with tempfile.TemporaryDirectory(prefix="lockenv-build-", dir=top) as other:
            yield Path(other)
        return
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(handle)


def _top() -> Path:
    """``/tmp`` where programs may run from it, else the user's folder for temporary files."""
    shared = Path("/tmp")  # noqa: S108 - the one folder that all machines have; see `_claimed`
    if sys.platform == "win32" or not os.access(shared, os.W_OK | os.X_OK):
        return Path(tempfile.gettempdir())
    if os.statvfs(shared).f_flag & getattr(os, "ST_NOEXEC", 0):
        return Path(tempfile.gettempdir())
    return shared


def _claimed(place: Path) -> int | None:
    """A hold on a folder that is ours alone and empty; None where it cannot be had."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415 - Windows has none

    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    try:
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        # /tmp has the sticky bit: what is ours nobody else can have put there or can replace.
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.lstat(place).st_ino != found.st_ino:
            raise FileNotFoundError
        # What a killed build left.
        for left in place.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
    except OSError:
        os.close(handle)
        return None
    return handle
