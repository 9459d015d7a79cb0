"""A locked target as the value that markers and wheel tags are asked of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import DEFAULT_LEVELS, PLATFORMS, Target

if TYPE_CHECKING:
    from lockenv.model import Lock, LockedTarget


def target_of(locked: LockedTarget) -> Target:
    """The target that a lock's entry describes."""
    platform = PLATFORMS[locked.platform]
    return Target(
        name=locked.name,
        platform=platform,
        python=locked.python,
        level=locked.level or DEFAULT_LEVELS[platform.libc],
        freethreaded=locked.freethreaded,
        table=locked.table,
        environment=locked.environment,
    )


def named_target(lock: Lock, name: str) -> LockedTarget:
    """The entry of that name; KeyError where the lock has none."""
    for target in lock.targets:
        if target.name == name:
            return target
    raise KeyError(name)
