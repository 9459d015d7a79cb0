"""A lock with git's conflict markers, taken apart again."""

from __future__ import annotations

import re

from lockenv.patterns import pattern

#: Git's markers: seven characters at the start of a line. The lock itself never has such a line.
_MARKER = pattern(r"^(<{7}|>{7}|\|{7}|={7})(?: .*)?\r?$", re.MULTILINE)


def has_markers(text: str) -> bool:
    """Whether git left conflict markers in it."""
    return _MARKER.search(text) is not None


def split_markers(text: str) -> tuple[str, str, str | None]:
    """Ours, theirs and, where git wrote it (diff3 style), the base.

    ValueError where the markers do not pair up.
    """
    ours: list[str] = []
    theirs: list[str] = []
    base: list[str] = []
    with_base = None
    state = ""
    following = {"<": {""}, "|": {"<"}, "=": {"<", "|"}, ">": {"="}}
    for line in text.splitlines(keepends=True):
        marker = _MARKER.match(line)
        if marker is None:
            ours += [line] if state in {"", "<"} else []
            base += [line] if state in {"", "|"} else []
            theirs += [line] if state in {"", "="} else []
            continue
        sign = line[0]
        if state not in following[sign]:
            raise ValueError(f"a line of {sign * 7} stands where none can")
        if sign == "=":
            shown = state == "|"
            if with_base is not None and with_base != shown:
                raise ValueError("some conflicts show their base, others do not")
            with_base = shown
        state = "" if sign == ">" else sign
    if state:
        raise ValueError("the last conflict does not end")
    return "".join(ours), "".join(theirs), "".join(base) if with_base else None
