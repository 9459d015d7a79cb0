"""Many findings as a person reads them: alike ones in one place, and what mends them told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lockenv.model import Finding

#: More findings of one kind than this are told by their first few.
_MOST_TOLD = 12
_FIRST = 5
#: Commands that begin so become one command for each target.
_JOINED = "apt-get install "

#: What makes findings alike: severity, code, target.
_Kind = tuple[str, str, "str | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One finding as it is printed, or what is said of the rest of many."""

    severity: str
    code: str
    message: str
    target: str = ""
    fixes: tuple[str, ...] = ()


def paragraphs(findings: Iterable[Finding], *, every: bool = False) -> Iterator[Paragraph]:
    """What is printed, in order; ``every`` leaves none out."""
    kinds: dict[_Kind, list[Finding]] = {}
    for finding in findings:
        kinds.setdefault((finding.severity, finding.code, finding.target), []).append(finding)
    commands = _commands(kinds)
    for kind, members in kinds.items():
        told = list(_of_kind(members, every=every))
        if kind in commands:
            told[-1] = replace(told[-1], fixes=(*told[-1].fixes, commands[kind]))
        yield from told


def _of_kind(members: Sequence[Finding], *, every: bool) -> Iterator[Paragraph]:
    if every or len(members) <= _MOST_TOLD:
        for member in members:
            yield _paragraph(member, member.message, (member,))
        return
    for member in members[:_FIRST]:
        yield Paragraph(severity=member.severity, code=member.code, message=member.message)
    more = f"and {len(members) - _FIRST} more like these (-v tells each)"
    yield _paragraph(members[0], more, members)


def _paragraph(finding: Finding, message: str, members: Iterable[Finding]) -> Paragraph:
    own = (one.fix for one in members if one.fix and not one.fix.startswith(_JOINED))
    return Paragraph(
        severity=finding.severity,
        code=finding.code,
        message=message,
        target=finding.target or "",
        fixes=tuple(dict.fromkeys(own)),
    )


def _commands(kinds: Mapping[_Kind, Sequence[Finding]]) -> dict[_Kind, str]:
    """All commands of one sort for a target as one, told with the last kind that asks for it."""
    words: dict[str | None, set[str]] = {}
    last: dict[str | None, _Kind] = {}
    for kind, members in kinds.items():
        for member in members:
            if member.fix.startswith(_JOINED):
                words.setdefault(member.target, set()).add(member.fix.removeprefix(_JOINED))
                last[member.target] = kind
    return {kind: _JOINED + " ".join(sorted(words[target])) for target, kind in last.items()}
