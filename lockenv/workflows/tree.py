"""``tree``: what a target has, from the manifest's asks down, or turned around."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.host import machine_here
from lockenv.lockfile import render_size, selections_of
from lockenv.values import dataclass
from lockenv.workflows.asked_places import places_of
from lockenv.workflows.choice import choose_target
from lockenv.workflows.explain import Explained, unknown
from lockenv.workflows.locked_graph import BASE, CUDA, INTERPRETER, SYSTEM, locked_graph
from lockenv.workflows.opened import open_locked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from lockenv.model import Lock
    from lockenv.workflows.asked_places import Place
    from lockenv.workflows.locked_graph import Arc, LockedGraph, Node
    from lockenv.workflows.scene import Scene

#: Given for ``--invert`` without a name: all that is there, turned around.
EVERYTHING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeOptions:
    """``invert`` turns the tree around, from one thing or from `EVERYTHING`; ``depth`` cuts it."""

    target: str | None = None
    invert: str | None = None
    depth: int | None = None


def tree(scene: Scene, options: TreeOptions) -> Explained:
    """The tree of one target, layer by layer, from the manifest down, or inverted."""
    opened = open_locked(scene)
    target = choose_target(
        opened.lock,
        options.target or scene.settings.target,
        platform=machine_here().platform,
        default=opened.manifest.default_target if opened.manifest else None,
    )
    graph = locked_graph(opened.lock, target)
    selections = selections_of(opened.lock, target.name)
    if options.invert is None:
        lines = [f"target {target.name}", *tree_lines(graph, selections, options.depth)]
        starts = [
            arc.asked
            for one in (*selections, INTERPRETER, BASE, SYSTEM, CUDA)
            for arc in graph.asked_by_selection(one)
        ]
        shown = _reached(graph, starts, options.depth, upwards=False)
        if options.depth is None:
            shown = set(graph.nodes)
    else:
        starts = _starts(graph, options.invert, target.name)
        place = places_of(opened.manifest, opened.lock)
        lines = list(inverted_lines(graph, starts, options.depth, place))
        levels = None if options.depth is None else options.depth + 1
        shown = _reached(graph, starts, levels, upwards=True)
    document = {
        "schema": "lockenv/tree/1",
        "target": target.name,
        **tree_document(opened.lock, target.name, graph, shown),
    }
    return Explained(text="\n".join(lines), document=document)


# -- from the manifest down -----------------------------------------------------------------------


def tree_lines(graph: LockedGraph, selections: Sequence[str], depth: int | None) -> Iterator[str]:
    """What is asked for, and what it leads to.

    What many lead to is shown whole where it comes first, and marked ``(*)`` where it comes again.
    A package of another layer is a leaf; it stands under its own layer too.
    """
    shown: set[str] = set()
    for selection in selections:
        yield selection
        yield from _below(graph, graph.asked_by_selection(selection), "", depth, shown)
    for arc in graph.asked_by_selection(INTERPRETER):
        yield _title(graph.nodes[arc.asked])
    for arc in graph.asked_by_selection(BASE):
        yield f"base {_title(graph.nodes[arc.asked])}"
    yield from _system_lines(graph, depth, shown)
    for arc in graph.asked_by_selection(CUDA):
        yield f"cuda {_title(graph.nodes[arc.asked])}"


def _title(node: Node) -> str:
    remark = f"  ({node.remark})" if node.remark else ""
    return f"{node}{remark}{_size(node)}"


def _size(node: Node) -> str:
    return f"  {render_size(node.size)}" if node.size else ""


def _system_lines(graph: LockedGraph, depth: int | None, shown: set[str]) -> Iterator[str]:
    packages = [node for node in graph.nodes.values() if node.layer == SYSTEM]
    if not packages:
        return
    yield f"system  {len(packages)} packages, {render_size(sum(one.size or 0 for one in packages))}"
    from_others = [
        arc
        for node in packages
        for arc in graph.askers(node.key)
        if not arc.is_root and not arc.asker.startswith("deb:")
    ]
    asked = [*graph.asked_by_selection(SYSTEM), *from_others]
    yield from _below(graph, sorted(asked, key=lambda arc: arc.asked), "", depth, shown)
    rest = sum(1 for node in packages if node.key not in shown)
    if rest and depth is None:
        yield f"    and {rest} packages of the minimal base system"


def _below(
    graph: LockedGraph, arcs: Sequence[Arc], indent: str, depth: int | None, shown: set[str]
) -> Iterator[str]:
    """The nodes that these arcs lead to, each once, with all the words that ask for it."""
    if depth == 0:
        return
    words: dict[str, list[str]] = {}
    for arc in arcs:
        words.setdefault(arc.asked, []).append(_words(graph, arc))
    for number, (key, asked) in enumerate(words.items()):
        is_last = number == len(words) - 1
        node = graph.nodes[key]
        is_foreign = bool(indent) and node.layer != graph.nodes[arcs[0].asker].layer
        needs = () if is_foreign else graph.needs(key)
        is_again = key in shown and bool(needs)
        name = f"deb:{node}" if is_foreign else str(node)
        mark = "└── " if is_last else "├── "
        again = " (*)" if is_again else ""
        yield f"{indent}{mark}{name}  [{', '.join(dict.fromkeys(asked))}]{_size(node)}{again}"
        if is_again or is_foreign:
            continue
        shown.add(key)
        below = indent + ("    " if is_last else "│   ")
        left = None if depth is None else depth - 1
        yield from _below(graph, needs, below, left, shown)


def _words(graph: LockedGraph, arc: Arc) -> str:
    """The words of an ask; those of another layer's say whose they are."""
    if arc.is_root or arc.asker.startswith(graph.nodes[arc.asked].key.partition(":")[0]):
        return arc.words
    return arc.words if arc.verb == "is" else f"{graph.nodes[arc.asker]} {arc.verb} {arc.words}"


# -- turned around --------------------------------------------------------------------------------


def _starts(graph: LockedGraph, asked: str, target: str) -> list[str]:
    """Where an inverted tree begins: at the thing that is named, or at all that lead to nothing."""
    if asked != EVERYTHING:
        found = list(graph.found(asked))
        if not found:
            raise unknown({target: graph}, asked)
        # A Python package's name alone means that package, as everywhere.
        return [key for key in found if key.startswith("pypi:")] or found
    starts = [key for key in sorted(graph.nodes) if not graph.needs(key)]
    reached = _reached(graph, starts, None, upwards=True)
    for key in sorted(graph.nodes):
        if key not in reached:  # a circle that leads nowhere else
            starts.append(key)
            reached |= _reached(graph, [key], None, upwards=True)
    return starts


def inverted_lines(
    graph: LockedGraph, starts: Sequence[str], depth: int | None, place: Place
) -> Iterator[str]:
    """Who leads to each of these, and to those, back to the manifest's lines."""
    shown: set[str] = set()
    for key in starts:
        yield _title(graph.nodes[key])
        shown.add(key)
        yield from _above(graph, key, "", depth, (shown, place))


def _above(
    graph: LockedGraph,
    key: str,
    indent: str,
    depth: int | None,
    known: tuple[set[str], Place],
) -> Iterator[str]:
    if depth == 0:
        return
    shown, place = known
    arcs = graph.askers(key)
    for number, arc in enumerate(arcs):
        is_last = number == len(arcs) - 1
        mark = "└── " if is_last else "├── "
        if arc.is_root:
            where = place(arc.asker, arc.words)
            told = f"  {where}" if where != arc.asker else ""
            yield f"{indent}{mark}{arc.asker}  [{arc.words}]{told}"
            continue
        is_again = arc.asker in shown
        again = " (*)" if is_again else ""
        yield f"{indent}{mark}{graph.nodes[arc.asker]}  [{arc.words}]{again}"
        if not is_again:
            shown.add(arc.asker)
            left = None if depth is None else depth - 1
            below = indent + ("    " if is_last else "│   ")
            yield from _above(graph, arc.asker, below, left, known)


def _reached(
    graph: LockedGraph, starts: Sequence[str], levels: int | None, *, upwards: bool
) -> set[str]:
    """Everything that leads to these, or that these lead to, within so many levels."""
    found: set[str] = set()
    now = list(starts)
    while now and levels != 0:
        found.update(now)
        arcs = [arc for key in now for arc in (graph.askers(key) if upwards else graph.needs(key))]
        steps = [arc.asker if upwards else arc.asked for arc in arcs if not arc.is_root]
        now = [key for key in dict.fromkeys(steps) if key not in found]
        levels = None if levels is None else levels - 1
    return found


# -- JSON -----------------------------------------------------------------------------------------


def tree_document(
    lock: Lock, target: str, graph: LockedGraph, shown: Collection[str]
) -> dict[str, object]:
    """Every layer for ``tree --format json``."""
    nodes = [node for key, node in sorted(graph.nodes.items()) if key in shown]
    entries = {
        f"deb:{one.name}:{one.architecture}": one
        for one in lock.system_packages
        if target in one.targets
    }
    return {
        "packages": [
            {
                "name": node.name,
                "version": node.version,
                "size": node.size,
                "asked_by": [
                    {
                        "asker": arc.asker.removeprefix("pypi:"),
                        "requirement": arc.words,
                        "is_root": arc.is_root,
                    }
                    for arc in graph.askers(node.key)
                ],
            }
            for node in nodes
            if node.layer == "python"
        ],
        "interpreters": [
            {"version": node.version, "source": node.remark, "size": node.size}
            for node in nodes
            if node.layer == INTERPRETER
        ],
        "base_images": [
            {"reference": node.name, "digest": node.version} for node in nodes if node.layer == BASE
        ],
        "system": [
            {
                "name": node.name,
                "version": node.version,
                "architecture": entries[node.key].architecture,
                "size": node.size,
                "roles": list(entries[node.key].roles),
                "requested": list(entries[node.key].requested),
                "asked_by": [
                    {"asker": arc.asker.removeprefix("deb:"), "relation": arc.words}
                    for arc in graph.askers(node.key)
                    if not arc.is_root
                ],
            }
            for node in nodes
            if node.layer == SYSTEM
        ],
        "cuda_components": [
            {"name": node.name, "version": node.version, "size": node.size}
            for node in nodes
            if node.layer == CUDA
        ],
    }
