"""What has to change so that an environment is what is wanted: a value, shown before it is done."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from lockenv.materialize.layout import layout_of
from lockenv.values import dataclass

if TYPE_CHECKING:
    from lockenv.materialize.state import Installed, InstalledPackage
    from lockenv.materialize.values import WantedEnvironment, WantedPackage


class Change(NamedTuple):
    """What happens to one package. ``former`` are the installed ones that go, ``wanted`` comes.

    ``reason`` is a word for a person: new, version, content, origin, incomplete, moved,
    interpreter, replaced (somebody else's installation of the same version), not wanted.
    """

    name: str
    former: tuple[InstalledPackage, ...]
    wanted: WantedPackage | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Every package falls in one group; each is sorted by name.

    ``create`` says that the environment's own files (configuration, links to the interpreter,
    activation scripts) are to be written; ``interpreter`` that they are for another one.
    """

    create: bool
    interpreter: bool
    install: tuple[Change, ...]
    reinstall: tuple[Change, ...]
    remove: tuple[Change, ...]
    keep: tuple[InstalledPackage, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the environment is as wanted."""
        return not (self.create or self.changes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that happens to packages, by name."""
        return tuple(
            sorted((*self.install, *self.reinstall, *self.remove), key=lambda one: one.name)
        )

    @property
    def wheels(self) -> tuple[WantedPackage, ...]:
        """Those whose wheels are needed, by name."""
        return tuple(change.wanted for change in self.changes if change.wanted is not None)


def plan(installed: Installed, wanted: WantedEnvironment, *, exact: bool = True) -> Plan:
    """The changes that lead from what is installed to what is wanted.

    ``exact`` removes packages that are not wanted; else only those stay that were not left behind
    by an interrupted change.
    """
    layout = layout_of(wanted.root, wanted.python)
    python = wanted.python
    interpreter = bool(installed.python_version) and (
        (installed.python_version, installed.python_executable, installed.python_build)
        != (python.version, python.executable, python.build)
    )
    moved = installed.root != wanted.root
    other_folder = installed.site_packages != layout.site_packages
    by_name: dict[str, list[InstalledPackage]] = defaultdict(list)
    for found in installed.packages:
        by_name[found.name].append(found)
    install: list[Change] = []
    reinstall: list[Change] = []
    remove: list[Change] = []
    keep: list[InstalledPackage] = []
    for package in wanted.packages:
        former = tuple(by_name.pop(package.name, ()))
        if not former:
            install.append(Change(package.name, (), package, "new"))
            continue
        reason = _difference(former, package, moved=moved)
        if other_folder:
            reason = "interpreter"
        elif package.name in installed.touched:
            reason = "incomplete"
        if reason:
            reinstall.append(Change(package.name, former, package, reason))
        else:
            keep += former
    for name, others in by_name.items():
        if exact or other_folder or name in installed.touched:
            remove.append(Change(name, tuple(others), None, "not wanted"))
        else:
            keep += others
    return Plan(
        create=(
            interpreter
            or moved
            or installed.was_interrupted
            or not installed.exists
            or installed.prompt != wanted.prompt
        ),
        interpreter=interpreter,
        install=_sorted(install),
        reinstall=_sorted(reinstall),
        remove=_sorted(remove),
        keep=tuple(sorted(keep, key=lambda one: (one.name, one.dist_info))),
    )


def _difference(former: tuple[InstalledPackage, ...], wanted: WantedPackage, *, moved: bool) -> str:
    """Why an installed package cannot stay; empty if it can."""
    package = former[0]
    if len(former) > 1 or package.version != wanted.version:
        return "version"
    if not package.is_ours:
        return "replaced"
    if package.artifact != str(wanted.digest):
        return "content"
    if package.origin_key != wanted.origin_key:
        return "origin"
    return "moved" if moved and package.has_scripts else ""


def _sorted(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.name))
