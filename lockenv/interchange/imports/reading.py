"""Which reader a file is for: by its name, for the names that their tools give."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.interchange.imports.apt import parse_apt
from lockenv.interchange.imports.conda import parse_environment
from lockenv.interchange.imports.dockerfile import parse_dockerfile
from lockenv.interchange.imports.envd import parse_envd
from lockenv.interchange.imports.locks import (
    parse_pdm_lock,
    parse_pipfile_lock,
    parse_poetry_lock,
    parse_pylock,
)
from lockenv.interchange.imports.projects import parse_pipfile
from lockenv.interchange.imports.requirements import parse_requirements_file
from lockenv.interchange.imports.tidying import tidied
from lockenv.interchange.imports.uv import parse_uv_lock
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockenv.interchange.imports.values import Imported


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what it is called in messages, and which names it has."""

    name: str
    pattern: re.Pattern[str]


KINDS = (
    Kind("uv.lock", re.compile(r"uv\.lock\Z")),
    Kind("poetry.lock", re.compile(r"poetry\.lock\Z")),
    Kind("pdm.lock", re.compile(r"pdm(?:\.[\w-]+)?\.lock\Z")),
    Kind("pylock.toml", re.compile(r"pylock(?:\.[^./]+)?\.toml\Z")),
    Kind("Pipfile.lock", re.compile(r"Pipfile\.lock\Z")),
    Kind("Pipfile", re.compile(r"Pipfile\Z")),
    Kind("environment.yml", re.compile(r".*environment[\w.-]*\.ya?ml\Z|conda[\w.-]*\.ya?ml\Z")),
    Kind("build.envd", re.compile(r".*\.envd\Z")),
    Kind("Dockerfile", re.compile(r"(?:Docker|Container)file(?:\.[\w.-]+)?\Z|.*\.[Dd]ockerfile\Z")),
    Kind("apt.txt", re.compile(r"(?:apt|packages|apt-packages)[\w.-]*\.txt\Z|Aptfile\Z")),
    Kind("requirements.txt", re.compile(r"(?!MANIFEST\.in\Z).*\.(?:txt|in)\Z")),
)

_WITH_FILES = {
    "environment.yml": parse_environment,
    "build.envd": parse_envd,
    "Dockerfile": parse_dockerfile,
}
_ALONE: dict[str, Callable[[str, str], Imported]] = {
    "uv.lock": parse_uv_lock,
    "poetry.lock": parse_poetry_lock,
    "pdm.lock": parse_pdm_lock,
    "pylock.toml": parse_pylock,
    "Pipfile.lock": parse_pipfile_lock,
    "Pipfile": parse_pipfile,
    "apt.txt": parse_apt,
}


def kind_of_file(path: str) -> str | None:
    """What a file of this name is; None where no reader knows it."""
    name = path.rpartition("/")[2]
    return next((kind.name for kind in KINDS if kind.pattern.match(name)), None)


def parse_import(
    file: str, text: str, *, load: Callable[[str], str | None], stays: bool = True
) -> Imported:
    """What a file says, by its name; InputError for a name that no reader knows.

    ``load`` gives the text of a file beside it; ``stays`` says that a requirements file written by
    hand may be read where it is.
    """
    kind = kind_of_file(file)
    if kind is None:
        raise InputError(
            "unknown-file",
            f"{file} is of no kind that can be imported",
            why=f"there are {', '.join(kind.name for kind in KINDS)}",
            fix="name it as its tool does",
        )
    if kind in _ALONE:
        return tidied(_from_the_project(_ALONE[kind](file, text)))
    if kind in _WITH_FILES:
        return tidied(_WITH_FILES[kind](file, text, load=load))
    return tidied(parse_requirements_file(file, text, load=load, stays=stays))


def _from_the_project(found: Imported) -> Imported:
    """The same value with its paths, which begin at the file's own folder, from the project's."""
    folder = posixpath.dirname(found.file)
    if folder:
        for name, rules in found.sources.items():
            found.sources[name] = [
                replace(rule, path=posixpath.normpath(posixpath.join(folder, rule.path)))
                if rule.path is not None
                else rule
                for rule in rules
            ]
    return found
