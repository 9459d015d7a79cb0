"""An explanation in words: what, why and fix of the error that a user reads."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from lockenv.errors import NoSolutionError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from lockenv.resolve.answer import Root
    from lockenv.resolve.explain import Explanation, Lacking, Link, Unusable, Way
    from lockenv.resolve.protocol import Candidate, Identifier, Rejected

# More lines do not explain more.
_MOST_LINKS = 20
_MOST_REJECTED = 5
_WIDEST_ASK = 60


def explained(
    explanation: Explanation, *, where: Callable[[Hashable], str], place: str = ""
) -> NoSolutionError:
    """The error to show. ``where`` says where an origin stands; ``place`` is ``target gpu``."""
    why = _why(explanation, where)
    for each in explanation.further:
        why += ["and apart from that:", *_why(each, where)]
    return NoSolutionError("no-solution", _what(explanation, place), why=why, fix=_fix(explanation))


def _why(explanation: Explanation, where: Callable[[Hashable], str]) -> list[str]:
    """The lines of one clash."""
    asks = _asks(explanation.roots, where)
    links = [_link(link) for link in explanation.links if not _is_own_name(link)]
    if len(links) > _MOST_LINKS:
        left_out = len(links) - _MOST_LINKS
        links = [*links[:_MOST_LINKS], f"and {left_out} more requirements in between"]
    return [
        *asks,
        *links,
        *(_unusable(each) for each in explanation.unusable),
        *(line for each in explanation.lacking for line in _lacking(each)),
    ]


def _what(explanation: Explanation, place: str) -> str:
    at = f" for {place}" if place else ""
    gone = [each for each in explanation.lacking if not each.offered]
    if gone:
        name = _name(gone[0].requirement.identifier)
        if not gone[0].rejected:
            return f"there is no package {name}{at}"
        return f"no version of {name} can be used{at}"
    if len(explanation.roots) == 1 or len({root.origin for root in explanation.roots}) == 1:
        return f"what you ask for cannot be answered{at}"
    return f"no set of packages answers every request{at}"


def _asks(roots: Sequence[Root], where: Callable[[Hashable], str]) -> list[str]:
    """One line for each origin."""
    by_origin: dict[Hashable, list[Root]] = {}
    for root in roots:
        by_origin.setdefault(root.origin, []).append(root)
    lines = [(f"you ask for {_asked(several)}", where(at)) for at, several in by_origin.items()]
    width = min(_WIDEST_ASK, max((len(text) for text, _ in lines), default=0))
    return [f"{text:{width}}  {place}".rstrip() for text, place in lines]


def _asked(roots: Sequence[Root]) -> str:
    """Roots of one origin as one ask: those of extras come with that of the bare name."""
    first = str(roots[0].requirement)
    name = roots[0].requirement.identifier.name
    extras = sorted({root.requirement.identifier.qualifier for root in roots} - {""})
    if len(roots) == 1 or not extras or not first.startswith(name):
        return first
    own = roots[0].requirement.identifier.qualifier
    condition = first.removeprefix(name).removeprefix(f"[{own}]")
    return f"{name}[{','.join(extras)}]{condition}"


def _is_own_name(link: Link) -> bool:
    """An extra asks for its own bare name at the same version: that explains nothing."""
    target = link.requirements[0].identifier
    return target.name == link.identifier.name and target.ecosystem == link.identifier.ecosystem


def _name(identifier: Identifier) -> str:
    if identifier.qualifier and identifier.ecosystem == "pypi":
        return f"{identifier.name}[{identifier.qualifier}]"
    return identifier.name


def _versions(identifier: Identifier, candidates: Sequence[Candidate]) -> str:
    name = _name(identifier)
    texts = [each.version_text for each in candidates]
    if len(texts) == 1:
        return f"{name} {texts[0]}".rstrip()
    if len(texts) == 2:
        return f"{name} {texts[0]} and {texts[1]}"
    return f"{name} {texts[0]} to {texts[-1]} ({len(texts)} versions)"


def _link(link: Link) -> str:
    subject = _versions(link.identifier, link.candidates)
    verb = "needs" if len(link.candidates) == 1 else "need"
    first = link.requirements[0]
    alike = all(each == first for each in link.requirements)
    return f"{subject} {verb} {first}" + ("" if alike else " and the like")


def _unusable(unusable: Unusable) -> str:
    return (
        f"{_versions(unusable.identifier, unusable.candidates)} cannot be used: {unusable.reason}"
    )


def _lacking(lacking: Lacking) -> list[str]:
    identifier = lacking.requirement.identifier
    lines = []
    if lacking.offered:
        there = _versions(identifier, lacking.offered)
        lines.append(f"nothing answers {lacking.requirement}: there is {there}")
    elif not lacking.rejected:
        lines.append(f"nothing is offered by the name {_name(identifier)}")
    return [*lines, *rejected_lines(_name(identifier), lacking.rejected)]


def rejected_lines(name: str, rejected: Sequence[Rejected]) -> list[str]:
    """A line for each run of versions that are refused for the same reason."""
    runs = [
        (reason, [each.version for each in run])
        for reason, run in groupby(rejected, key=lambda each: each.reason)
    ]
    lines = []
    for reason, versions in runs[:_MOST_REJECTED]:
        count = len(versions)
        many = f" to {versions[-1]} ({count} versions)" if count > 1 else ""
        lines.append(f"{name} {versions[0]}{many}: {reason}")
    left = sum(len(versions) for _, versions in runs[_MOST_REJECTED:])
    return [*lines, f"and {left} older versions likewise"] if left else lines


def _fix(explanation: Explanation) -> list[str]:
    lines = []
    ways = "; ".join(_way(way) for way in explanation.ways)
    if explanation.further and ways:
        lines.append(f"all of these together were checked to work: {ways}")
    elif len(explanation.ways) == 1:
        lines.append(f"this was checked to work: {ways}")
    elif ways:
        lines.append(f"any one of these was checked to work: {ways}")
    clashes = (explanation, *explanation.further)
    lacking = [each for clash in clashes for each in clash.lacking]
    unknown = [each for each in lacking if not each.offered and not each.rejected]
    names = dict.fromkeys(each.requirement.identifier.name for each in unknown)
    lines += [f"check the spelling of {name}, or declare the source that has it" for name in names]
    if explanation.further and not lines:
        return ["mend each of these, and lock again: there may be more"]
    return lines or ["relax or remove more than one of these requests"]


def _way(way: Way) -> str:
    former = _asked(way.removed)
    if not way.instead:
        return f"drop {former}"
    instead = way.instead[0].requirement
    pin = way.pins.get(instead.identifier)
    taken = f", which takes {pin.version_text}" if pin is not None and pin.version_text else ""
    return f"{instead} instead of {former}{taken}"
