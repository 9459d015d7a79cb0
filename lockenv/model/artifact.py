"""One downloadable file, as an index lists it or as a lock pins it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.model.digest import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file by name and content; the shapes of PEP 751's ``wheels``, ``sdist`` and ``archive``.

    ``url`` is the canonical address, never a mirror's; None where only a mirror is known.
    ``upload_time`` is RFC 3339 in UTC, cut to whole seconds with ``Z``. ``targets`` are those
    that install this file (in a lock only; sorted).
    """

    name: str
    digest: Digest
    size: int | None = None
    url: str | None = None
    upload_time: str | None = None
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to fetch: bytes by digest, with places to look and a name for messages.

    ``where`` is where the digest was read, for messages (``lockenv.lock: packages[14]``).
    ``listed`` are the address of a Python index and the name under which it lists the file: its
    page is asked where none of the ``urls`` has it.
    """

    name: str
    digest: Digest
    urls: tuple[str, ...] = ()
    size: int | None = None
    where: str = "lockenv.lock"
    listed: tuple[str, str] | None = None
