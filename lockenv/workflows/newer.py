"""Why newer versions of a locked package were not taken: one reason each (``why``)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.errors import InputError, SourceError
from lockenv.resolve import Identifier, UnusableCandidateError
from lockenv.sources.python import PYPI
from lockenv.values import replace
from lockenv.workflows.cells import expand
from lockenv.workflows.moves import Moves, search_limits
from lockenv.workflows.network import open_network
from lockenv.workflows.python_layer import PythonLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lockenv.model import Lock
    from lockenv.sources.python import PythonCandidate, PythonSource
    from lockenv.workflows.locked_graph import Graph
    from lockenv.workflows.scene import Scene

#: So many reasons are told; a package of which more can be said is held by the newest ones' anyway.
_SHOWN = 5


def newer_not_taken(
    scene: Scene,
    lock: Lock,
    name: str,
    graphs: dict[str, Graph],
    place: Callable[[str, str], str],
) -> dict[str, list[str]]:
    """Lines ``NAME VERSION: REASON`` with the targets that each holds for, newest version first.

    ``graphs`` are the targets that are asked about. Nothing where the index cannot be asked.
    """
    lines: dict[str, list[str]] = {}
    try:
        project = scene.project()
        limits = search_limits(project.manifest, lock, as_of=None, now=scene.clock(), moves=Moves())
        cells = [cell for cell in expand(project.manifest, lock) if cell.name in graphs]
        with open_network(scene, project.manifest, attempts=1) as fetcher:
            layer = PythonLayer(
                project.manifest,
                project.root,
                fetcher,
                former=None,
                limits=limits,
                progress=scene.progress,
            )
            for cell in cells:
                for line in _lines(layer.source(cell), name, graphs[cell.name], place):
                    lines.setdefault(line, []).append(cell.name)
    except (InputError, SourceError):
        return {}
    return lines


def _lines(
    source: PythonSource,
    name: str,
    graph: Graph,
    place: Callable[[str, str], str],
) -> Iterator[str]:
    locked = graph.versions[name]
    if not locked:
        return
    current = Version(locked)
    identifier = Identifier(PYPI, name)
    reasons: dict[Version, Callable[[], str]] = {}
    for candidate in source.candidates(identifier, ()):
        if candidate.release.index is None:
            return  # it comes from one place, which has one version
        if candidate.release.version > current:
            reasons[candidate.release.version] = _asker(source, candidate, graph, place)
    for rejected in source.rejections(identifier):
        version = Version(rejected.version or "0")
        if version > current:
            reasons.setdefault(version, lambda reason=rejected.reason: reason)  # type: ignore[misc]
    told = ((version, reasons[version]()) for version in sorted(reasons, reverse=True))
    for shown, (reason, run) in enumerate(groupby(told, key=lambda one: one[1])):
        versions = [str(version) for version, _ in run]
        if shown == _SHOWN:
            return
        yield f"{name} {_spanned(versions)}: {reason}"


def _spanned(versions: list[str]) -> str:
    if len(versions) <= 2:
        return " and ".join(versions)
    return f"{versions[0]} to {versions[-1]} ({len(versions)} versions)"


def _asker(
    source: PythonSource,
    candidate: PythonCandidate,
    graph: Graph,
    place: Callable[[str, str], str],
) -> Callable[[], str]:
    """What tells the reason against a version; its metadata are read only when it is told."""
    return lambda: (
        _against(source, candidate, graph, place)
        or f"nothing in the lock stands in its way (lockenv lock -P {candidate.identifier.name})"
    )


def _against(
    source: PythonSource,
    candidate: PythonCandidate,
    graph: Graph,
    place: Callable[[str, str], str],
) -> str | None:
    name, version = candidate.identifier.name, candidate.release.version
    for edge in graph.askers[name]:
        if not _admits(edge.requirement, version):
            who = (
                place(edge.asker, edge.requirement)
                if edge.is_root
                else f"{edge.asker} {graph.versions[edge.asker]}"
            )
            return f"{who} asks {edge.requirement}"
    limit = _limit(source.request.constraints, name, version)
    if limit is not None:
        return f"constraints has {limit}"
    extras = {
        extra for edge in graph.askers[name] for extra in Requirement(edge.requirement).extras
    }
    try:
        requirements = source.requirements(candidate)
        for extra in sorted(extras):
            identifier = replace(candidate.identifier, qualifier=extra)
            source.requirements(replace(candidate, identifier=identifier))
    except UnusableCandidateError as error:
        return error.reason
    for one in requirements:
        pin = graph.versions.get(one.identifier.name)
        if pin and not one.specifier.contains(pin, prereleases=True):
            return f"it asks {one}, and {one.identifier.name} is locked at {pin}"
    return None


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
