"""A difference in words: for a terminal, for a pull request, for a program."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.lockfile.difference import Change, Difference, Fact

_TITLES = {
    "target": "Targets",
    "python": "Python packages",
    "interpreter": "Interpreter",
    "system": "System packages",
    "cuda": "CUDA components",
    "base": "Base images",
}
_SIGNS = {"added": "+", "removed": "-", "up": "^", "down": "v", "changed": "~", "rebuilt": "!"}
#: As many targets are named in a line for a terminal.
_FEW = 3
#: Characters that mean something to Markdown or HTML inside a line.
_SPECIAL = str.maketrans(
    {character: f"\\{character}" for character in "\\`*_[]|#"}
    | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " ", "@": "&#64;"}
)


def render_diff_text(difference: Difference, targets: Iterable[str] = ()) -> str:
    """For a terminal: one line a change; where it holds for all of ``targets`` goes unsaid."""
    every = tuple(sorted(targets))
    lines = []
    for change in _grouped(difference.changes):
        words = f"{_SIGNS[change[0].kind]} {_subject(change)} {_movement(change[0])}".rstrip()
        where = () if change[0].layer == "target" else change[0].targets
        lines.append(words + _where(where, every))
    lines += [f"~ {fact.target}: {_fact(fact)}" for fact in difference.facts]
    lines += [f"! new network origin {_printable(origin)}" for origin in difference.origins]
    lines += [
        _printable(f"! {item.name} {item.version} is yanked: {item.reason or 'no reason given'}")
        for item in difference.yanked
    ]
    if difference.size_before != difference.size_after:
        lines.append(f"  {_sizes(difference)}")
    return "".join(f"{line}\n" for line in lines)


def _printable(text: str) -> str:
    """The text without what could command a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _grouped(changes: Iterable[Change]) -> list[list[Change]]:
    """Binaries of one Debian source that moved alike make one line."""
    found: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        key: tuple[object, ...] = (change.layer, change.name, change.kind, change.targets)
        if change.group and change.kind != "rebuilt":
            words = (change.layer, change.group, change.kind, change.before, change.after)
            key = (*words, change.targets)
        found.setdefault(key, []).append(change)
    return list(found.values())


def _subject(changes: list[Change]) -> str:
    first = changes[0]
    if len(changes) == 1:
        prefix = {"interpreter": "", "python": ""}.get(first.layer, f"{first.layer} ")
        return f"{prefix}{first.name}"
    names = ", ".join(change.name for change in changes)
    return f"system {first.group} ({names})"


def _movement(change: Change) -> str:
    if change.kind == "added":
        return change.after
    if change.kind == "removed":
        return change.before
    if change.kind == "rebuilt":
        return f"same version, other bytes: {_short(change.before)} -> {_short(change.after)}"
    return f"{change.before} -> {change.after}"


def _short(content: str) -> str:
    algorithm, mark, digits = content.partition(":")
    return f"{algorithm}:{digits[:12]}" if mark and algorithm.startswith("sha") else content


def _where(targets: tuple[str, ...], every: tuple[str, ...]) -> str:
    """Which targets a change is for: named while they are few, and those left out if these are."""
    if not targets or targets == every:
        return ""
    if len(targets) <= _FEW:
        return f"  ({', '.join(targets)})"
    rest = [name for name in every if name not in targets]
    if len(rest) <= _FEW:
        return f"  (all but {', '.join(rest)})"
    return f"  ({len(targets)} of {len(every)} targets)"


def _fact(fact: Fact) -> str:
    return f"{fact.name} {fact.before or 'none'} -> {fact.after or 'none'}"


def _sizes(difference: Difference) -> str:
    before, after = difference.size_before, difference.size_after
    sign = "+" if after >= before else "-"
    change = render_size(abs(after - before))
    return f"download {render_size(before)} -> {render_size(after)} ({sign}{change})"


def render_size(size: int) -> str:
    """A size for people, in powers of ten."""
    amount, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):  # noqa: B007 - the unit at which it stops is used
        if amount < 1000:
            break
        amount /= 1000
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def render_diff_markdown(difference: Difference, targets: Iterable[str] = ()) -> str:
    """For a pull request: a summary line, then one folded part a layer."""
    if difference.is_empty and difference.size_before == difference.size_after:
        return "No change in `lockenv.lock`.\n"
    every = tuple(sorted(targets))
    parts = [f"**lockenv.lock**: {_summary(difference)}\n"]
    warnings = list(_warnings(difference))
    if warnings:
        parts.append("".join(f"- {line}\n" for line in warnings))
    layers: defaultdict[str, list[list[Change]]] = defaultdict(list)
    for group in _grouped(difference.changes):
        layers[group[0].layer].append(group)
    for layer, groups in layers.items():
        title = f"{_TITLES[layer]}: {_counts(change for group in groups for change in group)}"
        rows = "".join(_row(group, every) for group in groups)
        table = f"| name | before | after | targets |\n|---|---|---|---|\n{rows}"
        parts.append(f"<details><summary>{title}</summary>\n\n{table}\n</details>\n")
    return "\n".join(parts)


def _summary(difference: Difference) -> str:
    words = [_counts(difference.changes)] if difference.changes else []
    if difference.size_before != difference.size_after:
        words.append(_sizes(difference))
    return "; ".join(words) or "facts of targets changed"


def _counts(changes: Iterable[Change]) -> str:
    counted: defaultdict[str, int] = defaultdict(int)
    for change in changes:
        counted[change.kind] += 1
    words = {"up": "moved up", "down": "moved down"}
    return ", ".join(f"{counted[kind]} {words.get(kind, kind)}" for kind in _SIGNS if counted[kind])


def _warnings(difference: Difference) -> Iterator[str]:
    for origin in difference.origins:
        yield f":warning: new network origin {_escaped(origin)}"
    for item in difference.yanked:
        reason = _escaped(item.reason or "no reason given")
        yield f":warning: {_escaped(item.name)} {_escaped(item.version)} is yanked: {reason}"
    for fact in difference.facts:
        yield _escaped(f"{fact.target}: {_fact(fact)}")


def _row(changes: list[Change], every: tuple[str, ...]) -> str:
    first = changes[0]
    name = ", ".join(change.name for change in changes)
    names = ", ".join(first.targets) if first.targets != every else ""
    before, after = first.before, first.after
    if first.kind == "rebuilt":
        before, after = _short(before), _short(after)
    sign = {"rebuilt": " (rebuilt)", "down": " (down)"}.get(first.kind, "")
    cells = (name + sign, before, after, names)
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |\n"


def _escaped(text: str) -> str:
    return _printable(text.replace("\n", " ")).translate(_SPECIAL)


def diff_json(difference: Difference) -> str:
    """For a program (schema ``lockenv/diff/1``); ends in a line feed."""
    document = {
        "schema": "lockenv/diff/1",
        "status": 0 if difference.is_empty else 1,
        "changes": [
            {
                "layer": change.layer,
                "name": change.name,
                "kind": change.kind,
                "before": change.before or None,
                "after": change.after or None,
                "source": change.group or None,
                "targets": list(change.targets),
            }
            for change in difference.changes
        ],
        "facts": [
            {
                "target": fact.target,
                "name": fact.name,
                "before": fact.before or None,
                "after": fact.after or None,
            }
            for fact in difference.facts
        ],
        "origins": list(difference.origins),
        "yanked": [
            {"name": item.name, "version": item.version, "reason": item.reason or None}
            for item in difference.yanked
        ],
        "size": {"before": difference.size_before, "after": difference.size_after},
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"
