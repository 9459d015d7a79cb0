"""The versions that were imported from another tool and hold for a target."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from packaging.markers import (
    InvalidMarker,
    Marker,
    UndefinedComparison,
    UndefinedEnvironmentName,
)
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from lockenv.model import Lock, Target


def preferred_versions(lock: Lock, target: Target) -> dict[str, str]:
    """The public version of each name; of several that hold the first, in the lock's order."""
    found: dict[str, str] = {}
    for preference in lock.preferences:
        if preference.name not in found and marker_holds(preference.marker, target):
            with contextlib.suppress(InvalidVersion):
                found[preference.name] = Version(preference.version).public
    return found


def marker_holds(text: str, target: Target) -> bool:
    """Whether a marker of another tool holds; one that cannot be read does not."""
    if not text:
        return True
    if "extras" in text or "dependency_groups" in text:
        return True  # PEP 751: a pin under an extra or a group is a pin all the same
    try:
        return Marker(text).evaluate({**target.markers, "extra": ""})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
        return False
