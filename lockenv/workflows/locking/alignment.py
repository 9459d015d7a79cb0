"""Several cells, one public version of a name: who is asked again, with what fixed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Protocol, TypeVar

from packaging.version import Version

from lockenv.errors import NoSolutionError
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Each round settles at least one name or ends; real projects need two or three.
ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """What a search is told beside the request: ``fixed`` binds, ``preferred`` comes first.

    Both map a normalised name to a public version.
    """

    fixed: Mapping[str, str] = field(default_factory=dict)
    preferred: Mapping[str, str] = field(default_factory=dict)


class Solved(Protocol):
    """What a search for one cell found."""

    @property
    def versions(self) -> Mapping[str, str]:
        """The public version of each package that has one, by normalised name."""


S = TypeVar("S", bound=Solved)
S_co = TypeVar("S_co", bound=Solved, covariant=True)


class Solve(Protocol[S_co]):
    """Searches for one cell; raises `NoSolutionError`."""

    def __call__(self, cell: str, steer: Steer) -> S_co:
        """What this cell gets when it is steered so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A name that has several public versions, each with its cells; ``reason`` says why."""

    name: str
    versions: Mapping[str, tuple[str, ...]]
    reason: str = ""


def solve_aligned(
    cells: Sequence[str],
    solve: Solve[S],
    steers: Mapping[str, Steer],
    *,
    kept: Mapping[str, Mapping[str, str]],
    align: str,
    direct: frozenset[str] | None = None,
) -> tuple[dict[str, S], tuple[Difference, ...]]:
    """Solve every cell, then ask again until names agree wherever they can.

    ``direct`` are the names that the manifest asks for (None: all count as such). That another
    name agrees is no reason for anything else to go back: a cell whose torch is of another CUDA
    major must not take an old torch, so that its triton is the others'.

    ``steers`` is what each cell is told at first, ``kept`` the versions that each had in the former
    lock: a difference that stood there is left alone. With ``align`` "require" a difference that
    remains is a `NoSolutionError`.
    """
    solved: dict[str, S] = {}
    seen: dict[str, str] = {}
    for cell in cells:
        steer = steers[cell]
        if align != "off":
            steer = Steer(fixed=steer.fixed, preferred={**seen, **steer.preferred})
        solved[cell] = solve(cell, steer)
        for name, version in solved[cell].versions.items():
            seen.setdefault(name, version)
    if align == "off":
        return solved, ()
    reasons: dict[str, str] = {}
    fixed: dict[str, str] = {}
    for _ in range(ROUNDS):
        apart = {
            name: versions
            for name, versions in differences(solved).items()
            if name not in reasons and not _stood(name, versions, kept)
        }
        if not apart:
            break
        # What is asked for comes first: what hangs on it may agree by itself then.
        asked = {n: v for n, v in apart.items() if direct is None or n in direct}
        if asked:
            _agree(asked, solved, solve, steers, fixed, reasons, may_go_back=True)
            continue
        _agree(apart, solved, solve, steers, fixed, reasons, may_go_back=direct is None)
    remaining = tuple(
        Difference(name=name, versions=versions, reason=reasons.get(name, ""))
        for name, versions in differences(solved).items()
    )
    if align == "require" and remaining:
        raise _refused(remaining[0])
    return solved, remaining


def differences(solved: Mapping[str, S]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The names with several public versions: version, newest first, to its cells."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for cell, answer in solved.items():
        for name, version in answer.versions.items():
            found[name][version].append(cell)
    return {
        name: {
            version: tuple(versions[version])
            for version in sorted(versions, key=Version, reverse=True)
        }
        for name, versions in sorted(found.items())
        if len(versions) > 1
    }


def _stood(
    name: str, versions: Mapping[str, Sequence[str]], kept: Mapping[str, Mapping[str, str]]
) -> bool:
    return all(
        kept.get(cell, {}).get(name) == version
        for version, cells in versions.items()
        for cell in cells
    )


def _agree(
    apart: Mapping[str, Mapping[str, Sequence[str]]],
    solved: dict[str, S],
    solve: Solve[S],
    steers: Mapping[str, Steer],
    fixed: dict[str, str],
    reasons: dict[str, str],
    *,
    may_go_back: bool,
) -> None:
    """Try to bring the names to one version each: all at once, then one by one.

    The lowest version that a cell chose is tried first: that cell preferred the others' choice and
    could not have it. Then the others, newest first.
    """
    lowest = {name: list(versions)[-1] for name, versions in apart.items()}
    if (
        len(apart) > 1
        and _adopt({**fixed, **lowest}, solved, solve, steers, may_go_back=may_go_back) is None
    ):
        fixed |= lowest
        return
    for name, versions in apart.items():
        ordered = list(versions)
        reason = ""
        for version in [ordered[-1], *ordered[:-1]]:
            wish = {**fixed, name: version}
            refusal = _adopt(wish, solved, solve, steers, may_go_back=may_go_back)
            if refusal is None:
                fixed[name] = version
                break
            reason = reason or refusal
        else:
            reasons[name] = reason


def _adopt(
    fixed: Mapping[str, str],
    solved: dict[str, S],
    solve: Solve[S],
    steers: Mapping[str, Steer],
    *,
    may_go_back: bool,
) -> str | None:
    """Solve again the cells that differ from what is fixed; the reason if one of them cannot."""
    again: dict[str, S] = {}
    for cell, answer in solved.items():
        mine = {name: fixed[name] for name in fixed if name in answer.versions}
        if all(answer.versions[name] == version for name, version in mine.items()):
            continue
        steer = steers[cell]
        told = Steer(
            fixed={**steer.fixed, **mine},
            preferred={**answer.versions, **steer.preferred, **mine},
        )
        try:
            again[cell] = solve(cell, told)
        except NoSolutionError as error:
            return f"{cell}: {error.why[0] if error.why else error.what}"
        gone = None if may_go_back else _gone_back(answer, again[cell], mine)
        if gone is not None:
            return f"{cell}: {gone}"
    solved |= again
    return None


def _gone_back(former: Solved, now: Solved, fixed: Mapping[str, str]) -> str | None:
    """The first package that an agreement of others would make older, or that it would drop."""
    for name, version in sorted(former.versions.items()):
        found = now.versions.get(name)
        if name in fixed and found is not None:
            continue
        if found is None:
            return f"{name} would not be there"
        if Version(found) < Version(version):
            return f"{name} would go back from {version} to {found}"
    return None


def _refused(difference: Difference) -> NoSolutionError:
    sides = [f"{version} for {', '.join(cells)}" for version, cells in difference.versions.items()]
    return NoSolutionError(
        "no-alignment",
        f"{difference.name} has no version that every target can have",
        why=[*sides, *([difference.reason] if difference.reason else [])],
        fix='write align = "prefer", or limit the name for one target',
    )
