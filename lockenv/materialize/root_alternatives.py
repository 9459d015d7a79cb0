"""Alternatives without maintainer scripts: update-alternatives(1)'s links and its own records."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_RECORDS = "var/lib/dpkg/alternatives"
_CHOSEN = "etc/alternatives"
_INSTALL = re.compile(
    r"update-alternatives\s(?:[^;|&]*\s)?--install\s+(\S+)\s+(\S+)\s+(\S+)\s+(-?\d+)([^;|&]*)"
)
_SLAVE = re.compile(r"--slave\s+(\S+)\s+(\S+)\s+(\S+)")


@dataclass(slots=True, kw_only=True)
class _Choice:
    priority: int
    slaves: dict[str, str]


@dataclass(slots=True, kw_only=True)
class _Group:
    """One name: where its link is, those of its slaves, and what it may lead to."""

    link: str
    slaves: dict[str, str] = field(default_factory=dict)
    choices: dict[str, _Choice] = field(default_factory=dict)


def link_alternatives(root: Path, scripts: Iterable[str]) -> None:
    """What `update-alternatives --install` with plain words in these scripts would make.

    Names that depend on a script's variables are left alone; of several the highest wins.
    """
    groups: dict[str, _Group] = {}
    for script in scripts:
        for line in script.replace("\\\n", " ").splitlines():
            for found in _INSTALL.finditer(line.partition("#")[0]):
                _note(root, groups, found)
    for name, group in sorted(groups.items()):
        record = root / _RECORDS / name
        if not record.exists():
            _link(root, name, group)
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text(_render(group))


def _note(root: Path, groups: dict[str, _Group], found: re.Match[str]) -> None:
    link, name, path, priority, rest = (text.replace('"', "") for text in found.groups())
    if "$" in f"{link}{name}{path}" or "/" in name or not (root / path.lstrip("/")).exists():
        return
    group = groups.setdefault(name, _Group(link=link))
    slaves = {
        slave: (place, target)
        for place, slave, target in _SLAVE.findall(rest)
        if "$" not in f"{place}{slave}{target}" and "/" not in slave
    }
    group.slaves |= {slave: place for slave, (place, _) in slaves.items()}
    targets = {slave: target for slave, (_, target) in slaves.items()}
    group.choices.setdefault(path, _Choice(priority=int(priority), slaves=targets))


def _link(root: Path, name: str, group: _Group) -> None:
    best = min(group.choices, key=lambda path: (-group.choices[path].priority, path))
    _chain(root, group.link, name, best)
    for slave, link in sorted(group.slaves.items()):
        target = group.choices[best].slaves.get(slave, "")
        if target and (root / target.lstrip("/")).exists():
            _chain(root, link, slave, target)


def _chain(root: Path, link: str, name: str, path: str) -> None:
    """Link → /etc/alternatives/name → path; what a package has at the link's place stays."""
    place = root / link.lstrip("/")
    if not place.parent.is_dir() or (place.exists() and not place.is_symlink()):
        return
    chosen = root / _CHOSEN / name
    chosen.parent.mkdir(parents=True, exist_ok=True)
    if not chosen.is_symlink():
        chosen.symlink_to(path)
    if not place.is_symlink():
        place.symlink_to(f"/{_CHOSEN}/{name}")


def _render(group: _Group) -> str:
    """The record: mode and link, slaves with their links, choices with their slaves' targets."""
    slaves = sorted(group.slaves)
    lines = ["auto", group.link]
    for slave in slaves:
        lines += [slave, group.slaves[slave]]
    lines.append("")
    for path, choice in sorted(group.choices.items()):
        lines += [path, str(choice.priority), *(choice.slaves.get(slave, "") for slave in slaves)]
    return "\n".join([*lines, "", ""])
