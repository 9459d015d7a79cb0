"""Requirements files as pip reads them: requirements, constraints and places of packages.

Follows pip's "Requirements File Format". Options that say where packages come from or how they are
chosen belong into the manifest: each is a fault with the lines to write. Hashes are not taken over,
since every file is locked by its hash anyway.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from lockenv.errors import InputError
from lockenv.formats.toml import parse_toml
from lockenv.manifest.document import Reading, is_relative, relative_to
from lockenv.manifest.words import (
    CredentialsError,
    parse_requirement,
    redact,
    suggest_requirement,
)
from lockenv.model import Ask, Origin, SourceRule
from lockenv.patterns import pattern
from lockenv.values import dataclass, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.requirements import Requirement

_COMMENT = pattern(r"(?:^|(?<=\s))#.*$")
_VARIABLE = pattern(r"\$\{[A-Z0-9_]+\}")
_ADDRESS = pattern(r"(?:(?:git|hg|svn|bzr)\+|https?:|file:)")
_LOCAL = pattern(r"\.{1,2}(?:/|\[|#|$)|/|[^\s;@\[]+/|[^\s;@]+\.(?:whl|zip|tar\.gz)(?:\[|#|$)")
_EXTRAS = pattern(r"\[([A-Za-z0-9._,\s-]+)\]$")

#: Options that change nothing about a lock.
_HARMLESS = ("--require-hashes", "--prefer-binary", "--no-cache-dir")
#: Options that stand after a requirement and change nothing about a lock.
_HARMLESS_BESIDE = ("--hash",)
#: What to write in the manifest instead of an option.
_INSTEAD = {
    "-i": "write [[index]] with name, url and default = true",
    "--index-url": "write [[index]] with name, url and default = true",
    "--extra-index-url": "write [[index]] with name and url",
    "-f": 'write [[index]] with name, url and format = "flat"',
    "--find-links": 'write [[index]] with name, url and format = "flat"',
    "--no-index": "write [[index]] with default = true for the index that is to serve",
    "--pre": 'write prerelease = "allow"',
    "--no-binary": 'write [policy] with sdist = { NAME = "locked-build" }',
    "--only-binary": 'remove it: sdist = "deny" is the default policy',
    "--trusted-host": "remove it; --ca-bundle names a certificate authority of your own",
}


@dataclass(slots=True)
class Requirements:
    """What requirements files ask, in the order in which they stand."""

    asks: list[Ask] = field(default_factory=list)
    constraints: list[Ask] = field(default_factory=list)
    sources: list[SourceRule] = field(default_factory=list)


def parse_requirements(
    file: str, text: str, *, load: Callable[[str], str | None], own: str | None = None
) -> Requirements:
    """The file with all that it includes; `FaultsError` with every fault.

    ``load`` gives the text of another file, relative to the project; ``own`` is the normalised
    name of the project itself, which ``-e .`` means.
    """
    reading = Reading(load)
    reading.files[file] = text
    found = Requirements()
    _File(reading, found, own).read(file, text, ())
    reading.raise_faults()
    return found


def read_requirements(
    reading: Reading, file: str, origin: Origin, found: Requirements, own: str | None
) -> None:
    """Add what a file asks that the manifest names at the origin."""
    _File(reading, found, own).include(file, origin, (), is_constraints=False)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their continuations joined and comments cut off, each with its number."""
    start, pending = 0, ""
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if not pending:
            start = number
        if raw.endswith("\\") and not raw.lstrip().startswith("#"):
            pending += raw[:-1].lstrip() if pending else raw[:-1]
            pending += " "
            continue
        line = _COMMENT.sub("", pending + raw).strip()
        pending = ""
        if line:
            yield start, line
    line = _COMMENT.sub("", pending).strip()
    if line:
        yield start, line


@dataclass(frozen=True, slots=True)
class _File:
    """The walk over a file and those that it includes."""

    reading: Reading
    found: Requirements
    own: str | None

    def include(
        self, file: str, origin: Origin, chain: tuple[str, ...], *, is_constraints: bool
    ) -> None:
        """Read another file; faults about its name stand at the origin."""
        if file in chain:
            self.reading.complain(
                origin, f"{file} includes itself", fix="remove this line", slug="include-cycle"
            )
            return
        text = self.reading.open(file)
        if text is None:
            self.reading.complain(
                origin,
                f"there is no {file}",
                fix=f"make {file}, or correct the path",
                slug="missing-file",
            )
            return
        self.read(file, text, chain, is_constraints=is_constraints)

    def read(
        self, file: str, text: str, chain: tuple[str, ...], *, is_constraints: bool = False
    ) -> None:
        """Read the lines of one file."""
        for number, line in logical_lines(text):
            origin = Origin(file, (), number)
            if _VARIABLE.search(line):
                self.reading.complain(
                    origin,
                    "an environment variable stands in a requirement",
                    fix="write its value: what is locked must not depend on who locks",
                    slug="variable",
                )
            elif line.startswith("-"):
                self._option(line, origin, (*chain, file), is_constraints=is_constraints)
            else:
                self._requirement(line, origin, is_constraints=is_constraints)

    def _option(
        self, line: str, origin: Origin, chain: tuple[str, ...], *, is_constraints: bool
    ) -> None:
        name, value = _split_option(line)
        if name in {"-r", "--requirement", "-c", "--constraint"}:
            if not is_relative(value):
                self.reading.complain(
                    origin, f'"{value}" is not a relative path', fix="write it from this folder"
                )
                return
            self.include(
                relative_to(origin.file, value),
                origin,
                chain,
                is_constraints=is_constraints or name in {"-c", "--constraint"},
            )
        elif name in {"-e", "--editable"}:
            self._place(value, origin, is_editable=True)
        elif name not in _HARMLESS:
            self.reading.complain(
                origin,
                f"the option {name} is not read from a requirements file",
                fix=_INSTEAD.get(name, f"remove {name}"),
                slug="requirements-option",
            )

    def _requirement(self, line: str, origin: Origin, *, is_constraints: bool) -> None:
        text, options = _cut_options(line)
        for option in options:
            if option not in _HARMLESS_BESIDE:
                self.reading.complain(
                    origin,
                    f"the option {option} is not read from a requirements file",
                    fix=f"remove {option}",
                    slug="requirements-option",
                )
        if _ADDRESS.match(text) or (" @ " not in text and _LOCAL.match(text)):
            self._place(text, origin, is_editable=False)
            return
        requirement = self._parsed(text, origin)
        if requirement is not None:
            kept = self.found.constraints if is_constraints else self.found.asks
            kept.append(Ask(requirement, origin))

    def _parsed(self, text: str, origin: Origin) -> Requirement | None:
        try:
            return parse_requirement(text)
        except CredentialsError:
            self.reading.complain(
                origin,
                "credentials stand in an address",
                fix="remove them; keep them in netrc or a keyring",
                slug="credentials",
            )
        except ValueError as error:
            self.reading.complain(
                origin,
                f'"{redact(text)[:200]}" is no requirement: {redact(str(error))[:300]}',
                fix=suggest_requirement(redact(text)),
                slug="invalid-requirement",
            )
        return None

    def _place(self, text: str, origin: Origin, *, is_editable: bool) -> None:
        """A package by where it lies: a folder, a file or an address."""
        place, _, marker = text.partition(" ;")
        address, _, fragment = place.strip().partition("#")
        parts = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
        egg = unquote(parts.pop("egg", ""))
        extras = ""
        if _EXTRAS.search(egg):
            egg, extras = _cut_extras(egg)
        elif _EXTRAS.search(address):
            address, extras = _cut_extras(address)
        is_local = not _ADDRESS.match(address)
        if is_local and not is_relative(address):
            self.reading.complain(
                origin,
                f'"{address}" is not a relative path',
                fix="write it from the project's folder",
                slug="absolute-path",
            )
            return
        # pip takes paths from where it runs: the project's folder.
        address = relative_to("", address) if is_local else address
        name = canonicalize_name(egg) if egg else self._name_of(address, is_local=is_local)
        if name is None:
            self.reading.complain(
                origin,
                f'nothing says which package lies at "{redact(address)}"',
                fix="add #egg=NAME at its end",
                slug="unnamed-requirement",
            )
            return
        suffix = f"; {marker.strip()}" if marker.strip() else ""
        if is_local:
            written = f"{name}{extras}{suffix}"
        else:
            rest = "&".join(f"{key}={value}" for key, value in parts.items())
            written = f"{name}{extras} @ {address}{'#' + rest if rest else ''}" + (
                f" {suffix}" if suffix else ""
            )
        requirement = self._parsed(written, origin)
        if requirement is None:
            return
        self.found.asks.append(Ask(requirement, origin))
        if is_local and address != ".":
            self.found.sources.append(
                SourceRule(package=name, path=address, editable=is_editable, origin=origin)
            )

    def _name_of(self, address: str, *, is_local: bool) -> str | None:
        name = _name_of_file(unquote(address.partition("?")[0].rpartition("/")[2]))
        if name is not None or not is_local:
            return name
        if address == "." and self.own is not None:
            return self.own
        text = self.reading.open(relative_to("", f"{address}/pyproject.toml"))
        return None if text is None else _project_name(text)


def _project_name(text: str) -> str | None:
    try:
        project = parse_toml("pyproject.toml", text).get("project")
    except InputError:
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return canonicalize_name(name) if isinstance(name, str) else None


def _name_of_file(file: str) -> str | None:
    """The normalised name in a wheel's or an sdist's file name."""
    try:
        return parse_wheel_filename(file)[0]
    except InvalidWheelFilename:
        pass
    try:
        return parse_sdist_filename(file)[0]
    except InvalidSdistFilename:
        return None


def _cut_extras(text: str) -> tuple[str, str]:
    found = _EXTRAS.search(text)
    if not found:
        return text, ""
    return text[: found.start()].strip(), f"[{found[1].strip()}]"


def _split_option(line: str) -> tuple[str, str]:
    """The option's name and its value, in any of the ways in which pip takes them."""
    if line.startswith("--"):
        name, _, value = re.sub(r"[=\s]+", "\0", line, count=1).partition("\0")
        return name, value.strip().strip("\"'")
    return line[:2], line[2:].lstrip("= ").strip().strip("\"'")


def _cut_options(line: str) -> tuple[str, list[str]]:
    """The requirement before the first option, and the names of the options behind it."""
    words = line.split()
    place = next((n for n, word in enumerate(words) if n and word.startswith("-")), len(words))
    options = [word.partition("=")[0] for word in words[place:] if word.startswith("-")]
    found = re.search(r"\s-", line) if options else None
    return (line[: found.start()] if found else line).strip(), options
