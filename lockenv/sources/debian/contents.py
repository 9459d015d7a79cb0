"""Which package has a library: the Contents indices of an archive, by the library's soname.

Debian's repository format, `Contents indices`: a line a path, with the packages that have it, as
``[AREA/]SECTION/NAME`` joined by commas. Of about a hundred million bytes only the libraries in the
loader's own folders matter here; they are kept by the index's signed digest for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lockenv.errors import SourceError
from lockenv.formats.debian import COMPRESSIONS, decompressed
from lockenv.sources.debian.indexes import IndexFile, fetch_index
from lockenv.sources.debian.suites import open_suites, reopen, suites_of
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lockenv.model import ArchiveState, System
    from lockenv.sources.debian.suites import OpenSuite, Suite, World

#: What a distilled index is remembered under; another number for another form.
_KIND = "debian-sonames-1"
#: The Contents of sid's main for amd64 has 180 MB; nothing real is ten times that.
_LARGEST = 2 << 30
_TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu", "i386": "i386-linux-gnu"}
#: Sections whose packages nobody asks for a library: Debian policy 2.4 puts libraries into `libs`.
_SECTION_RANK = {"libs": 0, "oldlibs": 2, "debug": 4, "libdevel": 3}


@dataclass(frozen=True, slots=True, order=True)
class Provider:
    """A package that has a library: ``section`` with its area (``non-free/libs``)."""

    name: str
    section: str


class Sonames:
    """The libraries in the loader's folders of some archives, and who has them."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self._texts = texts

    def providers(self, soname: str) -> tuple[Provider, ...]:
        """Every package that has a library of this name, sorted; none where nobody has it."""
        found: set[Provider] = set()
        mark = b"\n" + soname.encode() + b"\t"
        for text in self._texts:
            place = text.find(mark)
            if place >= 0:
                stop = text.find(b"\n", place + 1)
                found.update(_providers(text[place + len(mark) : stop]))
        return tuple(sorted(found))

    def best(self, soname: str, prefer: Sequence[str] = ()) -> str | None:
        """The package to add for a library, or None.

        What the manifest prefers; then free areas, the section for libraries, the package that
        Debian policy 8.1 names after the soname, the shorter name, the alphabet.
        """
        providers = self.providers(soname)
        preferred = [name for name in prefer for one in providers if one.name == name]
        if preferred:
            return preferred[0]
        wanted = package_name(soname)

        def rank(one: Provider) -> tuple[object, ...]:
            area, _, section = one.section.rpartition("/")
            is_named = re.sub(r"t64$", "", one.name) == wanted
            return (area, _SECTION_RANK.get(section, 1), not is_named, len(one.name), one.name)

        return min(providers, key=rank).name if providers else None


def package_name(soname: str) -> str:
    """The name that Debian policy 8.1 gives the package of a library (``libGL.so.1``: libgl1)."""
    stem, _, version = soname.partition(".so")
    version = version.removeprefix(".")
    joint = "-" if stem[-1:].isdigit() and version else ""
    return f"{stem}{joint}{version}".lower().replace("_", "-")


def open_sonames(
    system: System, architecture: str, states: Sequence[ArchiveState], world: World
) -> Sonames:
    """The libraries of a target's archives, at the recorded states where these can be had.

    Raises what opening an archive raises.
    """
    known = {(state.url, state.suite): state for state in sorted(states, key=lambda one: one.date)}
    texts: list[bytes] = []
    for suite in suites_of(system, architecture, world.keyrings):
        state = known.get((suite.url, suite.suite))
        texts += _texts_of(suite, state, architecture, world)
    return Sonames(texts)


def _texts_of(
    suite: Suite, state: ArchiveState | None, architecture: str, world: World
) -> list[bytes]:
    """The libraries of one suite: at the recorded state from anywhere, else at the present one."""
    recorded = reopen(suite, state, world) if state is not None else None
    if recorded is not None:
        # The live archive keeps the files of its last states by hash, and is nearer.
        for opened in (replace(recorded, root=suite.url), recorded):
            try:
                return [
                    _distilled(one, architecture, world) for one in _files(opened, architecture)
                ]
            except SourceError:
                continue
    (present,) = open_suites([suite], world)
    return [_distilled(one, architecture, world) for one in _files(present, architecture)]


def _files(opened: OpenSuite, architecture: str) -> Iterator[IndexFile]:
    """The Contents of each component, or (as Ubuntu has it) of the whole suite; often none."""
    paths = [f"{component}/Contents-{architecture}" for component in opened.suite.components]
    listed = opened.release.files
    for path in (*paths, f"Contents-{architecture}"):
        plain = listed.get(path)
        if plain is not None and not plain.size:
            continue
        for ending in COMPRESSIONS:
            if path + ending in listed:
                yield IndexFile(opened, path, ending, listed[path + ending], plain, architecture)
                break


def _distilled(file: IndexFile, architecture: str, world: World) -> bytes:
    key = f"{file.listed.sha256}-{architecture}"
    kept = world.fetcher.recall(_KIND, key)
    if kept is not None:
        return kept
    text = b"\n".join((b"", *_lines(_read(file, world), architecture), b""))
    world.fetcher.remember(_KIND, key, text)
    return text


def _read(file: IndexFile, world: World) -> Iterator[bytes]:
    path = fetch_index(file, world)
    with path.open("rb") as stream:
        yield from decompressed(stream, file.ending, file.label, limit=_LARGEST)


def _lines(pieces: Iterable[bytes], architecture: str) -> list[bytes]:
    """``SONAME<tab>SECTION/NAME,…`` for each library in the loader's folders, sorted."""
    triplet = _TRIPLETS.get(architecture, architecture).encode()
    # The folders of the loader (ld.so(8)), and those that update-alternatives links into them.
    pattern = re.compile(
        rb"^(?:\./)?(?:usr/)?lib(?:64|/" + re.escape(triplet) + rb")?/"
        rb"(?:(?:blas|lapack|atlas|openblas-[a-z]+|blis-[a-z]+)/)?"
        rb"([^/\s]+\.so[^/\s]*)[ \t]+(\S+)$",
        re.MULTILINE,
    )
    found: dict[bytes, set[bytes]] = {}
    rest = b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"\n") + 1
        _note(pattern, text[:cut], found)
        rest = text[cut:]
    _note(pattern, rest, found)
    return [name + b"\t" + b",".join(sorted(found[name])) for name in sorted(found)]


def _note(pattern: re.Pattern[bytes], text: bytes, found: dict[bytes, set[bytes]]) -> None:
    for match in pattern.finditer(text):
        found.setdefault(match[1], set()).update(match[2].split(b","))


def _providers(value: bytes) -> Iterator[Provider]:
    for part in value.decode("utf-8", "replace").split(","):
        section, _, name = part.rpartition("/")
        if name:
            yield Provider(name, section)
