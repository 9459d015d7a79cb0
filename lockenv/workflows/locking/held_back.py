"""What was not taken, and why: because old pins stay (contract 3), or another target cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from lockenv.resolve import Identifier, UnusableCandidateError
from lockenv.sources.python import PYPI, PythonCandidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lockenv.workflows.locking.alignment import Difference
    from lockenv.workflows.locking.python_answer import PythonAnswer


def held_back_notes(
    solved: Mapping[str, PythonAnswer], staying: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """One line for each package that the manifest asks anew and that has a newer version.

    ``solved`` was sought beside the pins ``staying``, both by cell.
    """
    notes: dict[str, list[str]] = {}
    for cell, answer in solved.items():
        for line in _of_cell(answer, staying[cell]):
            notes.setdefault(line, []).append(cell)
    return [f"{line} ({', '.join(cells)})" for line, cells in notes.items()]


def apart_note(difference: Difference, solved: Mapping[str, PythonAnswer]) -> str:
    """That a name has several versions, and why: what a target says of the newest, if anything."""
    sides = ", ".join(
        f"{version} for {cells[0]}" + (f" and {len(cells) - 1} more" if cells[1:] else "")
        for version, cells in difference.versions.items()
    )
    newest, *others = difference.versions
    older = (cell for version in others for cell in difference.versions[version] if cell in solved)
    refused = (_refusal(solved[cell], difference.name, newest) for cell in older)
    reason = next((one for one in refused if one), difference.reason)
    why = f": {reason}" if reason else ""
    return f"{difference.name} differs between targets ({sides}){why}"


def _refusal(answer: PythonAnswer, name: str, version: str) -> str:
    for one in answer.source.rejections(Identifier(PYPI, name)):
        if one.version and Version(one.version).public == version:
            return f"{version} for {answer.cell.name}: {one.reason.partition(':')[0]}"
    return ""


def _of_cell(answer: PythonAnswer, staying: Mapping[str, str]) -> Iterator[str]:
    names = {canonicalize_name(root.ask.requirement.name) for root in answer.cell.roots}
    for name in sorted(names - set(staying)):
        taken = answer.resolution.pins.get(Identifier(PYPI, name))
        if not staying or not isinstance(taken, PythonCandidate):
            continue
        asked = [
            one
            for root in answer.cell.roots
            for one in answer.source.asked(root.ask.requirement)
            if one.identifier == taken.identifier
        ]
        for candidate in answer.source.candidates(taken.identifier, asked):
            if candidate == taken or candidate.release.version <= taken.release.version:
                break
            obstacle = _obstacle(answer, candidate, staying)
            if obstacle:
                yield (
                    f"{name} {taken.version_text} was taken beside the old pins:"
                    f" {name} {candidate.version_text} asks {obstacle}"
                )
                break


def _obstacle(
    answer: PythonAnswer, candidate: PythonCandidate, staying: Mapping[str, str]
) -> str | None:
    """The ask of a candidate that an old pin does not answer, and what moves that pin."""
    try:
        requirements = answer.source.requirements(candidate)
    except UnusableCandidateError:
        return None
    for one in requirements:
        name = one.identifier.name
        pin = staying.get(name)
        if pin is not None and not one.specifier.contains(Version(pin), prereleases=True):
            return f"{one}, and {name} stays at {pin} (lockenv lock -P {name} moves it)"
    return None
