"""The way to a resolution with CUDA: attempts per major, each verified by what its wheels contain.

No declaration: the packages are first resolved as plain ones, and that stands if it holds (one
major, nothing overwritten, every library there). Else, and wherever something is declared, one
attempt for each CUDA major that can be: the roots that smell of CUDA alone (one that fails alone
closes the attempt, and is the reason to print), then all of them. Of the attempts that have an
answer the one with the newest roots is taken, in the order in which they are asked for. A bound
that was hit is said so, and is never called "no solution".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import GaveUpError, NoSolutionError
from lockenv.sources.cuda.declaration import Fleet
from lockenv.sources.cuda.directory import READ_LIMIT
from lockenv.sources.cuda.examine import Verdict, examine
from lockenv.sources.cuda.guarded import GuardedSource, Wishes
from lockenv.sources.cuda.learn import A_LOOK
from lockenv.sources.cuda.virtual import ECOSYSTEM
from lockenv.sources.cuda.world import World, preferred_versions, release_of
from lockenv.tables.cuda import components, wheels
from lockenv.tables.cuda_requests import toolkit_requirements
from lockenv.values import dataclass, field, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from lockenv.resolve import Candidate, Identifier, Rejected, Resolution, Root, Source
    from lockenv.sources.cuda.facts import CandidateFacts, WheelFile
    from lockenv.sources.cuda.learn import Desk

PYPI = "pypi"
#: How often contents may contradict what names and metadata promised before it is given up.
_LOOKS = 30
#: Extras that are named after a major: ``jax[cuda12]``.
_EXTRA = re.compile(r"\bcu(?:da)?(\d\d)")
#: Names that make a root worth trying alone.
_SMELL = ("cuda", "gpu", "nvidia", "cupy", "torch", "jax", "tensorflow", "-cu1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaAsk:
    """What is asked for one target.

    ``roots`` stand in order of importance. ``templates`` are requirement texts in which
    ``{cuda.major}`` follows the attempt, with their origins. ``fleet`` None means: nothing is
    declared; ``refuses_cuda`` is ``cuda = false``. ``provided`` are sonames of system packages.
    ``kept`` are names that stay as they were locked: no toolkit release moves them.
    ``components_origin`` is where the parts of a toolkit are asked for. ``plain`` is the answer
    without a thought of CUDA, where it is known already. ``compiles``: a source needed nvcc.
    """

    roots: tuple[Root, ...]
    templates: tuple[tuple[str, Hashable], ...] = ()
    fleet: Fleet | None = None
    refuses_cuda: bool = False
    provided: tuple[str, ...] = ()
    kept: frozenset[str] = frozenset()
    components_origin: Hashable = "cuda.components"
    plain: Resolution | None = None
    compiles: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """With what it is done.

    ``sources`` are those of all ecosystems; the one for ``pypi`` is looked through. ``solve`` is
    the engine. ``describe`` says which file a candidate stands for, ``roots_of`` makes roots of a
    requirement's text, ``compiles`` says whether a candidate is a source that nvcc compiles.
    """

    sources: Mapping[str, Source]
    desk: Desk
    solve: Callable[[Mapping[str, Source], Sequence[Root]], Resolution]
    describe: Callable[[Candidate], WheelFile | None]
    roots_of: Callable[[str, Hashable], Sequence[Root]]
    compiles: Callable[[Candidate], bool] = lambda _: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one attempt ended: an answer with its verdict, or a reason.

    ``blamed`` is the root that has no answer even alone. ``rejected`` are, per name, the versions
    that CUDA ruled out.
    """

    world: World
    resolution: Resolution | None = None
    verdict: Verdict | None = None
    error: NoSolutionError | None = None
    blamed: Root | None = None
    rejected: Mapping[str, tuple[Rejected, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaResolution:
    """The answer for a target, without the virtual packages, and what was learned on the way.

    ``closed`` are the attempts that have no answer (or were not as good), newest major first;
    ``versions`` and ``facts`` are by package name. ``compiled`` are the sources that nvcc compiles,
    ``compiler`` is its major (0 where there are none).
    """

    resolution: Resolution
    world: World
    verdict: Verdict
    versions: Mapping[str, str]
    rejected: Mapping[str, tuple[Rejected, ...]]
    closed: tuple[Attempt, ...] = ()
    compiler: int = 0
    compiled: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, CandidateFacts]:
        """What is known of each chosen package's CUDA."""
        return self.verdict.facts


class NoCudaSolutionError(NoSolutionError):
    """No attempt has an answer; ``attempts`` hold why. `explain` says it to a person."""

    def __init__(self, ask: CudaAsk, attempts: Sequence[Attempt]) -> None:
        self.ask = ask
        self.attempts = tuple(attempts)
        super().__init__("no-solution", "no set of packages answers every request with one CUDA")


def resolve_with_cuda(ask: CudaAsk, means: Means) -> CudaResolution:
    """The best verified answer for a target.

    Raises:
        NoSolutionError: `NoCudaSolutionError`, or the engine's own where CUDA has no part in it.
        GaveUpError: an attempt hit its bound and no other has an answer.
    """
    if ask.refuses_cuda:
        return _only(ask, means, _world(ask, refuses_cuda=True))
    if ask.fleet is None and not ask.templates:
        plain = _plain(ask, means)
        if plain.verdict is None and not _cuda_took_part(ask, plain):
            raise plain.error or NoCudaSolutionError(ask, [plain])
        if (
            plain.verdict is not None
            and _holds(plain.verdict)
            and _compiled(means, plain) is not None
        ):
            return _answered(ask, means, plain, ())
    elif ask.fleet is not None and ask.fleet.many_majors:
        return _only(ask, means, _world(ask))
    return _best(ask, means)


def _plain(ask: CudaAsk, means: Means) -> Attempt:
    """The attempt in which every CUDA may be; what is known of it is not searched again."""
    world = _world(ask)
    if ask.plain is None:
        return _try(ask, means, world)
    guarded = _guarded(means, world, Wishes())
    for identifier, candidate in sorted(ask.plain.pins.items()):
        if identifier.ecosystem == PYPI:
            guarded.requirements(candidate)
    chosen, facts = _described(means, guarded, ask.plain)
    verdict = examine(chosen, facts, world, means.desk, ask.provided)
    attempt = Attempt(world=world, resolution=ask.plain, verdict=verdict)
    if verdict.excluded:
        return _try(ask, means, world)
    return _coherent(ask, means, attempt, Wishes())


def _world(ask: CudaAsk, *, major: int | None = None, refuses_cuda: bool = False) -> World:
    names = frozenset(root.requirement.identifier.name for root in ask.roots)
    fleet = ask.fleet or Fleet()
    return World(fleet=fleet, major=major, refuses_cuda=refuses_cuda, roots=names)


def _only(ask: CudaAsk, means: Means, world: World) -> CudaResolution:
    attempt = _try(ask, means, world)
    if attempt.verdict is None:
        raise NoCudaSolutionError(ask, [attempt]) from attempt.error
    return _answered(ask, means, attempt, ())


def _best(ask: CudaAsk, means: Means) -> CudaResolution:
    fleet = ask.fleet or Fleet()
    attempts: list[Attempt] = []
    best: Attempt | None = None
    for major in _order(ask, fleet):
        attempt = _try(ask, means, _world(ask, major=major), _within(ask, means, best))
        attempts.append(attempt)
        if attempt.verdict is None:
            continue
        ranks = _ranks(ask, means, attempt)
        if best is None or (ranks, -major) < (_ranks(ask, means, best), -(best.world.major or 0)):
            best = attempt
        if fleet.newest_cuda or not attempt.verdict.majors:
            break
        if not any(ranks) and major == max(fleet.majors()):
            break
    if best is None:
        gave_up = next((a.error for a in attempts if isinstance(a.error, GaveUpError)), None)
        if gave_up is not None:
            raise gave_up
        plain = None if ask.templates else _fails(means, means.sources, ask.roots)
        if plain is not None:
            raise plain  # Without any thought of CUDA there is no answer either.
        raise NoCudaSolutionError(ask, attempts)
    return _answered(ask, means, best, [a for a in attempts if a is not best])


def _order(ask: CudaAsk, fleet: Fleet) -> list[int]:
    """The majors to try: one that an extra is named after first, then the newest.

    Only the order: what the first answer chose bounds what the others must reach, so that the
    hopeless ones end at once. Which of several answers is taken does not depend on it.
    """
    if fleet.newest_cuda:
        return list(fleet.majors())
    extras = " ".join(root.requirement.identifier.qualifier for root in ask.roots)
    named = {int(digits) for digits in _EXTRA.findall(extras)}
    return sorted(fleet.majors(), key=lambda major: (major not in named, -major))


def _within(ask: CudaAsk, means: Means, best: Attempt | None) -> Mapping[str, frozenset[str]]:
    """What an attempt must choose for the first root to be no worse than the best so far."""
    pins = best.resolution.pins if best is not None and best.resolution is not None else {}
    for root in ask.roots:
        identifier = root.requirement.identifier
        chosen = pins.get(identifier)
        if identifier.ecosystem == PYPI and chosen is not None:
            return {identifier.name: frozenset(_better(means, root, chosen.version_text))}
    return {}


def _holds(verdict: Verdict) -> bool:
    return (
        len(verdict.majors) < 2
        and not any(one.harmful for one in verdict.collisions)
        and not verdict.excluded
        and not _foreign(verdict)
    )


def _compiled(means: Means, attempt: Attempt) -> tuple[int, tuple[str, ...]] | None:
    """The major that sources are compiled for, with their names; (0, ()) where none is.

    None where there is no compiler of that major to be had.
    """
    pins = attempt.resolution.pins if attempt.resolution is not None else {}
    names = sorted(i.name for i, one in pins.items() if not i.qualifier and means.compiles(one))
    majors = attempt.verdict.majors if attempt.verdict is not None else ()
    major = attempt.world.major or (majors[-1] if majors else 0)
    if not names or not major or attempt.world.refuses_cuda:
        return 0, ()
    return (major, tuple(names)) if attempt.world.fleet.nvcc_for(major) else None


def _foreign(verdict: Verdict) -> bool:
    """Whether a package links a library of a major that nothing else here has."""
    return bool(verdict.majors) and any(
        components().sonames[one.soname].major not in {None, *verdict.majors}
        for one in verdict.unprovided
    )


def _cuda_took_part(ask: CudaAsk, attempt: Attempt) -> bool:
    return bool(ask.templates) or any(attempt.rejected.values())


def _try(
    ask: CudaAsk,
    means: Means,
    world: World,
    within: Mapping[str, frozenset[str]] | None = None,
) -> Attempt:
    """One attempt: as often as contents rule something out, then once more for coherence."""
    excluded: dict[tuple[str, str], str] = {}
    wishes = Wishes(within=within or {})
    for _ in range(_LOOKS):
        attempt = _search(ask, means, world, wishes)
        if attempt.verdict is None:
            return attempt
        if not attempt.verdict.excluded:
            return _coherent(ask, means, attempt, wishes)
        excluded.update(attempt.verdict.excluded)
        wishes = replace(wishes, excluded=dict(excluded))
    error = GaveUpError(
        "gave-up",
        f"the search {world.name} was given up; whether there is an answer is not known",
        why=f"{_LOOKS} answers in a row were contradicted by what their wheels contain",
        fix="narrow what you ask for: pin the packages that link CUDA",
    )
    return Attempt(world=world, error=error)


def _guarded(means: Means, world: World, wishes: Wishes) -> GuardedSource:
    return GuardedSource(
        means.sources[PYPI], world, means.desk, means.describe, wishes, means.compiles
    )


def _search(ask: CudaAsk, means: Means, world: World, wishes: Wishes) -> Attempt:
    guarded = _guarded(means, world, wishes)
    sources = {**means.sources, PYPI: guarded, ECOSYSTEM: world.source()}
    roots = _roots(ask, means, world)
    suspects = [root for root in roots if _smells(root)]
    if world.major is not None and len(suspects) > 1:
        for root in suspects:
            error = _fails(means, sources, _companions(root, roots))
            if error is not None and not isinstance(error, GaveUpError):
                return _closed(world, error, guarded, roots, root)
    try:
        resolution = means.solve(sources, roots)
    except NoSolutionError as error:
        blamed = None
        if not isinstance(error, GaveUpError):
            blamed = next((r for r in roots if _fails(means, sources, _companions(r, roots))), None)
        return _closed(world, error, guarded, roots, blamed)
    chosen, facts = _described(means, guarded, resolution)
    verdict = examine(chosen, facts, world, means.desk, ask.provided)
    return Attempt(
        world=world,
        resolution=resolution,
        verdict=verdict,
        rejected=_rejected(guarded, resolution.pins),
    )


def _closed(
    world: World,
    error: NoSolutionError,
    guarded: GuardedSource,
    roots: Iterable[Root],
    blamed: Root | None,
) -> Attempt:
    names = [root.requirement.identifier for root in roots]
    return Attempt(world=world, error=error, blamed=blamed, rejected=_rejected(guarded, names))


def _rejected(
    guarded: GuardedSource, identifiers: Iterable[Identifier]
) -> dict[str, tuple[Rejected, ...]]:
    names = {i.name for i in identifiers if i.ecosystem == PYPI}
    return {name: guarded.ruled_out(name) for name in sorted({*names, *guarded.noted()})}


def _fails(
    means: Means, sources: Mapping[str, Source], roots: Sequence[Root]
) -> NoSolutionError | None:
    try:
        means.solve(sources, roots)
    except NoSolutionError as error:
        return error
    return None


def _companions(root: Root, roots: Sequence[Root]) -> list[Root]:
    """A root with the others for the same package (its extras)."""
    name = root.requirement.identifier.name
    return [r for r in roots if r is root or r.requirement.identifier.name == name]


def _smells(root: Root) -> bool:
    identifier = root.requirement.identifier
    text = f"{identifier.name}[{identifier.qualifier}]"
    return identifier.ecosystem == PYPI and (
        identifier.name in wheels().projects or any(word in text for word in _SMELL)
    )


def _roots(ask: CudaAsk, means: Means, world: World) -> list[Root]:
    """The roots of an attempt: those asked for, names that follow the major, and components."""
    roots = list(ask.roots)
    for text, origin in ask.templates:
        if world.major is not None:
            filled = text.replace("{cuda.major}", str(world.major))
            roots += means.roots_of(filled, origin)
    if world.major is not None:
        for text in component_requirements(world.fleet, world.major):
            roots += means.roots_of(text, ask.components_origin)
    return roots


def component_requirements(fleet: Fleet, major: int) -> tuple[str, ...]:
    """What ``cuda.components`` asks of the Python index: the metapackage's extras, and libraries.

    Parts from Debian or from redistributables ask for nothing here.
    """
    parts = [part for part in fleet.components if fleet.source_of(part) == "wheels"]
    return toolkit_requirements(parts, major, fleet.toolkit)


def _described(
    means: Means, guarded: GuardedSource, resolution: Resolution
) -> tuple[list[WheelFile], dict[str, CandidateFacts]]:
    chosen: dict[str, WheelFile] = {}
    for identifier in sorted(resolution.pins):
        if identifier.ecosystem == PYPI and not identifier.qualifier:
            wheel = means.describe(resolution.pins[identifier])
            if wheel is not None:
                chosen[wheel.package] = wheel
    known = guarded.texts
    files = list(chosen.values())
    asked = [(w, known[key]) for w in files if (key := (w.package, w.version)) in known]
    effort = READ_LIMIT if guarded.world.fleet.capabilities else A_LOOK
    facts = means.desk.all_facts(asked, effort)
    return files, {w.package: facts.get(w.package, means.desk.cheap(w)) for w in files}


def _coherent(ask: CudaAsk, means: Means, attempt: Attempt, wishes: Wishes) -> Attempt:
    """The attempt with its open components on the toolkit release of its CUDA runtime.

    Only if the roots stay as new as they are: coherence is a preference, not a reason to go back.
    """
    assert attempt.resolution is not None  # noqa: S101 - an attempt with a verdict has one
    versions = _versions(attempt.resolution)
    release = release_of(versions)
    if release is None:
        return attempt
    wanted = {n: v for n, v in preferred_versions(release).items() if n not in ask.kept}
    if all(versions.get(name, version) == version for name, version in wanted.items()):
        return attempt
    again = _search(ask, means, attempt.world, replace(wishes, preferred=wanted))
    if (
        again.verdict is None
        or again.verdict.excluded
        or len(again.verdict.collisions)
        > len(attempt.verdict.collisions if attempt.verdict else ())
    ):
        return attempt
    return again if _ranks(ask, means, again) <= _ranks(ask, means, attempt) else attempt


def _versions(resolution: Resolution) -> dict[str, str]:
    return {
        identifier.name: candidate.version_text
        for identifier, candidate in sorted(resolution.pins.items())
        if identifier.ecosystem == PYPI and not identifier.qualifier
    }


def _ranks(ask: CudaAsk, means: Means, attempt: Attempt) -> tuple[int, ...]:
    """What attempts are compared by: how far down each root's candidates the choice is.

    In the order of asking; zero is the best that there is, whatever the source prefers.
    """
    pins = attempt.resolution.pins if attempt.resolution else {}
    found = []
    for root in ask.roots:
        identifier = root.requirement.identifier
        chosen = pins.get(identifier)
        if identifier.ecosystem == PYPI and chosen is not None:
            found.append(_better(means, root, chosen.version_text).index(chosen.version_text))
    return tuple(found)


def _better(means: Means, root: Root, version: str) -> list[str]:
    """The versions that a root would rather have, and this one, best first."""
    seen: dict[str, None] = {}
    source = means.sources[PYPI]
    for candidate in source.candidates(root.requirement.identifier, [root.requirement]):
        seen[candidate.version_text] = None
        if candidate.version_text == version:
            return list(seen)
    return [*seen, version]


def _answered(
    ask: CudaAsk, means: Means, attempt: Attempt, closed: Sequence[Attempt]
) -> CudaResolution:
    if attempt.resolution is None or attempt.verdict is None:
        raise NoCudaSolutionError(ask, [attempt, *closed])
    real = attempt.resolution
    bare = replace(
        real,
        pins={i: c for i, c in real.pins.items() if i.ecosystem != ECOSYSTEM},
        edges={
            i: tuple(r for r in asks if r.identifier.ecosystem != ECOSYSTEM)
            for i, asks in real.edges.items()
            if i.ecosystem != ECOSYSTEM
        },
    )
    compiler, compiled = _compiled(means, attempt) or (0, ())
    return CudaResolution(
        compiler=compiler,
        compiled=compiled,
        resolution=bare,
        world=attempt.world,
        verdict=attempt.verdict,
        versions=_versions(real),
        rejected=attempt.rejected,
        closed=tuple(closed),
    )
