"""The index files of open suites: fetched by their signed digests, read once into the store."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from lockenv.errors import InputError, IntegrityError, NetworkError, SourceError, UnavailableError
from lockenv.fields import nearest
from lockenv.formats.debian import COMPRESSIONS, decompressed
from lockenv.model import Wanted, sha256
from lockenv.sources.debian.index import LARGEST_TEXT, LAYOUT, IndexWriter, open_index
from lockenv.sources.debian.universe import IndexOf
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lockenv.formats.debian import ListedFile
    from lockenv.sources.debian.index import PackageIndex
    from lockenv.sources.debian.suites import OpenSuite, World


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One index of an open suite: where it lies in the suite, compressed how, for what."""

    opened: OpenSuite
    path: str
    ending: str
    listed: ListedFile
    plain: ListedFile | None
    architecture: str

    @property
    def key(self) -> str:
        """What the finished index is kept under: the digest of its plain text where known."""
        return (self.plain or self.listed).sha256

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.opened.root}{self.opened.suite.folder}{self.path}{self.ending}"

    @property
    def others(self) -> Iterator[IndexFile]:
        """The same index in the other compressions that the Release lists."""
        files = self.opened.release.files
        for ending in COMPRESSIONS:
            listed = files.get(self.path + ending)
            if listed is not None and ending != self.ending:
                yield replace(self, ending=ending, listed=listed)

    def wanted(self, *, by_hash: bool) -> Wanted:
        """What to ask the fetcher for."""
        place = self.opened.root + self.opened.suite.folder
        folder, slash, _ = self.path.rpartition("/")
        named = f"{place}{self.path}{self.ending}"
        hashed = f"{place}{folder}{slash}by-hash/SHA256/{self.listed.sha256}"
        return Wanted(
            name=self.label,
            digest=sha256(self.listed.sha256),
            urls=(hashed if by_hash else named,),
            size=self.listed.size,
            where=f"the signed Release of {self.opened.suite.suite}",
        )


def index_files(opened: OpenSuite) -> Iterator[IndexFile]:
    """The indexes that a suite's components and architectures mean; empty ones are left out."""
    suite, release = opened.suite, opened.release
    if suite.is_flat:
        for architecture in suite.architectures:
            yield from _listed_file(opened, "Packages", architecture)
        return
    # Some security archives prefix their components (`updates/main`).
    known = {name.rpartition("/")[2]: name for name in release.components}
    for component in suite.components:
        if component not in known:
            near = nearest(component, known)
            raise InputError(
                "no-such-component",
                f"{suite.suite} has no component {component}",
                why=(f"its Release at {opened.root} has {', '.join(release.components)}",),
                fix=f'write components = ["{near}"]' if near else "check system.components",
            )
    for architecture in suite.architectures:
        if architecture not in release.architectures:
            raise InputError(
                "no-such-architecture",
                f"{suite.suite} of {suite.archive} has no packages for {architecture}",
                why=(f"its Release has {', '.join(release.architectures)}",),
                fix="check system.architectures and the target's platform",
            )
        for component in suite.components:
            folder = f"{component}/binary-{architecture}/Packages"
            yield from _listed_file(opened, folder, architecture)
    if release.packages_for_all:
        for component in suite.components:
            folder = f"{component}/binary-all/Packages"
            yield from _listed_file(opened, folder, suite.architectures[0])


def _listed_file(opened: OpenSuite, path: str, architecture: str) -> Iterator[IndexFile]:
    files = opened.release.files
    plain = files.get(path)
    if plain is not None and plain.size == 0:
        return
    for ending in COMPRESSIONS:
        listed = files.get(path + ending)
        if listed is not None:
            yield IndexFile(opened, path, ending, listed, plain, architecture)
            return


def index_folder(world: World) -> Path:
    """Where finished indexes are kept."""
    return world.cache_dir / "indexes"


def _place(world: World, file: IndexFile) -> Path:
    return index_folder(world) / f"{file.key}.{LAYOUT}.index"


def open_indexes(opened: Sequence[OpenSuite], world: World) -> list[IndexOf]:
    """Every index of every suite, in order; what is not in the store is fetched and read once."""
    files = [file for suite in opened for file in index_files(suite)]
    ready: dict[str, PackageIndex] = {}
    missing: dict[str, IndexFile] = {}
    for file in files:
        found = open_index(_place(world, file)) if file.key not in ready else None
        if found is not None:
            ready[file.key] = found
        elif file.key not in ready:
            missing[file.key] = file
    _fetch_ahead(list(missing.values()), world)
    for key, file in missing.items():
        ready[key] = _build(*_fetched(file, world), world)
    return [IndexOf(ready[file.key], file.architecture, file.opened.standing) for file in files]


def _fetch_ahead(files: list[IndexFile], world: World) -> None:
    wanted = [file.wanted(by_hash=file.opened.release.acquire_by_hash) for file in files]
    # Together is quicker; what goes wrong is met again, one by one, where it can be told.
    with suppress(SourceError, IntegrityError):
        for _ in world.fetcher.blobs(wanted):
            pass


def _fetched(file: IndexFile, world: World) -> tuple[IndexFile, Path]:
    """The index in the first compression that can be had: mirrors lack single files for a while.

    Other bytes than those that are signed are no reason to look further.
    """
    try:
        return file, fetch_index(file, world)
    except SourceError:
        for other in () if world.fetcher.offline else file.others:
            with suppress(SourceError, IntegrityError):
                return other, fetch_index(other, world)
        raise


def fetch_index(file: IndexFile, world: World) -> Path:
    """The index file as the archive has it, by its signed digest."""
    if not file.opened.release.acquire_by_hash:
        return world.fetcher.blob(file.wanted(by_hash=False))
    try:
        return world.fetcher.blob(file.wanted(by_hash=True))
    except UnavailableError:
        if world.fetcher.offline:
            raise
    # Not every mirror carries the names by hash; the plain name may be of another state.
    try:
        return world.fetcher.blob(file.wanted(by_hash=False))
    except IntegrityError as error:
        raise NetworkError(
            "mirror-in-sync",
            f"{file.label} is not the file that the signed Release lists",
            why=(
                f"the Release of {file.opened.release.date} lists sha256:{file.listed.sha256}",
                "it is not to be had by its hash, and under its name there is another",
                *error.why,
            ),
            fix="the mirror is in the middle of its sync: try again in a few minutes",
        ) from error


def _build(file: IndexFile, blob: Path, world: World) -> PackageIndex:
    place = _place(world, file)
    limit = file.plain.size if file.plain is not None else LARGEST_TEXT
    digest = hashlib.sha256()

    def checked(stream: Iterator[bytes]) -> Iterator[bytes]:
        for piece in stream:
            digest.update(piece)
            yield piece
        if file.plain is not None and digest.hexdigest() != file.plain.sha256:
            raise IntegrityError(
                "digest-mismatch",
                f"{file.label} does not hold what the signed Release lists",
                why=(
                    f"listed   sha256:{file.plain.sha256}",
                    f"received sha256:{digest.hexdigest()}",
                ),
                fix="tell the archive's publisher",
            )

    with blob.open("rb") as stream:
        pieces = decompressed(stream, file.ending, file.label, limit=limit)
        IndexWriter(place).build(checked(pieces))
    found = open_index(place)
    if found is None:
        raise IntegrityError("broken-store", f"{place} cannot be read back", fix="check the disk")
    return found
