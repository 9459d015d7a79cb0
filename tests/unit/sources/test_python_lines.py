from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from lockenv.sources.python.versions import Markers, admits_python, only_extra, requirement_of

_NAMES = st.sampled_from(["a", "A-b_c.d", "x1", "-a", "a-", "é", "a b"])
_EXTRAS = st.sampled_from(["", "[x]", "[x,Y_z]", " [ x , y ] ", "[]", "[x,]", "[-]"])
_SPECIFIERS = st.sampled_from(
    [
        *("", ">=1", " >= 1 , < 2", "(>=1,<2)", "( >=1 )", "==1.*", "===x_y", "~=1.0"),
        *("!=1.5.*,>1", ">=1,", "(>=1", ">=1)", "()", "=1", ">=1 <2", "==1.0+local"),
        *(">=2.7.*", "~=1", "<1!2.0", "1.0", ">1-2", "==1.0-post1", ">=", "<=1==2"),
    ]
)
_MARKERS = st.sampled_from(
    [
        *("", "; python_version < '3'", ";extra=='x'", ";", "; bogus == '1'", "; python_version"),
        *(" ; (os_name == 'nt') and extra == \"x\"", "; python_version in '2.7 3.3'"),
    ]
)


@given(_NAMES, _EXTRAS, _SPECIFIERS, _MARKERS)
@example("a", "", " @ https://example.com/a.zip", " ; os_name == 'nt'")
def test_the_quick_reading_is_packagings(
    name: str, extras: str, specifier: str, marker: str
) -> None:
    text = f"{name}{extras}{specifier}{marker}"
    found = requirement_of(text)

    try:
        expected = Requirement(text)
    except InvalidRequirement:
        assert isinstance(found, str)
        return
    assert not isinstance(found, str)
    assert (found.name, set(found.extras)) == (expected.name, expected.extras)
    assert found.specifier == expected.specifier
    assert (found.url, str(found.marker)) == (expected.url, str(expected.marker))


@pytest.mark.parametrize(
    ("line", "extra"),
    [
        ("a; extra == 'x'", "x"),
        ('a>=1; python_version < "3" and extra == "X_y"', "X_y"),
        ("a; (os_name == 'nt') and (extra == 'x')", "x"),
        ("a; extra == 'x' or os_name == 'nt'", None),
        ("a; extra == 'x' and os_name == 'nt'", None),
        ("extra-things>=1", None),
        ("a; extra != 'x'", None),
    ],
)
def test_a_glance_tells_an_extras_own_lines(line: str, extra: str | None) -> None:
    assert only_extra(line) == extra


@pytest.mark.parametrize(
    ("condition", "admits"),
    [
        (">=3.8", True),
        ("<3.11", False),
        (">=3.8,<3.12", True),
        (">=2.7.*", True),
        ("!=3.11.7", False),
    ],
)
def test_requires_python_is_judged_by_the_exact_interpreter(
    condition: str, *, admits: bool
) -> None:
    assert admits_python(condition, "3.11.7") is admits


def test_a_pre_release_of_an_interpreter_may_be_admitted() -> None:
    assert admits_python(">=3.13", "3.14.0rc1")


def test_markers_are_judged_for_one_extra_at_a_time() -> None:
    markers = Markers({"os_name": "posix"})
    line = requirement_of("a; os_name == 'posix' and extra == 'x'")

    assert not isinstance(line, str)
    assert markers.hold(line.marker, "x")
    assert not markers.hold(line.marker, "y")
    assert not markers.hold(line.marker)
