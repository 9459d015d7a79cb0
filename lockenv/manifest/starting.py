"""The first manifest of a project, as `init` writes it: explicit targets, nothing assumed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.formats.toml import parse_toml
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lockenv.model import Index, SourceRule

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: A list that fits on a line of this length stays on it.
_WIDTH = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known about a project that has no manifest; requirements are as users write them.

    ``name`` makes a ``[project]`` (in a pyproject.toml). ``suite`` and ``system_packages`` are
    Debian's. ``requirements`` and ``constraints`` name files to read and lines to hold.
    """

    targets: Sequence[str]
    python: Sequence[str] = ()
    requires_python: str | None = None
    name: str | None = None
    version: str = "0.1.0"
    dependencies: Sequence[str] = ()
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    requirements: Sequence[str] = ()
    constraints: Sequence[str] = ()
    overrides: Sequence[str] = ()
    suite: str | None = None
    system_packages: Sequence[str] = ()
    indexes: Sequence[Index] = ()
    sources: Mapping[str, Sequence[SourceRule]] = field(default_factory=dict)
    distribution: str = "debian"
    prerelease: str | None = None
    sdist: str | None = None
    follow: str | None = None
    image: Mapping[str, str | Sequence[str] | Mapping[str, str]] = field(default_factory=dict)


def new_manifest(file: str, start: Start) -> str:
    """The text of a new ``pyproject.toml`` or ``lockenv.toml``."""
    if not file.endswith("pyproject.toml"):
        described = [
            *_line("requires-python", start.requires_python),
            *_list("dependencies", start.dependencies, always=True),
        ]
        tables = [
            *_table("optional-dependencies", start.extras),
            *_table("dependency-groups", start.groups),
        ]
        return _joined([*described, *_own(start), *tables, *_tables(start, "")])
    project = [
        "[project]",
        *_line("name", start.name or "project"),
        *_line("version", start.version),
        *_line("requires-python", start.requires_python),
        *_list("dependencies", start.dependencies, always=True),
    ]
    return _joined(
        [
            *project,
            *_table("project.optional-dependencies", start.extras),
            *_table("dependency-groups", start.groups),
            "",
            "[tool.lockenv]",
            *_own(start),
            *_tables(start, "tool.lockenv."),
        ]
    )


def extend_pyproject(text: str, start: Start) -> str:
    """An existing pyproject.toml with ``[tool.lockenv]`` behind it; what stands there, stays.

    The project's own tables are left alone: of ``start`` only what they cannot say is written.
    Raises `InputError` where there is such a table already.
    """
    table = parse_toml("pyproject.toml", text)
    tools = table.get("tool")
    if isinstance(tools, dict) and "lockenv" in tools:
        raise InputError(
            "manifest-exists",
            "pyproject.toml has [tool.lockenv] already",
            fix="edit it; lockenv init never overwrites",
        )
    own = _joined(["[tool.lockenv]", *_own(start), *_tables(start, "tool.lockenv.")])
    extended = (text.rstrip("\n") + "\n\n" if text.strip() else "") + own
    parse_toml("pyproject.toml", extended)  # [tool] may be written in a way that takes no more
    return extended


def append_tables(text: str, file: str, start: Start) -> str:
    """A manifest of ours with further tables behind it; `InputError` where it takes no more.

    Of ``start`` only what has a table of its own is written: system, indexes, sources, image.
    """
    prefix = "tool.lockenv." if file.endswith("pyproject.toml") else ""
    lines = _tables(start, prefix)
    if not lines:
        return text
    extended = text.rstrip("\n") + "\n" + _joined(lines)
    parse_toml(file, extended)  # such a table may be there already
    return extended


def _own(start: Start) -> list[str]:
    """The keys that hold for all targets."""
    python = list(start.python)
    lines = _line("python", python[0]) if len(python) == 1 else _list("python", python)
    return [
        *lines,
        *_list("targets", start.targets, always=True),
        *_list("requirements", start.requirements),
        *_list("constraints", start.constraints),
        *_list("overrides", start.overrides),
        *_line("prerelease", start.prerelease),
        *_line("follow", start.follow),
    ]


def _tables(start: Start, prefix: str) -> list[str]:
    lines: list[str] = []
    if start.suite is not None:
        lines += [
            "",
            f"[{prefix}system]",
            *_line("distribution", start.distribution),
            *_line("suite", start.suite),
            *_list("packages", start.system_packages, always=True),
        ]
    for index in start.indexes:
        lines += ["", f"[[{prefix}index]]", *_line("name", index.name), *_line("url", index.url)]
        lines += ["explicit = true"] if index.explicit else []
        lines += ["default = true"] if index.default else []
        lines += _line("format", index.format) if index.format != "simple" else []
        lines += _line("upload-time", index.upload_time) if index.upload_time != "require" else []
    if start.sources:
        lines += ["", f"[{prefix}sources]"]
        for package in sorted(start.sources):
            rules = [_inline(rule) for rule in start.sources[package]]
            value = rules[0] if len(rules) == 1 else f"[{', '.join(rules)}]"
            lines.append(f"{_key(package)} = {value}")
    if start.sdist is not None:
        lines += ["", f"[{prefix}policy]", *_line("sdist", start.sdist)]
    return lines + _image(start, prefix)


def _image(start: Start, prefix: str) -> list[str]:
    """``[image]`` where something is known of it."""
    if not start.image:
        return []
    lines = ["", f"[{prefix}image]"]
    tables: list[str] = []
    for key in sorted(start.image):
        value = start.image[key]
        if isinstance(value, str):
            lines += _line(key, value)
        elif hasattr(value, "items"):
            tables += ["", f"[{prefix}image.{key}]"]
            tables += [f"{_key(name)} = {_text(text)}" for name, text in sorted(value.items())]
        else:
            lines += _list(key, list(value))
    return lines + tables


def _inline(rule: SourceRule) -> str:
    said = {
        "index": rule.index,
        "git": rule.git,
        "rev": rule.rev,
        "branch": rule.branch,
        "tag": rule.tag,
        "url": rule.url,
        "subdirectory": rule.subdirectory,
        "path": rule.path,
    }
    parts = [f"{key} = {_text(value)}" for key, value in said.items() if value is not None]
    parts += ["editable = true"] if rule.editable else []
    if rule.targets:
        parts.append(f"target = [{', '.join(map(_text, rule.targets))}]")
    return f"{{ {', '.join(parts)} }}"


def _table(name: str, lists: Mapping[str, Sequence[str]]) -> list[str]:
    if not lists:
        return []
    lines = ["", f"[{name}]"]
    for key, members in lists.items():
        lines += _list(key, members, always=True)
    return lines


def _line(key: str, value: str | None) -> list[str]:
    return [] if value is None else [f"{key} = {_text(value)}"]


def _list(key: str, members: Sequence[str], *, always: bool = False) -> list[str]:
    if not members and not always:
        return []
    line = f"{_key(key)} = [{', '.join(map(_text, members))}]"
    if len(line) <= _WIDTH:
        return [line]
    return [f"{_key(key)} = [", *(f"    {_text(member)}," for member in members), "]"]


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(value: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
