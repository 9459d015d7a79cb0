"""Small files: read so that a witness knows what was found, written so that nobody sees half."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from contextvars import ContextVar
from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(slots=True)
class Witness:
    """What a command found in a project: all that its answer can follow from.

    ``files`` have the bytes as read, None for a file that is not there; ``places`` whether
    something is there; ``folders`` the sorted names that are not hidden. ``is_torn`` says that
    something changed or failed while the command ran, so that nothing follows from it.
    """

    files: dict[str, bytes | None] = field(default_factory=dict)
    places: dict[str, bool] = field(default_factory=dict)
    folders: dict[str, list[str] | None] = field(default_factory=dict)
    is_torn: bool = False


_WITNESS: ContextVar[Witness | None] = ContextVar("witness", default=None)


@contextlib.contextmanager
def witnessed() -> Iterator[Witness]:
    """Note what the functions of this module find until the block ends."""
    witness = Witness()
    token = _WITNESS.set(witness)
    try:
        yield witness
    finally:
        _WITNESS.reset(token)


def read_bytes(path: Path) -> bytes | None:
    """The bytes of a file, None where there is none."""
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        data = None
    except OSError:
        if (witness := _WITNESS.get()) is not None:
            witness.is_torn = True
        raise
    witness = _WITNESS.get()
    if witness is not None:
        witness.is_torn |= witness.files.setdefault(str(path), data) != data
    return data


def is_there(path: Path) -> bool:
    """Whether something is there."""
    found = path.exists()
    witness = _WITNESS.get()
    if witness is not None:
        witness.is_torn |= witness.places.setdefault(str(path), found) != found
    return found


def names_in(folder: Path) -> list[str]:
    """The sorted names in a folder that are not hidden; none where there is no folder."""
    names: list[str] | None = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names alone are wanted
    witness = _WITNESS.get()
    if witness is not None:
        witness.is_torn |= witness.folders.setdefault(str(folder), names) != names
    return names or []


def read_text(path: Path) -> str | None:
    """The text of a file, None where there is none; InputError where it cannot be read as text."""
    try:
        data = read_bytes(path)
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            "not-utf-8",
            f"{path.name} is not UTF-8 text",
            why=f"byte {error.start}: {error.reason}",
            fix="save it as UTF-8",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> LockenvError:
    """The error for a file that the system refuses to read."""
    return InputError(
        "unreadable",
        f"{path} cannot be read",
        why=error.strerror or str(error),
        fix="mend its access",
    )


def unwritable(path: Path, error: OSError) -> LockenvError:
    """The error for a file or folder that the system refuses to write."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return InputError(
        "disk-full" if full else "unwritable",
        f"{path} cannot be written",
        why=error.strerror or str(error),
        fix="make room on that disk; what was there is whole" if full else "mend its access",
    )


def make_folder(path: Path) -> None:
    """A folder with all above it; InputError where the system refuses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole: another process, or a power cut, sees the old or the new text."""
    import tempfile  # noqa: PLC0415 - start-up: most commands only read

    try:
        mode = path.stat().st_mode & 0o777
    except OSError:
        mode = 0o666 & ~_umask()
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)  # noqa: PTH101 - a name, not a Path
        os.replace(temporary, path)  # noqa: PTH105 - likewise
        temporary = None
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - likewise


def copy_whole(source: Path, target: Path) -> bool:
    """Copy a file so that it appears at ``target`` only whole; False if one is there already."""
    if target.exists():
        return False
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        arriving = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, arriving)
            arriving.replace(target)
        finally:
            arriving.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(target, error) from error
    return True


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
