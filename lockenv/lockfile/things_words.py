"""A lock as lines: what each target installs, one line a thing, so that `git diff` can compare."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from lockenv.lockfile.views import things

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.model import Lock, LockedTarget

#: Digits of a digest that are enough to see that it changed.
_DIGITS = 19


def render_things(lock: Lock) -> str:
    """Every target with its facts, then every thing with its version, digest and targets."""
    lines = [line for target in lock.targets for line in _target_lines(target)]
    found: defaultdict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for target in lock.targets:
        for thing in things(lock, target.name).values():
            key = (thing.layer, thing.name, thing.version, thing.content)
            found[key].append(target.name)
    for (layer, name, version, content), names in sorted(found.items()):
        short = content[:_DIGITS] if content.startswith("sha") else content
        words = [layer, name, version, short, f"({', '.join(sorted(names))})"]
        lines.append(" ".join(word for word in words if word))
    return "".join(f"{line}\n" for line in lines)


def _target_lines(target: LockedTarget) -> Iterator[str]:
    words = [target.platform, f"python {target.python}", target.level, target.suite or ""]
    yield f"target {target.name} {' '.join(word for word in words if word)}"
    if target.cuda is not None:
        for prefix, facts in (("declared", target.cuda.declared), ("needs", target.cuda.needs)):
            for key in sorted(facts):
                value = facts[key]
                text = value if isinstance(value, str) else ", ".join(value)
                yield f"target {target.name} {prefix} {key} {text}"
