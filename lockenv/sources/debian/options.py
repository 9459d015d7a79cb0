"""Who can answer a relation, in apt's order of preference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.debian.universe import answers, satisfies
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lockenv.formats.debian import Alternatives, Relation
    from lockenv.sources.debian.board import Board
    from lockenv.sources.debian.universe import Listed, PackageName


@dataclass(frozen=True, slots=True)
class Choice:
    """Where several providers were equal to apt: which was taken, of which."""

    asked: str
    taken: str
    among: tuple[str, ...]


class Options:
    """Answers to relations among the candidates of a board.

    ``prefer`` names packages that win where apt would decide by architecture, priority or accident.
    """

    def __init__(self, board: Board, prefer: Sequence[str]) -> None:
        self._board = board
        self._prefer = {name: place for place, name in enumerate(prefer)}

    def solutions(self, alternatives: Alternatives, asker: str) -> list[tuple[str, list[Listed]]]:
        """Apt's getAllPossibleSolutions for candidates: what is installed first, then in order.

        Each run of equal answers stands with the name that was asked for.
        """
        installed: list[tuple[str, list[Listed]]] = []
        new: list[tuple[str, list[Listed]]] = []
        seen: set[PackageName] = set()
        for relation in alternatives:
            for run in self._runs(relation, asker):
                here: list[Listed] = []
                for one in run:
                    state = self._board.state(one.key)
                    gone = state.deleted or (not state.marked and not state.current)
                    if one.key in seen or (state.protected and gone):
                        continue
                    seen.add(one.key)
                    here.append(one)
                if here:
                    now = self._board.state(here[0].key).current is not None
                    (installed if now else new).append((relation.name, here))
        return [*installed, *new]

    def in_order(self, asked: str, run: list[Listed]) -> Iterator[tuple[Listed, Choice | None]]:
        """A run in the order of apt's last word: the name that its cache met last wins."""
        if len(run) == 1:
            yield run[0], None
            return
        names = tuple(sorted({one.name for one in run}))
        mentions = self._board.universe.mentions
        for one in sorted(run, key=lambda one: mentions.first(one.name), reverse=True):
            yield one, Choice(asked, one.name, names)

    def can_hold(self, alternatives: Alternatives, asker: str) -> bool:
        """Whether a candidate could answer one of them."""
        board = self._board
        native = board.universe.native
        for relation in alternatives:
            for architecture in board.universe.architectures:
                candidate = board.candidate((relation.name, architecture))
                if candidate is not None and satisfies(relation, asker, candidate, native):
                    return True
            for provider in board.universe.providers(relation.name):
                if board.candidate(provider.key) is provider and answers(
                    relation, asker, provider, native
                ):
                    return True
        return False

    def _runs(self, relation: Relation, asker: str) -> list[list[Listed]]:
        """Who answers one alternative, best first; who is equal to apt stands in one run."""
        board = self._board
        native = board.universe.native
        found: dict[PackageName, Listed] = {}
        for architecture in board.universe.architectures:
            candidate = board.candidate((relation.name, architecture))
            if candidate is not None and satisfies(relation, asker, candidate, native):
                found[candidate.key] = candidate
        for provider in board.universe.providers(relation.name):
            if provider.key in found or board.state(provider.key).candidate is not provider:
                continue
            if answers(relation, asker, provider, native):
                found[provider.key] = provider
        if len(found) < 2:
            return [list(found.values())] if found else []
        runs: dict[tuple[int | bool, ...], list[Listed]] = {}
        for one in found.values():
            runs.setdefault(self._rank(one, relation.name), []).append(one)
        return [runs[rank] for rank in sorted(runs)]

    def _rank(self, one: Listed, asked: str) -> tuple[int | bool, ...]:
        """Apt's CompareProviders, but for its last word; lower is better."""
        board = self._board
        state = board.state(one.key)
        architectures = board.universe.architectures
        sibling = one.multi_arch == "same" and any(
            (other := board.met((one.name, architecture))) is not None and other.current is not None
            for architecture in architectures
        )
        return (
            not state.protected,
            not sibling,
            state.current is None,
            one.name != asked,
            self._prefer.get(one.name, len(self._prefer)),
            not one.essential,
            not one.important,
            architectures.index(one.architecture),
            one.rank,
        )

    def why_not(self, alternatives: Alternatives) -> str:
        """Why nothing answers them, one reason for each."""
        universe = self._board.universe
        reasons = []
        for relation in alternatives:
            versions = [
                one
                for architecture in universe.architectures
                for one in universe.versions(relation.name, architecture)
            ]
            providers = universe.providers(relation.name)
            if not versions and not providers:
                reasons.append(f"there is no {relation.name}")
            elif not any(relation.fits(one.version) for one in versions) and not providers:
                shown = ", ".join(sorted({one.version for one in versions}))
                reasons.append(f"{relation.name} is {shown} there")
            else:
                reasons.append(f"{relation.name} cannot be installed")
        return "; ".join(reasons)
