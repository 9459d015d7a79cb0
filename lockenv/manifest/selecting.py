"""Groups and extras with their includes and references to the project itself followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.fields import nearest
from lockenv.model import Ask
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.manifest.document import Reading
    from lockenv.manifest.project import Include


@dataclass(frozen=True, slots=True)
class Selector:
    """The project's own requirements, to be put where it names itself.

    ``name`` is normalised; None where the project has none. A requirement ``NAME[a]`` in an extra
    or in the dependencies stands for what extra ``a`` holds, in a group also for the dependencies:
    the project itself is installed by its own rule, never from an index.
    """

    reading: Reading
    name: str | None
    dependencies: tuple[Ask, ...]
    extras: Mapping[str, tuple[Ask, ...]]

    def of_project(self) -> tuple[Ask, ...]:
        """The dependencies."""
        return _unique(self._followed(self.dependencies, None, frozenset()))

    def of_extra(self, name: str) -> tuple[Ask, ...]:
        """What an extra adds."""
        return _unique(self._followed(self.extras[name], None, frozenset({name})))

    def of_group(self, asks: tuple[Ask, ...]) -> tuple[Ask, ...]:
        """What a group asks, its includes followed already."""
        followed = list(self._followed(asks, None, frozenset()))
        if any(self._is_own(ask) for ask in asks):
            followed = [*self.of_project(), *followed]
        return _unique(iter(followed))

    def _is_own(self, ask: Ask) -> bool:
        return self.name is not None and canonicalize_name(ask.requirement.name) == self.name

    def _followed(
        self, asks: tuple[Ask, ...], marker: str | None, seen: frozenset[str]
    ) -> Iterator[Ask]:
        for ask in asks:
            if not self._is_own(ask):
                yield _limited(ask, marker)
                continue
            limit = _joined(marker, ask.requirement.marker)
            for written in sorted(ask.requirement.extras):
                extra = canonicalize_name(written)
                if extra not in self.extras:
                    self._complain(ask, written)
                elif extra not in seen:
                    yield from self._followed(self.extras[extra], limit, seen | {extra})

    def _complain(self, ask: Ask, extra: str) -> None:
        near = nearest(extra, self.extras)
        self.reading.complain(
            ask.origin,
            f'the project has no extra "{extra}"',
            fix=f'write "{near}"' if near else f"declare it, or remove [{extra}]",
            slug="unknown-extra",
        )


def _joined(first: str | None, second: Marker | None) -> str | None:
    if first is None or second is None:
        return first if second is None else str(second)
    return f"({first}) and ({second})"


def _limited(ask: Ask, marker: str | None) -> Ask:
    """The ask under a further marker."""
    limit = _joined(marker, ask.requirement.marker)
    if marker is None or limit is None:
        return ask
    requirement = Requirement(str(ask.requirement))
    requirement.marker = Marker(limit)
    return Ask(requirement, ask.origin)


def _unique(asks: Iterator[Ask]) -> tuple[Ask, ...]:
    """Each line once, in order: a group that is included twice asks no more for that."""
    return tuple({(str(ask.requirement), ask.origin): ask for ask in asks}.values())


def follow_includes(
    reading: Reading, groups: Mapping[str, tuple[Ask | Include, ...]]
) -> dict[str, tuple[Ask, ...]]:
    """Each group with the groups that it includes; unknown ones and cycles are faults (PEP 735)."""
    return {name: tuple(_included(reading, groups, name, (name,))) for name in groups}


def _included(
    reading: Reading,
    groups: Mapping[str, tuple[Ask | Include, ...]],
    name: str,
    chain: tuple[str, ...],
) -> Iterator[Ask]:
    for member in groups[name]:
        if isinstance(member, Ask):
            yield member
        elif member.name in chain:
            circle = " -> ".join((*chain[chain.index(member.name) :], member.name))
            # One fault for a circle, however many groups lead into it.
            if chain[0] == min(chain[chain.index(member.name) :]):
                reading.complain(
                    member.origin,
                    f"groups include each other: {circle}",
                    fix="remove one of the includes",
                    slug="group-cycle",
                )
        elif member.name not in groups:
            near = nearest(member.name, groups)
            reading.complain(
                member.origin,
                f'there is no group "{member.name}"',
                fix=f'write "{near}"' if near else f"declare {member.name}, or remove this",
                slug="unknown-group",
            )
        else:
            yield from _included(reading, groups, member.name, (*chain, member.name))
