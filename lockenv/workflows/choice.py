"""Which target, groups and extras a command means: asked, remembered by the venv, or default.

Contract 4: ``--target``, else ``LOCKENV_TARGET``, else ``default-target`` if its platform is this
machine's, else the only one whose platform is. ``auto`` is the first whose needs it meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import HostError, InputError
from lockenv.fields import nearest
from lockenv.lockfile import selections_of
from lockenv.model import LOCK_NAME
from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.model import Lock, LockedTarget, Manifest
    from lockenv.workflows.selection import AskedSelection


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A locked target, and the groups and extras to install with the project."""

    target: str
    groups: tuple[str, ...]
    extras: tuple[str, ...]
    project: bool = True

    def as_remembered(self) -> Mapping[str, str | tuple[str, ...]]:
        """What a venv keeps, so that a bare command means the same again."""
        return {
            "target": self.target,
            "groups": self.groups,
            "extras": self.extras,
            "project": "yes" if self.project else "no",
        }


def choose(
    lock: Lock,
    asked: AskedSelection,
    *,
    platform: str,
    environment_target: str | None = None,
    manifest: Manifest | None = None,
    remembered: Mapping[str, str | tuple[str, ...]] | None = None,
    python: str | None = None,
) -> Choice:
    """The choice that a command line, a variable, a venv's memory and the manifest amount to.

    ``platform`` is this machine's; ``python`` an asked X.Y of a matrix. Raises `InputError`.
    """
    memory = remembered or {}
    memorised = memory.get("target")
    name = asked.target or environment_target
    is_remembered = not name and python is None and isinstance(memorised, str)
    if is_remembered and any(target.name == memorised for target in lock.targets):
        target = next(one for one in lock.targets if one.name == memorised)
    else:
        default = manifest.default_target if manifest else None
        target = choose_target(
            *(lock, name),
            platform=platform,
            default=default,
            python=python,
            order=manifest.targets if manifest else (),
        )
    target = _of_environment(lock, target, asked)
    if asked.is_silent and memory and memory.get("target") == target.name:
        return _remembered(lock, target, memory)
    return _asked(lock, target, asked)


def choose_target(
    lock: Lock,
    name: str | None,
    *,
    platform: str,
    default: str | None = None,
    python: str | None = None,
    order: Sequence[str] = (),
) -> LockedTarget:
    """One target of the lock; `InputError` with the list where none or several answer.

    ``order`` are the manifest's tables, where they are known: ``auto`` tries them in that order.
    """
    candidates = [
        target
        for target in lock.targets
        if python is None or target.python == python or target.python.startswith(f"{python}.")
    ]
    if python is not None and not candidates:
        locked = ", ".join(sorted({target.python for target in lock.targets}))
        raise InputError(
            "no-target",
            f"{LOCK_NAME} has no target with Python {python}",
            why=f"it has {locked}",
            fix="name one of these, or add it to python in the manifest, then lockenv lock",
        )
    if name is not None and name != "auto":
        found = [target for target in candidates if target.name == name]
        found = found or [
            target for target in candidates if target.table == name and not target.environment
        ]
        if len(found) == 1:
            return found[0]
        raise _no_target(lock, f"{LOCK_NAME} has no target {name}", name, found)
    fitting = [
        target for target in candidates if target.platform == platform and not target.environment
    ]
    if default is not None and name != "auto":
        preferred = [target for target in fitting if default in {target.name, target.table}]
        fitting = preferred or fitting
    if name == "auto" and fitting:
        return _served(fitting, order)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _no_target(lock, f"several targets are for {platform}", None, fitting)
    raise InputError(
        "no-target",
        f"no target of {LOCK_NAME} is for this machine ({platform})",
        why=_listed(lock.targets),
        fix=[
            f'add "{platform}" to targets in the manifest, then lockenv lock',
            "name one with --target",
        ],
    )


def _served(fitting: Sequence[LockedTarget], order: Sequence[str]) -> LockedTarget:
    """The first target whose needs this machine meets, those that need most of it first.

    `HostError` where it meets none.
    """
    from lockenv.host import fits, machine_here  # noqa: PLC0415 - start-up: only `auto` asks
    from lockenv.lockfile import target_of  # noqa: PLC0415 - likewise
    from lockenv.workflows.cuda_check import host_shortfalls  # noqa: PLC0415 - likewise

    def rank(target: LockedTarget) -> tuple[int, bool]:
        place = order.index(target.table) if target.table in order else len(order)
        return place, target.cuda is None or not target.cuda.needs

    why = []
    for target in sorted(fitting, key=rank):
        findings = fits(machine_here(), target_of(target)) + host_shortfalls(target)
        if not findings:
            return target
        why += [f"{target.name}: {finding.message}" for finding in findings]
    raise HostError(
        "no-target",
        f"this machine meets the needs of no target of {LOCK_NAME}",
        why=why,
        fix="another machine, or name one with --target",
    )


def _no_target(
    lock: Lock, what: str, name: str | None, found: Sequence[LockedTarget]
) -> InputError:
    near = nearest(name, {target.name for target in lock.targets}) if name else None
    return InputError(
        "no-target",
        what,
        why=_listed(found or lock.targets),
        fix=f"--target {near}" if near else "name one with --target, or LOCKENV_TARGET",
    )


def _listed(targets: Sequence[LockedTarget]) -> list[str]:
    return [f"{target.name}: {target.platform}, Python {target.python}" for target in targets]


def _of_environment(lock: Lock, target: LockedTarget, asked: AskedSelection) -> LockedTarget:
    """The separately solved environment that the asked groups belong to, if they belong to one."""
    wanted = {f"group:{name}" for name in (*asked.groups, *asked.only_groups)}
    wanted |= {f"extra:{name}" for name in asked.extras}
    if not wanted or wanted <= set(selections_of(lock, target.name)):
        return target
    for other in lock.targets:
        alike = other.table == target.table and other.python == target.python
        if alike and other.environment and wanted <= set(selections_of(lock, other.name)):
            return other
    return target


def _remembered(
    lock: Lock, target: LockedTarget, memory: Mapping[str, str | tuple[str, ...]]
) -> Choice:
    known = set(selections_of(lock, target.name))
    groups = memory.get("groups", ())
    extras = memory.get("extras", ())
    return Choice(
        target=target.name,
        groups=tuple(name for name in groups if f"group:{name}" in known),
        extras=tuple(name for name in extras if f"extra:{name}" in known),
        project=memory.get("project") != "no",
    )


def _asked(lock: Lock, target: LockedTarget, asked: AskedSelection) -> Choice:
    known = selections_of(lock, target.name)
    groups = {name.removeprefix("group:") for name in known if name.startswith("group:")}
    extras = {name.removeprefix("extra:") for name in known if name.startswith("extra:")}
    _demand(groups, (*asked.groups, *asked.only_groups, *asked.no_groups), "group", target)
    _demand(extras, asked.extras, "extra", target)
    if asked.only_groups:
        return Choice(
            target=target.name,
            groups=_normal(asked.only_groups),
            extras=(),
            project=False,
        )
    own = ((), ()) if asked.exact else (target.groups, target.extras)
    taken = groups if asked.all_groups else {*own[0], *_normal(asked.groups)}
    more = extras if asked.all_extras else {*own[1], *_normal(asked.extras)}
    return Choice(
        target=target.name,
        groups=tuple(sorted(taken - set(_normal(asked.no_groups)))),
        extras=tuple(sorted(more)),
    )


def _normal(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({canonicalize_name(name) for name in names}))


def _demand(known: set[str], names: Sequence[str], kind: str, target: LockedTarget) -> None:
    for name in names:
        if canonicalize_name(name) not in known:
            near = nearest(canonicalize_name(name), known)
            every = ", ".join(sorted(known)) or "none"
            raise InputError(
                f"no-{kind}",
                f"target {target.name} has no {kind} {name}",
                why=f"it has {every}",
                fix=f"--{kind} {near}" if near else "add it to the manifest, then lockenv lock",
            )
