"""Accounts without maintainer scripts: what base-passwd, passwd and sysusers.d(5) would make."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAY = 86400
#: sysusers.d(5): ids without a number are given downward from here.
_HIGHEST, _LOWEST = 999, 100
#: Where its files lie; of two with one name the first counts.
_PLACES = ("etc/sysusers.d", "run/sysusers.d", "usr/local/lib/sysusers.d", "usr/lib/sysusers.d")
_SHADOW_GROUP = 42


def make_accounts(root: Path, epoch: int) -> list[tuple[str, int, int]]:
    """The accounts of these packages; the owners of files that are not root's."""
    _base(root)
    shadows = (root / "usr/sbin/shadowconfig").is_file()
    if shadows:
        _shadow(root, epoch)
    accounts = _Accounts(root, epoch)
    for words in _declared(root):
        # A line that is none, or asks what only a running system knows, is no reason to stop.
        with suppress(ValueError, IndexError):
            accounts.add(words)
    return [("etc/shadow", 0, _SHADOW_GROUP), ("etc/gshadow", 0, _SHADOW_GROUP)] if shadows else []


def _base(root: Path) -> None:
    """What base-passwd's preinst and postinst make: the accounts that every Debian system has."""
    for name in ("passwd", "group"):
        master = root / f"usr/share/base-passwd/{name}.master"
        target = root / f"etc/{name}"
        if master.is_file() and not target.exists():
            # update-passwd(8) gives accounts of the master without a password an x.
            _write(target, master.read_text().replace(":*:", ":x:"), 0o644)


def _shadow(root: Path, epoch: int) -> None:
    """What `shadowconfig on` makes, which passwd's postinst runs."""
    for name, source, rest in (
        ("shadow", "passwd", f":*:{epoch // _DAY}:0:99999:7:::"),
        ("gshadow", "group", ":*::"),
    ):
        target, accounts = root / "etc" / name, root / "etc" / source
        if accounts.is_file() and not target.exists():
            names = [line.partition(":")[0] for line in accounts.read_text().splitlines()]
            _write(target, "".join(f"{one}{rest}\n" for one in names if one), 0o640)


def _declared(root: Path) -> Iterator[list[str]]:
    """The lines of sysusers.d as words: groups first, then users, then who is in which group."""
    files: dict[str, Path] = {}
    for place in _PLACES:
        for file in sorted((root / place).glob("*.conf")):
            if file.is_file():
                files.setdefault(file.name, file)
    lines = []
    for name in sorted(files):
        for line in files[name].read_text("utf-8", "replace").splitlines():
            with suppress(ValueError):  # an open quote
                if words := shlex.split(line, comments=line.lstrip().startswith("#")):
                    lines.append(words)
    for kind in ("g", "u", "m"):
        yield from (words for words in lines if words[0].rstrip("!") == kind)


class _Accounts:
    def __init__(self, root: Path, epoch: int) -> None:
        self._root = root
        self._day = epoch // _DAY

    def add(self, words: list[str]) -> None:
        if any("%" in word for word in words):
            return
        kind, name, number = words[0].rstrip("!"), words[1], (words[2:] or ["-"])[0]
        if set(f"{name}{''.join(words[3:])}") & set(":\n"):
            return
        if kind == "g":
            self._group(name, number)
        elif kind == "u":
            self._user(name, number, words[3:])
        else:
            self._member(name, number)

    def _rows(self, file: str) -> list[list[str]]:
        place = self._root / "etc" / file
        if not place.is_file():
            return []
        return [line.split(":") for line in place.read_text().splitlines()]

    def _append(self, file: str, line: str) -> None:
        place = self._root / "etc" / file
        if place.exists() or file in {"passwd", "group"}:
            text = place.read_text() if place.exists() else ""
            _write(place, f"{text}{line}\n", 0o640 if "shadow" in file else 0o644)

    def _group(self, name: str, number: str) -> int:
        known = self._rows("group")
        found = next((int(row[2]) for row in known if row[0] == name), None)
        if found is not None:
            return found
        taken = {row[2] for row in known}
        if not number.isdigit() or number in taken:
            number = self._free(taken | {row[2] for row in self._rows("passwd")})
        self._append("group", f"{name}:x:{number}:")
        self._append("gshadow", f"{name}:!*::")
        return int(number)

    def _user(self, name: str, number: str, rest: list[str]) -> None:
        known = self._rows("passwd")
        if any(row[0] == name for row in known):
            return
        comment, home, shell = (one if one != "-" else "" for one in (*rest, *"---")[:3])
        uid, _, group = number.partition(":")
        taken = {row[2] for row in known}
        if not uid.isdigit() or uid in taken:
            uid = self._free(taken | {row[2] for row in self._rows("group")})
        gid = int(group) if group.isdigit() else self._group(group or name, "-" if group else uid)
        shell = shell or ("/bin/sh" if uid == "0" else "/usr/sbin/nologin")
        self._append("passwd", f"{name}:x:{uid}:{gid}:{comment}:{home or '/'}:{shell}")
        self._append("shadow", f"{name}:!*:{self._day}::::::")

    def _member(self, name: str, group: str) -> None:
        self._group(group, "-")
        self._user(name, "-", [])
        for file in ("group", "gshadow"):
            rows = self._rows(file)
            for row in rows:
                members = [one for one in row[3].split(",") if one]
                if row[0] == group and name not in members:
                    row[3] = ",".join([*members, name])
            if rows:
                text = "".join(f"{':'.join(row)}\n" for row in rows)
                _write(self._root / "etc" / file, text, 0o640 if file == "gshadow" else 0o644)

    def _free(self, taken: set[str]) -> str:
        return str(next(one for one in range(_HIGHEST, _LOWEST - 1, -1) if str(one) not in taken))


def _write(file: Path, text: str, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
