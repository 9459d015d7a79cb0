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
    errno.EIO: ("disk-failed", "the disk failed at {}", "check the disk"),
}


@contextlib.contextmanager
def disk_errors(place: Path | str) -> Iterator[None]:
    """Turn an `OSError` of this block into a `HostError` about ``place``."""
    try:
        yield
    except OSError as error:
        slug, what, fix = _FACTS.get(
            error.errno or 0, ("disk-refused", "{} could not be written", "look at the reason")
        )
        raise HostError(
            slug,
            what.format(place),
            why=[f"{error.strerror or error}: {error.filename or place}"],
            fix=[f"{fix}, then run the command again"],
        ) from error
