"""What a person is told: why no CUDA fits, which ways out were checked, who overwrites whom."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.resolve import Rejected
from lockenv.sources.cuda.declaration import Fleet
from lockenv.sources.cuda.strategy import (
    PYPI,
    CudaResolution,
    NoCudaSolutionError,
    resolve_with_cuda,
)
from lockenv.tables.cuda import Driver, drivers
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from lockenv.resolve import Resolution, Root
    from lockenv.sources.cuda.collisions import Collision
    from lockenv.sources.cuda.examine import Unprovided
    from lockenv.sources.cuda.strategy import Attempt, CudaAsk, Means

#: How many lines of one kind a message has before it says "and more".
_LINES = 6
_RELAX = "relax one of these; none of the simple changes that were tried is enough"
_WITH_CUDA = "remove cuda = false, or name an index of CPU builds for it in [sources]"
#: The source that has a compiler of every major.
_ARCHIVES = "redistributable"
#: How many ways out are tried: each is a resolution of its own.
_TRIES = 8


def explain(
    error: NoCudaSolutionError, means: Means, where: Callable[[Hashable], str]
) -> NoSolutionError:
    """The error as it is shown: what cannot be, why, and ways out that were each checked.

    ``where`` says where an ask stands (``lockenv.toml:12``), or the empty string.
    """
    attempts = error.attempts
    lacking = [r.reason for a in attempts for rows in a.rejected.values() for r in rows]
    ask = replace(error.ask, compiles=any("nvcc of CUDA" in reason for reason in lacking))
    blamed = _blamed(attempts)
    fleet = ask.fleet or Fleet()
    why = list(_reasons(ask, attempts, blamed))
    if blamed is not None:
        why += _unusable_lines(means, blamed)
    why += [f"you declared {line}" for line in _declared(ask, fleet)]
    lines = [
        f"you ask for {_asked(root, ask)}"
        + (f"  ({place})" if (place := where(root.origin)) else "")
        for root in ([blamed] if blamed is not None else ask.roots)
    ]
    why += list(dict.fromkeys(lines))[:_LINES]
    fixes = _fixes(ask, means)
    if blamed is not None and any("a CPU build" in reason for reason in lacking):
        name = blamed.requirement.identifier.name
        fixes = [f"name an index with CUDA builds of {name} in [sources] ({name} …+cuNNN)", *fixes]
    return NoSolutionError("no-solution", _what(ask, fleet, blamed), why=why, fix=fixes or [_RELAX])


def _asked(root: Root, ask: CudaAsk) -> str:
    """An ask as it was written, with all its extras: each of them is a root of its own."""
    identifier = root.requirement.identifier
    alike = {
        other.requirement.identifier.qualifier
        for other in ask.roots
        if other.origin == root.origin and other.requirement.identifier.name == identifier.name
    }
    extras = ",".join(sorted(alike - {""}))
    own = f"[{identifier.qualifier}]" if identifier.qualifier else ""
    text = str(root.requirement)
    rest = text.removeprefix(identifier.name + own)
    return f"{identifier.name}[{extras}]{rest}" if extras and rest != text else text


def _blamed(attempts: Sequence[Attempt]) -> Root | None:
    """The root that has no answer alone in any attempt, if it is one and the same."""
    found = {attempt.blamed for attempt in attempts}
    return found.pop() if len(found) == 1 else None


def _what(ask: CudaAsk, fleet: Fleet, blamed: Root | None) -> str:
    if ask.refuses_cuda:
        name = blamed.requirement.identifier.name if blamed else "set of packages"
        return f"no {name} without CUDA answers the request, and the target says cuda = false"
    if blamed is None:
        return "no set of packages answers every request with one CUDA"
    limits = [f"driver {fleet.driver.text}"] if fleet.driver is not None else []
    limits += [", ".join(_named(fleet))] if fleet.capabilities else []
    limits += [f"toolkit {fleet.toolkit}"] if fleet.toolkit is not None else []
    name = blamed.requirement.identifier.name
    return f"no {name} fits {' and '.join(limits)}" if limits else f"no {name} answers the request"


def _named(fleet: Fleet) -> list[str]:
    return [name for capability in fleet.capabilities for name in fleet.named[capability]]


def _declared(ask: CudaAsk, fleet: Fleet) -> Iterator[str]:
    if ask.refuses_cuda:
        yield "cuda = false"
    if fleet.driver is not None:
        yield f'driver = "{fleet.driver.text}"'
    if fleet.capabilities:
        yield "gpus = [" + ", ".join(f'"{name}"' for name in _named(fleet)) + "]"
    if fleet.toolkit is not None:
        yield f'toolkit = "{fleet.toolkit}"'


def _reasons(ask: CudaAsk, attempts: Sequence[Attempt], blamed: Root | None) -> Iterator[str]:
    """Per attempt which root fails, and per root why its newest versions were not taken."""
    if not attempts:
        yield "no CUDA major is left by the declared driver, GPUs and toolkit"
    yield from _left_out(ask.fleet or Fleet(), attempts)
    shown: set[str] = set()
    for attempt in attempts:
        root = attempt.blamed or blamed
        if root is None:
            yield f"{attempt.world.name}: each request has an answer alone, not all together"
            continue
        name = root.requirement.identifier.name
        yield f"{attempt.world.name}: nothing answers {_asked(root, ask)}"
        for line in rejection_lines(name, attempt.rejected.get(name, ())):
            if line not in shown:
                shown.add(line)
                yield f"  {line}"
        if not attempt.rejected.get(name):
            yield from (f"  {line}" for line in _below(attempt, shown))


def _unusable_lines(means: Means, root: Root) -> list[str]:
    """In a line each, why versions were no candidates at all: another Python, no wheel.

    These are asked for nowhere else: CUDA ruled out all that were left.
    """
    identifier = root.requirement.identifier
    rows = means.sources[PYPI].rejections(identifier)
    short = [Rejected(row.version, row.reason.partition(":")[0]) for row in rows if row.version]
    return [f"  {line}" for line in rejection_lines(identifier.name, short)[:2]]


def _left_out(fleet: Fleet, attempts: Sequence[Attempt]) -> Iterator[str]:
    """The majors that the driver could run and the compiler cannot, with the reason."""
    tried = {attempt.world.major for attempt in attempts}
    for major in sorted(drivers().floors, reverse=True):
        reason = fleet.left_out(major)
        if major not in tried and reason is not None:
            yield f"CUDA {major} is left out: {reason}"


def _below(attempt: Attempt, shown: set[str]) -> Iterator[str]:
    """What CUDA ruled out further down, where the root's own versions are innocent."""
    count = 0
    for name, rows in attempt.rejected.items():
        for line in rejection_lines(name, rows)[:1]:
            if line not in shown and count < _LINES:
                shown.add(line)
                count += 1
                yield line


def rejection_lines(name: str, rows: Sequence[Rejected]) -> list[str]:
    """One line a reason, newest versions first: ``torch 2.12.1, 2.12.0: needs driver >= 580``."""
    grouped: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    for row in rows:
        # How it is known may differ from version to version; what it needs is the reason.
        key = row.reason.partition(" (")[0]
        shown.setdefault(key, row.reason)
        grouped.setdefault(key, []).append(row.version)
    lines = []
    for key, versions in list(grouped.items())[:_LINES]:
        reason = shown[key]
        several = len(versions) > 3
        text = f"{versions[-1]} to {versions[0]}" if several else ", ".join(versions)
        lines.append(f"{name} {text}: {reason}")
    if len(grouped) > _LINES:
        lines.append(f"{name}: {len(grouped) - _LINES} more reasons for older versions")
    return lines


def _fixes(ask: CudaAsk, means: Means) -> list[str]:
    """Ways out, each tried: another version of one request, a newer driver, fewer GPUs."""
    fixes: list[str] = []
    for text, other in islice(_ways(ask, means), _TRIES):
        found = _answer(other, means)
        if found is not None:
            fixes.append(text(found))
    return fixes


def _answer(ask: CudaAsk, means: Means) -> CudaResolution | None:
    try:
        return resolve_with_cuda(ask, means)
    except NoSolutionError:
        return None


_Way = tuple["Callable[[CudaResolution], str]", "CudaAsk"]


def _ways(ask: CudaAsk, means: Means) -> Iterator[_Way]:
    for number, root in enumerate(ask.roots):
        identifier = root.requirement.identifier
        extra = f"[{identifier.qualifier}]" if identifier.qualifier else ""
        if identifier.ecosystem != PYPI or str(root.requirement) == identifier.name + extra:
            continue
        loose = means.roots_of(f"{identifier.name}{extra}", root.origin)
        roots = (*ask.roots[:number], *loose, *ask.roots[number + 1 :])
        yield _version_of(identifier.name), replace(ask, roots=roots)
    if ask.refuses_cuda:
        yield lambda _: _WITH_CUDA, replace(ask, refuses_cuda=False)
        return
    yield from _wider(ask, ask.fleet or Fleet())
    yield from _fewer(ask)


def _fewer(ask: CudaAsk) -> Iterator[_Way]:
    """Each package left out, where something is left."""
    names = {root.requirement.identifier.name: None for root in ask.roots}
    if len(names) < 2:
        return
    for name in names:
        rest = tuple(r for r in ask.roots if r.requirement.identifier.name != name)
        yield _leaves_out(name), replace(ask, roots=rest)


def _leaves_out(name: str) -> Callable[[CudaResolution], str]:
    return lambda _: f"leave {name} out, or ask for it in an environment of its own"


def _wider(ask: CudaAsk, fleet: Fleet) -> Iterator[_Way]:
    """A newer driver, any toolkit, fewer GPUs."""
    if fleet.driver is not None:
        for major in sorted(drivers().floors):
            floor = drivers().floors[major]
            if not fleet.driver.meets(Driver(floor.linux)):
                newer = replace(fleet, driver=Driver(str(floor.branch)))
                yield _driver(floor.branch), replace(ask, fleet=newer)
    if fleet.toolkit is not None:
        yield lambda _: "remove toolkit", replace(ask, fleet=replace(fleet, toolkit=None))
    if fleet.system_toolkit:
        others = replace(fleet, system_toolkit="")
        yield lambda _: "leave the toolkit out of [system]", replace(ask, fleet=others)
    if fleet.source_of("nvcc") != "redistributable":
        archives = replace(fleet, system_toolkit="", sources={**fleet.sources, "nvcc": _ARCHIVES})
        if _wants_nvcc(ask, fleet):
            yield lambda _: f'sources = {{ nvcc = "{_ARCHIVES}" }}', replace(ask, fleet=archives)
    for capability in fleet.capabilities:
        fewer = replace(fleet, capabilities=tuple(c for c in fleet.capabilities if c != capability))
        yield _without(fleet, capability), replace(ask, fleet=fewer)


def _wants_nvcc(ask: CudaAsk, fleet: Fleet) -> bool:
    """Whether another place for the compiler may help: one was asked for, or a source needs one."""
    return "nvcc" in fleet.components or ask.compiles


def _version_of(name: str) -> Callable[[CudaResolution], str]:
    def text(found: CudaResolution) -> str:
        major = f" is CUDA {found.world.major}" if found.world.major else " does"
        return (
            f"{name}<={found.versions[name]}: {found.versions[name]}{major} and was checked to work"
        )

    return text


def _driver(branch: int) -> Callable[[CudaResolution], str]:
    support = drivers().supported.get(branch)
    note = f" ({support})" if support else ""
    return lambda _: f'driver = "{branch}", if every machine has it{note}'


def _without(fleet: Fleet, capability: str) -> Callable[[CudaResolution], str]:
    return lambda _: f"leave {', '.join(fleet.named[capability])} out of gpus"


def collision_error(
    collisions: Sequence[Collision], resolution: Resolution
) -> NoSolutionError | None:
    """The lock error where wheels would write different bytes to one path; None where none do."""
    if not collisions:
        return None
    asked = _askers(resolution)
    why = []
    for collision in collisions[:_LINES]:
        for wheel in (collision.one, collision.other):
            by = asked.get(wheel.partition(" ")[0], ())
            why.append(f"{wheel}" + (f"  from {', '.join(by[:3])}" if by else "  asked for by you"))
        paths = collision.harmful or collision.paths
        also = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        why.append(f"{paths[0]}{also} would be of whichever is installed last")
    if len(collisions) > _LINES:
        why.append(f"{len(collisions) - _LINES} more pairs of wheels do the same")
    one, other = (collisions[0].one.partition(" ")[0], collisions[0].other.partition(" ")[0])
    return NoSolutionError(
        "same-path",
        "two wheels write the same file",
        why=why,
        fix=[
            f"ask for {one} or for {other}, not for both",
            f'exclude = ["{one}"] or ["{other}"], if one can stand for the other',
        ],
    )


def _askers(resolution: Resolution) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for identifier, asks in sorted(resolution.edges.items()):
        pin = resolution.pins.get(identifier)
        by = f"{identifier.name} {pin.version_text}" if pin else identifier.name
        for ask in asks:
            if ask.identifier.name != identifier.name:
                found.setdefault(ask.identifier.name, []).append(by)
    return {name: tuple(dict.fromkeys(by)) for name, by in found.items()}


def unprovided_lines(rows: Sequence[Unprovided]) -> list[str]:
    """One line a package and provider of libraries that are linked and not there."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        found.setdefault((row.package, row.version, row.provider), []).append(row.soname)
    return [
        f"{package} {version} links {', '.join(sonames)}, which nothing here provides"
        + (f": add {provider}" if provider else "")
        for (package, version, provider), sonames in found.items()
    ]
