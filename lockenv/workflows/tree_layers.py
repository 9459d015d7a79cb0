"""The layers of ``tree`` beside Python's: interpreter, base image, system packages, CUDA parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.formats.debian import parse_relations
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.model import Lock, LockedSystemPackage

#: The relations that lead from one package to another.
_RELATIONS = ("Pre-Depends", "Depends")


@dataclass(frozen=True, slots=True)
class SystemGraph:
    """The system packages of one target, and which of them each one's relations lead to."""

    packages: Mapping[str, LockedSystemPackage]
    needs: Mapping[str, tuple[tuple[str, str], ...]]

    def askers(self, key: str) -> list[tuple[str, str]]:
        """Who leads to a package, with the words of the relation."""
        return sorted(
            (asker, words)
            for asker, edges in self.needs.items()
            for one, words in edges
            if one == key
        )


def system_graph(lock: Lock, target: str) -> SystemGraph:
    """The graph of a target's locked packages; a relation leads to all that answer it."""
    packages = {_key(one): one for one in lock.system_packages if target in one.targets}
    answering: dict[str, list[str]] = {}
    for key, one in packages.items():
        for name in provided_names(one):
            answering.setdefault(name, []).append(key)
    needs = {key: tuple(_edges(one, answering)) for key, one in packages.items()}
    return SystemGraph(packages, needs)


def provided_names(package: LockedSystemPackage) -> set[str]:
    """The package's own name, and what it provides."""
    groups = parse_relations(package.relations.get("Provides", ""))
    return {package.name, *(relation.name for group in groups for relation in group)}


def _key(package: LockedSystemPackage) -> str:
    return f"{package.name}:{package.architecture}"


def _edges(
    package: LockedSystemPackage, answering: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for kind in _RELATIONS:
        for group in parse_relations(package.relations.get(kind, "")):
            words = " | ".join(str(relation) for relation in group)
            for relation in group:
                for key in sorted(answering.get(relation.name, ())):
                    if key not in seen and key != _key(package):
                        seen.add(key)
                        yield key, words


def layer_lines(lock: Lock, target: str, graph: SystemGraph, depth: int | None) -> Iterator[str]:
    """The lines of the other layers, from the manifest's requests down.

    A package that many lead to is shown whole where it comes first; the minimal base system, which
    nobody asks for, is counted.
    """
    for interpreter in lock.interpreters:
        if target in interpreter.targets:
            yield f"python {interpreter.version}  ({interpreter.source})"
    for base in lock.base_images:
        if target in base.targets:
            yield f"base {base.reference} {base.digest}"
    yield from _system_lines(graph, depth)
    for component in lock.cuda_components:
        if target in component.targets:
            yield f"cuda {component.name} {component.version}"


def _system_lines(graph: SystemGraph, depth: int | None) -> Iterator[str]:
    if not graph.packages:
        return
    yield "system"
    shown: set[str] = set()
    roots = [
        key
        for key, one in sorted(graph.packages.items())
        if one.requested or set(one.roles) & {"native-library", "interpreter"}
    ]
    for number, key in enumerate(roots):
        package = graph.packages[key]
        words = ", ".join(package.requested) or package.note or "the interpreter"
        yield from _below(graph, (key, words), "", (number == len(roots) - 1, depth), shown)
    rest = len(graph.packages) - len(shown)
    if rest and depth is None:
        yield f"    and {rest} packages of the minimal base system"


def _below(
    graph: SystemGraph,
    node: tuple[str, str],
    indent: str,
    place: tuple[bool, int | None],
    shown: set[str],
) -> Iterator[str]:
    """One package and what it leads to; ``place`` is whether it is the last, and levels left."""
    (key, words), (is_last, depth) = node, place
    if depth == 0:
        return
    package = graph.packages[key]
    is_again = key in shown
    shown.add(key)
    edges = graph.needs[key]
    again = " (*)" if is_again and edges else ""
    mark = "└── " if is_last else "├── "
    yield f"{indent}{mark}{package.name} {package.version}  [{words}]{again}"
    if is_again:
        return
    for number, edge in enumerate(edges):
        yield from _below(
            graph,
            edge,
            indent + ("    " if is_last else "│   "),
            (number == len(edges) - 1, None if depth is None else depth - 1),
            shown,
        )


def inverted_lines(
    graph: SystemGraph, key: str, indent: str, depth: int | None, shown: set[str]
) -> Iterator[str]:
    """Who leads to a package, and to these, back to the manifest's requests."""
    if depth == 0:
        return
    package = graph.packages[key]
    rows = [(f"the manifest asks {one}", "") for one in package.requested]
    rows += graph.askers(key)
    for number, (asker, words) in enumerate(rows):
        is_last = number == len(rows) - 1
        mark = "└── " if is_last else "├── "
        if not words:
            yield f"{indent}{mark}{asker}"
            continue
        other = graph.packages[asker]
        again = " (*)" if asker in shown else ""
        yield f"{indent}{mark}{other.name} {other.version}  [{words}]{again}"
        if not again:
            shown.add(asker)
            left = None if depth is None else depth - 1
            below = indent + ("    " if is_last else "│   ")
            yield from inverted_lines(graph, asker, below, left, shown)


def layer_document(lock: Lock, target: str, graph: SystemGraph) -> dict[str, object]:
    """The other layers for ``tree --format json``."""
    return {
        "interpreters": [
            {"version": one.version, "source": one.source}
            for one in lock.interpreters
            if target in one.targets
        ],
        "base_images": [
            {"reference": one.reference, "digest": str(one.digest)}
            for one in lock.base_images
            if target in one.targets
        ],
        "system": [
            {
                "name": one.name,
                "version": one.version,
                "architecture": one.architecture,
                "size": one.size,
                "roles": list(one.roles),
                "requested": list(one.requested),
                "asked_by": [
                    {"asker": asker, "relation": words} for asker, words in graph.askers(key)
                ],
            }
            for key, one in sorted(graph.packages.items())
        ],
        "cuda_components": [
            {"name": one.name, "version": one.version, "size": one.artifact.size}
            for one in lock.cuda_components
            if target in one.targets
        ],
    }
