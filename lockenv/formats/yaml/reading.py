"""YAML to plain values, for small files of strangers: bounded in size and depth, without aliases.

Only what a file says is read: scalars stay texts (``3.10`` is no number), tags mean nothing, and an
alias, with which a file of a hundred bytes can mean a billion, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lockenv.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

Read: TypeAlias = "str | list[Read] | dict[str, Read] | None"

_SIZE_LIMIT = 1024 * 1024
#: An environment has four levels.
_DEEPEST = 32


def parse_yaml(file: str, text: str) -> Read:
    """The one document of a file; InputError with the line where it is none or not bounded."""
    import yaml  # noqa: PLC0415 - heavy, and few files are YAML

    if len(text) > _SIZE_LIMIT:
        raise _refused(file, 1, f"it has {len(text)} characters, more than any file of its kind")
    events = yaml.parse(text, Loader=yaml.SafeLoader)
    try:
        return _document(file, events)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it is no YAML"
        raise _refused(file, mark.line + 1 if mark is not None else 1, str(problem)) from error


def _refused(file: str, line: int, why: str) -> InputError:
    return InputError(
        "invalid-yaml", f"{file}:{line} cannot be read", why=why[:300], fix="correct the file"
    )


def _document(file: str, events: Iterator[yaml.Event]) -> Read:
    """Built without recursion: ``open_`` are the collections that are not closed yet."""
    import yaml  # noqa: PLC0415 - heavy, and few files are YAML

    top: list[Read] = []
    open_: list[tuple[list[Read] | dict[str, Read], list[str]]] = []
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent):
            raise _refused(file, line, "aliases (*name) are not read")
        if isinstance(event, yaml.DocumentStartEvent) and top:
            raise _refused(file, line, "it holds more than one document")
        if isinstance(event, yaml.ScalarEvent):
            is_null = event.implicit[0] and event.value in {"", "~", "null"}
            _add(file, line, open_, top, None if is_null else event.value)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(open_) >= _DEEPEST:
                raise _refused(file, line, f"it is nested more than {_DEEPEST} deep")
            inner: list[Read] | dict[str, Read] = (
                [] if isinstance(event, yaml.SequenceStartEvent) else {}
            )
            _add(file, line, open_, top, inner)
            open_.append((inner, []))
        elif isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
    return top[0] if top else None


def _add(
    file: str,
    line: int,
    open_: list[tuple[list[Read] | dict[str, Read], list[str]]],
    top: list[Read],
    value: Read,
) -> None:
    if not open_:
        top.append(value)
        return
    inner, keys = open_[-1]
    if isinstance(inner, list):
        inner.append(value)
        return
    if not keys:
        if not isinstance(value, str):
            raise _refused(file, line, "a key is no text")
        if value in inner:
            raise _refused(file, line, f"{value[:60]} stands twice")
        keys.append(value)
    else:
        inner[keys.pop()] = value
