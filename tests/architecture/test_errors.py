"""Every message that an error can have, where it is raised: the rules of style for all of them.

``LOCKENV_WRITE_GOLDEN=1 pytest tests/architecture/test_errors.py`` writes their golden file anew.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import lockenv
from lockenv import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(lockenv.__file__).parent
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.LockenvError)
} - {"LockenvError", "FaultsError"}
GOLDEN = Path(__file__).parents[1] / "golden" / "errors.txt"
#: Names of things that are written with a capital.
NAMES = re.compile(
    r"(Python|Debian|NVIDIA|CUDA|Docker|Dockerfile|GitHub|Ubuntu|Kubernetes|RECORD|InRelease)\b"
)


class Raised(NamedTuple):
    """One place where an error is made, as far as its words stand in the source."""

    place: str
    slug: str | None
    what: str | None
    fix: str | None
    has_fix: bool
    whole: str


def _words(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return None


def _template(node: ast.expr) -> str:  # noqa: PLR0911 - one return a kind of expression
    """The words of a message with names where values come; ``…`` where more than a name stands."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_template, node.values))
    if isinstance(node, ast.FormattedValue):
        return _template(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _template(node.left) + _template(node.right)
    if isinstance(node, ast.IfExp):
        return f"{_template(node.body)} | {_template(node.orelse)}"
    if isinstance(node, ast.Starred):
        return _template(node.value)
    if isinstance(node, ast.Name | ast.Attribute):
        return f"{{{ast.unparse(node)}}}"
    return "{…}"


def _lines(word: str, node: ast.expr | None) -> Iterator[str]:
    several = node.elts if isinstance(node, ast.List | ast.Tuple) else [node] if node else []
    for number, one in enumerate(several):
        yield f"  {word if number == 0 else '':5} {_template(one)}".rstrip()


def _whole(kind: str, path: Path, arguments: list[ast.expr], more: dict[str, ast.expr]) -> str:
    slug = _template(arguments[0]) if arguments else "{…}"
    lines = [f"{path.as_posix()}: error[{slug}] ({kind})"]
    lines += _lines("what:", arguments[1] if len(arguments) > 1 else None)
    for word in ("why", "fix"):
        lines += _lines(f"{word}:", more.get(word))
    return "\n".join(lines)


def _raised() -> Iterator[Raised]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name not in KINDS:
                continue
            keywords = {one.arg or "": one.value for one in node.keywords}
            yield Raised(
                place=f"{path.relative_to(PACKAGE)}:{node.lineno}",
                slug=_words(node.args[0]) if node.args else None,
                what=_words(node.args[1]) if len(node.args) > 1 else None,
                fix=_words(keywords.get("fix")),
                has_fix="fix" in keywords or "" in keywords,
                whole=_whole(name, path.relative_to(PACKAGE), node.args, keywords),
            )


RAISED = list(_raised())


def test_there_are_errors_to_look_at() -> None:
    assert len(RAISED) > 200
    assert len({one.slug for one in RAISED}) > 200


def test_every_error_says_what_to_do() -> None:
    assert [one.place for one in RAISED if not one.has_fix or one.fix == ""] == []


def test_a_slug_is_a_few_words_joined_or_a_code() -> None:
    form = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*|LE\d{3}")

    assert [
        one for one in RAISED if one.slug and "{" not in one.slug and not form.fullmatch(one.slug)
    ] == []


def test_a_message_is_one_sentence_in_lower_case() -> None:
    for one in RAISED:
        for text in filter(None, (one.what, one.fix)):
            assert not text.endswith((".", "!")), one
            assert not re.match(r"[A-Z][a-z]", text) or NAMES.match(text), one
            assert "\n" not in text, one


def test_a_message_neither_begs_nor_blames_nor_shows_the_inside() -> None:
    strange = re.compile(
        r"\b(please|sorry|oops|unfortunately|illegal|stupid|you must|NoneType|[A-Z]\w+Error)\b",
    )

    assert [one for one in RAISED if strange.search(f"{one.what} {one.fix}")] == []


def test_the_words_of_every_message_are_the_golden_ones() -> None:
    text = "\n\n".join(sorted(one.whole for one in RAISED)) + "\n"
    if os.environ.get("LOCKENV_WRITE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8", newline="\n")

    assert text.splitlines() == GOLDEN.read_text(encoding="utf-8").splitlines()
