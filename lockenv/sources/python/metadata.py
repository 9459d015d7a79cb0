"""The metadata of a release, had in the cheapest way that there is and kept by file hash."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from lockenv.errors import IntegrityError, LockenvError
from lockenv.fetch import Memo, redacted
from lockenv.formats.contents import LISTING_KIND
from lockenv.formats.metadata import (
    KEPT_FORM,
    LIMIT,
    CoreMetadata,
    MetadataError,
    parse_core,
    parse_core_metadata,
    render_core,
)
from lockenv.model import Digest, Wanted, parse_digest, sha256
from lockenv.resolve import UnusableCandidateError
from lockenv.sources.python.values import SourceTree
from lockenv.sources.python.versions import version_of
from lockenv.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lockenv.fetch import Fetcher, Page, RemoteFile
    from lockenv.sources.python.request import SdistMetadata
    from lockenv.sources.python.values import Release

#: Kinds of facts: sizes by sha256, and sha256 by address and weak hash.
_SIZES = "sizes"
_BY_WEAK = "sha256-of"


class Reader:
    """Reads metadata of releases through a fetcher."""

    def __init__(
        self, fetcher: Fetcher, sdist_metadata: SdistMetadata | None, note: Callable[[str], None]
    ) -> None:
        self._fetcher = fetcher
        self._sdist_metadata = sdist_metadata
        self._note = note
        self._files: Memo[Brought] = Memo(lasting=(LockenvError,))

    def read(self, release: Release, *, cheaply: bool = False) -> CoreMetadata | None:
        """What a release says of itself; None only if ``cheaply`` and it takes the whole file.

        Raises:
            UnusableCandidateError: it cannot be read, or (`MisnamedError`) is of another package
                or version than its name.
        """
        try:
            metadata = self._read(release, cheaply=cheaply)
        except MetadataError as error:
            raise UnusableCandidateError(f"{release.file.filename}: {error}") from error
        if metadata is not None:
            _check_identity(release, metadata)
        return metadata

    def with_version(self, release: Release) -> Release:
        """The release with the version that its own metadata say, for places that tell none."""
        try:
            metadata = self._read(release, cheaply=False)
        except MetadataError as error:
            raise UnusableCandidateError(f"{release.file.filename}: {error}") from error
        if metadata is None:
            raise UnusableCandidateError(f"{release.file.filename}: nothing tells its version")
        try:
            named = replace(release, version=version_of(metadata.version))
        except ValueError as error:
            raise UnusableCandidateError(f"{release.file.filename}: {error}") from error
        _check_identity(named, metadata)
        return named

    def _read(self, release: Release, *, cheaply: bool) -> CoreMetadata | None:
        if release.kind in {"directory", "vcs"}:
            return self._folder(release)
        key = release.file.hash_by("sha256") or (release.digest.hex if release.digest else None)
        if key is not None and not release.subdirectory:
            kept = self._fetcher.recall(KEPT_FORM, key)
            if kept is not None:
                return parse_core(kept)
        # Of a file at an address of its own no index has said the hash: it is brought and hashed.
        is_listed = release.is_wheel and release.kind != "archive"
        metadata = self._offered(release) or self._ranged(release) if is_listed else None
        if metadata is None:
            if cheaply:
                return None
            brought = self.bring(release)
            key = brought.digest.hex
            metadata = self._whole(release, brought.path)
            if metadata is None:
                return self._built(release)
            if release.subdirectory:
                return metadata  # what is kept by the archive's digest is said at its top
        if key is not None:
            self._fetcher.remember(KEPT_FORM, key, render_core(metadata))
        return metadata

    def _offered(self, release: Release) -> CoreMetadata | None:
        """By the metadata file that the index offers (PEP 658, 714); None if it is not there."""
        offered = release.file.metadata
        if offered is None:
            return None
        url = f"{release.file.url}.metadata"

        def distill(page: Page) -> bytes:
            found = sha256_of(page.body)
            if offered and offered != str(found):
                raise IntegrityError(
                    "digest-mismatch",
                    f"{release.file.filename}.metadata is not the file that the index lists",
                    why=[f"listed   {offered}", f"received {found} from {redacted(page.url)}"],
                    fix="do not use this index until its owner has explained it",
                )
            return render_core(parse_core_metadata(page.body))

        kept = self._fetcher.distilled(url, f"{KEPT_FORM} {offered}", distill, limit=LIMIT)
        return None if kept is None else parse_core(kept)

    def _ranged(self, release: Release) -> CoreMetadata | None:
        """By ranges of the wheel; None if its server has none."""
        remote = self._fetcher.remote(release.file.url)
        if remote is None:
            return None
        digits = release.file.hash_by("sha256")
        if digits is not None:
            self._fetcher.remember(_SIZES, digits, b"%d" % remote.size)
        return self._from_zip(remote, release.name, digits)

    def _whole(self, release: Release, path: Path) -> CoreMetadata | None:
        if release.is_wheel:
            return self._from_zip(Whole(path), release.name, release.file.hash_by("sha256"))
        from lockenv.sources.python.extensions import promised_metadata  # noqa: PLC0415 - start-up
        from lockenv.sources.python.sdists import static_metadata  # noqa: PLC0415 - start-up

        tree = self.tree(release)
        return static_metadata(tree) or promised_metadata(tree)

    def _from_zip(self, file: RemoteFile, name: str, digits: str | None) -> CoreMetadata:
        """The metadata, and for ever the list of files, whose bytes have come along."""
        # Archives are read once for each file and kept; a warm lock reads none.
        from lockenv.sources.python.wheels import read_tail  # noqa: PLC0415 - start-up

        body, listing = read_tail(file, name)
        if digits is not None:
            self._fetcher.remember(LISTING_KIND, digits, listing)
        return parse_core_metadata(body)

    def is_static(self, release: Release) -> bool:
        """Whether a folder says all that a lock needs without a build."""
        try:
            return self._said(release) is not None
        except MetadataError as error:
            raise UnusableCandidateError(f"{release.file.filename}: {error}") from error

    def _folder(self, release: Release) -> CoreMetadata:
        return self._said(release) or self._built(release)

    def _said(self, release: Release) -> CoreMetadata | None:
        from lockenv.sources.python.sdists import static_metadata  # noqa: PLC0415 - start-up

        return static_metadata(self.tree(release), "0" if release.is_unversioned else None)

    def _built(self, release: Release) -> CoreMetadata:
        if self._sdist_metadata is None:
            raise MetadataError("its metadata are not static, so only a build can tell them")
        return parse_core_metadata(self._sdist_metadata(release.name, self.tree(release)))

    def tree(self, release: Release) -> SourceTree:
        """What a release without a wheel is built from, brought here."""
        if release.kind in {"directory", "vcs"}:
            if release.path is None:
                raise MetadataError("it has no folder")
            path, identity = release.path, f"git:{release.vcs.commit}" if release.vcs else ""
        else:
            brought = self.bring(release)
            path, identity = brought.path, str(brought.digest)
        return SourceTree(
            path=path,
            filename=release.file.filename,
            identity=identity,
            subdirectory=release.subdirectory,
        )

    def bring(self, release: Release) -> Brought:
        """The release's whole file in the store, with its sha256 and size."""
        key = " ".join((release.file.url, *release.file.hashes))
        return self._files.once(key, lambda: self._bring(release))

    def _bring(self, release: Release) -> Brought:
        file = release.file
        digits = file.hash_by("sha256")
        if digits is not None:
            wanted = Wanted(
                name=file.filename,
                digest=sha256(digits),
                urls=(file.url,),
                size=file.size,
                where=_where(release),
            )
            path = self._fetcher.blob(wanted)
            return Brought(wanted.digest, path.stat().st_size, path)
        return self._bring_unknown(release)

    def _bring_unknown(self, release: Release) -> Brought:
        file = release.file
        known = f"{file.url} {' '.join(file.hashes)}"
        kept = self._fetcher.recall(_BY_WEAK, known) if file.hashes else None
        if kept is not None:
            digest = sha256(kept.decode())
            path = self._fetcher.has_blob(digest)
            if path is not None:
                return Brought(digest, path.stat().st_size, path)
        digest, size, path = self._fetcher.download(file.url)
        _refuse_others(release, path, file.hashes)
        if not any(parse_digest(text).is_strong for text in file.hashes):
            said = "only a weak hash" if file.hashes else "no hash"
            self._note(
                f"{_where(release)} gives {said} for {file.filename}: its sha256 was computed"
            )
        if file.hashes:
            self._fetcher.remember(_BY_WEAK, known, digest.hex.encode())
        return Brought(digest, size, path)

    def hold(self, release: Release, digests: Iterable[str]) -> None:
        """`IntegrityError` if a file has not each of these digests (``sha256:…``)."""
        _refuse_others(release, self.bring(release).path, digests)

    def digest_and_size(self, release: Release) -> tuple[Digest, int | None]:
        """The sha256 and the size of a release's file, asked for only where the index is silent."""
        file = release.file
        digits = file.hash_by("sha256")
        if digits is None:
            brought = self.bring(release)
            return brought.digest, brought.size
        size = file.size
        if size is None:
            kept = self._fetcher.recall(_SIZES, digits)
            size = int(kept) if kept is not None else self._fetcher.head_size(file.url)
            if size is not None and kept is None:
                self._fetcher.remember(_SIZES, digits, b"%d" % size)
        return sha256(digits), size


class MisnamedError(UnusableCandidateError):
    """A file whose metadata are of another package or version than its name says.

    Another version may serve; where none does, `integrity` is what has to be said.
    """

    def __init__(self, release: Release, metadata: CoreMetadata) -> None:
        found = f"{metadata.name} {metadata.version}"
        super().__init__(f"{release.file.filename}: its metadata are of {found}")
        self.integrity = IntegrityError(
            "metadata-mismatch",
            f"{release.file.filename} holds another package than its name says",
            why=[
                f"its name says      {release.name} {release.version} ({_where(release)})",
                f"its metadata say   {found}",
            ],
            fix=f"exclude that version with a constraint {release.name}!={release.version}",
        )


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that is in the store."""

    digest: Digest
    size: int
    path: Path


class Whole:
    """A file of the store as a `RemoteFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def tail(self, count: int) -> bytes:
        """The last bytes."""
        count = min(count, self.size)
        return self.at(self.size - count, count)

    def at(self, offset: int, count: int) -> bytes:
        """Exactly these bytes."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(count)


def sha256_of(body: bytes) -> Digest:
    """The digest of some bytes."""
    return Digest("sha256", hashlib.sha256(body).hexdigest())


def _refuse_others(release: Release, path: Path, digests: Iterable[str]) -> None:
    for text in sorted(digests):
        algorithm, _, digits = text.partition(":")
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, algorithm).hexdigest()
        if found != digits:
            raise IntegrityError(
                "digest-mismatch",
                f"{release.file.filename} is not the file that {_where(release)} names",
                why=[f"listed   {text} ({_where(release)})", f"received {algorithm}:{found}"],
                fix="do not use this file until its publisher has explained it",
            )


def _where(release: Release) -> str:
    return f"index {release.index.name}" if release.index is not None else "the manifest"


def _check_identity(release: Release, metadata: CoreMetadata) -> None:
    """The file's name and its metadata must agree, or one of them lies (PEP 427, PEP 625)."""
    try:
        version = version_of(metadata.version)
    except ValueError as error:
        raise UnusableCandidateError(
            f"{release.file.filename}: its metadata have the version {metadata.version!r}"
        ) from error
    if canonicalize_name(metadata.name) != release.name or version != release.version:
        raise MisnamedError(release, metadata)
