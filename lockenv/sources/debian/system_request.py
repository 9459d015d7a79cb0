"""What one target asks of the system layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.debian.requests import where
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.model import Origin, System, SystemPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRequest:
    """What one target asks of the system layer.

    ``packages`` are ``system.packages`` and what the target adds; ``native_libraries`` are those
    that wheels turned out to need; ``interpreter`` are those that make the target's Python.
    ``base`` is the dpkg status file of a base image, whose packages count as installed; None means
    that the minimal base system is locked too. ``admits`` says of a name and version whether the
    target can have it; None means that it can have all. ``place`` tells where something was asked,
    for messages.
    """

    target: str
    system: System
    architecture: str
    packages: tuple[SystemPackage, ...] = ()
    native_libraries: tuple[SystemPackage, ...] = ()
    interpreter: tuple[SystemPackage, ...] = ()
    base: bytes | None = None
    admits: Callable[[str, str], bool] | None = None
    place: Callable[[Origin], str] = where
