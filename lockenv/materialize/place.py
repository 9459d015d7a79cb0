"""Put one file of the store into an environment: by reflink, hard link or copy."""

from __future__ import annotations

import errno
import os
import shutil
import sys

from lockenv.errors import HostError

if sys.platform != "win32":
    import fcntl

LINK_MODES = ("auto", "reflink", "hardlink", "copy")
#: linux/fs.h: _IOW(0x94, 9, int).
_FICLONE = 0x40049409
#: How a file system says that it cannot, as opposed to that something is wrong.
_CANNOT = frozenset(
    {
        errno.EOPNOTSUPP,
        errno.ENOTTY,
        errno.EINVAL,
        errno.EXDEV,
        errno.EPERM,
        errno.EACCES,
        errno.ENOSYS,
        errno.EMLINK,
    }
)


class Placer:
    """Places files in one way, the best that the two folders allow; found out at the first file.

    ``mode`` is one of `LINK_MODES`. A way that was named and is not possible is an error; ``auto``
    tries them in turn. ``used`` tells which it was.
    """

    def __init__(self, mode: str = "auto") -> None:
        self._ways = {
            "auto": ("reflink", "hardlink", "copy"),
            "reflink": ("reflink",),
            "hardlink": ("hardlink",),
            "copy": ("copy",),
        }[mode]

    @property
    def used(self) -> str:
        """The way that files are placed in."""
        return self._ways[0]

    def place(self, source: str, target: str, *, is_executable: bool) -> None:
        """Make ``target``, which must not exist, a file with the bytes of ``source``."""
        while True:
            way = self._ways[0]
            try:
                if way == "hardlink":
                    os.link(source, target)
                elif way == "reflink":
                    _clone(source, target, 0o755 if is_executable else 0o644)
                else:
                    copy(source, target, 0o755 if is_executable else 0o644)
            except OSError as error:
                if error.errno not in _CANNOT or way == "copy":
                    raise
                if error.errno == errno.EMLINK and "copy" in self._ways:
                    copy(source, target, 0o755 if is_executable else 0o644)
                    return
                if len(self._ways) == 1:
                    raise HostError(
                        "link-mode",
                        f"files of the store cannot be placed by {way} here",
                        why=[f"{error.strerror}: {target}"],
                        fix=["use --link-mode auto, or keep store and environment on one disk"],
                    ) from error
                if self._ways[0] == way:  # else another thread found out the same
                    self._ways = self._ways[1:]
            else:
                return


def copy(source: str, target: str, mode: int) -> None:
    """A file of its own with the bytes of ``source``."""
    try:
        with open(source, "rb") as content, open(target, "xb") as file:  # noqa: PTH123 - speed, as above
            shutil.copyfileobj(content, file, 1 << 20)
            _set_mode(file.fileno(), mode)
    except FileExistsError:
        raise
    except OSError:
        _remove(target)
        raise


def write(target: str, content: bytes, mode: int) -> None:
    """A file of its own with this content."""
    file = open(target, "xb")  # noqa: PTH123, SIM115 - speed, as above; closed below
    try:
        with file:
            file.write(content)
            _set_mode(file.fileno(), mode)
    except OSError:
        _remove(target)
        raise


def _clone(source: str, target: str, mode: int) -> None:
    if sys.platform == "win32":  # has none that Python reaches
        raise OSError(errno.EOPNOTSUPP, "no reflinks here", target)
    with open(source, "rb") as content, open(target, "xb") as file:  # noqa: PTH123 - speed, as above
        try:
            fcntl.ioctl(file.fileno(), _FICLONE, content.fileno())
            _set_mode(file.fileno(), mode)
        except OSError as error:
            _remove(target)
            raise OSError(error.errno, error.strerror, target) from error


def _set_mode(descriptor: int, mode: int) -> None:
    if os.name == "posix":
        os.fchmod(descriptor, mode)  # whatever the umask is


def _remove(target: str) -> None:
    try:
        os.unlink(target)  # noqa: PTH108 - speed, as above
    except OSError:
        return
