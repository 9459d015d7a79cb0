"""Add the user that an image runs as: lines of passwd(5), group(5), shadow(5) and gshadow(5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DAY = 86400
#: For a root whose packages made no accounts.
_FIRST = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "group": "root:x:0:\n",
}


def add_user(root: Path, name: str, uid: int, epoch: int) -> list[str]:
    """Add the account unless its name or id is taken; the paths that must be given to it."""
    accounts = root / "etc/passwd"
    accounts.parent.mkdir(parents=True, exist_ok=True)
    for file, text in _FIRST.items():
        if not (root / "etc" / file).exists():
            (root / "etc" / file).write_text(text)
    taken = [line.split(":") for line in accounts.read_text().splitlines()]
    if any(len(row) > 2 and (row[0] == name or row[2] == str(uid)) for row in taken):
        return []
    shell = "/bin/bash" if (root / "usr/bin/bash").exists() else "/bin/sh"
    for file, line in (
        ("passwd", f"{name}:x:{uid}:{uid}::/home/{name}:{shell}\n"),
        ("group", f"{name}:x:{uid}:\n"),
        # No password; the day is that of the last change.
        ("shadow", f"{name}:!:{epoch // _DAY}:0:99999:7:::\n"),
        ("gshadow", f"{name}:!::\n"),
    ):
        path = root / "etc" / file
        if path.exists():
            with path.open("a") as opened:
                opened.write(line)
    home = root / "home" / name
    home.mkdir(parents=True)
    home.chmod(0o755)
    return [str(home)]
