"""os-release(5): what a system says of itself."""

from __future__ import annotations

import re
import shlex


def parse_os_release(text: str) -> dict[str, str]:
    """The assignments, as a shell reads them."""
    found = {}
    for line in text.splitlines():
        name, mark, value = line.partition("=")
        if mark and re.fullmatch(r"[A-Z_][A-Z_0-9]*", name):
            try:
                found[name] = "".join(shlex.split(value))
            except ValueError:
                continue  # quotes that do not pair up
    return found
