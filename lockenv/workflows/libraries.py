"""Who has a shared library: ``why libGL.so.1`` asks by the name that the loader uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import InputError, SourceError
from lockenv.lockfile import target_of
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass
from lockenv.workflows.locking.system_layer import world_of
from lockenv.workflows.network import open_network

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockenv.model import LockedTarget, Manifest
    from lockenv.workflows.locked_graph import LockedGraph
    from lockenv.workflows.opened import Opened
    from lockenv.workflows.scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The locked system packages that have a library, and what else is known of it."""

    keys: tuple[str, ...]
    lines: tuple[str, ...]


def who_has(scene: Scene, opened: Opened, soname: str, graphs: Mapping[str, LockedGraph]) -> Found:
    """The locked packages that bring a library, by the lock's notes and the archives' Contents.

    Raises `InputError` where nothing of the lock has it, with what would.
    """
    keys = {
        arc.asked
        for graph in graphs.values()
        for node in graph.nodes.values()
        for arc in graph.askers(node.key)
        if arc.verb == "needs" and soname in arc.words.replace(",", " ").split()
    }
    lacking = [
        f"{gap}  ({target.name})"
        for target in opened.lock.targets
        if target.name in graphs
        for gap in target.native_libraries
        if soname in gap
    ]
    others: list[str] = []
    trouble: list[str] = []
    for target in opened.lock.targets:
        if target.name not in graphs or target.suite is None or opened.manifest is None:
            continue
        try:
            names = _providers(scene, opened, opened.manifest, target, soname)
        except SourceError as error:
            trouble.append(f"the Contents of {target.suite} could not be read: {error.what}")
            continue
        graph = graphs[target.name]
        keys |= {key for name in names for key in graph.found(f"deb:{name}") if key in graph.nodes}
        others += [name for name in names if not graph.found(f"deb:{name}")]
    if not keys:
        raise _nobody(soname, lacking, others, trouble)
    lines = [f"{soname} is in {', '.join(sorted(key.split(':')[1] for key in keys))}", *lacking]
    return Found(keys=tuple(sorted(keys)), lines=tuple(lines))


def _providers(
    scene: Scene, opened: Opened, manifest: Manifest, target: LockedTarget, soname: str
) -> list[str]:
    """Every package of the target's archives that has the library."""
    from lockenv.sources.debian import open_sonames  # noqa: PLC0415 - start-up

    if manifest.system is None:
        return []
    architecture = target_of(target).platform.debian_architecture
    states = [one for one in opened.lock.system_archives if target.name in one.targets]
    with open_network(scene, manifest, attempts=1) as fetcher:
        world = world_of(scene, opened.root, fetcher, manifest.system)
        sonames = open_sonames(manifest.system, architecture, states, world)
    return [one.name for one in sonames.providers(soname)]


def _nobody(soname: str, lacking: list[str], others: list[str], trouble: list[str]) -> InputError:
    names = list(dict.fromkeys(others))
    return InputError(
        "no-package",
        f"no system package of {LOCK_NAME} has {soname}",
        why=[*lacking, *dict.fromkeys(trouble)],
        fix=(
            f"lockenv add --system {names[0]}"
            if names
            else "libraries inside of wheels are not looked at; lockenv tree shows what there is"
        ),
    )
