"""Poetry's way to write conditions: ``^1.2``, ``~1.2``, ``1.*``, ``>=1,<2 || >=3``."""

from __future__ import annotations

import re

from packaging.specifiers import SpecifierSet

_PLAIN = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)?(?:\.\*)?\Z")
_RELEASE = re.compile(r"(\d+(?:\.\d+)*)")


def poetry_specifier(text: str) -> str:
    """The specifiers of PEP 440 that mean the same; empty for any version. ValueError if none do.

    Alternatives (``||``) have no spelling there, but where they are a range with holes in it.
    """
    alternatives = [part for part in re.split(r"\s*\|\|?\s*", text.strip()) if part]
    if len(alternatives) > 1:
        raise ValueError(f"alternatives have no specifier: {text[:100]!r}")
    found = []
    for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^\d])", alternatives[0] if alternatives else ""):
        found += _condition(re.sub(r"\s+", "", part))
    try:
        SpecifierSet(",".join(found))
    except ValueError as error:
        raise ValueError(str(error)) from error
    return ",".join(found)


def _condition(part: str) -> list[str]:
    if part in {"", "*"}:
        return []
    if part.startswith("^"):
        return _caret(part[1:])
    if part.startswith("~") and not part.startswith("~="):
        return _tilde(part[1:].lstrip("~"))
    if _PLAIN.match(part):
        return [f"=={part}"]
    return [f"={part}" if re.match(r"=\d", part) else part]


def _numbers(version: str) -> list[int]:
    match = _RELEASE.match(version)
    if match is None:
        raise ValueError(f"not a version: {version[:60]!r}")
    return [int(one) for one in match[1].split(".")]


def _caret(version: str) -> list[str]:
    """Up to the next change of the first number that is not zero."""
    numbers = _numbers(version)
    place = next((n for n, number in enumerate(numbers) if number), len(numbers) - 1)
    upper = [*numbers[:place], numbers[place] + 1]
    return [f">={version}", f"<{'.'.join(map(str, upper))}"]


def _tilde(version: str) -> list[str]:
    """Up to the next minor, or the next major where there is no minor."""
    numbers = _numbers(version)
    upper = [numbers[0] + 1] if len(numbers) == 1 else [numbers[0], numbers[1] + 1]
    return [f">={version}", f"<{'.'.join(map(str, upper))}"]
