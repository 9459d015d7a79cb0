"""What the disk refuses, told as an error that says what to do."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from lockenv.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FACTS = {
    errno.ENOSPC: ("disk-full", "there is no space left for {}", "free some space"),
    errno.EDQUOT: ("disk-full", "the quota leaves no space for {}", "free some space"),
    errno.EROFS: ("read-only", "{} is on a read-only file system", "use another folder"),
    errno.EACCES: ("permission-denied", "{} may not be written", "change its permissions"),
    errno.EPERM: ("permission-denied", "{} may not be written", "change its permissions"),
    errno.EMFILE: ("too-many-files", "too many files are open for {}", "raise `ulimit -n`"),
    errno.ENAMETOOLONG: ("path-too-long", "a path below {} is too long", "use a shorter path"),
    errno.ENFILE: ("too-many-files", "too many files are open for {}", "close programs"),
    errno.EIO: ("disk-failed", "the disk failed at {}", "check the disk"),
    errno.ENOTDIR: ("not-a-folder", "{} lies below what is no folder", "remove that file"),
    errno.ELOOP: ("path-in-circles", "links at {} lead in circles", "remove such a link"),
    errno.ENOLCK: ("no-locks", "the file system of {} has no locks", "use another folder"),
    errno.ENOMEM: ("no-memory", "there is no memory left for {}", "free some memory"),
    errno.ESTALE: ("disk-failed", "the server of {} forgot it", "mount it again"),
}


@contextlib.contextmanager
def disk_errors(place: Path | str) -> Iterator[None]:
    """Turn an `OSError` of this block into a `HostError` about ``place``."""
    try:
        yield
    except OSError as error:
        raise _told(error, place) from error


def refused_by_system(error: OSError) -> HostError | None:
    """What to say of an error of the system that nobody expected; None where it may be a bug."""
    place = error.filename
    return _told(error, str(place or "a file")) if error.errno in _FACTS else None


def _told(error: OSError, place: Path | str) -> HostError:
    slug, what, fix = _FACTS.get(
        error.errno or 0, ("disk-refused", "{} could not be written", "look at the reason")
    )
    return HostError(
        slug,
        what.format(place),
        why=[f"{error.strerror or error}: {error.filename or place}"],
        fix=[f"{fix}, then run the command again"],
    )
