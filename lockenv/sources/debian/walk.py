"""apt's own walk: what ``apt-get install`` would choose, as a proposal that is verified later.

Read from apt's source (2.6 and 3.0: depcache.cc, private-install.cc) and checked against its
answers. One candidate a package; what is asked for is marked first, then each one's dependencies
are followed depth first in the order written; what is met conflicts or is taken, and the first
alternative that can be taken is. Nothing is undone across alternatives: where that fails, the
engine searches. The methods say which function of apt's they are.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lockenv.formats.debian import render_alternatives
from lockenv.sources.debian.board import Board
from lockenv.sources.debian.options import Options
from lockenv.sources.debian.releases import switch_candidates
from lockenv.sources.debian.universe import answers
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lockenv.formats.debian import Alternatives, Relation
    from lockenv.sources.debian.board import State
    from lockenv.sources.debian.options import Choice
    from lockenv.sources.debian.universe import Listed, PackageName, Universe

#: apt's own bound on the depth of its walk, and the frames of Python's stack that a step takes.
_DEEPEST = 3000
_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that the walk could not do: who asked what, and why it cannot be.

    ``names`` are the packages that the relation names; ``other`` is what it clashes with.
    """

    asker: Listed | None
    relation: str
    names: tuple[str, ...]
    reason: str = ""
    other: Listed | None = None


@dataclass(slots=True)
class Outcome:
    """What the walk chose; ``reasons`` says who first asked for each package."""

    chosen: dict[PackageName, Listed]
    reasons: dict[PackageName, Listed | None]
    choices: list[Choice] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Call:
    """How a package is marked: followed or not, how deep, by the user or for another package."""

    depth: int = 0
    follow: bool = True
    by_user: bool = False

    def below(self, *, follow: bool = True) -> _Call:
        return _Call(self.depth + 1, follow)


@dataclass(slots=True)
class _Todo:
    """What taking a package entails."""

    needs: list[tuple[str, Alternatives]] = field(default_factory=list)
    upgrades: list[PackageName] = field(default_factory=list)
    removals: list[PackageName] = field(default_factory=list)


class Walk:
    """One run of apt's walk over a universe; ``policy`` gives each package's one candidate."""

    def __init__(
        self,
        universe: Universe,
        policy: Callable[[PackageName], Listed | None],
        *,
        installed: Iterable[Listed] = (),
        prefer: Sequence[str] = (),
        recommends: bool = False,
    ) -> None:
        there = list(installed)
        self._board = Board(universe, policy, there, recommends=recommends)
        self._options = Options(self._board, prefer)
        self._reasons: dict[PackageName, Listed | None] = {one.key: None for one in there}
        self._choices: dict[str, Choice] = {}
        self._troubles: list[Trouble] = []
        #: Candidates that a protected package forbade: by whom, through which relation.
        self._sent_away: dict[PackageName, tuple[Listed, Relation, Listed]] = {}

    def install(
        self,
        requested: Sequence[Listed],
        alternatives: Sequence[Alternatives] = (),
        releases: Sequence[tuple[Listed, str]] = (),
    ) -> None:
        """``apt-get install`` of these versions: all are marked, then each is followed.

        ``alternatives`` are the requests that leave a choice; they are answered last, as a
        dependency would be. ``releases`` are those of the requested that name a release.
        """
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, _FRAMES * _DEEPEST))
        try:
            for one in requested:
                state = self._board.state(one.key)
                state.candidate = one
                state.protected = True
                self._reasons.setdefault(one.key, None)
                self._mark(one.key, _Call(follow=False, by_user=True))
            switch_candidates(self._board, releases)
            for one in requested:
                self._mark(one.key, _Call(by_user=True))
            for group in alternatives:
                self._answer(None, "depends", group, _Call(), propagate=True)
        finally:
            sys.setrecursionlimit(before)

    def outcome(self) -> Outcome:
        """What is installed in the end."""
        chosen = {
            key: state.install for key, state in self._board.states() if state.install is not None
        }
        return Outcome(
            dict(sorted(chosen.items())),
            self._reasons,
            [self._choices[name] for name in sorted(self._choices)],
            self._troubles,
        )

    def _mark(self, key: PackageName, call: _Call) -> bool:
        """MarkInstall."""
        state = self._board.state(key)
        keeping = (
            state.protected
            and not state.marked
            and not state.deleted
            and state.candidate is not None
            and state.candidate is state.current
        )
        if not keeping and not self._may_change(key, state, call):
            return False
        candidate = state.candidate
        if candidate is None:
            return False
        if not state.protected:
            if candidate is state.current and state.install is None:
                return self._board.keep(key, state)
            if state.install is candidate and not self._board.is_broken(candidate):
                return True
        possible = self._is_in_step(state, candidate, call) and (
            not call.follow or candidate is state.current or self._is_possible(state)
        )
        return possible and self._take(key, state, candidate, call)

    def _may_change(self, key: PackageName, state: State, call: _Call) -> bool:
        """IsModeChangeOk, for an installation."""
        if call.depth > _DEEPEST or not self._board.universe.versions(*key):
            return False
        return call.by_user or state.marked or not state.protected

    def _is_in_step(self, state: State, candidate: Listed, call: _Call) -> bool:
        """IsInstallOkMultiArchSameVersionSynced."""
        if call.by_user or (state.marked and state.install is candidate):
            return True
        if candidate is state.current or candidate.multi_arch != "same":
            return True
        for architecture in self._board.universe.architectures:
            sibling = self._board.met((candidate.name, architecture))
            if sibling is None or sibling is state or sibling.current is None:
                continue
            other = sibling.candidate
            if other and other.version != candidate.version and other.multi_arch == "same":
                return False
        return True

    def _is_possible(self, state: State) -> bool:
        """IsInstallOkDependenciesSatisfiableByCandidates; what is not is no candidate any more."""
        candidate = state.candidate
        if candidate is None:
            return False
        asker = candidate.architecture
        for _, alternatives in candidate.needs():
            if self._board.holds(alternatives, asker):
                continue
            if self._options.can_hold(alternatives, asker):
                continue
            self._lacking(candidate, alternatives)
            if not state.protected:
                state.candidate = state.current
                if not state.deleted:
                    state.marked = False
            return False
        return True

    def _take(self, key: PackageName, state: State, candidate: Listed, call: _Call) -> bool:
        """The body of MarkInstall: clashes go, the state changes, dependencies follow."""
        fail_early = not state.protected and not call.by_user
        failed = False
        todo = _Todo()
        if call.by_user:
            self._board.change(key, state)
        if call.follow:
            todo.needs = [
                (name, alternatives)
                for name, alternatives in candidate.needs(recommends=self._board.recommends)
                if state.protected or not self._board.holds(alternatives, candidate.architecture)
            ]
            failed = not self._remove_clashing(
                candidate, todo, fail_early=fail_early, propagate=state.protected
            )
            if failed and fail_early:
                return False
            self._collect_dependers(state, candidate, todo)
        if not call.by_user and not (state.protected and state.install is state.candidate):
            self._board.change(key, state)
        if not call.follow:
            return not failed
        already = state.protected
        state.protected = True
        try:
            done = self._follow(candidate, todo, call, propagate=already)
        finally:
            state.protected = already
        if not done and fail_early:
            self._board.discard(key, state)
            return False
        return done and not failed

    # -- clashes ----------------------------------------------------------------------------------

    def _remove_clashing(
        self, candidate: Listed, todo: _Todo, *, fail_early: bool, propagate: bool
    ) -> bool:
        """MarkInstall_RemoveConflictsIfNotUpgradeable."""
        failed = False
        bad: set[PackageName] = set()
        for relation in self._board.negatives(candidate):
            if not propagate and not self._board.is_violated(candidate, relation):
                continue
            for gone in (
                *self._board.forbidden_candidates(candidate, relation),
                *self._board.forbidden_installed(candidate, relation),
            ):
                if not self._send_away(candidate, relation, gone, todo, bad, propagate=propagate):
                    failed = True
                    if fail_early:
                        return False
        return not failed

    def _send_away(
        self,
        one: Listed,
        relation: Relation,
        other: Listed,
        todo: _Todo,
        bad: set[PackageName],
        *,
        propagate: bool,
    ) -> bool:
        """What is forbidden goes: upgraded where that helps, else not taken, or removed."""
        state = self._board.state(other.key)
        if state.current is other:
            if state.candidate not in {None, other} and other.key not in bad:
                todo.upgrades.append(other.key)
                return True
            return self._remove(one, relation, other, todo, propagate=propagate)
        if state.candidate is not other:
            return True
        if state.marked and not self._board.keep(other.key, state):
            self._clash(one, relation, other)
            return False
        if propagate:
            self._sent_away[other.key] = (one, relation, other)
            state.candidate = state.install
            if state.current is None:
                state.protected = True
        else:
            bad.add(other.key)
        return True

    def _remove(
        self, one: Listed, relation: Relation, other: Listed, todo: _Todo, *, propagate: bool
    ) -> bool:
        """MarkInstall_MarkDeleteForNotUpgradeable."""
        state = self._board.state(other.key)
        if state.deleted:
            return True
        if not self._board.may_delete(state, other):
            self._clash(one, relation, other)
            return False
        if not propagate:
            todo.removals.append(other.key)
            return True
        self._board.delete(other.key, state)
        state.candidate = state.install
        state.protected = True
        return True

    def _collect_dependers(self, state: State, candidate: Listed, todo: _Todo) -> None:
        """MarkInstall_CollectReverseDepends: who is broken by moving what is installed."""
        current = state.current
        if current is None or current is candidate:
            return
        native = self._board.universe.native
        for key, other in self._board.states():
            depender = other.current
            if depender is None or other.install is not depender or key in todo.upgrades:
                continue
            asker = depender.architecture
            if any(
                answers(relation, asker, current, native)
                and not answers(relation, asker, candidate, native)
                for _, alternatives in depender.needs()
                for relation in alternatives
            ):
                todo.upgrades.append(key)

    # -- dependencies -----------------------------------------------------------------------------

    def _follow(self, candidate: Listed, todo: _Todo, call: _Call, *, propagate: bool) -> bool:
        stubborn = propagate or call.by_user
        done = True
        self._upgrade_binaries(candidate, call)
        for key in todo.upgrades:
            state = self._board.state(key)
            if state.marked or self._mark(key, call.below()):
                continue
            if not self._board.delete(key, state):
                done = False
                if not stubborn:
                    return False
            elif propagate:
                state.protected = True
        for name, alternatives in todo.needs:
            if not self._answer(candidate, name, alternatives, call, propagate=propagate):
                done = False
                if not stubborn:
                    return False
        for key in todo.removals:
            done = self._board.delete(key, self._board.state(key)) and done
        return done

    def _was_declined(self, candidate: Listed, alternatives: Alternatives) -> bool:
        """Whether an installed package recommended this before and was left without it."""
        current = self._board.state(candidate.key).current
        if current is None:
            return False
        asker = current.architecture
        former = [
            group
            for group in current.relations("recommends")
            if any(relation.name == alternatives[0].name for relation in group)
        ]
        return bool(former) and not any(self._board.held_before(group, asker) for group in former)

    def _upgrade_binaries(self, candidate: Listed, call: _Call) -> None:
        """MarkInstall_UpgradeOtherBinaries: installed ones of the same source move along."""
        others = [
            key
            for key, state in self._board.states()
            if state.current is not None
            and state.install is state.current
            and state.candidate is not None
            and state.candidate is not state.current
            and key != candidate.key
            and state.candidate.source == candidate.source
            and state.candidate.source_version == candidate.source_version
        ]
        for follow in (False, True):
            for key in sorted(others):
                self._mark(key, call.below(follow=follow))

    def _answer(
        self,
        asker: Listed | None,
        field_name: str,
        alternatives: Alternatives,
        call: _Call,
        *,
        propagate: bool,
    ) -> bool:
        """MarkInstall_InstallDependencies for one group; no asker stands for the user."""
        critical = field_name != "recommends"
        if asker and not critical and self._was_declined(asker, alternatives):
            return True
        architecture = asker.architecture if asker else self._board.universe.native
        if self._board.holds(alternatives, architecture):
            if not (propagate and critical):
                return True
            return self._protect_only_answer(architecture, alternatives, call)
        runs = self._options.solutions(alternatives, architecture)
        only = sum(len(run) for _, run in runs) == 1
        for asked, run in runs:
            for listed, choice in self._options.in_order(asked, run):
                if self._choose(asker, listed, call, protect=propagate and critical and only):
                    if choice is not None:
                        self._choices[asked] = choice
                    return True
        if critical:
            self._lacking(asker, alternatives)
        return not critical

    def _choose(self, asker: Listed | None, listed: Listed, call: _Call, *, protect: bool) -> bool:
        state = self._board.state(listed.key)
        if state.candidate is not listed:
            return False
        self._reasons.setdefault(listed.key, asker)
        if protect:
            if not self._mark(listed.key, call.below(follow=False)):
                return False
            state.protected = True
        if self._mark(listed.key, call.below()):
            return True
        if state.install is None:
            self._reasons.pop(listed.key, None)
        return False

    def _protect_only_answer(self, asker: str, alternatives: Alternatives, call: _Call) -> bool:
        """What alone answers a protected package's dependency is protected too."""
        possible = {
            one.key for _, run in self._options.solutions(alternatives, asker) for one in run
        }
        native = self._board.universe.native
        for relation in alternatives:
            possible |= {
                one.key
                for one in self._board.there(relation.name)
                if self._board.state(one.key).current is one
                and answers(relation, asker, one, native)
            }
        if len(possible) != 1:
            return True
        (key,) = possible
        state = self._board.state(key)
        if state.protected:
            return True
        state.protected = True
        return self._mark(key, call.below())

    # -- troubles ---------------------------------------------------------------------------------

    def _clash(self, one: Listed, relation: Relation, other: Listed) -> None:
        names = (relation.name, other.name)
        self._troubles.append(Trouble(one, str(relation), names, other=other))

    def _lacking(self, asker: Listed | None, alternatives: Alternatives) -> None:
        text = render_alternatives(alternatives)
        names = tuple(relation.name for relation in alternatives)
        self._troubles.append(Trouble(asker, text, names, self._options.why_not(alternatives)))
        architecture = asker.architecture if asker else self._board.universe.native
        native = self._board.universe.native
        for one, relation, other in list(self._sent_away.values()):
            if any(answers(wanted, architecture, other, native) for wanted in alternatives):
                self._reasons.setdefault(other.key, asker)
                self._clash(one, relation, other)


def default_policy(
    universe: Universe, pinned: Mapping[PackageName, Listed]
) -> Callable[[PackageName], Listed | None]:
    """Apt's choice of the one candidate: highest priority, then highest version; pins stand."""

    def candidate(key: PackageName) -> Listed | None:
        if key in pinned:
            return pinned[key]
        versions = [one for one in universe.versions(*key) if one.priority >= 0]
        # `versions` is sorted, newest first, and `max` takes the first of equal ones.
        return max(versions, key=lambda one: one.priority, default=None)

    return candidate
