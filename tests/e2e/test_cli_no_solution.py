"""What a person reads when there is no answer: every clash, and what would have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.projects import pyproject
from tests.support.wheels import sdist, wheel

if TYPE_CHECKING:
    from tests.support.commands import User
    from tests.support.index_server import IndexServer


def test_versions_that_all_could_agree_on_but_for_a_build_are_named(
    user: User, index: IndexServer
) -> None:
    index.publish(
        wheel("movie", "2.0"),
        wheel("movie", "0.2"),
        sdist("movie", "1.0.3"),
        wheel("weave", "1.0", requires=["movie<=1.0.3"]),
    )
    user.write("pyproject.toml", pyproject(index, dependencies=["movie>=1.0.0", "weave"]))

    answer = user.lockenv("lock", status=3)

    assert "movie 1.0.3: it has no wheel for this target" in answer.err
    assert "lockenv lock --allow-build movie" in answer.err


def test_a_line_that_several_groups_include_is_one_clash(user: User, index: IndexServer) -> None:
    index.publish(wheel("lib", "1.0"), wheel("tool", "1.0"))
    text = pyproject(index, dependencies=["tool>1"], groups={"docs": ["lib>1"]})
    text = text.replace("[tool.lockenv]", 'dev = [{ include-group = "docs" }]\n\n[tool.lockenv]', 1)
    user.write("pyproject.toml", text)

    answer = user.lockenv("lock", status=3)

    assert answer.err.count("you ask for lib>1") == 1
    assert answer.err.count("you ask for tool>1") == 1
    assert answer.err.count("and apart from that:") == 1
    assert "all of these together were checked to work" in answer.err


def test_an_extra_that_no_version_has_is_said_in_one_line_with_those_that_there_are(
    user: User, index: IndexServer
) -> None:
    index.publish(
        wheel("lib", "1.0", extras={"alpha": []}),
        wheel("lib", "2.0", extras={"alpha": [], "beta": []}),
        wheel("bare", "1.0"),
        wheel("many", "1.0", extras={f"option{number:02}": [] for number in range(20)}),
    )
    asked = ["lib[alpa]", "bare[x]", "many[zzz]"]
    user.write("pyproject.toml", pyproject(index, dependencies=asked))

    answer = user.lockenv("lock", status=3)

    assert "lib[alpa] 2.0 and 1.0 cannot be used: it has no extra alpa\n" in answer.err
    assert "did you mean lib[alpha]" in answer.err
    assert "bare 1.0 has no extras" in answer.err
    assert "many 1.0 has the extras option00, " in answer.err
    assert "option11 and 8 more" in answer.err
