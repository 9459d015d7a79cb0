"""The source of the ecosystem ``pypi``: what one target can choose from, and what that asks for."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import ExternalError, InputError, LockenvError
from lockenv.fetch import Memo, redacted
from lockenv.model import SILENT
from lockenv.resolve import Identifier, Rejected, UnusableCandidateError
from lockenv.sources.python.direct import (
    Direct,
    digest_text,
    normal_place,
    place_of,
    split_hashes,
)
from lockenv.sources.python.indexes import Indexes
from lockenv.sources.python.metadata import MisnamedError, Reader
from lockenv.sources.python.order import Order
from lockenv.sources.python.own import Own
from lockenv.sources.python.project import Chooser, Project, Refused
from lockenv.sources.python.values import (
    PYPI,
    PythonCandidate,
    PythonRequirement,
    Release,
    identifiers,
)
from lockenv.sources.python.versions import (
    Line,
    Markers,
    admits_python,
    only_extra,
    requirement_of,
    specifier_of,
)
from lockenv.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from packaging.requirements import Requirement

    from lockenv.fetch import Fetcher
    from lockenv.formats.metadata import CoreMetadata
    from lockenv.model import Progress, Target
    from lockenv.resolve import Candidate
    from lockenv.resolve import Requirement as Asked
    from lockenv.sources.python.git import GitRepositories
    from lockenv.sources.python.request import PythonRequest, SdistMetadata

#: How many different asks for one name are followed ahead of the search: more are guesses.
_GUESSES = 3
_NO_EXTRA = "it has no extra "


class PythonSource:
    """Python packages for one target; implements `Source` of the engine and its additions."""

    def __init__(
        self,
        fetcher: Fetcher,
        target: Target,
        request: PythonRequest,
        *,
        sdist_metadata: SdistMetadata | None = None,
        repositories: GitRepositories | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.target = target
        self.request = request
        self.reader = Reader(fetcher, sdist_metadata, progress.note)
        self.fetcher = fetcher
        self._chooser = Chooser(target, request)
        self._places = Direct(request, self.reader, self._chooser.ranks, repositories)
        self._indexes = Indexes(fetcher, request.indexes, request.root)
        self.own = Own(request.own, request.root) if request.own is not None else None
        self._markers = Markers(target.markers)
        self._order = Order(request)
        self._overrides = self._applicable(request.overrides)
        self._constraints = self._applicable(request.constraints)
        lasting = (LockenvError, UnusableCandidateError)
        self._projects: Memo[Project | None] = Memo(lasting=lasting)
        self._direct: Memo[Release] = Memo(lasting=lasting)
        self._cheap: Memo[CoreMetadata | None] = Memo(lasting=lasting)
        self._costly: Memo[CoreMetadata] = Memo(lasting=lasting)
        self._candidates: dict[Identifier, dict[int, PythonCandidate]] = {}
        self._waiting: deque[Callable[[], object]] = deque()
        self._guessed: dict[str, set[PythonRequirement]] = {}
        # The places that the manifest names beside its rules, and why one of them is of no use.
        self._demanded: dict[str, str] = {}
        self._hashes: dict[str, set[str]] = {}
        self._constrained = {
            name: self._at(line.url)
            for name, lines in self._constraints.items()
            for line in lines
            if line.url is not None
        }
        self._useless: dict[str, Rejected] = {}
        self._misnamed: dict[Release, MisnamedError] = {}
        self._note = progress.note

    # -- what the engine asks ----------------------------------------------------------------------

    def candidates(
        self, identifier: Identifier, requirements: Sequence[Asked]
    ) -> Iterator[PythonCandidate]:
        """See `lockenv.resolve.Source`."""
        asked = [one for one in requirements if isinstance(one, PythonRequirement)]
        name = identifier.name
        if self.own is not None and name == self.own.name:
            yield from self.own.candidates(identifier, asked)
            return
        asked += self._constraints_on(name)
        place = self._place(name)
        places = {one.url for one in asked if one.url is not None}
        if place is not None and (name in self.request.rules or not places):
            places = {place}
        if places:
            yield from self._direct_candidates(identifier, places, asked)
            return
        project = self._project(name)
        if project is None:
            return
        # A release is asked for many times: by each requirement, in each round of a search.
        made = self._candidates.setdefault(identifier, {})
        for release in self._order.releases(project, asked):
            known = made.get(id(release))
            if known is None or known.release is not release:
                known = made[id(release)] = _candidate(identifier, release)
            yield known

    def lets_in(self, identifier: Identifier, requirements: Sequence[Asked]) -> bool:
        """See `lockenv.resolve.Candid`."""
        name = identifier.name
        if self.own is not None and name == self.own.name:
            return False
        asked = [one for one in requirements if isinstance(one, PythonRequirement)]
        if self._place(name) is not None or any(one.url is not None for one in asked):
            return True
        project, anyway = self._project(name), self._constraints_on(name)
        return project is not None and self._order.lets_in(project, asked + anyway, anyway)

    def satisfies(self, requirement: Asked, candidate: Candidate) -> bool:
        """See `lockenv.resolve.Source`."""
        if not isinstance(requirement, PythonRequirement) or not isinstance(
            candidate, PythonCandidate
        ):
            return False
        release = candidate.release
        if self.own is not None and release is self.own.release:
            return requirement.admits(release)
        # What the manifest itself says of a place holds against whoever else names one.
        ruled = release.name in self.request.rules and release.index is None
        if requirement.url is not None and not ruled:
            if requirement.url != release.url:
                return False
            self._hold(release, requirement.hashes)
        return requirement.admits(release)

    def requirements(self, candidate: Candidate) -> Sequence[PythonRequirement]:
        """See `lockenv.resolve.Source`."""
        if not isinstance(candidate, PythonCandidate):
            return ()
        metadata = self.metadata(candidate.release)
        found = self._requirements(candidate, metadata)
        self._look_ahead(found)
        return found

    def prefetch(self, identifiers: Iterable[Identifier]) -> None:
        """See `lockenv.resolve.Source`."""
        names = dict.fromkeys(one.name for one in identifiers)
        wanted = [
            name for name in names if not self._projects.known(name) and self._place(name) is None
        ]
        # One look at the store tells whether this is a first time, where nothing should wait.
        first = (
            bool(wanted) and not self.fetcher.is_connected and self._indexes.would_ask(wanted[0])
        )
        for name in wanted:
            self._soon(partial(self._project, name), now=first)

    def prefetch_requirements(self, candidates: Sequence[Candidate]) -> None:
        """See `lockenv.resolve.Foresight`."""
        for candidate in candidates:
            if isinstance(candidate, PythonCandidate):
                self._soon(partial(self._cheaply, candidate.release))

    def rejections(self, identifier: Identifier) -> Sequence[Rejected]:
        """See `lockenv.resolve.Source`."""
        if self.own is not None and identifier.name == self.own.name:
            return (self.own.rejection(),)
        useless = self._useless.get(identifier.name)
        if useless is not None:
            return (useless,)
        project = self._project(identifier.name)
        if project is None:
            return ()
        if project.listing.status == "quarantined":
            return (Rejected("", "the index has quarantined the project"),)
        limits = self._constraints_on(identifier.name)
        return tuple(
            Rejected(text, reason)
            for text in project.versions
            if (reason := self._reason_against(project.release(text), limits)) is not None
        )

    def _reason_against(
        self, release: Release | Refused, limits: Sequence[PythonRequirement]
    ) -> str | None:
        if isinstance(release, Refused):
            return release.reason
        unmet = next((limit for limit in limits if not limit.admits(release)), None)
        if unmet is not None:
            return f"{unmet.asked} is all that may be taken"
        return self._order.held_back(release)

    # -- what the workflow asks --------------------------------------------------------------------

    def asked(self, requirement: Requirement | str) -> tuple[PythonRequirement, ...]:
        """The asks that one requirement line stands for on this target: none, one, or several.

        One for the bare name and one for each extra; none where its marker does not hold or the
        name is excluded. Overrides apply.
        """
        parsed = requirement_of(str(requirement))
        if isinstance(parsed, str):
            raise InputError(
                "invalid-requirement",
                f"{requirement!s} is no requirement",
                why=[parsed],
                fix="write it as the specification of dependency specifiers says",
            )
        if not self._markers.hold(parsed.marker):
            return ()
        found = tuple(self._expanded(parsed, str(requirement)))
        for one in found:
            if one.url is not None:
                self._demanded.setdefault(one.identifier.name, one.url)
            self._guessed.setdefault(one.identifier.name, set()).add(one)
        return found

    def metadata(self, release: Release) -> CoreMetadata:
        """What a release says of itself.

        Raises:
            UnusableCandidateError: it cannot be read, or does not admit the interpreter.
        """
        try:
            metadata = self._cheaply(release)
            if metadata is None:
                metadata = self._costly.once(_key(release), lambda: self._read(release))
        except MisnamedError as error:
            if release not in self._misnamed:
                self._misnamed[release] = error
                self._note(f"passed over {error.reason}")
            raise
        python = metadata.requires_python
        if python is not None and not admits_python(python, self.target.python):
            raise UnusableCandidateError(
                f"it needs Python {python}, the target has {self.target.python}"
            )
        return metadata

    def refuse_misnamed(self, candidates: Iterable[Candidate]) -> None:
        """`IntegrityError` if a file of these is of another package than its name says."""
        for candidate in candidates:
            if isinstance(candidate, PythonCandidate) and candidate.release in self._misnamed:
                raise self._misnamed[candidate.release].integrity

    # -- inside ------------------------------------------------------------------------------------

    def _place(self, name: str) -> str | None:
        """The one place of a name for whoever asks: by a rule, or as the manifest asks for it."""
        if self.own is not None and name == self.own.name:
            return self.own.release.url
        ruled = place_of(self.request.rules.get(name), self.request.root)
        ruled = self._at(ruled) if ruled is not None else None
        return ruled or self._demanded.get(name) or self._constrained.get(name)

    def _project(self, name: str) -> Project | None:
        return self._projects.once(name, lambda: self._open_project(name))

    def _open_project(self, name: str) -> Project | None:
        rule = self.request.rules.get(name)
        found = self._indexes.listing(name, rule.index if rule is not None else None)
        return None if found is None else Project(name, found[0], found[1], self._chooser)

    def _direct_candidates(
        self, identifier: Identifier, places: set[str], asked: Sequence[PythonRequirement]
    ) -> Iterator[PythonCandidate]:
        if len(places) > 1:
            return
        url = next(iter(places))
        name = identifier.name
        try:
            release = self._direct.once(
                f"{name} {url}", lambda: self._places.release(name, url, self._hashes_at(url))
            )
        except UnusableCandidateError as error:
            raise InputError(
                "unusable-address",
                f"{name} cannot be had from the place that is asked for",
                why=[redacted(url), error.reason],
                fix=f"correct the address of {name}",
            ) from error
        except InputError as error:
            # Only whoever asks for that very place must hear of it; others may do without.
            if error.slug != "unusable-address" or self._is_asked_for(name):
                raise
            self._useless[name] = Rejected(redacted(url), "; ".join(error.why))
            return
        if all(self.satisfies(one, _candidate(identifier, release)) for one in asked):
            yield _candidate(identifier, release)

    def _at(self, url: str) -> str:
        """The normal place of an address; the hashes that stand in it are noted."""
        place, hashes = split_hashes(normal_place(url))
        if hashes:
            self._hashes.setdefault(place, set()).update(hashes)
        return place

    def _hashes_at(self, place: str) -> frozenset[str]:
        return frozenset(self._hashes.get(place, ()))

    def _hold(self, release: Release, hashes: frozenset[str]) -> None:
        """`IntegrityError` if what lies at a place is not what somebody says of it."""
        if hashes and release.kind == "archive":
            place = release.url or release.file.url
            known = set(release.file.hashes)
            told = {digest_text(release.name, place, one) for one in hashes} - known
            if told:
                self.reader.hold(release, told)

    def _is_asked_for(self, name: str) -> bool:
        return name in self.request.rules or name in self._demanded

    def _read(self, release: Release) -> CoreMetadata:
        try:
            metadata = self.reader.read(release)
        except ExternalError as error:
            metadata = self._by_its_wheels(release)
            if metadata is None:
                raise
            self._note(
                f"{release.file.filename} could not be built here ({error.what}): what it asks"
                " for was taken from the wheels of the same version for others"
            )
        if metadata is None:
            raise UnusableCandidateError(f"{release.file.filename}: it has no metadata")
        return metadata

    def _by_its_wheels(self, release: Release) -> CoreMetadata | None:
        """What the wheels of an sdist's version say, where they all say the same.

        The machine that locks may lack what a build needs and the target has (a library, a
        compiler); no other version is taken for that.
        """
        project = self._project(release.name) if release.index is not None else None
        if project is None:
            return None
        files = project.listing.files(str(release.version))
        wheels = [file for file in files if file.is_wheel]
        some = (wheels[0], wheels[len(wheels) // 2], wheels[-1]) if wheels else ()
        read = [self.reader.read(replace(release, kind="wheel", file=file)) for file in some]
        found = [one for one in read if one is not None]
        said = {(one.requires_dist, one.provides_extra, one.requires_python) for one in found}
        return found[0] if len(said) == 1 else None

    def _requirements(
        self, candidate: PythonCandidate, metadata: CoreMetadata
    ) -> list[PythonRequirement]:
        extra = candidate.identifier.qualifier
        release = candidate.release
        found: list[PythonRequirement] = []
        if extra:
            found.append(_same(release))
        for line in metadata.requires_dist:
            only = only_extra(line)
            if only is not None and (not extra or canonicalize_name(only) != extra):
                continue
            parsed = requirement_of(line)
            if isinstance(parsed, str):
                raise UnusableCandidateError(f"its metadata ask for {line!r}: {parsed}")
            marker = parsed.marker
            # An extra adds to what the bare name asks for already.
            if self._markers.hold(marker, extra) and not (extra and self._markers.hold(marker)):
                found += self._expanded(parsed, line)
        if extra and extra not in metadata.provides_extra and len(found) == 1:
            # In the same words for each release, so that a row of them is one line.
            raise UnusableCandidateError(f"{_NO_EXTRA}{extra}")
        return found

    def _expanded(self, requirement: Line, asked: str) -> Iterator[PythonRequirement]:
        name = canonicalize_name(requirement.name)
        if name in self.request.exclude:
            return
        extras = set(requirement.extras)
        replaced = self._overrides.get(name)
        for one in [requirement] if replaced is None else replaced:
            condition = str(one.specifier)
            for identifier in identifiers(name, extras | set(one.extras)):
                yield PythonRequirement(
                    identifier,
                    condition=condition,
                    url=self._at(one.url) if one.url is not None else None,
                    hashes=_hashes_in(one.url),
                    asked=asked,
                    specifier=specifier_of(condition),
                )

    def _applicable(self, requirements: Iterable[Requirement]) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        for one in map(_line, requirements):
            if self._markers.hold(one.marker):
                found.setdefault(canonicalize_name(one.name), []).append(one)
        return found

    def _constraints_on(self, name: str) -> list[PythonRequirement]:
        return [
            PythonRequirement(
                Identifier(PYPI, name),
                condition=str(one.specifier),
                url=self._at(one.url) if one.url is not None else None,
                hashes=_hashes_in(one.url),
                asked=f"{name}{one.specifier}",
                specifier=specifier_of(str(one.specifier)),
            )
            for one in self._constraints.get(name, ())
        ]

    # -- ahead of the search -----------------------------------------------------------------------

    def _look_ahead(self, requirements: Sequence[PythonRequirement]) -> None:
        """Follow asks in the background: page, best candidate, its metadata, its asks in turn."""
        for one in requirements:
            guessed = self._guessed.setdefault(one.identifier.name, set())
            if one.url is None and len(guessed) < _GUESSES and one not in guessed:
                guessed.add(one)
                self._soon(partial(self._follow, one))

    def _follow(self, requirement: PythonRequirement) -> None:
        identifier = requirement.identifier
        if self._place(identifier.name) is not None:
            return
        # What others ask of the name is likely to hold too: so the guess is better.
        known = [one for one in list(self._guessed[identifier.name]) if one.url is None]
        best = next(self.candidates(identifier, known), None) or next(
            self.candidates(identifier, (requirement,)), None
        )
        metadata = None if best is None else self._cheaply(best.release)
        if best is not None and metadata is not None:
            self._look_ahead(self._requirements(best, metadata))

    def _cheaply(self, release: Release) -> CoreMetadata | None:
        """The metadata, unless they take the whole file."""
        if self.own is not None and release is self.own.release:
            return self.own.metadata
        return self._cheap.once(_key(release), lambda: self.reader.read(release, cheaply=True))

    def _soon(self, work: Callable[[], object], *, now: bool = False) -> None:
        """Do work ahead, but only once the network has been used.

        As long as the store answers everything, threads would only get in each other's way.
        """
        if self.fetcher.offline:
            return
        self._waiting.append(work)
        if now or self.fetcher.is_connected:
            # Another thread may be emptying it too.
            with suppress(IndexError):
                while True:
                    self.fetcher.soon(partial(_quietly, self._waiting.popleft()))


def is_lacking_extra(reason: str) -> bool:
    """Whether a release is unusable because it has not the extra that is asked for."""
    return reason.startswith(_NO_EXTRA)


def _hashes_in(url: str | None) -> frozenset[str]:
    return split_hashes(normal_place(url))[1] if url is not None else frozenset()


def _quietly(work: Callable[[], object]) -> None:
    # Whatever is wrong shows again when the search asks, if it ever does.
    with suppress(LockenvError, UnusableCandidateError):
        work()


def _line(requirement: Requirement) -> Line:
    return Line(
        requirement.name,
        frozenset(requirement.extras),
        requirement.specifier,
        requirement.url,
        requirement.marker,
    )


def _key(release: Release) -> str:
    return f"{release.name} {release.version} {release.place}"


def _candidate(identifier: Identifier, release: Release) -> PythonCandidate:
    return PythonCandidate(identifier, str(release.version), release.place, release)


def _same(release: Release) -> PythonRequirement:
    """The ask of an extra for the bare package at its own version, and nothing near it."""
    version = str(release.version)
    return PythonRequirement(
        Identifier(PYPI, release.name),
        condition=f"==={version}",
        url=release.url if release.index is None else None,
        asked=f"{release.name}=={version}",
        specifier=specifier_of(f"==={version}"),
    )
