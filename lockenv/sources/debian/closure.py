"""The verifier: whether a set of packages can be installed together, whoever proposed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import ArchiveState, Digest
from lockenv.sources.debian.universe import (
    CLASHES,
    FIELD_NAMES,
    NEEDS,
    Listed,
    Standing,
    answers,
    clashes_with,
    siblings_clash,
)
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lockenv.formats.debian import Alternatives
    from lockenv.model import LockedSystemPackage


@dataclass(frozen=True, slots=True)
class Violation:
    """One relation that a set breaks: whose it is, which, and what stands against it.

    ``other`` is the package that it clashes with, or None where nothing answers it.
    """

    asker: Listed | None
    field: str
    relation: str
    other: Listed | None = None

    def __str__(self) -> str:
        who = str(self.asker) if self.asker else "the request"
        if self.other is None:
            return f"{who} needs {self.relation} ({FIELD_NAMES.get(self.field, self.field)})"
        field = FIELD_NAMES.get(self.field, self.field)
        return f"{who} has {field}: {self.relation}, and {self.other} is there"


class Present:
    """A set of packages, looked up by what they are and provide."""

    def __init__(self, packages: Iterable[Listed], native: str) -> None:
        self.native = native
        self.packages = tuple(packages)
        self._named: dict[str, list[Listed]] = {}
        for one in self.packages:
            for name in dict.fromkeys((one.name, *(given.name for given in one.provides))):
                self._named.setdefault(name, []).append(one)

    def named(self, name: str) -> Sequence[Listed]:
        """The packages of that name, and those that provide it."""
        return self._named.get(name, ())

    def holds(self, alternatives: Alternatives, asker: str) -> bool:
        """Whether one of the alternatives is answered."""
        return any(
            answers(relation, asker, one, self.native)
            for relation in alternatives
            for one in self.named(relation.name)
        )


def violations(packages: Iterable[Listed], native: str) -> list[Violation]:
    """Everything that the set breaks, in the order of names; empty for a set that stands."""
    present = Present(packages, native)
    found: list[Violation] = []
    for one in sorted(present.packages, key=lambda listed: listed.key):
        for field in NEEDS:
            found += [
                Violation(one, field, " | ".join(map(str, alternatives)))
                for alternatives in one.relations(field)
                if not present.holds(alternatives, one.architecture)
            ]
        for field in CLASHES:
            found += [
                Violation(one, field, str(relation), other)
                for alternatives in one.relations(field)
                for relation in alternatives
                for other in present.named(relation.name)
                if other is not one and clashes_with(one, relation, other)
            ]
        found += [
            Violation(one, "multi-arch", one.name, other)
            for other in present.named(one.name)
            if other.key > one.key and siblings_clash(one, other)
        ]
    return found


#: The state of what no archive is known for: installed in a base image, or looked at alone.
NOWHERE = ArchiveState(
    name="", url="", suite="", release=Digest("sha256", "0" * 64), date="", signer=""
)


def listed_of(package: LockedSystemPackage, native: str, state: ArchiveState | None) -> Listed:
    """A locked package as an index would list it."""
    fields = {name.lower(): text for name, text in package.relations.items()}
    fields |= {
        "package": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "source": package.source,
        "filename": package.path,
        "size": str(package.size),
        "sha256": package.digest.hex,
    }
    if package.multi_arch:
        fields["multi-arch"] = package.multi_arch
    if package.essential:
        fields["essential"] = "yes"
    if package.priority:
        fields["priority"] = package.priority
    return Listed(fields, Standing(state=state or NOWHERE), native)


def verify_closure(packages: Sequence[LockedSystemPackage], native: str) -> list[Violation]:
    """The same for what a lock holds."""
    return violations((listed_of(package, native, None) for package in packages), native)
