"""What a lock says of a target's CUDA: what was promised, and what the software needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.model import CudaFacts
from lockenv.sources.cuda.world import ptx_branch, release_of, toolkit_text
from lockenv.tables.cuda import Driver, capability_key, covers, drivers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lockenv.model import Cuda
    from lockenv.sources.cuda.declaration import Fleet
    from lockenv.sources.cuda.facts import CandidateFacts


def declared_facts(cuda: Cuda | None) -> dict[str, str | tuple[str, ...]]:
    """What the manifest promised, as the lock writes it: only what was said."""
    if cuda is None:
        return {}
    found: dict[str, str | tuple[str, ...]] = {}
    for key in ("driver", "gpus", "archs", "toolkit", "source", "components", "cudnn", "nccl"):
        value = getattr(cuda, key)
        if value:
            found[key] = value if isinstance(value, str) else tuple(value)
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

    ``versions`` maps package names to versions. ``archs`` are the architectures that every package
    with GPU code has code for; a GPU is served by one of the same major that is not newer.
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
    archs, ptx = common_code(facts.values())
    if archs:
        found["archs"] = archs
    if ptx:
        found["ptx"] = ptx
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


def common_code(facts: Iterable[CandidateFacts]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The architectures that all packages with machine code run, and those by PTX besides.

    Of several that serve the same GPUs the oldest stands for all.
    """
    coded = [one for one in facts if one.archs or one.ptx]
    known = sorted({a for one in coded for a in one.archs}, key=capability_key)
    anywhere = [a for a in known if all(_runs(one, a) for one in coded)]
    everywhere = [a for a in anywhere if not any(covers(b, a) for b in anywhere if b != a)]
    compiled = sorted(
        {
            p
            for one in coded
            for p in one.ptx
            if all(_runs(other, p) or other.can_compile_for(p) for other in coded)
            and not any(covers(a, p) for a in everywhere)
        },
        key=capability_key,
    )
    return tuple(everywhere), tuple(compiled)


def _runs(facts: CandidateFacts, capability: str) -> bool:
    return bool(facts.runs_on(capability))
