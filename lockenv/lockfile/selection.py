"""What a selection of a lock installs, and why: one walk from the project's requirements."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.lockfile.asked import Replacements, Root, replacements, roots
from lockenv.lockfile.requirements import holds, parsed_requirement
from lockenv.lockfile.targets import named_target, target_of
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from packaging.requirements import Requirement

    from lockenv.model import (
        Artifact,
        Lock,
        LockedBuild,
        LockedInterpreter,
        LockedPackage,
        LockedSystemPackage,
        LockedTarget,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Who asks for a package: another package's name or a selection, with the words it used."""

    asker: str
    is_root: bool
    requirement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectedPackage:
    """One package that is installed on a target: its entry, and the one file that serves it.

    ``artifact`` is None for a VCS checkout and a local directory. ``asked_by`` are the reasons,
    sorted; ``extras`` those that somebody asked for.
    """

    package: LockedPackage
    artifact: Artifact | None
    extras: tuple[str, ...]
    asked_by: tuple[Edge, ...]

    @property
    def name(self) -> str:
        """The package's normalised name."""
        return self.package.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What one selection installs on one target.

    ``packages`` are sorted by name, without the project itself (``project``, None where the
    selection leaves it out or there is none); ``project_asked_by`` are the packages that ask for
    it by name. ``builds`` are those that these packages need.
    """

    target: LockedTarget
    names: tuple[str, ...]
    packages: tuple[SelectedPackage, ...]
    project: LockedPackage | None
    interpreter: LockedInterpreter | None
    builds: tuple[LockedBuild, ...]
    system_packages: tuple[LockedSystemPackage, ...]
    project_asked_by: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The result of a walk: extras and reasons by name, and what had no entry."""

    extras: Mapping[str, frozenset[str]]
    edges: Mapping[str, frozenset[Edge]]
    missing: Mapping[str, frozenset[Edge]]


def select(
    lock: Lock,
    target: str,
    *,
    groups: Collection[str] | None = None,
    extras: Collection[str] | None = None,
    project: bool = True,
) -> Selection:
    """What these groups and extras install; None means the target's default.

    The packages that every environment is seeded with always belong to it. KeyError for a target
    that the lock does not have; a name that no requirement mentions adds nothing.
    """
    locked = named_target(lock, target)
    names = {f"group:{name}" for name in (locked.groups if groups is None else groups)}
    names |= {f"extra:{name}" for name in (locked.extras if extras is None else extras)}
    names |= {"project", "seed"} if project else {"seed"}
    entries = entries_of(lock, target)
    reached = walk(lock, locked, entries, names)
    own = own_project(lock, target)
    packages = tuple(
        SelectedPackage(
            package=entries[name],
            artifact=artifact_for(entries[name], target),
            extras=tuple(sorted(reached.extras[name])),
            asked_by=_reasons(reached, name),
        )
        for name in sorted(reached.extras)
        if own is None or name != own.name
    )
    own = own if project else None
    built = {item.name for item in packages} | ({own.name} if own else set())
    built |= _nested(lock, target, built)
    return Selection(
        target=locked,
        names=tuple(sorted(names)),
        packages=packages,
        project=own,
        interpreter=next((item for item in lock.interpreters if target in item.targets), None),
        builds=tuple(
            build for build in lock.builds if target in build.targets and build.name in built
        ),
        system_packages=tuple(item for item in lock.system_packages if target in item.targets),
        project_asked_by=_reasons(reached, own.name) if own else (),
    )


def _nested(lock: Lock, target: str, built: set[str]) -> set[str]:
    """What builds need that has no wheel either, and so on."""
    found: set[str] = set()
    waiting = set(built)
    while waiting:
        inner = {
            package.name
            for build in lock.builds
            if target in build.targets and build.name in waiting
            for package in build.packages
            if target in package.artifact.targets and not package.artifact.name.endswith(".whl")
        }
        waiting = inner - found - built
        found |= waiting
    return found


def _reasons(reached: Reached, name: str) -> tuple[Edge, ...]:
    return tuple(sorted(reached.edges.get(name, ()), key=_edge_key))


def _edge_key(edge: Edge) -> tuple[bool, str, str]:
    return (not edge.is_root, edge.asker, edge.requirement)


def entries_of(lock: Lock, target: str) -> dict[str, LockedPackage]:
    """The Python packages of a target by name."""
    return {package.name: package for package in lock.packages if target in package.targets}


def own_project(lock: Lock, target: str) -> LockedPackage | None:
    """The entry of the project itself: the directory in which the lock stands."""
    for package in lock.packages:
        if package.directory and package.directory.path == "." and target in package.targets:
            return package
    return None


def artifact_for(package: LockedPackage, target: str) -> Artifact | None:
    """The one file of an entry that serves a target; None where it has none."""
    files = (*package.wheels, package.sdist, package.archive)
    return next((file for file in files if file is not None and target in file.targets), None)


def walk(
    lock: Lock,
    target: LockedTarget,
    entries: Mapping[str, LockedPackage],
    names: Collection[str] | None = None,
) -> Reached:
    """Everything that some of the project's requirements lead to; None means all of them."""
    lines = lock.request.get(target.name, ())
    asked = [root for root in roots(lines, target) if names is None or root.selection in names]
    walker = _Walker(target, entries, replacements(lines))
    walker.run(asked)
    if names is None or "project" in names:
        own = own_project(lock, target.name)
        if own is not None:
            walker.start(own.name)
    return Reached(
        extras={name: frozenset(found) for name, found in walker.extras.items()},
        edges={name: frozenset(found) for name, found in walker.edges.items()},
        missing={name: frozenset(found) for name, found in walker.missing.items()},
    )


class _Walker:
    """A walk over entries; visits a package again only when it gained an extra."""

    def __init__(
        self,
        target: LockedTarget,
        entries: Mapping[str, LockedPackage],
        instead: Replacements,
    ) -> None:
        self._markers = target_of(target).markers
        self._entries = entries
        self._instead = instead
        self.extras: dict[str, set[str]] = {}
        self.edges: defaultdict[str, set[Edge]] = defaultdict(set)
        self.missing: defaultdict[str, set[Edge]] = defaultdict(set)
        self._waiting: list[str] = []

    def run(self, asked: Iterable[Root]) -> None:
        for root in asked:
            self._ask(root.requirement, root.selection, is_root=True)
        self._drain()

    def start(self, name: str) -> None:
        """Visit a package that nobody asks for: the project itself."""
        if name not in self.extras:
            self.extras[name] = set()
            self._waiting.append(name)
            self._drain()

    def _drain(self) -> None:
        while self._waiting:
            name = self._waiting.pop()
            for text in self._entries[name].dependencies:
                requirement = parsed_requirement(text)
                if holds(requirement, self._markers, self.extras[name]):
                    self._ask(requirement, name, is_root=False)

    def _ask(self, asked: Requirement, asker: str, *, is_root: bool) -> None:
        for requirement in self._instead.of(asked):
            edge = Edge(asker=asker, is_root=is_root, requirement=str(requirement))
            name = requirement.name
            if name not in self._entries:
                self.missing[name].add(edge)
                continue
            self.edges[name].add(edge)
            wanted = {canonicalize_name(extra) for extra in (*asked.extras, *requirement.extras)}
            known = self.extras.get(name)
            if known is None or not wanted <= known:
                self.extras.setdefault(name, set()).update(wanted)
                self._waiting.append(name)


def regrouped(lock: Lock) -> Lock:
    """The lock with ``groups`` and ``extras`` of each package as its own requests lead to it.

    A package that nothing reaches any more on any of its targets is left out.
    """
    groups: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    extras: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for target in lock.targets:
        entries = entries_of(lock, target.name)
        for name in selections_of(lock, target.name):
            for reached, found in walk(lock, target, entries, {name}).extras.items():
                groups[reached, target.name].add(name)
                extras[reached, target.name] |= found
    packages = []
    for package in lock.packages:
        members = [item for item in package.targets if groups[package.name, item]]
        if members:
            packages.append(
                replace(
                    _kept(package, frozenset(members)),
                    groups=_united(groups, package.name, members),
                    extras=_united(extras, package.name, members),
                )
            )
    return replace(lock, packages=tuple(packages))


def selections_of(lock: Lock, target: str) -> list[str]:
    """The selections that a target's request names, ``project`` also where only it is a package."""
    names = {root.selection for root in roots(lock.request.get(target, ()))}
    if own_project(lock, target) is not None:
        names.add("project")
    return sorted(names)


def _united(
    found: Mapping[tuple[str, str], set[str]], name: str, targets: Iterable[str]
) -> tuple[str, ...]:
    return tuple(sorted({word for target in targets for word in found.get((name, target), ())}))


def _kept(package: LockedPackage, targets: frozenset[str]) -> LockedPackage:
    """The entry for fewer targets, with the files that still serve one."""
    if targets == set(package.targets):
        return package

    def served(artifact: Artifact | None) -> Artifact | None:
        if artifact is None or targets.isdisjoint(artifact.targets):
            return None
        return replace(artifact, targets=tuple(sorted(targets & set(artifact.targets))))

    return replace(
        package,
        targets=tuple(sorted(targets)),
        wheels=tuple(wheel for item in package.wheels if (wheel := served(item)) is not None),
        sdist=served(package.sdist),
        archive=served(package.archive),
    )
