"""Why a cell has no answer, for a person: with the lines of the manifest and what may be built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError
from lockenv.fields import nearest
from lockenv.resolve import Identifier, UnsolvableError, explain, explained, rejected_lines
from lockenv.resolve import Root as Asked
from lockenv.sources.python import (
    PYPI,
    PythonRequirement,
    PythonSource,
    is_denied_build,
    is_lacking_extra,
)
from lockenv.values import replace
from lockenv.workflows.cells import Cell, Root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lockenv.resolve import Explanation, Lacking, Rejected

#: So many extras of a package are named.
_NAMED = 12


class UnsolvedError(NoSolutionError):
    """A cell has no answer; the full explanation costs searches of its own, so it waits."""

    def __init__(self, cell: Cell, source: PythonSource, refusal: UnsolvableError) -> None:
        super().__init__(refusal.slug, refusal.what, why=refusal.why, fix=refusal.fix)
        self.cell = cell
        self._source = source
        self._refusal = refusal

    def explained(self, place: Callable[[Root], str]) -> NoSolutionError:
        """The message for a person: the lines that clash, the chains, ways out that were solved."""
        explanation = _to_the_point(explain(self._refusal, relax=self._relaxed))
        error = explained(
            explanation,
            where=lambda origin: place(origin) if isinstance(origin, Root) else "",
            place=f"target {self.cell.name}",
        )
        clashes = (explanation, *explanation.further)
        barred: dict[str, list[Rejected]] = {}
        for clash in clashes:
            barred |= _barred(clash, self._source)
        why = [*error.why, *(line for item in barred.items() for line in rejected_lines(*item))]
        fix = [*_builds(clashes, barred), *self._extras(clashes), *error.fix]
        return NoSolutionError(error.slug, error.what, why=why, fix=fix)

    def _extras(self, clashes: Iterable[Explanation]) -> Iterator[str]:
        """The extras that there are, where the manifest asks for one that there is not."""
        for clash in clashes:
            asked = {root.requirement.identifier for root in clash.roots}
            for each in clash.unusable:
                if each.identifier not in asked or not is_lacking_extra(each.reason):
                    continue
                bare = Identifier(PYPI, each.identifier.name)
                newest = next(self._source.candidates(bare, ()), None)
                if newest is None or newest.version_text != each.candidates[0].version_text:
                    continue  # newer ones have it
                extras = self._source.metadata(newest.release).provides_extra
                near = nearest(each.identifier.qualifier, extras)
                name = f"{bare.name} {newest.version_text}"
                if near is not None:
                    yield f"did you mean {bare.name}[{near}]"
                elif extras:
                    more = f" and {len(extras) - _NAMED} more" if len(extras) > _NAMED else ""
                    yield f"{name} has the extras {', '.join(extras[:_NAMED])}{more}"
                else:
                    yield f"{name} has no extras"

    def _relaxed(self, root: Asked) -> list[Asked]:
        """The same package without a condition on its version."""
        if not isinstance(root.origin, Root):
            return []
        asked = root.origin.ask.requirement
        if asked.url or not asked.specifier:
            return []
        extras = f"[{','.join(sorted(asked.extras))}]" if asked.extras else ""
        return [
            Asked(requirement=one, origin=root.origin)
            for one in self._source.asked(f"{asked.name}{extras}")
        ]


class CudaUnsolvedError(NoSolutionError):
    """A cell has no answer with one CUDA; the ways out cost searches of their own, so they wait."""

    def __init__(
        self,
        refusal: NoSolutionError,
        causes: Iterable[str],
        explain: Callable[[Callable[[Root], str]], NoSolutionError],
    ) -> None:
        super().__init__(refusal.slug, refusal.what, why=list(causes), fix=refusal.fix)
        self._explain = explain

    def explained(self, place: Callable[[Root], str]) -> NoSolutionError:
        """The message for a person: what cannot be, why, and ways out that were each checked."""
        return self._explain(place)


def _to_the_point(explanation: Explanation) -> Explanation:
    """With only those of the versions that were refused that would have answered."""
    return replace(
        explanation,
        lacking=tuple(map(_pointed, explanation.lacking)),
        further=tuple(map(_to_the_point, explanation.further)),
    )


def _pointed(lacking: Lacking) -> Lacking:
    asked = lacking.requirement
    if not isinstance(asked, PythonRequirement):
        return lacking
    fitting = [one for one in lacking.rejected if _fits(asked, one)]
    return replace(lacking, rejected=tuple(fitting)) if fitting else lacking


def _builds(
    clashes: Iterable[Explanation], barred: Mapping[str, Iterable[Rejected]]
) -> Iterator[str]:
    """The option that lets build what only has an sdist."""
    refused = [
        (each.requirement.identifier.name, each.rejected)
        for clash in clashes
        for each in clash.lacking
    ]
    denied = dict.fromkeys(
        name
        for name, versions in (*refused, *barred.items())
        if any(is_denied_build(one.reason) for one in versions)
    )
    if denied:
        options = " ".join(f"--allow-build {name}" for name in denied)
        policy = ", ".join(f'{name} = "locked-build"' for name in denied)
        what = "its sdist" if len(denied) == 1 else "their sdists"
        yield f"lockenv lock {options}, to build {what} (writes policy.sdist = {{ {policy} }})"


def _barred(clash: Explanation, source: PythonSource) -> dict[str, list[Rejected]]:
    """The versions of names in a clash that all who ask could agree on, if they were on offer."""
    # Who asks is a line of the manifest, or a package whose versions each have words of their own.
    askers = [[root.requirement] for root in clash.roots]
    askers += [list(link.requirements) for link in clash.links]
    asks: dict[str, list[list[PythonRequirement]]] = {}
    for words in askers:
        known = [one for one in words if isinstance(one, PythonRequirement)]
        for name in dict.fromkeys(one.identifier.name for one in known):
            asks.setdefault(name, []).append([one for one in known if one.identifier.name == name])
    lacking = {each.requirement.identifier.name for each in clash.lacking}
    found = {}
    for name, several in asks.items():
        if (
            name in lacking
            or len(several) == 1
            or any(one.url for words in several for one in words)
        ):
            continue
        versions = [
            one
            for one in source.rejections(Identifier(PYPI, name))
            if all(any(_fits(asked, one) for asked in words) for words in several)
        ]
        if versions:
            found[name] = versions
    return found


def _fits(asked: PythonRequirement, rejected: Rejected) -> bool:
    return bool(rejected.version) and asked.specifier.contains(rejected.version, prereleases=True)
