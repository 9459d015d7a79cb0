"""What one target has, of every layer, as one graph: who asks for whom, back to the manifest.

``tree`` walks it downwards, ``tree --invert`` and ``why`` upwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.formats.debian import parse_relations, parse_request
from lockenv.lockfile import rests, select, selections_of, single
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.lockfile import Edge, SelectedPackage, Selection
    from lockenv.model import Lock, LockedSystemPackage, LockedTarget

#: Debian's relations that lead from one package to another. The last is recorded where it counts.
_RELATIONS = (("Pre-Depends", "asks"), ("Depends", "asks"), ("Recommends", "recommends"))
#: The key of the interpreter, and what a selection is called that asks for it.
PYTHON = "python"
#: The selections of the layers beside Python's, in the order in which they are shown.
INTERPRETER, BASE, SYSTEM, CUDA = "interpreter", "base", "system", "cuda"
OTHER_SELECTIONS = (INTERPRETER, BASE, SYSTEM, CUDA)
#: How NVIDIA's archives are named beside the words that a manifest has for them.
_CUDA_PREFIXES = ("", "cuda_", "lib")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One locked thing; ``key`` is its name with its layer, as a user may write it."""

    key: str
    layer: str
    name: str
    version: str
    size: int | None = None
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arc:
    """Who asks for a node: another node, or (``is_root``) a selection of the manifest's."""

    asker: str
    asked: str
    words: str
    is_root: bool = False
    verb: str = "asks"


class LockedGraph:
    """The nodes of one target by key, and its arcs both ways, each list in a stated order."""

    def __init__(self, nodes: Sequence[Node], arcs: Sequence[Arc]) -> None:
        self.nodes: Mapping[str, Node] = {node.key: node for node in nodes}
        self._needs: dict[tuple[str, bool], list[Arc]] = {}
        self._askers: dict[str, list[Arc]] = {}
        for arc in arcs:
            self._needs.setdefault((arc.asker, arc.is_root), []).append(arc)
            self._askers.setdefault(arc.asked, []).append(arc)
        for arcs_of in self._askers.values():
            arcs_of.sort(key=lambda arc: (not arc.is_root, arc.asker, arc.words))

    def asked_by_selection(self, selection: str) -> Sequence[Arc]:
        """What a selection of the manifest's asks."""
        return self._needs.get((selection, True), ())

    def needs(self, key: str) -> Sequence[Arc]:
        """What a node leads to."""
        return self._needs.get((key, False), ())

    def askers(self, key: str) -> Sequence[Arc]:
        """Who leads to a node, the manifest first."""
        return self._askers.get(key, ())

    def found(self, asked: str) -> tuple[str, ...]:
        """The keys that a user's words mean, of one or of several layers; none where unknown."""
        layer, _, bare = asked.rpartition(":")
        if layer.count(":") == 1 and layer.startswith("deb:"):  # deb:NAME:ARCHITECTURE
            return (asked,) if asked in self.nodes else ()
        if layer not in {"", "pypi", "deb", "cuda", "base"}:
            # An image's reference has colons of its own, a system package its architecture.
            spelled = (asked, f"deb:{asked}", f"base:{asked}")
            return tuple(key for key in spelled if key in self.nodes)
        keys: dict[str, list[str]] = {
            "pypi": [f"pypi:{canonicalize_name(bare)}"],
            "deb": [key for key in self.nodes if key.startswith(f"deb:{bare}:")],
            "cuda": [f"cuda:{prefix}{bare}" for prefix in _CUDA_PREFIXES],
            "base": [f"base:{bare}"],
            "": [bare] if bare == PYTHON else [],
        }
        wanted = [key for name in ([layer] if layer else keys) for key in keys[name]]
        return tuple(key for key in wanted if key in self.nodes)


def whole_selection(lock: Lock, target: str) -> Selection:
    """Everything that a target has, whatever groups and extras it is in."""
    names = selections_of(lock, target)
    return select(
        lock,
        target,
        groups=[name.removeprefix("group:") for name in names if name.startswith("group:")],
        extras=[name.removeprefix("extra:") for name in names if name.startswith("extra:")],
    )


@dataclass(frozen=True, slots=True)
class Graph:
    """The Python packages of a target: versions by name, and who asks for whom with which words."""

    versions: Mapping[str, str]
    askers: Mapping[str, tuple[Edge, ...]]


def graph_of(lock: Lock, target: str) -> Graph:
    """The Python packages of a target as a graph."""
    selection = whole_selection(lock, target)
    versions = {one.package.name: one.package.version or "" for one in selection.packages}
    askers = {one.package.name: one.asked_by for one in selection.packages}
    if selection.project is not None and selection.project_asked_by:
        versions[selection.project.name] = ""
        askers[selection.project.name] = selection.project_asked_by
    return Graph(versions, askers)


def locked_graph(lock: Lock, target: LockedTarget) -> LockedGraph:
    """The graph of everything that one target has."""
    selection = whole_selection(lock, target.name)
    system = [one for one in lock.system_packages if target.name in one.targets]
    nodes = [
        *(_python_node(one) for one in selection.packages),
        *_own_node(selection),
        *_single_nodes(lock, target),
        *(_system_node(one) for one in system),
    ]
    arcs = [
        *(arc for one in selection.packages for arc in _python_arcs(one.name, one.asked_by)),
        *_own_arcs(selection),
        *_single_arcs(lock, target),
        *_system_arcs(lock, target, system, {node.key for node in nodes}),
    ]
    return LockedGraph(nodes, sorted(arcs, key=_arc_key))


def _arc_key(arc: Arc) -> tuple[str, str, str]:
    return arc.asker, arc.asked, arc.words


# -- Python ---------------------------------------------------------------------------------------


def _python_node(one: SelectedPackage) -> Node:
    return Node(
        key=f"pypi:{one.name}",
        layer="python",
        name=one.name,
        version=one.package.version or "",
        size=one.artifact.size if one.artifact else None,
    )


def _python_arcs(name: str, asked_by: Sequence[Edge]) -> Iterator[Arc]:
    for edge in asked_by:
        yield Arc(
            asker=edge.asker if edge.is_root else f"pypi:{edge.asker}",
            asked=f"pypi:{name}",
            words=edge.requirement,
            is_root=edge.is_root,
        )


def _own_node(selection: Selection) -> Iterator[Node]:
    """The project itself, where what it depends on asks for it again."""
    own = selection.project
    if own is not None and selection.project_asked_by:
        yield Node(key=f"pypi:{own.name}", layer="python", name=own.name, version="")


def _own_arcs(selection: Selection) -> Iterator[Arc]:
    if selection.project is not None:
        yield from _python_arcs(selection.project.name, selection.project_asked_by)


# -- one of a kind: interpreter, base image, parts of a toolkit ------------------------------------


def _single_nodes(lock: Lock, target: LockedTarget) -> Iterator[Node]:
    archives = [one for one in lock.interpreters if target.name in one.targets]
    size = archives[0].artifact.size if archives and archives[0].artifact else None
    yield Node(
        key=PYTHON,
        layer=INTERPRETER,
        name="python",
        version=target.python,
        size=size,
        remark=target.python_source,
    )
    for base in lock.base_images:
        if target.name in base.targets:
            yield Node(
                key=f"base:{base.reference}",
                layer=BASE,
                name=base.reference,
                version=str(base.digest),
                size=sum(size for _, size in base.layers) or None,
            )
    for part in lock.cuda_components:
        if target.name in part.targets:
            yield Node(
                key=f"cuda:{part.name}",
                layer=CUDA,
                name=part.name,
                version=part.version,
                size=part.artifact.size,
            )


def _single_arcs(lock: Lock, target: LockedTarget) -> Iterator[Arc]:
    lines = lock.request.get(target.name, ())
    python = single(lines, "python") or target.python
    yield Arc(asker=INTERPRETER, asked=PYTHON, words=f"python {python}", is_root=True)
    asked = single(lines, "cuda components").split(",")
    for part in lock.cuda_components:
        if target.name in part.targets:
            named = [word for word in asked if part.name in {f"{p}{word}" for p in _CUDA_PREFIXES}]
            yield Arc(
                asker=CUDA,
                asked=f"cuda:{part.name}",
                words=named[0] if named else ", ".join(filter(None, asked)) or "what builds need",
                is_root=True,
            )
    for base in lock.base_images:
        if target.name in base.targets:
            yield Arc(
                asker=BASE, asked=f"base:{base.reference}", words=base.reference, is_root=True
            )


# -- Debian ---------------------------------------------------------------------------------------


def _system_node(package: LockedSystemPackage) -> Node:
    return Node(
        key=_system_key(package),
        layer=SYSTEM,
        name=package.name,
        version=package.version,
        size=package.size,
        remark="minimal base system" if "base" in package.roles else "",
    )


def _system_key(package: LockedSystemPackage) -> str:
    return f"deb:{package.name}:{package.architecture}"


def _system_arcs(
    lock: Lock, target: LockedTarget, packages: Sequence[LockedSystemPackage], keys: set[str]
) -> Iterator[Arc]:
    written = set(rests(lock.request.get(target.name, ()), "system package"))
    is_debian = target.python_source == "debian"
    answering: dict[str, list[str]] = {}
    for package in packages:
        for name in provided_names(package):
            answering.setdefault(name, []).append(_system_key(package))
    for package in packages:
        if is_debian and ("interpreter" in package.roles or _is_implied(package, written)):
            yield Arc(asker=PYTHON, asked=_system_key(package), words="the interpreter", verb="is")
        yield from _requests(package, written, keys)
        yield from _relations(package, answering)


def _is_implied(package: LockedSystemPackage, written: set[str]) -> bool:
    """Whether a package was asked for, but not by the manifest: Debian's own Python is."""
    return "requested" in package.roles and not written.intersection(
        map(canonical_relation, package.requested)
    )


def canonical_relation(text: str) -> str:
    """A relation as a request has it, whatever the manifest's spelling."""
    try:
        return str(parse_request(text))
    except ValueError:
        return " ".join(text.split())


def provided_names(package: LockedSystemPackage) -> set[str]:
    """The package's own name, and what it provides."""
    groups = parse_relations(package.relations.get("Provides", ""))
    return {package.name, *(relation.name for group in groups for relation in group)}


def _requests(package: LockedSystemPackage, written: set[str], keys: set[str]) -> Iterator[Arc]:
    """Who asked for a system package by itself: the manifest, or a wheel."""
    key = _system_key(package)
    reasons = (package.note or "").split("; ") if "native-library" in package.roles else ()
    for reason in filter(None, reasons):
        asker, _, words = reason.partition(" needs ")
        python = f"pypi:{canonicalize_name(asker.partition(' ')[0])}"
        is_known = python in keys
        yield Arc(
            asker=python if is_known else SYSTEM,
            asked=key,
            words=words if is_known else reason,
            is_root=not is_known,
            verb="needs",
        )
    for words in package.requested:
        if not reasons and (not written or canonical_relation(words) in written):
            yield Arc(asker=SYSTEM, asked=key, words=words, is_root=True)


def _relations(
    package: LockedSystemPackage, answering: Mapping[str, Sequence[str]]
) -> Iterator[Arc]:
    """A relation leads to all that answer it."""
    own = _system_key(package)
    seen: set[str] = set()
    for kind, verb in _RELATIONS:
        for group in parse_relations(package.relations.get(kind, "")):
            words = " | ".join(str(relation) for relation in group)
            for relation in group:
                for key in sorted(answering.get(relation.name, ())):
                    if key not in seen and key != own:
                        seen.add(key)
                        yield Arc(asker=own, asked=key, words=words, verb=verb)
