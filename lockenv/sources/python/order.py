"""In which order the versions of a project are offered, and which of them at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from lockenv.sources.python.project import Refused
from lockenv.sources.python.versions import specifier_of, version_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.version import Version

    from lockenv.sources.python.project import Project
    from lockenv.sources.python.request import PythonRequest
    from lockenv.sources.python.values import PythonRequirement, Release


class Order:
    """Preferred versions first, then newest first (or oldest, if asked); a total order."""

    def __init__(self, request: PythonRequest) -> None:
        self._request = request

    def releases(self, project: Project, asked: Sequence[PythonRequirement]) -> Iterator[Release]:
        """The releases that satisfy all asks, best first, each judged when it is reached.

        Pre-releases (PEP 440): offered where an ask names one or the policy allows them; else
        only if no final release is on offer. Yanked files (PEP 592): only for ``==`` and ``===``,
        after all others, and where the lock has them already.
        """
        if project.listing.status == "quarantined":
            return
        specifier = _all(asked)
        pinned = any(one.is_pin for one in asked)
        early = self._early(project.name, specifier)
        given: set[str] = set()
        offered = False
        for text in self._preferred(project):
            if specifier.contains(version_of(text), prereleases=early is not False):
                release = self._offer(project, text, pinned=pinned)
                if release is not None:
                    given.add(text)
                    offered = offered or not release.version.is_prerelease
                    yield release
        held_back: list[str] = []
        yanked: list[Release] = []
        for text, version in self._fitting(project, specifier, given):
            if early is not True and version.is_prerelease:
                held_back.append(text)
                continue
            release = self._offer(project, text, pinned=pinned)
            if release is not None and not self._is_kept(release):
                yanked.append(release)
            elif release is not None:
                offered = True
                yield release
        if early is None and not offered:
            found = (self._offer(project, text, pinned=pinned) for text in held_back)
            yield from (release for release in found if release is not None)
        yield from yanked

    def lets_in(
        self,
        project: Project,
        asked: Sequence[PythonRequirement],
        anyway: Sequence[PythonRequirement],
    ) -> bool:
        """Whether more is on offer for some asks than for those that hold anyway alone.

        Yes also where it is not quite sure; nothing is read but what decides.
        """
        early = self._early(project.name, _all(asked))
        is_told = early is True and self._early(project.name, _all(anyway)) is not True
        is_pinned = any(one.is_pin for one in asked) and not any(one.is_pin for one in anyway)
        found = self.releases(project, asked)
        if is_told or is_pinned:
            several = list(found)
            if any(not self._is_kept(each) for each in several):
                return True
            found = (each for each in several if each.version.is_prerelease or not is_told)
        first = next(found, None)
        if first is None or not first.version.is_prerelease or (early is not None and not is_told):
            return False
        # Where there is no final release, pre-releases are on offer anyway.
        return any(not each.version.is_prerelease for each in self.releases(project, anyway))

    def _offer(self, project: Project, text: str, *, pinned: bool) -> Release | None:
        release = project.release(text)
        if isinstance(release, Refused):
            return None
        return release if pinned or self._is_kept(release) else None

    def held_back(self, release: Release) -> str | None:
        """Why a release that can be used is not on offer for whoever asks for any version."""
        if not self._is_kept(release):
            return f"it is yanked{': ' if release.file.yanked else ''}{release.file.yanked}"
        if self._early(release.name, SpecifierSet()) is False and release.version.is_prerelease:
            return "it is a pre-release, and prerelease denies them"
        return None

    def _early(self, name: str, specifier: SpecifierSet) -> bool | None:
        """Whether pre-releases are offered: yes, no, or (None) if nothing else is."""
        policy = self._request.prerelease
        if policy == "allow" or name in self._request.prerelease_names:
            return True
        if policy == "deny":
            return False
        # Who asks for less than a pre-release (``<2.0.dev0``) keeps it out, and asks for none.
        asks = any(one.prereleases and one.operator != "<" for one in specifier)
        return True if asks else None

    def _preferred(self, project: Project) -> Iterable[str]:
        """The version of the former lock, then those that other targets chose."""
        pin = self._request.pins.get(project.name)
        wanted = [] if pin is None else [pin.version]
        found = [text for text in wanted if text in project.listing.lines]
        for public in self._request.aligned.get(project.name, ()):
            found += [text for text in project.versions if text.partition("+")[0] == public]
        return dict.fromkeys(found)

    def _is_kept(self, release: Release) -> bool:
        """Whether a file is not yanked, or is the very one that is locked."""
        if release.file.yanked is None:
            return True
        pin = self._request.pins.get(release.name)
        return pin is not None and pin.version == str(release.version)

    def _fitting(
        self, project: Project, specifier: SpecifierSet, given: set[str]
    ) -> Iterator[tuple[str, Version]]:
        resolution, name = self._request.resolution, project.name
        lowest = resolution == "lowest" or (
            resolution == "lowest-direct" and name in self._request.direct_names
        )
        texts = reversed(project.versions) if lowest else iter(project.versions)
        floor = None if lowest else _floor(specifier)
        is_any = not len(specifier)
        for text in texts:
            version = version_of(text)
            if floor is not None and version < floor:
                return
            if text not in given and (is_any or specifier.contains(version, prereleases=True)):
                yield text, version


def _all(asked: Iterable[PythonRequirement]) -> SpecifierSet:
    """What all the asks admit together."""
    return specifier_of(",".join(sorted({one.condition for one in asked} - {""})))


def _floor(specifier: SpecifierSet) -> Version | None:
    """A version below which none satisfies: scanning newest first may stop there."""
    floors = [
        version_of(one.version.removesuffix(".*"))
        for one in specifier
        if one.operator in {">=", ">", "~="} or (one.operator == "==" and one.version[-1:] != "*")
    ]
    return max(floors, default=None)
