"""One target's request as the lock has it, beside the request as the manifest makes it now."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lockenv.formats.debian import Relation, parse_request
from lockenv.lockfile.selection import entries_of
from lockenv.model import LOCK_NAME, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lockenv.lockfile.asked import Asked
    from lockenv.model import Lock, LockedPackage, LockedTarget, Origin


class Comparison:
    """Both requests of a target, and the pins that must answer the new one."""

    def __init__(
        self,
        lock: Lock,
        target: LockedTarget,
        asked: Sequence[Asked],
        line_of: Callable[[Origin], int | None],
    ) -> None:
        self.lock = lock
        self.target = target
        self.old = frozenset(lock.request.get(target.name, ()))
        self.new = {item.line: item for item in asked}
        self._line_of = line_of

    @cached_property
    def entries(self) -> dict[str, LockedPackage]:
        """The target's Python packages by name."""
        return entries_of(self.lock, self.target.name)

    def lines(self, kind: str) -> tuple[set[str], dict[str, Asked]]:
        """The old and the new lines of a kind."""
        prefix = f"{kind} "
        return (
            {line for line in self.old if line.startswith(prefix)},
            {line: item for line, item in self.new.items() if line.startswith(prefix)},
        )

    def finding(
        self, code: str, asked: Asked | None, message: str, package: str | None = None
    ) -> Finding:
        """A finding at the place that asked; ``{place}`` in the message stands for it."""
        origin = asked.origin if asked else None
        line = self._line_of(origin) if origin else None
        file = origin.file if origin else LOCK_NAME
        place = f"{file}:{line}" if line else file
        return Finding(
            code=code,
            message=message.replace("{place}", place),
            layer="manifest",
            target=self.target.name,
            package=package,
            file=file,
            line=line,
            fix="lockenv lock",
        )

    def answers_relation(self, text: str, old: Iterable[str]) -> bool:
        """Whether a system package that was asked before still answers a changed relation."""
        wanted = _relation(text)
        if wanted is None or wanted.name not in _names(old):
            return False
        return any(
            package.name == wanted.name and wanted.fits(package.version)
            for package in self.lock.system_packages
            if self.target.name in package.targets
        )

    def is_reworded(self, text: str, new: Iterable[str]) -> bool:
        """Whether the same system package is still asked for, in other words."""
        gone = _relation(text)
        return gone is not None and gone.name in _names(new)


def _names(lines: Iterable[str]) -> set[str]:
    relations = (_relation(line.removeprefix("system package ")) for line in lines)
    return {relation.name for relation in relations if relation is not None}


def _relation(text: str) -> Relation | None:
    """The one plain relation that the text is; None for choices, releases and architectures."""
    try:
        asked = parse_request(text)
    except ValueError:
        return None
    relation = asked.alternatives[0]
    if asked.release or len(asked.alternatives) != 1 or relation.qualifier:
        return None
    return relation
