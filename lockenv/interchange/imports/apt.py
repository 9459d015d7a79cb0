"""``apt.txt`` and the packages of an ``apt-get install`` line."""

from __future__ import annotations

from lockenv.formats.debian import parse_request
from lockenv.interchange.imports.documents import check_size
from lockenv.interchange.imports.values import Imported


def parse_apt(file: str, text: str) -> Imported:
    """One package a line, comments behind ``#``; relations and apt's own spellings."""
    check_size(file, text)
    found = Imported(file)
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        words = [entry] if any(mark in entry for mark in "(|") else entry.split()
        for word in words:
            add_package(found, word, number)
    return found


def add_package(found: Imported, text: str, line: int | None) -> None:
    """Add a package as apt takes it, or note that it is none."""
    try:
        parse_request(text)
    except ValueError:
        found.lose(text[:100], "it is no package that apt would know by this name", line)
        return
    if text not in found.system_packages:
        found.system_packages.append(text)
