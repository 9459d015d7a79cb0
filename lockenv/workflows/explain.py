"""``tree`` and ``why``: who asked for what, back to the manifest's lines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.fields import nearest
from lockenv.host import machine_here
from lockenv.lockfile import Edge, select, selections_of
from lockenv.manifest import line_of
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass, field
from lockenv.workflows.choice import choose_target
from lockenv.workflows.cuda_memory import recall_rejections
from lockenv.workflows.sync import open_locked
from lockenv.workflows.tree_layers import (
    SystemGraph,
    inverted_lines,
    layer_document,
    layer_lines,
    provided_names,
    system_graph,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from lockenv.lockfile import SelectedPackage, Selection
    from lockenv.model import Ask, Lock, LockedSystemPackage
    from lockenv.workflows.scene import Scene
    from lockenv.workflows.sync import Opened

    Place: TypeAlias = Callable[[str, str], str]

#: Longer chains than this are walked in circles.
_LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeOptions:
    """``invert`` turns the tree around from one package; ``depth`` cuts it."""

    target: str | None = None
    invert: str | None = None
    depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyOptions:
    """The package that is asked about: ``NAME``, ``pypi:NAME`` or ``deb:NAME``."""

    name: str
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer in both forms."""

    text: str
    document: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """What one target installs: versions by name, and who asks for whom with which words."""

    versions: Mapping[str, str]
    askers: Mapping[str, tuple[Edge, ...]]
    sizes: Mapping[str, int | None]

    def needs(self, asker: str, *, is_root: bool) -> list[tuple[str, str]]:
        """What an asker leads to, with the words it used, by name."""
        return sorted(
            (name, edge.requirement)
            for name, edges in self.askers.items()
            for edge in edges
            if edge.asker == asker and edge.is_root == is_root
        )


def whole_selection(lock: Lock, target: str) -> Selection:
    """Everything that a target has, whatever groups and extras it is in."""
    names = selections_of(lock, target)
    return select(
        lock,
        target,
        groups=[name.removeprefix("group:") for name in names if name.startswith("group:")],
        extras=[name.removeprefix("extra:") for name in names if name.startswith("extra:")],
    )


def graph_of(lock: Lock, target: str) -> Graph:
    """The Python packages of a target as a graph."""
    selection = whole_selection(lock, target)
    graph = Graph(
        versions={one.package.name: one.package.version or "" for one in selection.packages},
        askers={one.package.name: one.asked_by for one in selection.packages},
        sizes={one.package.name: _size(one) for one in selection.packages},
    )
    if selection.project is not None and selection.project_asked_by:
        own = selection.project.name
        return Graph(
            versions={**graph.versions, own: ""},
            askers={**graph.askers, own: selection.project_asked_by},
            sizes={**graph.sizes, own: None},
        )
    return graph


def _size(selected: SelectedPackage) -> int | None:
    return selected.artifact.size if selected.artifact else None


def tree(scene: Scene, options: TreeOptions) -> Explained:
    """The tree of one target, from the project's selections down, or inverted from one package."""
    opened = open_locked(scene)
    target = choose_target(
        opened.lock,
        options.target or scene.settings.target,
        platform=machine_here().platform,
        default=opened.manifest.default_target if opened.manifest else None,
    ).name
    graph, system = graph_of(opened.lock, target), system_graph(opened.lock, target)
    if options.invert is not None:
        lines = _turned(graph, system, options, opened.lock, target)
    else:
        lines = [f"target {target}"]
        selections = selections_of(opened.lock, target)
        for selection in selections:
            lines.append(selection)
            lines += _branches(graph, selection, "", options.depth, (), is_root=True)
        lines += layer_lines(opened.lock, target, system, options.depth)
    document: dict[str, object] = {
        "schema": "lockenv/tree/1",
        "target": target,
        "packages": [
            {
                "name": name,
                "version": graph.versions[name],
                "size": graph.sizes[name],
                "asked_by": [
                    {"asker": edge.asker, "requirement": edge.requirement, "is_root": edge.is_root}
                    for edge in graph.askers[name]
                ],
            }
            for name in sorted(graph.versions)
        ],
        **layer_document(opened.lock, target, system),
    }
    return Explained(text="\n".join(lines), document=document)


def _turned(
    graph: Graph, system: SystemGraph, options: TreeOptions, lock: Lock, target: str
) -> list[str]:
    """The tree of what leads to one package: Python's of that name, or Debian's."""
    asked = options.invert or ""
    name = asked.removeprefix("deb:")
    keys = [key for key, one in system.packages.items() if name in {one.name, key}]
    is_python = not asked.startswith("deb:") and canonicalize_name(name) in graph.versions
    if not keys or is_python:
        known = _known(graph, asked, lock, target)
        return [
            f"{known} {graph.versions[known]}",
            *_inverted(graph, known, "", options.depth, (known,)),
        ]
    lines = []
    for key in sorted(keys):
        lines.append(f"{system.packages[key].name} {system.packages[key].version}")
        lines += inverted_lines(system, key, "", options.depth, {key})
    return lines


def _branches(
    graph: Graph,
    asker: str,
    indent: str,
    depth: int | None,
    above: tuple[str, ...],
    *,
    is_root: bool = False,
) -> Iterator[str]:
    if depth is not None and len(above) >= depth:
        return
    grouped: dict[str, list[str]] = defaultdict(list)
    for name, words in graph.needs(asker, is_root=is_root):
        grouped[name].append(words)
    for number, (name, asked) in enumerate(grouped.items()):
        last = number == len(grouped) - 1
        mark = "└── " if last else "├── "
        again = " (see above)" if name in above else ""
        yield f"{indent}{mark}{name} {graph.versions[name]}  [{', '.join(asked)}]{again}"
        if not again:
            below = indent + ("    " if last else "│   ")
            yield from _branches(graph, name, below, depth, (*above, name))


def _inverted(
    graph: Graph, name: str, indent: str, depth: int | None, below: tuple[str, ...]
) -> Iterator[str]:
    if depth is not None and len(below) > depth:
        return
    edges = graph.askers[name]
    for number, edge in enumerate(edges):
        last = number == len(edges) - 1
        mark = "└── " if last else "├── "
        version = "" if edge.is_root else f" {graph.versions.get(edge.asker, '')}"
        again = " (see above)" if edge.asker in below else ""
        yield f"{indent}{mark}{edge.asker}{version}  [{edge.requirement}]{again}"
        if not (edge.is_root or again) and edge.asker in graph.askers:
            more = indent + ("    " if last else "│   ")
            yield from _inverted(graph, edge.asker, more, depth, (*below, edge.asker))


def _known(graph: Graph, name: str, lock: Lock, target: str) -> str:
    wanted = canonicalize_name(name.removeprefix("pypi:"))
    if wanted in graph.versions:
        return wanted
    near = nearest(wanted, set(graph.versions) | {one.name for one in lock.system_packages})
    raise InputError(
        "no-package",
        f"{LOCK_NAME} has no {name} for target {target}",
        fix=f"did you mean {near}" if near else "lockenv tree shows what there is",
    )


def why(scene: Scene, options: WhyOptions) -> Explained:
    """Every chain of one package, on each target that has it, back to the manifest's lines."""
    opened = open_locked(scene)
    lock = opened.lock
    layer, _, bare = options.name.rpartition(":")
    names = [target.name for target in lock.targets if options.target in {None, target.name}]
    if not names:
        raise InputError("no-target", f"{LOCK_NAME} has no target {options.target}")
    in_python = [name for name in names if canonicalize_name(bare) in graph_of(lock, name).versions]
    in_system = [one for one in lock.system_packages if one.name == bare]
    if not layer and in_python and in_system:
        raise InputError(
            "ambiguous-name",
            f"{bare} is a Python package and a system package",
            fix=f"write pypi:{bare} or deb:{bare}",
        )
    if layer != "pypi" and in_system:
        return _why_system(lock, in_system)
    if not in_python:
        raise InputError(
            "no-package",
            f"{LOCK_NAME} has no {options.name}",
            fix="lockenv tree shows what there is",
        )
    answer = _why_python(lock, canonicalize_name(bare), in_python, _places(opened))
    return _with_newer(scene, opened, canonicalize_name(bare), in_python, answer)


def _with_newer(
    scene: Scene, opened: Opened, name: str, targets: Sequence[str], answer: Explained
) -> Explained:
    """The answer, and why newer versions were not taken: what CUDA ruled out is remembered."""
    from lockenv.workflows.newer import newer_not_taken  # noqa: PLC0415 - start-up: asks the index

    lock = opened.lock
    lines: dict[str, list[str]] = {}
    for target in targets:
        locked = next(one for one in lock.targets if one.name == target)
        if locked.cuda is None:
            continue
        version = graph_of(lock, target).versions[name]
        request = lock.request.get(target, ())
        for line in recall_rejections(scene.settings.cache_dir, request, name, version):
            lines.setdefault(line, []).append(target)
    remembered = {line.partition(":")[0] for line in lines}
    graphs = {target: graph_of(lock, target) for target in targets}
    for line, names in newer_not_taken(scene, lock, name, graphs, _places(opened)).items():
        if line.partition(":")[0] not in remembered:
            lines.setdefault(line, []).extend(names)
    if not lines:
        return answer
    told = [f"not taken: {line}  ({', '.join(names)})" for line, names in lines.items()]
    rows = [{"reason": line, "targets": names} for line, names in lines.items()]
    return Explained(
        text="\n".join([answer.text, *told]), document={**answer.document, "not_taken": rows}
    )


def _why_python(lock: Lock, name: str, targets: Sequence[str], place: Place) -> Explained:
    lines: list[str] = []
    document: list[object] = []
    chains_by_target = {target: _chains(graph_of(lock, target), name, place) for target in targets}
    for version, alike in _alike(lock, name, targets, chains_by_target).items():
        lines.append(f"{name} {version[0]}  ({', '.join(alike)})")
        for chain in version[1]:
            lines.append("  " + " -> ".join(chain))
            document.append({"targets": list(alike), "version": version[0], "chain": list(chain)})
    result: dict[str, object] = {"schema": "lockenv/why/1", "package": name, "chains": document}
    return Explained(text="\n".join(lines), document=result)


def _alike(
    lock: Lock,
    name: str,
    targets: Sequence[str],
    chains: Mapping[str, tuple[tuple[str, ...], ...]],
) -> dict[tuple[str, tuple[tuple[str, ...], ...]], list[str]]:
    found: dict[tuple[str, tuple[tuple[str, ...], ...]], list[str]] = defaultdict(list)
    for target in targets:
        found[graph_of(lock, target).versions[name], chains[target]].append(target)
    return found


def _chains(graph: Graph, name: str, place: Place) -> tuple[tuple[str, ...], ...]:
    """The shortest chain from each ask that leads to a package: manifest's words first."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(name, ())]
    seen = {name}
    while waiting:
        current, below = waiting.pop(0)
        for edge in graph.askers[current]:
            words = (edge.requirement, *below)
            if edge.is_root:
                first = f"{place(edge.asker, edge.requirement)} asks {words[0]}"
                found.setdefault((edge.asker, edge.requirement), (first, *words[1:]))
            elif edge.asker not in seen and len(below) < _LONGEST:
                seen.add(edge.asker)
                step = f"{edge.asker} {graph.versions[edge.asker]} asks {edge.requirement}"
                waiting.append((edge.asker, (step, *below)))
    return tuple(chain for _, chain in sorted(found.items()))


def _places(opened: Opened) -> Place:
    """Where the manifest asks for a root: ``pyproject.toml:9 (group:dev)``."""
    manifest = opened.manifest
    if manifest is None:
        return lambda selection, _: selection
    asks: dict[str, tuple[Ask, ...]] = {"project": manifest.dependencies, "seed": manifest.seed}
    asks["project"] += tuple(
        ask for table in manifest.target_tables.values() for ask in table.dependencies
    )
    asks |= {f"group:{name}": group for name, group in manifest.groups.items()}
    asks |= {f"extra:{name}": extra for name, extra in manifest.optional_dependencies.items()}

    def place(selection: str, requirement: str) -> str:
        name = canonicalize_name(Requirement(requirement).name)
        for ask in asks.get(selection, ()):
            if canonicalize_name(ask.requirement.name) == name:
                line = line_of(manifest, ask.origin)
                where = f"{ask.origin.file}:{line}" if line else ask.origin.file
                return where if selection == "project" else f"{where} ({selection})"
        return selection

    return place


def _why_system(lock: Lock, entries: Sequence[LockedSystemPackage]) -> Explained:
    lines = []
    document: list[object] = []
    for entry in entries:
        lines.append(f"{entry.name} {entry.version}  ({', '.join(entry.targets)})")
        if "native-library" in entry.roles:
            lines += [f"  {reason}" for reason in (entry.note or "").split("; ") if reason]
        else:
            lines += [f"  the manifest asks {relation}" for relation in entry.requested]
        askers = _system_askers(lock, entry)
        lines += [f"  {asker} asks {words}" for asker, words in askers]
        if "base" in entry.roles:
            lines.append("  part of the minimal base system")
        document.append(
            {
                "name": entry.name,
                "version": entry.version,
                "targets": list(entry.targets),
                "roles": list(entry.roles),
                "requested": list(entry.requested),
                "note": entry.note,
                "asked_by": [{"asker": asker, "relation": words} for asker, words in askers],
            }
        )
    return Explained(
        text="\n".join(lines), document={"schema": "lockenv/why/1", "packages": document}
    )


def _system_askers(lock: Lock, entry: LockedSystemPackage) -> list[tuple[str, str]]:
    """The locked packages whose relations this one answers, with the words of the relation."""
    from lockenv.formats.debian import parse_relations  # noqa: PLC0415 - only system packages need it

    provided = provided_names(entry)
    found = []
    for other in lock.system_packages:
        if not set(other.targets) & set(entry.targets):
            continue
        for kind in ("Pre-Depends", "Depends"):
            for group in parse_relations(other.relations.get(kind, "")):
                if any(one.name in provided for one in group):
                    words = " | ".join(str(one) for one in group)
                    found.append((f"{other.name} {other.version}", words))
    return sorted(found)
