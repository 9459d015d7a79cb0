"""What `[cuda]` asks of the Python index: the requirements that stand for parts of a toolkit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockenv.tables.cuda import components

if TYPE_CHECKING:
    from collections.abc import Iterable

#: A release, as `toolkit = "12.8"` writes it: stands for all of its updates.
_RELEASE = re.compile(r"\d+(\.\d+){0,2}")


def parse_toolkit(text: str) -> SpecifierSet:
    """The specifier that ``cuda.toolkit`` writes; ``12.8`` means ``12.8.*``. ValueError if none."""
    text = text.strip()
    if _RELEASE.fullmatch(text):
        whole = len(Version(text).release) >= 3
        return SpecifierSet(f"=={text}" if whole else f"=={text}.*")
    try:
        return SpecifierSet(text)
    except ValueError as error:
        raise ValueError(str(error)) from error


def toolkit_requirements(
    parts: Iterable[str], major: int, toolkit: SpecifierSet | None
) -> tuple[str, ...]:
    """The requirements for parts (canonical short names) of one CUDA major, sorted.

    The metapackage with an extra for each part, within the declared range of releases; libraries
    apart from the toolkit by their own names.
    """
    table = components()
    of_major = {
        extra
        for release in table.releases.values()
        if release.version.startswith(f"{major}.")
        for extra in release.extras
    }
    extras, texts = [], []
    for part in sorted(set(parts)):
        if part in table.standalone_names:
            texts.append(f"{table.standalone_names[part]}-cu{major}")
        elif part in of_major:
            extras.append(part)
    if extras:
        limit = f",{toolkit}" if toolkit is not None and str(toolkit) else ""
        texts.append(f"cuda-toolkit[{','.join(extras)}]=={major}.*{limit}")
    return tuple(sorted(texts))
