"""Small files of ours, written so that nobody ever sees half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from typing import TYPE_CHECKING

from lockenv.errors import InputError, LockenvError

if TYPE_CHECKING:
    from pathlib import Path


def read_text(path: Path) -> str | None:
    """The text of a file, None where there is none; InputError where it cannot be read as text."""
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
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


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole: another process, or a power cut, sees the old or the new text."""
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


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
