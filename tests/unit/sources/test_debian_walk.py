"""apt's walk, its verifier and the search, in worlds of a few packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.errors import NoSolutionError
from lockenv.model import ArchiveState, Digest, Origin, System, SystemPackage
from lockenv.sources.debian.closure import violations
from lockenv.sources.debian.explain import unsolved
from lockenv.sources.debian.index import IndexWriter, PackageIndex
from lockenv.sources.debian.proposal import Proposal, Question, propose
from lockenv.sources.debian.requests import parse_asked
from lockenv.sources.debian.universe import IndexOf, Standing, Universe

if TYPE_CHECKING:
    from pathlib import Path


def _state(suite: str) -> ArchiveState:
    return ArchiveState(
        name="test",
        url="https://example.com/",
        suite=suite,
        release=Digest("sha256", "0" * 64),
        date="2026-01-01T00:00:00Z",
        signer="",
    )


class World:
    """Suites written as text: ``name version [field: value]...`` a line, separated by ``;``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._indexes: list[IndexOf] = []
        self._count = 0

    def suite(
        self, name: str, text: str, *, priority: int = 500, architecture: str = "amd64"
    ) -> World:
        stanzas = []
        for line in filter(None, (line.strip() for line in text.splitlines())):
            self._count += 1
            head, *fields = line.split(";")
            package, version = head.split()
            lines = [f"Package: {package}", f"Version: {version}"]
            if not any(field.strip().startswith("Architecture:") for field in fields):
                lines.append(f"Architecture: {architecture}")
            lines += [field.strip() for field in fields]
            lines += [f"Filename: pool/{package}_{version}.deb", "Size: 1"]
            lines.append(f"SHA256: {self._count:064x}")
            stanzas.append("\n".join(lines) + "\n")
        path = self._folder / f"{len(self._indexes)}.index"
        IndexWriter(path).build(["\n".join(stanzas).encode()])
        standing = Standing(state=_state(name), priority=priority, suite=name, codename=name)
        self._indexes.append(IndexOf(PackageIndex(path), architecture, standing))
        return self

    def also(self, name: str) -> None:
        """Another suite that lists what the last one does."""
        packages, architecture, _ = self._indexes[-1]
        standing = Standing(state=_state(name), suite=name, codename=name)
        self._indexes.append(IndexOf(packages, architecture, standing))

    def ask(
        self,
        *requests: str,
        foreign: tuple[str, ...] = (),
        installed: tuple[str, ...] = (),
        base: bool = False,
        recommends: bool = False,
        prefer: tuple[str, ...] = (),
        search: bool = True,
    ) -> Proposal:
        universe = Universe(self._indexes, "amd64", foreign)
        origin = Origin("lockenv.toml", ("system", "packages"))
        asked = parse_asked(
            [SystemPackage(relation=text, origin=origin) for text in requests], "amd64"
        )
        there = [
            next(
                one
                for one in universe.versions(*name.split("=")[0].split(":"))
                if one.version == name.split("=")[1]
            )
            for name in installed
        ]
        system = System(suite="s", recommends=recommends, prefer=prefer, origin=origin)
        question = Question(
            universe=universe,
            system=system,
            asked=tuple(asked),
            installed=tuple(there),
            base=base,
        )
        return propose(question, search=search)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def _chosen(proposal: Proposal) -> list[str]:
    assert not proposal.problems, [str(problem) for problem in proposal.problems]
    return [f"{name}={one.version}" for (name, _), one in proposal.chosen.items()]


def test_a_closure_follows_depends_and_pre_depends_but_not_recommends(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: b, c (>= 2); Recommends: r
        b 1; Pre-Depends: d
        c 2
        d 1
        r 1
    """,
    )

    assert _chosen(world.ask("a")) == ["a=1", "b=1", "c=2", "d=1"]
    assert _chosen(world.ask("a", recommends=True)) == ["a=1", "b=1", "c=2", "d=1", "r=1"]


def test_the_first_alternative_that_can_be_taken_is(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: gone | broken | good | better
        broken 1; Depends: gone
        good 1
        better 1
    """,
    )

    proposal = world.ask("a")

    assert _chosen(proposal) == ["a=1", "good=1"]
    assert not proposal.searched


def test_what_is_asked_for_satisfies_alternatives_before_anything_new(world: World) -> None:
    world.suite(
        "s",
        """
        mailer 1; Depends: default-mta | mta
        default-mta 1; Depends: exim
        exim 1; Provides: mta; Conflicts: mta
        postfix 1; Provides: mta; Conflicts: mta
    """,
    )

    assert _chosen(world.ask("mailer")) == ["default-mta=1", "exim=1", "mailer=1"]
    assert _chosen(world.ask("mailer", "postfix")) == ["mailer=1", "postfix=1"]


def test_the_real_package_comes_before_those_that_provide_its_name(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: libfoo
        libfoo-extra 1; Provides: libfoo
        libfoo 1
    """,
    )

    assert _chosen(world.ask("a")) == ["a=1", "libfoo=1"]


def test_only_versioned_provides_answer_versioned_relations(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: libfoo (>= 2)
        libfoo-plain 1; Provides: libfoo
        libfoo-old 1; Provides: libfoo (= 1)
        libfoo-t64 1; Provides: libfoo (= 2.1)
    """,
    )

    assert _chosen(world.ask("a")) == ["a=1", "libfoo-t64=1"]


def test_a_tie_goes_to_the_name_that_the_index_mentions_last_unless_preferred(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: editor
        joe 1; Provides: editor
        nano 1; Provides: editor; Suggests: zile
        zile 1; Provides: editor
        vim 1; Provides: editor
    """,
    )

    proposal = world.ask("a")

    assert _chosen(proposal) == ["a=1", "vim=1"]
    (choice,) = proposal.choices
    assert (choice.asked, choice.taken) == ("editor", "vim")
    assert choice.among == ("joe", "nano", "vim", "zile")
    assert _chosen(world.ask("a", prefer=("nano",))) == ["a=1", "nano=1"]


def test_higher_priority_wins_among_providers(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: awk
        gawk 1; Provides: awk; Priority: optional
        mawk 1; Provides: awk; Priority: required
        original-awk 1; Provides: awk; Priority: optional
    """,
    )

    proposal = world.ask("a")

    assert _chosen(proposal) == ["a=1", "mawk=1"]
    assert not proposal.choices


def test_a_suite_of_lower_priority_does_not_win_by_being_newer(world: World) -> None:
    world.suite("stable", "a 1; Depends: b\nb 1")
    world.suite("backports", "a 2; Depends: b (>= 2)\nb 2", priority=100)

    assert _chosen(world.ask("a")) == ["a=1", "b=1"]
    assert _chosen(world.ask("a/backports")) == ["a=2", "b=2"]
    assert _chosen(world.ask("a (>= 2)", "b=2")) == ["a=2", "b=2"]


def test_a_release_moves_candidates_as_apt_does_even_where_it_need_not(world: World) -> None:
    world.suite(
        "s",
        """
        app 1; Depends: lib
        lib 1; Depends: deep
        deep 1
    """,
    )
    world.suite(
        "b",
        """
        app 2; Depends: lib (>= 1)
        lib 2
        deep 2
    """,
        priority=100,
    )

    # lib 1 would do, but what it needs is not installed yet: apt takes the release's.
    assert _chosen(world.ask("app/b")) == ["app=2", "lib=2"]
    assert _chosen(world.ask("app/b", installed=("deep:amd64=1",))) == ["app=2", "lib=1"]


def test_where_apt_gives_up_a_release_brings_all_that_its_package_needs(world: World) -> None:
    world.suite("s", "app 1\n plain 1; Depends: deep\n deep 1\n data 1")
    world.suite("b", "app 2; Depends: plain, data (= 2)\n data 2", priority=100)

    proposal = world.ask("app/b")

    # At plain, whose own needs are not installed, apt stops and leaves data where it is.
    assert _chosen(proposal) == ["app=2", "data=2", "deep=1", "plain=1"]
    assert proposal.searched


def test_a_version_is_of_every_release_that_lists_it(world: World) -> None:
    world.suite("s", "app 1")
    world.also("u")

    assert _chosen(world.ask("app/u")) == ["app=1"]


def test_an_exact_version_is_taken_from_wherever_it_is(world: World) -> None:
    world.suite("stable", "a 1")
    world.suite("security", "a 1.1")

    assert _chosen(world.ask("a")) == ["a=1.1"]
    assert _chosen(world.ask("a=1")) == ["a=1"]
    assert _chosen(world.ask("a (<< 1.1)")) == ["a=1"]


def test_conflicts_count_both_ways_and_name_the_pair(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Conflicts: b
        b 1
        top 1; Depends: b
    """,
    )

    proposal = world.ask("a", "top")

    assert proposal.problems
    error = unsolved(proposal, "gpu")
    assert isinstance(error, NoSolutionError)
    assert "a 1 conflicts with b, which b 1 is" in error.why
    assert "top 1 needs b 1" in error.why
    assert any("you ask for top" in line for line in error.why)
    assert error.fix == ("ask for only one of a, top",)


def test_a_package_may_conflict_with_what_it_provides_itself(world: World) -> None:
    world.suite("s", "exim 1; Provides: mta; Conflicts: mta")

    assert _chosen(world.ask("exim")) == ["exim=1"]


def test_the_search_finds_what_the_walk_cannot(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: x | y, b
        b 1; Conflicts: x
        x 1
        y 1
    """,
    )

    assert world.ask("a", search=False).problems
    proposal = world.ask("a")

    assert _chosen(proposal) == ["a=1", "b=1", "y=1"]
    assert proposal.searched


def test_foreign_architectures_follow_multi_arch(world: World) -> None:
    world.suite(
        "s",
        """
        tool 1; Multi-Arch: foreign
        libx 1; Multi-Arch: same
        py 1; Multi-Arch: allowed
        data 1; Architecture: all
    """,
    )
    world.suite(
        "s",
        """
        app 1; Depends: tool, libx, py:any
        libx 1; Multi-Arch: same
        tool 1; Multi-Arch: foreign
        odd 1; Depends: data
    """,
        architecture="i386",
    )

    proposal = world.ask("app:i386", "libx", foreign=("i386",))

    assert sorted(proposal.chosen) == [
        ("app", "i386"),
        ("libx", "amd64"),
        ("libx", "i386"),
        ("py", "amd64"),
        ("tool", "amd64"),
    ]
    assert world.ask("odd:i386", foreign=("i386",)).problems


def test_a_package_for_every_architecture_answers_a_request_for_a_foreign_one(
    world: World,
) -> None:
    world.suite(
        "s",
        """
        tool 1; Multi-Arch: foreign; Provides: helper
        data 1; Architecture: all; Multi-Arch: foreign
        plain 1; Architecture: all
    """,
    )
    world.suite("s", "other 1", architecture="i386")

    for asked, name in (("tool:i386", "tool"), ("helper:i386", "tool"), ("data:i386", "data")):
        assert _chosen(world.ask(asked, foreign=("i386",))) == [f"{name}=1"]
    with pytest.raises(NoSolutionError) as caught:
        world.ask("plain:i386", foreign=("i386",))
    assert "plain is there for amd64, not for i386" in caught.value.why


def test_a_name_that_only_a_foreign_architecture_has_means_that_one(world: World) -> None:
    world.suite("s", "wine 1; Provides: wine32")
    world.suite("s", "wine32 1", architecture="i386")

    assert list(world.ask("wine32", foreign=("i386",)).chosen) == [("wine32", "i386")]
    assert list(world.ask("wine32").chosen) == [("wine", "amd64")]


def test_a_virtual_name_in_both_architectures_of_one_package_is_no_choice(world: World) -> None:
    world.suite("s", "lib 1; Multi-Arch: foreign; Provides: virtual")
    world.suite("s", "lib 1; Multi-Arch: foreign; Provides: virtual", architecture="i386")

    assert list(world.ask("virtual", foreign=("i386",)).chosen) == [("lib", "amd64")]
    assert list(world.ask("virtual:i386", foreign=("i386",)).chosen) == [("lib", "i386")]


def test_a_version_of_a_virtual_name_is_held_against_what_is_provided(world: World) -> None:
    world.suite("s", "lib 9; Provides: virtual (= 2), bare")

    assert _chosen(world.ask("virtual (>= 2)")) == ["lib=9"]
    for asked in ("virtual (>= 3)", "bare (>= 1)"):
        with pytest.raises(NoSolutionError, match="no archive of this target has"):
            world.ask(asked)


def test_siblings_of_different_versions_cannot_stand_together(world: World) -> None:
    world.suite("s", "libx 2; Multi-Arch: same")
    world.suite("s", "libx 1; Multi-Arch: same", architecture="i386")

    assert world.ask("libx", "libx:i386", foreign=("i386",)).problems


def test_the_base_is_what_is_essential_required_and_apt(world: World) -> None:
    world.suite(
        "s",
        """
        apt 1; Depends: gpgv
        gpgv 1
        dpkg 1; Essential: yes
        bsdutils 1; Priority: required
        other 1; Priority: important
        a 1
    """,
    )

    proposal = world.ask("a", base=True)

    assert _chosen(proposal) == ["a=1", "apt=1", "bsdutils=1", "dpkg=1", "gpgv=1"]
    assert sorted(name for name, _ in proposal.base) == ["apt", "bsdutils", "dpkg", "gpgv"]


def test_what_a_base_image_has_is_used_and_upgraded_only_where_needed(world: World) -> None:
    world.suite(
        "old",
        """
        libc 1
        libc-bin 1; Depends: libc (<< 2)
        mta-a 1; Provides: mta
    """,
    )
    world.suite(
        "new",
        """
        libc 2; Breaks: libc-bin (<< 2)
        libc-bin 2; Depends: libc (>= 2)
        a 1; Depends: mta-b | mta, libc
        b 1; Depends: libc (>= 2)
        mta-b 1; Provides: mta
    """,
    )
    there = ("libc:amd64=1", "libc-bin:amd64=1", "mta-a:amd64=1")

    assert _chosen(world.ask("a", installed=there)) == ["a=1"]
    assert _chosen(world.ask("b", installed=there)) == ["b=1", "libc=2", "libc-bin=2"]


def test_a_virtual_name_with_one_provider_means_it_and_with_several_is_refused(
    world: World,
) -> None:
    world.suite(
        "s",
        """
        zlib-dev 1; Provides: libz-dev
        gawk 1; Provides: awk
        mawk 1; Provides: awk
    """,
    )

    assert _chosen(world.ask("libz-dev")) == ["zlib-dev=1"]
    assert _chosen(world.ask("awk", prefer=("mawk",))) == ["mawk=1"]
    with pytest.raises(NoSolutionError, match="virtual package") as caught:
        world.ask("awk")
    assert "it is provided by gawk, mawk" in caught.value.why


def test_unknown_names_and_versions_are_told_with_what_there_is(world: World) -> None:
    world.suite("s", "libfoo 1.2")

    with pytest.raises(NoSolutionError, match="libfooo") as caught:
        world.ask("libfooo")
    assert caught.value.fix == ("write libfoo",)
    with pytest.raises(NoSolutionError, match="no version of libfoo") as caught:
        world.ask("libfoo (>= 2)")
    assert "the archives have 1.2 (s)" in caught.value.why


def test_a_clash_far_below_is_told_with_the_chain_to_each(world: World) -> None:
    world.suite(
        "s",
        """
        left 1; Depends: middle
        middle 1; Depends: old (<< 2) | older
        old 1; Breaks: new
        right 1; Depends: between
        between 1; Pre-Depends: new
        new 1
    """,
    )

    error = unsolved(world.ask("left", "right"), "gpu")

    assert list(error.why) == [
        "you ask for left    lockenv.toml: system.packages",
        "left 1 needs middle 1",
        "middle 1 needs old 1",
        "you ask for right    lockenv.toml: system.packages",
        "right 1 needs between 1",
        "between 1 needs new 1",
        "old 1 conflicts with new, which new 1 is",
    ]


def test_alternatives_that_nothing_answers_are_told_with_their_request(world: World) -> None:
    world.suite("s", "a 1")

    error = unsolved(world.ask("a", "b | c (>= 2)"), "gpu")

    assert list(error.why) == [
        "you ask for b | c (>= 2)    lockenv.toml: system.packages",
        "the request needs b | c (>= 2), and there is no b; there is no c",
    ]


def test_a_message_asks_for_the_line_of_a_request() -> None:
    origin = Origin("lockenv.toml", ("system", "packages", 3))
    asked = [SystemPackage(relation="a", origin=origin)]

    (one,) = parse_asked(asked, "amd64", lambda found: f"{found.file}:{len(found.path)}")

    assert one.where == "lockenv.toml:3"


def test_alternatives_may_be_asked_for(world: World) -> None:
    world.suite("s", "b 1\nc 1; Depends: b")

    assert _chosen(world.ask("gone | b")) == ["b=1"]
    assert _chosen(world.ask("c", "a | b")) == ["b=1", "c=1"]


def test_the_verifier_tells_every_relation_that_a_set_breaks(world: World) -> None:
    world.suite(
        "s",
        """
        a 1; Depends: b (>= 2) | c, d
        b 1
        d 1; Breaks: b (<< 3)
    """,
    )
    universe = Universe(world._indexes, "amd64")
    together = [universe.versions(name, "amd64")[0] for name in "abd"]

    assert [str(problem) for problem in violations(together, "amd64")] == [
        "a 1 needs b (>= 2) | c (Depends)",
        "d 1 has Breaks: b (<< 3), and b 1 is there",
    ]
