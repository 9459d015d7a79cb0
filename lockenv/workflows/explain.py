"""``why``: who asked for something of any layer, back to the manifest's lines."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fields import nearest
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass, field
from lockenv.workflows.asked_places import places_of
from lockenv.workflows.locked_graph import OTHER_SELECTIONS, PYTHON, graph_of, locked_graph
from lockenv.workflows.locking.cuda_memory import recall_rejections
from lockenv.workflows.opened import open_locked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lockenv.model import Lock
    from lockenv.workflows.asked_places import Place
    from lockenv.workflows.locked_graph import Arc, LockedGraph
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene

#: Longer chains than this are walked in circles.
_LONGEST = 64
#: Of so many that ask directly all are named in JSON; the text names the chains, and counts these.
_SONAME = ".so"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyOptions:
    """What is asked about: a name, with its layer where two have it, or a library's SONAME."""

    name: str
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer in both forms."""

    text: str
    document: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is told of one node, with the targets for which all of it holds."""

    title: str
    chains: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...]


def why(scene: Scene, options: WhyOptions) -> Explained:
    """Every chain of one thing, on each target that has it, back to the manifest's lines."""
    opened = open_locked(scene)
    lock = opened.lock
    targets = [one for one in lock.targets if options.target in {None, one.name}]
    if not targets:
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has no target {options.target}",
            why=f"it has {', '.join(one.name for one in lock.targets)}",
            fix="name one of these, or add the target to the manifest and run lockenv lock",
        )
    graphs = {one.name: locked_graph(lock, one) for one in targets}
    if _SONAME in options.name and not _keys(graphs, options.name):
        from lockenv.workflows.libraries import who_has  # noqa: PLC0415 - start-up: asks archives

        found = who_has(scene, opened, options.name, graphs)
        told = _told(opened, dict.fromkeys(found.keys, graphs), places_of(opened.manifest, lock))
        return Explained(
            text="\n".join([*found.lines, *told.text.splitlines()]),
            document={**told.document, "package": options.name, "library": list(found.lines)},
        )
    key = _one_key(graphs, options.name)
    place = places_of(opened.manifest, lock)
    answer = _told(opened, {key: graphs}, place)
    if not key.startswith("pypi:"):
        return answer
    having = [name for name, graph in graphs.items() if key in graph.nodes]
    return _with_newer(scene, opened, key.removeprefix("pypi:"), having, answer)


def _keys(graphs: Mapping[str, LockedGraph], asked: str) -> list[str]:
    return sorted({key for graph in graphs.values() for key in graph.found(asked)})


def _one_key(graphs: Mapping[str, LockedGraph], asked: str) -> str:
    """The one thing that is meant; of one system package's architectures the first."""
    keys = _keys(graphs, asked)
    layers = list(dict.fromkeys(key.partition(":")[0] for key in keys))
    if len(layers) > 1:
        words = {"pypi": "Python package", "deb": "system package", "cuda": "part of CUDA"}
        raise InputError(
            "ambiguous-name",
            f"{asked} is a {' and a '.join(words.get(layer, layer) for layer in layers)}",
            fix=f"write {' or '.join(f'{layer}:{asked}' for layer in layers)}",
        )
    if not keys:
        raise unknown(graphs, asked)
    return keys[0]


def unknown(graphs: Mapping[str, LockedGraph], asked: str) -> InputError:
    """The error for a name that no layer has."""
    names = {node.name for graph in graphs.values() for node in graph.nodes.values()}
    near = nearest(asked.rpartition(":")[2], names)
    where = f" for target {next(iter(graphs))}" if len(graphs) == 1 else ""
    return InputError(
        "no-package",
        f"{LOCK_NAME} has no {asked}{where}",
        fix=f"did you mean {near}" if near else "lockenv tree shows what there is",
    )


def _told(
    opened: Opened, wanted: Mapping[str, Mapping[str, LockedGraph]], place: Place
) -> Explained:
    """The chains of each key, targets that agree joined, as text and as a document."""
    lines: list[str] = []
    rows: list[object] = []
    packages: list[object] = []
    for key, graphs in wanted.items():
        alike: dict[Answer, list[str]] = defaultdict(list)
        for target, graph in graphs.items():
            if key in graph.nodes:
                alike[_answer(graph, key, place)].append(target)
        for answer, targets in alike.items():
            lines.append(f"{answer.title}  ({', '.join(targets)})")
            lines += [f"  {' -> '.join(chain)}" for chain in answer.chains]
            lines += [f"  {remark}" for remark in answer.remarks]
            version = graphs[targets[0]].nodes[key].version
            rows += [
                {"targets": targets, "version": version, "chain": list(chain)}
                for chain in answer.chains
            ]
        if key.startswith("deb:"):
            packages += _packages(opened.lock, key, graphs)
    document: dict[str, object] = {
        "schema": "lockenv/why/1",
        "package": next(iter(wanted), "").partition(":")[2].partition(":")[0] or PYTHON,
        "chains": rows,
    }
    if packages:
        document["packages"] = packages
    return Explained(text="\n".join(lines), document=document)


def _packages(
    lock: Lock, key: str, graphs: Mapping[str, LockedGraph]
) -> Iterator[dict[str, object]]:
    """What the lock says of a system package, and everybody who asks for it directly."""
    name, architecture = key.split(":")[1:]
    for entry in lock.system_packages:
        if (entry.name, entry.architecture) != (name, architecture):
            continue
        arcs = {
            (arc.asker.partition(":")[2].partition(":")[0] or arc.asker, arc.words)
            for target in entry.targets
            if target in graphs
            for arc in graphs[target].askers(key)
            if not arc.is_root
        }
        yield {
            "name": entry.name,
            "version": entry.version,
            "targets": list(entry.targets),
            "roles": list(entry.roles),
            "requested": list(entry.requested),
            "note": entry.note,
            "asked_by": [{"asker": asker, "relation": words} for asker, words in sorted(arcs)],
        }


def _answer(graph: LockedGraph, key: str, place: Place) -> Answer:
    node = graph.nodes[key]
    chains = chains_of(graph, key, place)
    remarks = []
    if node.remark:
        remarks.append({"debian": "from Debian"}.get(node.remark, f"part of the {node.remark}"))
    if key == PYTHON:
        remarks = [f"from {node.remark}"]
    shown = {chain[-1] for chain in chains}
    direct = [arc for arc in graph.askers(key) if not arc.is_root]
    if key.startswith("deb:") and len(direct) > len(shown):
        bare = key.rpartition(":")[0]
        remarks.append(
            f"{len(direct)} packages lead to it (lockenv tree --invert {bare} --depth 1)"
        )
    return Answer(title=str(node), chains=chains, remarks=tuple(remarks))


def chains_of(graph: LockedGraph, key: str, place: Place) -> tuple[tuple[str, ...], ...]:
    """The shortest chain from each ask of the manifest's that leads to a node."""
    found: dict[tuple[bool, str, str], tuple[str, ...]] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(key, ())]
    seen = {key}
    while waiting:
        current, below = waiting.pop(0)
        for arc in graph.askers(current):
            if arc.is_root:
                order = (arc.asker in OTHER_SELECTIONS, arc.asker, arc.words)
                found.setdefault(order, (_root_words(arc, place), *below))
            elif arc.asker not in seen and len(below) < _LONGEST:
                seen.add(arc.asker)
                step = f"{graph.nodes[arc.asker]} {arc.verb} {arc.words}"
                waiting.append((arc.asker, (step, *below)))
    return tuple(chain for _, chain in sorted(found.items()))


def _root_words(arc: Arc, place: Place) -> str:
    if arc.verb != "asks":
        return arc.words
    return f"{place(arc.asker, arc.words)} asks {arc.words}"


def _with_newer(
    scene: Scene, opened: Opened, name: str, targets: Sequence[str], answer: Explained
) -> Explained:
    """The answer, and why newer versions were not taken: what CUDA ruled out is remembered."""
    from lockenv.workflows.newer import newer_not_taken  # noqa: PLC0415 - start-up: asks the index

    lock = opened.lock
    lines: dict[str, list[str]] = {}
    graphs = {target: graph_of(lock, target) for target in targets}
    for target in targets:
        locked = next(one for one in lock.targets if one.name == target)
        if locked.cuda is None:
            continue
        version = graphs[target].versions[name]
        request = lock.request.get(target, ())
        for line in recall_rejections(scene.settings.cache_dir, request, name, version):
            lines.setdefault(line, []).append(target)
    remembered = {line.partition(":")[0] for line in lines}
    for line, names in newer_not_taken(scene, lock, name, targets).items():
        if line.partition(":")[0] not in remembered:
            lines.setdefault(line, []).extend(names)
    if not lines:
        return answer
    told = [f"not taken: {line}  ({', '.join(names)})" for line, names in lines.items()]
    rows = [{"reason": line, "targets": names} for line, names in lines.items()]
    return Explained(
        text="\n".join([answer.text, *told]), document={**answer.document, "not_taken": rows}
    )
