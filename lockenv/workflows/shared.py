"""The places that a team shares: filled by ``fetch --push``, read before every other address."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fetch import JOBS, FetchOptions, shelf_path
from lockenv.fetch.shelves import HttpShelf, RegistryShelf
from lockenv.formats.oci import Descriptor, Manifest, describe, render_manifest
from lockenv.settings import OCI, read_credentials
from lockenv.workflows.files import copy_whole
from lockenv.workflows.registries import open_registry, reference_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lockenv.fetch.registry import Registry
    from lockenv.model import Digest, Wanted
    from lockenv.workflows.scene import Scene

#: What a registry is told of the files: a list of blobs, nothing that could be run (OCI 1.1).
ARTIFACT_TYPE = "application/vnd.lockenv.files.v1"
_FILE_TYPE = "application/octet-stream"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_EMPTY = b"{}"
_TITLE = "org.opencontainers.image.title"


@contextmanager
def registry_shelf(scene: Scene, address: str) -> Iterator[RegistryShelf]:
    """The repository at ``oci://HOST/NAME``, to read from."""
    reference = reference_of(address.removeprefix(OCI))
    registry = open_registry(scene, reference)
    try:
        yield RegistryShelf(registry, reference.repository)
    finally:
        registry.close()


def push_files(scene: Scene, files: Iterable[tuple[Wanted, Path]], place: str) -> str:
    """Put files where others find them by their hash; says how many were new there.

    ``place`` is a folder, an address that takes PUT, or a registry's reference, with or without
    ``oci://``.
    """
    if place.startswith(("https://", "http://")):
        return _to_server(scene, files, f"{place.rstrip('/')}/")
    if place.startswith(("/", "./", "../", "~")) or place == ".":
        folder = Path(place).expanduser()
        return _given(files, lambda digest, file: _copy(scene, folder, digest, file))
    if "/" not in place.removeprefix(OCI):
        raise InputError(
            "usage",
            f"{place} is neither a folder, an address nor a registry's reference",
            fix=f"write ./{place}, https://HOST/PATH/ or HOST/NAME:TAG",
        )
    return _to_registry(scene, files, place.removeprefix(OCI))


def _given(files: Iterable[tuple[Wanted, Path]], give: Callable[[Digest, Path], bool]) -> str:
    found = [give(one.digest, path) for one, path in files]
    return f"{sum(found)} of {len(found)} files were new there"


def _copy(scene: Scene, folder: Path, digest: Digest, file: Path) -> bool:
    return copy_whole(file, scene.directory / folder / shelf_path(digest))


def _to_server(scene: Scene, files: Iterable[tuple[Wanted, Path]], address: str) -> str:
    credentials = read_credentials(os.environ, home=Path.home(), declared=[])
    shelf = HttpShelf(address, _options(scene), credentials)
    try:
        return _given(files, shelf.give)
    finally:
        shelf.close()


def _to_registry(scene: Scene, files: Iterable[tuple[Wanted, Path]], text: str) -> str:
    reference = reference_of(text)
    registry = open_registry(scene, reference)
    try:
        shelf = RegistryShelf(registry, reference.repository)
        kept = sorted(files, key=lambda one: one[0].digest.hex)
        said = _given(kept, shelf.give)
        _list(registry, reference.repository, reference.version, kept)
    finally:
        registry.close()
    return said


def _list(
    registry: Registry, repository: str, version: str, files: list[tuple[Wanted, Path]]
) -> None:
    """Tell the registry that the blobs are wanted: what no manifest names, it may throw away."""
    manifest = Manifest(
        config=describe(_EMPTY_TYPE, _EMPTY),
        layers=tuple(
            Descriptor(
                media_type=_FILE_TYPE,
                digest=str(one.digest),
                size=path.stat().st_size,
                annotations={_TITLE: one.name},
            )
            for one, path in files
        ),
        artifact_type=ARTIFACT_TYPE,
    )
    registry.push_blob(repository, manifest.config.digest, _EMPTY)
    registry.push_manifest(repository, version, manifest.media_type, render_manifest(manifest))


def _options(scene: Scene) -> FetchOptions:
    settings = scene.settings
    return FetchOptions(
        proxy=settings.proxy, ca_bundle=settings.ca_bundle, jobs=settings.jobs or JOBS
    )
