"""Typed access to parsed TOML and JSON: every complaint carries the key path, none is raised.

A reader walks its document with `Fields`, which collects each `Fault` and answers with a harmless
default instead, so that all faults of a document are found in one pass. The only place where a
value of unknown type is looked at.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from lockenv.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

Key: TypeAlias = str | int
KeyPath: TypeAlias = tuple[Key, ...]
T = TypeVar("T")

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a table",
    type(None): "null",
}


def parse_json(text: str | bytes) -> object:
    """The value that JSON text stands for; ValueError if it is none, or nested without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


@dataclass(frozen=True, slots=True)
class Fault:
    """One complaint about the value (or the missing value) at a key path."""

    path: KeyPath
    message: str
    fix: str = ""
    slug: str = "invalid"


def render_path(path: KeyPath) -> str:
    """The key path as TOML writes it: ``tool.lockenv.targets[0]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            bare = key.replace("-", "").replace("_", "").isalnum() and key.isascii()
            text += ("." if text else "") + (key if bare else f'"{key}"')
    return text


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that was probably meant, if one is close."""
    import difflib  # noqa: PLC0415 - start-up: only for a mistake

    matches = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def kind_of(value: object) -> str:
    """What a parsed value is, in words for a person."""
    return _KINDS.get(type(value), type(value).__name__)


class Fields:
    """One table of a parsed document, at its key path, with the list that collects its faults."""

    def __init__(
        self, table: Mapping[str, object], path: KeyPath = (), faults: list[Fault] | None = None
    ) -> None:
        self.table = table
        self.path = path
        self.faults: list[Fault] = [] if faults is None else faults

    def complain(self, message: str, *keys: Key, fix: str = "", slug: str = "invalid") -> None:
        """Record a fault at this table, or at the value below it that ``keys`` lead to."""
        self.faults.append(Fault((*self.path, *keys), message, fix, slug))

    def has(self, key: str) -> bool:
        """Whether the key is there at all."""
        return key in self.table

    def raw(self, key: str) -> object:
        """The value as parsed, or None; for keys that take values of several shapes."""
        return self.table.get(key)

    def _typed(self, key: str, kind: type[T], words: str) -> T | None:
        value = self.raw(key)
        if value is None and key not in self.table:
            return None
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.complain(f"{key} must be {words}, not {kind_of(value)}", key, slug="wrong-type")
        return None

    def text(self, key: str) -> str | None:
        """A string, or None where there is none."""
        return self._typed(key, str, "a string")

    def required_text(self, key: str) -> str:
        """A string that must be there; the empty string stands in for a fault."""
        if not self.has(key):
            self.complain(f"{key} is missing", slug="missing-key")
            return ""
        return self.text(key) or ""

    def choice(self, key: str, allowed: Collection[str], default: str) -> str:
        """One of a closed set of words."""
        value = self.text(key)
        if value is None:
            return default
        if value in allowed:
            return value
        near = nearest(value, allowed)
        words = ", ".join(f'"{word}"' for word in sorted(allowed))
        self.complain(
            f'{key} is "{value}", which is none of {words}',
            key,
            fix=f'write {key} = "{near}"' if near else "",
            slug="unknown-value",
        )
        return default

    def flag(self, key: str) -> bool | None:
        """A boolean, or None where there is none."""
        return self._typed(key, bool, "true or false")

    def integer(self, key: str) -> int | None:
        """An integer (never a boolean), or None where there is none."""
        return self._typed(key, int, "an integer")

    def size(self, key: str) -> int | None:
        """A number of bytes: an integer of at least zero, or None where there is none."""
        value = self.integer(key)
        if value is not None and value < 0:
            self.complain(f"{key} must not be negative", key)
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where there is none."""
        return tuple(text for _, text in self.numbered_texts(key))

    def numbered_texts(self, key: str) -> list[tuple[int, str]]:
        """A list of strings with their places in it, faulty members left out."""
        members = self._typed(key, list, "a list of strings") or []
        found = []
        for number, member in enumerate(members):
            if isinstance(member, str):
                found.append((number, member))
            else:
                self.complain(
                    f"{key} must hold strings, not {kind_of(member)}",
                    key,
                    number,
                    slug="wrong-type",
                )
        return found

    def text_table(self, key: str) -> dict[str, str]:
        """A table whose values are strings; empty where there is none."""
        below = self.below(key)
        if below is None:
            return {}
        return {name: text for name in below.table if (text := below.text(name)) is not None}

    def below(self, key: str) -> Fields | None:
        """The table under a key, or None where there is none."""
        value = self._typed(key, dict, "a table")
        return None if value is None else Fields(value, (*self.path, key), self.faults)

    def tables(self, key: str) -> Iterator[Fields]:
        """Each table of an array of tables."""
        for number, member in enumerate(self._typed(key, list, "an array of tables") or []):
            if isinstance(member, dict):
                yield Fields(member, (*self.path, key, number), self.faults)
            else:
                self.complain(
                    f"{key} must hold tables, not {kind_of(member)}",
                    key,
                    number,
                    slug="wrong-type",
                )

    def named_tables(self, key: str) -> Iterator[tuple[str, Fields]]:
        """Each ``[key.NAME]`` table with its name, in the order in which they stand."""
        below = self.below(key)
        if below is not None:
            for name in below.table:
                table = below.below(name)
                if table is not None:
                    yield name, table

    def parsed(self, key: str, parse: Callable[[str], T], words: str) -> T | None:
        """A string that ``parse`` understands; its ValueError becomes a fault."""
        text = self.text(key)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.complain(f'{key} is "{text}", which is not {words}: {error}', key)
            return None

    def reject_unknown(self, known: Collection[str]) -> None:
        """Complain about each key of this table that is not known, with the nearest that is."""
        for key in self.table:
            if key not in known:
                near = nearest(key, known)
                place = render_path((*self.path, key))
                self.complain(
                    f"unknown key {place}",
                    key,
                    fix=f"write {near}" if near else f"remove {key}",
                    slug="unknown-key",
                )
