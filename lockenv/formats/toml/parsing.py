"""TOML text to plain values, with the file and the line in every complaint."""

from __future__ import annotations

import tomllib

from lockenv.errors import InputError
from lockenv.patterns import pattern

#: tomllib says where it stopped in its message; only from Python 3.14 on in attributes too.
_PLACE = pattern(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")

#: A key of more parts takes the parser time by the square of their number.
_MOST_DOTS = 2000


def parse_toml(file: str, text: str) -> dict[str, object]:
    """The document's values; `InputError` with file and line where it is not TOML 1.0."""
    if text.count(".") > _MOST_DOTS:
        for number, line in enumerate(text.split("\n"), 1):
            if line.count(".") > _MOST_DOTS:
                raise InputError(
                    "toml-syntax",
                    f"{file}:{number}: a line has more than {_MOST_DOTS} dots",
                    fix=f"break line {number} of {file}",
                )
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise InputError(
            "toml-syntax",
            f"{file}:1: values are nested too deeply",
            fix=f"flatten {file}",
        ) from error
    except ValueError as error:
        raise _syntax_error(file, text, str(error)) from error


def _syntax_error(file: str, text: str, message: str) -> InputError:
    place = _PLACE.search(message)
    line = text.count("\n") + 1
    if place and place[1]:
        line = int(place[1])
    elif place and text.endswith("\n"):
        line -= 1
    what = _PLACE.sub("", message)
    rows = enumerate(text.splitlines(), 1)
    marker = next((number for number, row in rows if row.startswith("<<<<<<< ")), None)
    if marker:
        return InputError(
            "merge-markers",
            f"{file}:{marker}: a merge conflict was left unresolved",
            fix=f"resolve the conflict in {file}",
        )
    return InputError(
        "toml-syntax",
        f"{file}:{max(line, 1)}: {what[:1].lower()}{what[1:]}",
        fix=f"correct the TOML in {file}, line {max(line, 1)}",
    )
