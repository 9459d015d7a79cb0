"""The keys of ``[tool.lockenv]`` that steer a resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.manifest import keys
from lockenv.manifest.document import is_relative
from lockenv.manifest.system import words
from lockenv.manifest.targets import complain_unknown, read_pythons
from lockenv.manifest.words import (
    parse_age_text,
    parse_as_of,
    parse_name,
    parse_python,
    parse_specifiers,
)
from lockenv.model import Origin
from lockenv.values import dataclass

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from lockenv.fields import Fields
    from lockenv.manifest.document import Document, Reading
    from lockenv.manifest.targets import Targets

#: Patch releases that are tried to see whether requires-python admits any of a minor version;
#: CPython has never made more than twenty-odd.
_PATCHES = range(60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """How to choose; the names are those of `lockenv.model.Manifest`."""

    default_target: str | None
    align: str
    as_of: str | None
    exclude: tuple[str, ...]
    resolution: str
    prerelease: str
    prerelease_names: tuple[str, ...]
    minimum_release_age: str | None
    requires_lockenv: SpecifierSet | None
    follow: str | None


def read_steering(document: Document, targets: Targets) -> Steering:
    """The keys, each with its default."""
    root = document.root
    default_target = root.text("default-target")
    if default_target is not None and default_target not in targets.names:
        complain_unknown(root, "target", default_target, targets.names, "default-target")
    prerelease, names = _prerelease(root)
    root.text("extends")  # followed long before; here only its type is judged
    return Steering(
        default_target=default_target,
        align=root.choice("align", keys.ALIGNMENTS, "prefer"),
        as_of=root.parsed("as-of", parse_as_of, "a day or a time"),
        exclude=tuple(sorted(words(root, "exclude", parse_name, "a package's name"))),
        resolution=root.choice("resolution", keys.RESOLUTIONS, "highest"),
        prerelease=prerelease,
        prerelease_names=names,
        minimum_release_age=root.parsed("minimum-release-age", parse_age_text, "an age"),
        requires_lockenv=root.parsed("requires-lockenv", parse_specifiers, "a set of versions"),
        follow=_follow(root),
    )


def _prerelease(root: Fields) -> tuple[str, tuple[str, ...]]:
    if isinstance(root.raw("prerelease"), list):
        names = words(root, "prerelease", parse_name, "a package's name")
        return "if-necessary", tuple(sorted(names))
    return root.choice("prerelease", keys.PRERELEASES, "if-necessary"), ()


def _follow(root: Fields) -> str | None:
    follow = root.text("follow")
    if follow is not None and not is_relative(follow):
        root.complain(
            f'follow is "{follow}", which is not a relative path',
            "follow",
            fix='write follow = "uv.lock"',
            slug="absolute-path",
        )
    return follow


def read_pythons_or_pinned(
    reading: Reading,
    document: Document,
    requires_python: SpecifierSet | None,
    targets: Targets,
) -> tuple[str, ...]:
    """``python``, else what ``.python-version`` names, else nothing: the resolver then decides."""
    root = document.root
    pythons = read_pythons(root)
    wanted = [(python, document.origin(root, "python")) for python in pythons]
    if not root.has("python"):
        wanted = _pinned(reading)
        pythons = tuple(python for python, _ in wanted)
    wanted += [
        (python, document.origin(root, "target", table.name, "python"))
        for table in targets.tables.values()
        for python in table.python or ()
    ]
    for python, origin in wanted:
        if requires_python is not None and not _admits(requires_python, python):
            reading.complain(
                origin,
                f"python {python} is not within requires-python {requires_python}",
                fix="change one of the two",
                slug="python-not-admitted",
            )
    return pythons


def _pinned(reading: Reading) -> list[tuple[str, Origin]]:
    """The first interpreter in ``.python-version``, a file of pyenv's."""
    file = ".python-version"
    text = reading.open(file)
    for number, line in enumerate(text.splitlines() if text else (), 1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        origin = Origin(file, (), number)
        try:
            python = parse_python(written.removeprefix("cpython-").removeprefix("python-"))
        except ValueError as error:
            reading.complain(
                origin,
                f'"{written}" is no interpreter that can be locked: {error}',
                fix='write "3.11" there, or python = "3.11" in the manifest',
            )
            return []
        return [(python, origin)]
    return []


def _admits(requires_python: SpecifierSet, python: str) -> bool:
    version = python.removesuffix("t")
    if version.count(".") > 1:
        return requires_python.contains(version, prereleases=True)
    return any(requires_python.contains(f"{version}.{patch}") for patch in _PATCHES) or (
        requires_python.contains(f"{version}.0rc1", prereleases=True)
    )
