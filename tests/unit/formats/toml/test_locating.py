"""The line on which a key path stands, in every way in which TOML can write one."""

from __future__ import annotations

import pytest

from lockenv.errors import InputError
from lockenv.fields import Fault, KeyPath
from lockenv.formats.toml import fault_at, headers, locate, parse_toml

TEXT = """\
# c = 1
a = 1 # b = 2
"q.x" = [
  1, # c ]
  { b = 2, c.d = [1,
 2] },
]
s = \"\"\"
[x]
y = 1\"\"\"
l = '''
[z]'''
empty = []
when = 2026-01-02 03:04:05
[[t]]
k = 1
[t.u]
v = 2
[[t]]
k = 3
[[t.w]]
n = 1
[[t.w]]
n = 2
[ tool . "x y" ]
y.z = '##'
"\\u0041" = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("q.x",), 3),
        (("q.x", 0), 4),
        (("q.x", 1, "c", "d", 1), 6),
        (("s",), 8),
        (("l",), 11),
        (("empty",), 13),
        (("when",), 14),
        (("t",), 15),
        (("t", 0, "k"), 16),
        (("t", 0, "u", "v"), 18),
        (("t", 1), 19),
        (("t", 1, "k"), 20),
        (("t", 1, "w", 0, "n"), 22),
        (("t", 1, "w", 1, "n"), 24),
        (("tool",), 25),
        (("tool", "x y", "y", "z"), 26),
        (("tool", "x y", "A"), 27),
        (("tool", "x y", "missing"), 25),
        (("missing",), 1),
        ((), 1),
    ],
)
def test_a_value_is_found_on_its_line(path: KeyPath, line: int) -> None:
    parse_toml("a.toml", TEXT)

    assert locate(TEXT, path) == line


def test_text_inside_strings_is_no_header() -> None:
    assert [line for line, _ in headers(TEXT)] == [15, 17, 19, 21, 23, 25]


def test_windows_line_ends_count_once() -> None:
    assert locate("a = 1\r\n[b]\r\nc = [\r\n1,\r\n2]\r\n", ("b", "c", 1)) == 5


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb =\n", 2),
        ("a = 1\na = 2\n", 2),
        ('a = "\n', 1),
        ("a = [\n1,\n", 2),
        ("[a\n", 1),
    ],
)
def test_a_syntax_error_names_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        parse_toml("x.toml", text)

    assert caught.value.slug == "toml-syntax"
    assert caught.value.what.startswith(f"x.toml:{line}: ")
    assert "(at " not in caught.value.what


def test_merge_markers_are_recognised() -> None:
    with pytest.raises(InputError) as caught:
        parse_toml("x.toml", "a = 1\n<<<<<<< HEAD\nb = 1\n=======\nb = 2\n>>>>>>> x\n")

    assert caught.value.slug == "merge-markers"
    assert caught.value.what.startswith("x.toml:2: ")


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(InputError):
        parse_toml("x.toml", "a = " + "[" * 100_000)


def test_a_fault_without_a_fix_gets_one() -> None:
    error = fault_at(Fault(("a", 1), "a must be b"), "x.toml", 3)

    assert str(error) == ("error[invalid]: x.toml:3: a must be b\n  fix: correct a[1] in x.toml:3")
