"""One reading of a manifest: the files that it names, their tables, and every fault found."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from lockenv.errors import FaultsError, InputError
from lockenv.fields import Fault, Fields
from lockenv.formats.toml import fault_at, locate, parse_toml
from lockenv.manifest.layers import Layer, merge, written_in
from lockenv.manifest.words import (
    CredentialsError,
    parse_requirement,
    redact,
    suggest_requirement,
)
from lockenv.model import Ask, Origin
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from packaging.requirements import Requirement

    from lockenv.fields import Key
    from lockenv.manifest.layers import Table

#: A chain of ``extends`` longer than this is a mistake.
_LONGEST_CHAIN = 16


@dataclass(slots=True)
class Reading:
    """The texts read so far and the faults found in them, as values until all are known.

    ``table`` is the whole manifest as parsed.
    """

    load: Callable[[str], str | None]
    table: Table = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    _faults: list[tuple[Origin, Fault]] = field(default_factory=list)
    _errors: list[InputError] = field(default_factory=list)
    _documents: list[Document] = field(default_factory=list)

    def open(self, file: str) -> str | None:
        """The text of another file that the manifest names; None where there is none."""
        if file not in self.files:
            text = self.load(file)
            if text is None:
                return None
            self.files[file] = text
        return self.files[file]

    def document(self, layer: Layer) -> Document:
        """A table to read, whose faults become this reading's."""
        document = Document(self, layer)
        self._documents.append(document)
        return document

    def complain(self, origin: Origin, message: str, *, fix: str, slug: str = "invalid") -> None:
        """Record a fault outside any table."""
        self._faults.append((origin, Fault(origin.path, message, fix, slug)))

    def refuse(self, error: InputError) -> None:
        """Record an error that names its own place: a file that is no TOML."""
        self._errors.append(error)

    def raise_faults(self) -> None:
        """Raise `FaultsError` with every fault, file by file as read, each in document order."""
        placed = [
            *self._faults,
            *(
                (document.layer.place(fault.path), fault)
                for document in self._documents
                for fault in document.faults
            ),
        ]
        order = list(self.files)
        found = []
        for number, (origin, fault) in enumerate(placed):
            line = self.line(origin)
            rank = order.index(origin.file) if origin.file in order else len(order)
            found.append(((rank, line or 0, number), fault_at(fault, origin.file, line)))
        found.sort(key=lambda item: item[0])
        seen: dict[str, InputError] = {str(error): error for error in self._errors}
        seen.update((str(error), error) for _, error in found)
        if seen:
            raise FaultsError(list(seen.values()))

    def line(self, origin: Origin) -> int | None:
        """The line of an origin in a file that was read."""
        if origin.line is not None or origin.file not in self.files:
            return origin.line
        return locate(self.files[origin.file], origin.path)


@dataclass(slots=True)
class Document:
    """A table being read; complaints about it go by key path, and the layer knows the place."""

    reading: Reading
    layer: Layer
    faults: list[Fault] = field(default_factory=list)

    @property
    def root(self) -> Fields:
        """The whole table."""
        return Fields(self.layer.table, (), self.faults)

    def origin(self, fields: Fields, *keys: Key) -> Origin:
        """Where the value below these fields was written."""
        return self.layer.place((*fields.path, *keys))

    def requirement(self, fields: Fields, text: str, *keys: Key) -> Requirement | None:
        """A requirement, or a fault at the keys."""
        try:
            return parse_requirement(text)
        except CredentialsError:
            complain_credentials(fields, *keys)
        except ValueError as error:
            fields.complain(
                f'"{redact(text)[:200]}" is no requirement: {redact(str(error))[:300]}',
                *keys,
                fix=suggest_requirement(redact(text)),
                slug="invalid-requirement",
            )
        return None

    def ask(self, fields: Fields, text: str, *keys: Key) -> Ask | None:
        """A requirement with its origin, or a fault."""
        requirement = self.requirement(fields, text, *keys)
        return None if requirement is None else Ask(requirement, self.origin(fields, *keys))

    def asks(self, fields: Fields, key: str) -> tuple[Ask, ...]:
        """A list of requirements, as written."""
        found = (self.ask(fields, text, key, n) for n, text in fields.numbered_texts(key))
        return tuple(ask for ask in found if ask is not None)

    def beside(self, fields: Fields, path: str, *keys: Key) -> str | None:
        """A relative path, seen from the project, or a fault.

        A path means a place beside the file that it is written in.
        """
        if is_relative(path):
            return relative_to(self.origin(fields, *keys).file, path)
        fields.complain(
            f'"{path}" is not a relative path',
            *keys,
            fix="write the path from the folder of this file, with / between its parts",
            slug="absolute-path",
        )
        return None


def complain_credentials(fields: Fields, *keys: Key, index: str = "") -> None:
    """Record that an address carries credentials, without repeating it."""
    name = index.upper().replace("-", "_").replace(".", "_") or "NAME"
    fields.complain(
        "credentials stand in an address of the manifest",
        *keys,
        fix="remove them; keep them in netrc, a keyring, or "
        f"LOCKENV_INDEX_{name}_USERNAME and LOCKENV_INDEX_{name}_PASSWORD",
        slug="credentials",
    )


def is_relative(path: str) -> bool:
    """Whether it is a path from here, as every system spells it."""
    return bool(path) and not path.startswith("/") and "\\" not in path and path[1:2] != ":"


def relative_to(file: str, path: str) -> str:
    """The path, written in ``file``, as seen from the project."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def tool_layer(reading: Reading, file: str, document: Table) -> Layer:
    """The keys of ``[tool.lockenv]`` or of a whole ``lockenv.toml``, with all that they extend."""
    own = _own_layer(reading, file, document)
    chain = [own]
    seen = {posixpath.normpath(file)}
    while (parent := _parent(reading, chain[-1], seen)) is not None:
        chain.append(parent)
    merged = chain.pop()
    while chain:
        merged = merge(_without_extends(merged), chain.pop())
    return merged


def _own_layer(reading: Reading, file: str, document: Table) -> Layer:
    if posixpath.basename(file) != "pyproject.toml":
        return written_in(file, (), document)
    tools = document.get("tool")
    table = tools.get("lockenv") if isinstance(tools, dict) else None
    if table is not None and not isinstance(table, dict):
        reading.complain(
            Origin(file, ("tool", "lockenv")),
            "tool.lockenv must be a table",
            fix="write [tool.lockenv]",
            slug="wrong-type",
        )
        table = None
    return written_in(file, ("tool", "lockenv"), table or {})


def _without_extends(layer: Layer) -> Layer:
    table = {key: value for key, value in layer.table.items() if key != "extends"}
    return Layer(table, layer.places)


def _parent(reading: Reading, layer: Layer, seen: set[str]) -> Layer | None:
    path = layer.table.get("extends")
    if not isinstance(path, str):
        return None  # a value of another type is the table reader's to refuse
    origin = layer.place(("extends",))
    if not is_relative(path):
        reading.complain(
            origin, f'extends is "{path}", which is not a relative path', fix='write "../base.toml"'
        )
        return None
    file = relative_to(origin.file, path)
    if file in seen or len(seen) >= _LONGEST_CHAIN:
        reading.complain(
            origin,
            f"extends leads back to {file}" if file in seen else "the chain of extends is too long",
            fix=f"remove extends from {origin.file}, or name another file",
            slug="extends-cycle",
        )
        return None
    seen.add(file)
    text = reading.open(file)
    if text is None:
        reading.complain(
            origin,
            f'extends is "{path}", but there is no {file}',
            fix=f"make {file}, or correct the path",
            slug="missing-file",
        )
        return None
    try:
        return _own_layer(reading, file, parse_toml(file, text))
    except InputError as error:
        reading.refuse(error)
        return None
