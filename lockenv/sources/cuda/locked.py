"""What a lock says of a target's CUDA: what was promised, and what the software needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import CudaFacts
from lockenv.sources.cuda.world import ptx_branch, release_of, toolkit_text
from lockenv.tables.cuda import Driver, capability_key, covers, drivers, wheels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.model import Cuda
    from lockenv.sources.cuda.declaration import Fleet
    from lockenv.sources.cuda.facts import CandidateFacts
    from lockenv.sources.cuda.strategy import CudaResolution


def declared_facts(cuda: Cuda | None) -> dict[str, str | tuple[str, ...]]:
    """What the manifest promised, as the lock writes it: only what was said."""
    if cuda is None:
        return {}
    found: dict[str, str | tuple[str, ...]] = {}
    for key in ("driver", "gpus", "archs", "toolkit", "source", "components", "cudnn", "nccl"):
        value = getattr(cuda, key)
        if value:
            found[key] = value if isinstance(value, str) else tuple(sorted(value))
    for key in ("majors", "ptx", "strategy"):
        value = getattr(cuda, key)
        if value:
            found[key] = value
    if cuda.sources:
        found["sources"] = tuple(sorted(f"{name} {place}" for name, place in cuda.sources.items()))
    if cuda.forward_compat:
        found["forward-compat"] = "true"
    return found


def needed_facts(
    facts: Mapping[str, CandidateFacts], versions: Mapping[str, str], fleet: Fleet
) -> dict[str, str | tuple[str, ...]]:
    """What the chosen packages need, of driver and GPUs; empty where none has CUDA.

    ``versions`` maps package names to versions; for ``archs``, ``jit`` and ``ptx`` see
    `common_code`.
    """
    majors = sorted(
        {facts[name].major or min(facts[name].majors) for name in facts if facts[name].majors}
    )
    found: dict[str, str | tuple[str, ...]] = {}
    floor = _driver_floor(facts.values(), majors, fleet)
    if floor is not None:
        found["driver"] = floor
    if majors:
        found["major"] = str(majors[-1]) if len(majors) == 1 else tuple(map(str, majors))
    release = release_of(dict(versions))
    if release is not None:
        found["toolkit"] = toolkit_text(release)
    found.update(common_code(facts.values()))
    for short in ("cudnn", "nccl"):
        chosen = sorted(v for n, v in versions.items() if n.startswith(f"nvidia-{short}-cu"))
        if chosen:
            found[short] = chosen[0] if len(chosen) == 1 else tuple(chosen)
    return found


def lock_facts(cuda: Cuda | None, needs: Mapping[str, str | tuple[str, ...]]) -> CudaFacts | None:
    """The lock's table for a target; None where there is nothing to say."""
    declared = declared_facts(cuda)
    return CudaFacts(declared=declared, needs=dict(needs)) if declared or needs else None


def driver_note(target: str, needs: Mapping[str, str | tuple[str, ...]]) -> str | None:
    """The one line that ``lock`` says where CUDA was chosen and no driver declared."""
    floor = needs.get("driver")
    if not isinstance(floor, str):
        return None
    branch = Driver(floor).branch
    return f"{target} now needs driver >= {branch}: set cuda.driver to your fleet's"


def cpu_build_notes(found: CudaResolution, machine: str, target: str) -> list[str]:
    """A line for each package that is a CPU build although nobody asked for one."""
    notes = []
    for name in sorted(wheels().gpu_projects & set(found.versions)):
        version = found.versions[name]
        facts = found.facts.get(name)
        if facts is None or facts.majors or "+cpu" in version:
            continue
        spans = [
            str(row.versions)
            for row in wheels().ranges
            if row.package == name and row.major and row.machine in {None, machine}
        ]
        known = f": {name}{spans[-1]} has CUDA there" if spans else ""
        notes.append(f"{name} {version} is a CPU build for {target}{known}")
    return notes


def _driver_floor(
    facts: Iterable[CandidateFacts], majors: Iterable[int], fleet: Fleet
) -> str | None:
    """The oldest driver on which everything runs: of the newest major, or as PTX asks for it."""
    floors = [f for major in majors if (f := drivers().floor(major, windows=fleet.windows))]
    for one in facts:
        for capability in fleet.capabilities:
            if one.runs_on(capability) is False and one.can_compile_for(capability):
                branch = ptx_branch(one)
                floors += [str(branch)] if branch else []
    return max(floors, key=lambda text: Driver(text).numbers) if floors else None


def common_code(facts: Iterable[CandidateFacts]) -> dict[str, tuple[str, ...]]:
    """On which GPUs all packages with GPU code run together; what is empty is left out.

    ``archs`` by machine code in every package, ``jit`` where some of them are compiled from PTX
    (each stands for itself and newer minors of its major; of several that serve the same GPUs the
    oldest stands for all), ``ptx`` the capability from which on every package has PTX.
    """
    # Code for one architecture only is a side library, used on that one (see `World`).
    coded = [one for one in facts if len(one.archs) + len(one.ptx) > 1]
    known = sorted({a for one in coded for a in one.archs}, key=capability_key)
    archs = _oldest(a for a in known if all(one.runs_on(a) for one in coded))
    jit = _oldest(
        a
        for a in known
        if not any(covers(arch, a) for arch in archs)
        and all(one.runs_on(a) or one.can_compile_for(a) for one in coded)
    )
    lowest = [min(one.ptx, key=capability_key) for one in coded if one.ptx]
    ptx = (max(lowest, key=capability_key),) if lowest and len(lowest) == len(coded) else ()
    return {key: value for key, value in (("archs", archs), ("jit", jit), ("ptx", ptx)) if value}


def _oldest(capabilities: Iterable[str]) -> tuple[str, ...]:
    rows = list(capabilities)
    return tuple(a for a in rows if not any(covers(b, a) for b in rows if b != a))
