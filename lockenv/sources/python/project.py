"""One project of one index, as one target sees it: at most one file for each version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import InputError
from lockenv.formats.metadata import parse_wheel_name
from lockenv.sources.python.tags import TagRanks
from lockenv.sources.python.values import Release
from lockenv.sources.python.versions import admits_python, version_of
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.requirements import Requirement
    from packaging.version import Version

    from lockenv.formats.index import FileRow, ListedFile, Listing
    from lockenv.model import Index, Target
    from lockenv.sources.python.request import PythonRequest

#: How many files and tags an explanation names before it only counts.
_NAMED = 4


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a version that exists is no candidate."""

    reason: str


def denied_build(name: str) -> str:
    """Why a version that has only an sdist is no candidate."""
    return (
        "it has no wheel for this target;"
        f' its sdist may be built with policy.sdist = {{ {name} = "locked-build" }}'
    )


def is_denied_build(reason: str) -> bool:
    """Whether that is the reason."""
    return reason.startswith("it has no wheel for this target; its sdist may be built")


class Chooser:
    """The rules by which a target takes files: policies of the request, tags and interpreter."""

    def __init__(self, target: Target, request: PythonRequest) -> None:
        self.target = target
        self.request = request
        self.ranks = TagRanks(target)
        self._refused_tails: set[tuple[str, ...]] = set()
        self._allow = _by_name(request.allow)
        self._deny = _by_name(request.deny)
        self._exempt = _by_name(request.exempt)

    def choose(self, project: Project, text: str) -> Release | Refused:
        """The file that the target takes of one version, or why none."""
        version = version_of(text)
        verdict = self._policy(project.name, version)
        if verdict is not None:
            return verdict
        cutoff = self._cutoff(project.name, version)
        reasons: set[str] = set()
        wheels: list[tuple[tuple[object, ...], FileRow]] = []
        sdists: list[tuple[tuple[object, ...], FileRow]] = []
        refused = self._refused_tails
        for row in project.listing.rows(text):
            filename = row.filename
            if filename[-4:] != ".whl":
                sdists.append((_sdist_order(filename), row))
                continue
            # Nearly all wheels of a release are for others; the same tags come in each release.
            tail = tuple(filename.rsplit("-", 3)[1:])
            if tail not in refused and (order := self._wheel_order(filename, tail)) is not None:
                wheels.append((order, row))
        chosen = min(self._fit(project, wheels, cutoff, reasons), default=None)
        if chosen is None:
            # Only where no wheel will do is anything of an sdist read.
            built = min(self._fit(project, sdists, cutoff, reasons), default=None)
            if built is not None and self.request.sdist_policy(project.name) == "deny":
                reasons.add(denied_build(project.name))
            else:
                chosen = built
        if chosen is None:
            return Refused("; ".join(sorted(reasons)) or self.no_wheel(project, text))
        file = chosen[1]
        return Release(
            name=project.name,
            version=version,
            kind="wheel" if file.is_wheel else "sdist",
            file=file,
            index=project.index,
            mirror=project.listing.mirror,
        )

    def _fit(
        self,
        project: Project,
        rows: Sequence[tuple[tuple[object, ...], FileRow]],
        cutoff: tuple[str, str] | None,
        reasons: set[str],
    ) -> Iterator[tuple[tuple[object, ...], ListedFile]]:
        """The files that may be taken, each with its order; of the others the reasons."""
        pin = self.request.pins.get(project.name)
        digests = pin.digests if pin is not None else frozenset()
        for order, row in rows:
            file = row.read()
            reason = self._unfit(file, cutoff, project)
            if reason is not None:
                reasons.add(reason)
                continue
            kept = bool(digests) and not digests.isdisjoint(file.hashes)
            yield (not kept, file.yanked is not None, *order), file

    def _policy(self, name: str, version: Version) -> Refused | None:
        if self._allow and not _admitted(self._allow.get(name), version):
            return Refused("policy.allow does not name it")
        if _admitted(self._deny.get(name), version):
            return Refused("policy.deny names it")
        return None

    def _cutoff(self, name: str, version: Version) -> tuple[str, str] | None:
        """The time after which files do not count, and what it is called."""
        request = self.request
        cutoffs = []
        if request.as_of is not None:
            cutoffs.append((request.as_of, "as-of"))
        if request.released_before is not None and not _admitted(self._exempt.get(name), version):
            cutoffs.append((request.released_before, "minimum-release-age"))
        return min(cutoffs, default=None)

    def _unfit(
        self, file: ListedFile, cutoff: tuple[str, str] | None, project: Project
    ) -> str | None:
        if cutoff is not None and project.index.upload_time != "ignore":
            if file.upload_time is None:
                project.demand_times(cutoff[1])
                return "the index does not say when it was uploaded"
            # Both are RFC 3339 in UTC with seconds, so text order is order in time.
            if file.upload_time > cutoff[0]:
                return f"it was uploaded on {file.upload_time[:10]}, after {cutoff[1]}"
        if file.requires_python and not admits_python(file.requires_python, self.target.python):
            return f"it needs Python {file.requires_python}, the target has {self.target.python}"
        return None

    def _wheel_order(self, filename: str, tail: tuple[str, ...]) -> tuple[object, ...] | None:
        try:
            name = parse_wheel_name(filename)
        except ValueError:
            return None
        rank = self.ranks.rank(name.tags)
        if rank is None:
            self._refused_tails.add(tail)
            return None
        # Binary distribution format: among equal tags the highest build number wins.
        return (rank, -name.build[0], _Backwards(name.build[1]), filename)

    def no_wheel(self, project: Project, text: str) -> str:
        """Which files there are, and what the target accepts."""
        names = [file.filename for file in project.listing.files(text) if file.is_wheel]
        if not names:
            return "it has no file that can be installed"
        shown = ", ".join(names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        best = ", ".join(str(tag) for tag in self.target.tags[:_NAMED])
        levels = [one for name in names if (one := self._level(name)) is not None]
        hint = ""
        if levels:
            key, level = min(levels, key=lambda one: tuple(map(int, one[1].split("."))))
            hint = f'; with {key} = "{level}" for the target, one of them would do'
        return (
            f"it has no wheel for this target: it has {shown}{more}; the target accepts "
            f"{best}, …{hint}"
        )

    def _level(self, filename: str) -> tuple[str, str] | None:
        try:
            return self.ranks.missing_level(parse_wheel_name(filename).tags)
        except ValueError:
            return None


class Project:
    """What one index says about one name. Versions are judged when they are looked at."""

    def __init__(self, name: str, index: Index, listing: Listing, chooser: Chooser) -> None:
        self.name = name
        self.index = index
        self.listing = listing
        self._chooser = chooser
        self._known: dict[str, Release | Refused] = {}

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions, newest first, as canonical text."""
        return self.listing.versions

    def release(self, text: str) -> Release | Refused:
        """What the target takes of one of the versions."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._chooser.choose(self, text)
        return found

    def demand_times(self, key: str) -> None:
        """Complain if the index gives no upload times at all: else everything would vanish."""
        if any(file.upload_time for text in self.versions for file in self.listing.files(text)):
            return
        raise InputError(
            "no-upload-times",
            f"the index {self.index.name} does not say when the files of {self.name} were uploaded",
            why=[f"{key} admits only files that were there by a certain time", self.index.url],
            fix=f'write upload-time = "ignore" for the index {self.index.name}, or drop {key}',
        )


class _Backwards(str):
    """Text that sorts backwards."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def _sdist_order(filename: str) -> tuple[object, ...]:
    # Where there are several, the usual ending.
    return (not filename.endswith(".tar.gz"), filename)


def _by_name(requirements: Sequence[Requirement]) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def _admitted(requirements: list[Requirement] | None, version: Version) -> bool:
    return requirements is not None and any(
        one.specifier.contains(version, prereleases=True) for one in requirements
    )


def matching(project: Project, texts: Sequence[str]) -> Iterator[Release]:
    """The releases among some versions of a project, in their order."""
    for text in texts:
        found = project.release(text)
        if isinstance(found, Release):
            yield found
