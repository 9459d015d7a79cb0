"""Why newer versions of a locked package were not taken: one reason each (``why``)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import InputError, SourceError
from lockenv.resolve import Identifier, UnusableCandidateError
from lockenv.sources.python import PYPI
from lockenv.values import dataclass, replace
from lockenv.workflows.asked_places import places_of
from lockenv.workflows.cells import expand
from lockenv.workflows.locked_graph import graph_of
from lockenv.workflows.locking.moves import Moves, search_limits
from lockenv.workflows.locking.python_layer import PythonLayer
from lockenv.workflows.network import open_network

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock
    from lockenv.sources.python import PythonCandidate, PythonRequirement, PythonSource
    from lockenv.workflows.asked_places import Place
    from lockenv.workflows.locked_graph import Graph
    from lockenv.workflows.project import Project
    from lockenv.workflows.scene import Scene

#: So many reasons are told; a package of which more can be said is held by the newest ones' anyway.
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands around the packages of one target: what they are chosen from, and who asks."""

    source: PythonSource
    graph: Graph
    place: Place

    def reasons(self, name: str) -> dict[Version, Callable[[], str | None]]:
        """What tells the reason against each version newer than the locked one.

        Its metadata are read only when it is told. None: nothing in the lock stands in its way.
        Empty where there is nothing to choose from: the package comes from one place.
        """
        current = Version(self.graph.versions[name])
        identifier = Identifier(PYPI, name)
        found: dict[Version, Callable[[], str | None]] = {}
        for candidate in self.source.candidates(identifier, ()):
            if candidate.release.index is None:
                return {}
            if candidate.release.version > current:
                found[candidate.release.version] = partial(self._against, candidate)
        for rejected in self.source.rejections(identifier):
            version = Version(rejected.version or "0")
            if version > current:
                found.setdefault(version, partial(str, rejected.reason))
        return found

    def _against(self, candidate: PythonCandidate) -> str | None:
        name, version = candidate.identifier.name, candidate.release.version
        graph = self.graph
        for edge in graph.askers[name]:
            if not _admits(edge.requirement, version):
                who = (
                    self.place(edge.asker, edge.requirement)
                    if edge.is_root
                    else f"{edge.asker} {graph.versions[edge.asker]}"
                )
                return f"{who} asks {edge.requirement}"
        limit = _limit(self.source.request.constraints, name, version)
        if limit is not None:
            return f"constraints has {limit}"
        extras = {
            extra for edge in graph.askers[name] for extra in Requirement(edge.requirement).extras
        }
        asked: list[PythonRequirement] = []
        try:
            for extra in ("", *sorted(extras)):
                identifier = replace(candidate.identifier, qualifier=extra)
                asked += self.source.requirements(replace(candidate, identifier=identifier))
        except UnusableCandidateError as error:
            return error.reason
        for one in asked:
            pin = graph.versions.get(one.identifier.name)
            if pin and one.identifier.name != name and not _holds(one, pin):
                return f"it asks {one}, and {one.identifier.name} is locked at {pin}"
        return None


def surroundings(
    scene: Scene, project: Project, lock: Lock, fetcher: StoreFetcher, *, moves: Moves
) -> dict[str, Surroundings]:
    """What stands around the packages of each target of a lock that the manifest still has."""
    limits = search_limits(project.manifest, lock, as_of=None, now=scene.clock(), moves=moves)
    layer = PythonLayer(
        project.manifest,
        project.root,
        fetcher,
        former=None,
        limits=limits,
        progress=scene.progress,
    )
    place = places_of(project.manifest, lock)
    names = {target.name for target in lock.targets}
    return {
        cell.name: Surroundings(
            source=layer.source(cell), graph=graph_of(lock, cell.name), place=place
        )
        for cell in expand(project.manifest, lock)
        if cell.name in names
    }


def newer_not_taken(
    scene: Scene, lock: Lock, name: str, targets: Collection[str]
) -> dict[str, list[str]]:
    """Lines ``NAME VERSION: REASON`` with the targets that each holds for, newest version first.

    Nothing where the index cannot be asked.
    """
    lines: dict[str, list[str]] = {}
    try:
        project = scene.project()
        with open_network(scene, project.manifest, attempts=1) as fetcher:
            around = surroundings(scene, project, lock, fetcher, moves=Moves())
            for target in targets:
                for line in _lines(around[target], name) if target in around else ():
                    lines.setdefault(line, []).append(target)
    except (InputError, SourceError):
        return {}
    return lines


def _lines(around: Surroundings, name: str) -> Iterator[str]:
    if not around.graph.versions[name]:
        return
    reasons = around.reasons(name)
    free = f"nothing in the lock stands in its way (lockenv lock -P {name})"
    told: dict[str, list[str]] = {}
    for version in sorted(reasons, reverse=True):
        reason = reasons[version]() or free
        if reason not in told and len(told) == _SHOWN:
            break
        told.setdefault(reason, []).append(str(version))
    for reason, versions in told.items():
        yield f"{name} {_spanned(versions)}: {reason}"


def _spanned(versions: list[str]) -> str:
    if len(versions) <= 2:
        return " and ".join(versions)
    return f"{versions[0]} to {versions[-1]} ({len(versions)} versions)"


def _limit(constraints: Collection[Requirement], name: str, version: Version) -> Requirement | None:
    return next(
        (
            one
            for one in constraints
            if canonicalize_name(one.name) == name
            and not one.specifier.contains(version, prereleases=True)
        ),
        None,
    )


def _admits(text: str, version: Version) -> bool:
    return Requirement(text).specifier.contains(version, prereleases=True)


def _holds(asked: PythonRequirement, version: str) -> bool:
    return asked.specifier.contains(version, prereleases=True)
