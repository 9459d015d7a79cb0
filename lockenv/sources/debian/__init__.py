"""Debian archives as a source: apt's answer from signed indexes, verified and locked."""

from lockenv.sources.debian.closure import Violation, verify_closure
from lockenv.sources.debian.confirm import confirm_system
from lockenv.sources.debian.contents import Provider, Sonames, open_sonames
from lockenv.sources.debian.external import (
    ExternalPackage,
    check_external,
    external_packages,
)
from lockenv.sources.debian.lock import Kept, lock_system
from lockenv.sources.debian.places import addresses, wanted_package
from lockenv.sources.debian.record import (
    LockedSystem,
    Move,
    glibc_level,
    is_driver,
    python_version,
)
from lockenv.sources.debian.signatures import Keyring, Signed, verify_signed
from lockenv.sources.debian.suites import World
from lockenv.sources.debian.system_request import SystemRequest

__all__ = [
    "ExternalPackage",
    "Kept",
    "Keyring",
    "LockedSystem",
    "Move",
    "Provider",
    "Signed",
    "Sonames",
    "SystemRequest",
    "Violation",
    "World",
    "addresses",
    "check_external",
    "confirm_system",
    "external_packages",
    "glibc_level",
    "is_driver",
    "lock_system",
    "open_sonames",
    "python_version",
    "verify_closure",
    "verify_signed",
    "wanted_package",
]
