"""The Python source as one attempt sees it: candidates ask for the CUDA that they need.

Around another `Source`: adds virtual requirements, drops what the declaration excludes, prefers
the parts of one toolkit release. Everything else is the inner source's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.resolve import Foresight, Rejected
from lockenv.sources.cuda.directory import READ_LIMIT
from lockenv.sources.cuda.world import refusal
from lockenv.tables.cuda import components
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from packaging.specifiers import SpecifierSet

    from lockenv.resolve import Candidate, Identifier, Requirement, Source
    from lockenv.sources.cuda.facts import WheelFile
    from lockenv.sources.cuda.learn import Desk
    from lockenv.sources.cuda.virtual import VirtualRequirement
    from lockenv.sources.cuda.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What an attempt adds to the declaration.

    ``preferred`` are versions that come first (one toolkit release); ``excluded`` are candidates
    (name, version) that an earlier look at their contents ruled out, with the reason; ``within``
    are the only versions of a name that could make this attempt better than a former one.
    """

    preferred: Mapping[str, str] = field(default_factory=dict)
    excluded: Mapping[tuple[str, str], str] = field(default_factory=dict)
    within: Mapping[str, frozenset[str]] = field(default_factory=dict)


class GuardedSource:
    """One attempt's view of an inner source.

    ``describe`` says which file a candidate stands for (None: not a file of an index), ``compiles``
    whether nvcc must compile one.
    """

    def __init__(
        self,
        inner: Source,
        world: World,
        desk: Desk,
        describe: Callable[[Candidate], WheelFile | None],
        wishes: Wishes | None = None,
        compiles: Callable[[Candidate], bool] = lambda _: False,
    ) -> None:
        self._inner = inner
        self.world = world
        self._desk = desk
        self._describe = describe
        self._compiles = compiles
        self._wishes = wishes or Wishes()
        self._source = world.source()
        self._rejected: dict[str, dict[str, str]] = {}
        self.texts: dict[tuple[str, str], tuple[str, ...]] = {}

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Requirement]
    ) -> Iterator[Candidate]:
        """The inner source's, without what is excluded, the preferred version first."""
        found = (c for c in self._inner.candidates(identifier, requirements) if self._admits(c))
        preferred = self._wishes.preferred.get(identifier.name)
        if preferred is None:
            yield from found
            return
        later: list[Candidate] = []
        for candidate in found:
            if _same(candidate.version_text, preferred):
                yield candidate
                yield from later
                yield from found
                return
            later.append(candidate)
        yield from later

    def _admits(self, candidate: Candidate) -> bool:
        name, version = candidate.identifier.name, candidate.version_text
        if version not in self._wishes.within.get(name, {version}):
            return False
        reason = self._wishes.excluded.get((name, version))
        if reason is None:
            limit = self._limit(name)
            if limit is None or limit.contains(version, prereleases=True):
                return True
            reason = f"[cuda] asks for {limit}"
        self._rejected.setdefault(name, {}).setdefault(version, reason)
        return False

    def _limit(self, name: str) -> SpecifierSet | None:
        """The constraint that ``cuda.cudnn`` and ``cuda.nccl`` put on a package."""
        if name not in components().standalone:
            return None
        if name.startswith("nvidia-cudnn-"):
            return self.world.fleet.cudnn
        return self.world.fleet.nccl if name.startswith("nvidia-nccl-") else None

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """As the inner source says."""
        return self._inner.satisfies(requirement, candidate)

    def requirements(self, candidate: Candidate) -> Sequence[Requirement]:
        """The inner source's, and what the candidate asks of the attempt's CUDA.

        A candidate that cannot run here for reasons that need no metadata is not asked for it.
        """
        wheel = self._describe(candidate)
        if wheel is None:
            return (*self._compiler(candidate), *self._inner.requirements(candidate))
        if not candidate.identifier.qualifier:
            early = self._early(wheel)
            if self._unmet(early):
                return self._noted(candidate, early)
        inner = self._inner.requirements(candidate)
        texts = tuple(sorted({str(requirement) for requirement in inner}))
        if candidate.identifier.qualifier:
            return inner
        effort = READ_LIMIT if self.world.fleet.capabilities else 0
        facts = self._desk.facts(wheel, texts, effort=effort)
        self.texts[wheel.package, wheel.version] = texts
        asks = self.world.asks(wheel.package, facts)
        if not wheel.is_wheel:
            asks = (*asks, *self._compiler(candidate))
        self._noted(candidate, asks)
        return (*asks, *inner)

    def _compiler(self, candidate: Candidate) -> Sequence[VirtualRequirement]:
        """The compiler that a source asks for, where nvcc has something to do in it."""
        if self.world.major is None or candidate.identifier.qualifier:
            return ()
        if not self._compiles(candidate):
            return ()
        return self._noted(candidate, [self.world.compiler(candidate.identifier.name)])

    def _early(self, wheel: WheelFile) -> Sequence[VirtualRequirement]:
        """What it asks for as far as that is known without its metadata."""
        return self.world.asks(wheel.package, self._desk.cheap(wheel), complete=False)

    def _unmet(self, asks: Sequence[VirtualRequirement]) -> list[VirtualRequirement]:
        return [a for a in asks if not any(self._source.candidates(a.identifier, [a]))]

    def _noted(
        self, candidate: Candidate, asks: Sequence[VirtualRequirement]
    ) -> Sequence[VirtualRequirement]:
        unmet = self._unmet(asks)
        if unmet:
            name = candidate.identifier.name
            self._rejected.setdefault(name, {})[candidate.version_text] = refusal(unmet)
        return asks

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """As the inner source does."""
        self._inner.prefetch(identifiers)

    def prefetch_requirements(self, candidates: Sequence[Candidate]) -> None:
        """As the inner source does, for what its metadata will be asked of."""
        if not isinstance(self._inner, Foresight):
            return
        wanted = []
        for candidate in candidates:
            wheel = self._describe(candidate)
            asks = () if wheel is None else self._early(wheel)
            if not self._unmet(asks):
                wanted.append(candidate)
        self._inner.prefetch_requirements(wanted)

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        """The inner source's, and those that CUDA ruled out so far, newest first."""
        inner = self._inner.rejections(identifier)
        return _newest_first([*self.ruled_out(identifier.name), *inner])

    def noted(self) -> tuple[str, ...]:
        """The names of which some version was ruled out so far, sorted."""
        return tuple(sorted(self._rejected))

    def ruled_out(self, name: str) -> tuple[Rejected, ...]:
        """The versions of a package that CUDA ruled out so far, newest first."""
        rows = self._rejected.get(name, {})
        return tuple(_newest_first([Rejected(v, reason) for v, reason in rows.items()]))


def _newest_first(rows: Iterable[Rejected]) -> list[Rejected]:
    return sorted(rows, key=lambda row: _version_key(row.version), reverse=True)


def _version_key(text: str) -> tuple[int, Version | str]:
    try:
        return 1, Version(text)
    except ValueError:
        return 0, text


def _same(one: str, other: str) -> bool:
    return _version_key(one) == _version_key(other)
