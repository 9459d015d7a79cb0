"""The fetcher that a manifest's declared origins and the user's settings make together."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lockenv.errors import InputError
from lockenv.fetch import JOBS, FetchOptions, Patience, open_fetcher
from lockenv.model import Index
from lockenv.settings import OCI, read_credentials
from lockenv.values import replace
from lockenv.workflows.indexes import indexes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lockenv.fetch import Fetcher, StoreFetcher
    from lockenv.model import Manifest, Wanted
    from lockenv.settings import Mirrors
    from lockenv.workflows.scene import Scene


@contextmanager
def open_network(
    scene: Scene,
    manifest: Manifest | None,
    *,
    attempts: int | None = None,
    bundle: str | None = None,
    refresh: bool = False,
) -> Iterator[StoreFetcher]:
    """A fetcher on the user's store; credentials go to the manifest's origins and nowhere else.

    ``attempts`` says how often passing trouble is borne, where that is not the usual number;
    ``refresh`` asks for every page again.
    """
    settings = scene.settings
    declared = [(index.name, index.url) for index in indexes_of(manifest)] if manifest else []
    if manifest is not None and manifest.system is not None:
        declared += [(archive.name, archive.url) for archive in manifest.system.archives]
    credentials = read_credentials(os.environ, home=Path.home(), declared=declared)
    shelves = []
    if bundle is not None:
        folder = scene.directory / bundle
        if not (folder / "blobs").is_dir():
            raise InputError(
                "no-bundle",
                f"{bundle} is no bundle",
                fix="make one with lockenv fetch --output DIR",
            )
        shelves.append(f"{folder.as_uri()}/")
    shared = settings.shared_store
    if shared is not None and not shared.startswith(OCI):
        shelves.append(shared)
    options = FetchOptions(
        shelves=tuple(shelves),
        mirrors=_mirrors(settings.mirrors, manifest),
        credentials=credentials,
        offline=settings.offline,
        refresh=refresh,
        jobs=settings.jobs or JOBS,
        proxy=settings.proxy,
        ca_bundle=settings.ca_bundle,
        patience=Patience() if attempts is None else Patience(attempts=attempts),
        finder=lambda fetcher, wanted: _listed(fetcher, wanted, manifest, scene.directory),
        clock=lambda: scene.clock().timestamp(),
    )
    with ExitStack() as stack:
        if shared is not None and shared.startswith(OCI) and not settings.offline:
            # Its client is heavy, and only few have such a store.
            from lockenv.workflows.shared import registry_shelf  # noqa: PLC0415 - start-up

            place = stack.enter_context(registry_shelf(scene, shared))
            options = replace(options, places=(place,))
        yield stack.enter_context(open_fetcher(settings.cache_dir, options))


def _listed(
    fetcher: Fetcher, wanted: Wanted, manifest: Manifest | None, root: Path
) -> tuple[str, ...]:
    """Where the index of a file says that it lies now: a lock made through a mirror has no address.

    The index is the lock's own; the manifest only tells what form it has.
    """
    from lockenv.sources.python import Indexes, index_address  # noqa: PLC0415 - start-up: few ask

    if wanted.listed is None:
        return ()
    address, name = wanted.listed
    known = indexes_of(manifest) if manifest is not None else ()
    index = next(
        (one for one in known if index_address(one.url) == address),
        Index(name=address, url=address),
    )
    found = Indexes(fetcher, [replace(index, explicit=False)], root).listing(name, None)
    return found[1].addresses(wanted.name) if found is not None else ()


def _mirrors(said: Mirrors, manifest: Manifest | None) -> Mirrors:
    """The user's mirrors, and what this machine's apt knows of the same archives."""
    if manifest is None or manifest.system is None:
        return said
    from lockenv.workflows.locking.apt_mirrors import apt_mirrors  # noqa: PLC0415 - start-up: few ask it

    return replace(said, spares=apt_mirrors(manifest.system))
