"""``verify --available``: whether each file that a lock names can still be had from somewhere."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockenv.model import Finding
from lockenv.values import dataclass
from lockenv.workflows.environment import wanted_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from lockenv.fetch import StoreFetcher
    from lockenv.model import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A file of the lock, and every address that may have it; ``size`` where the lock knows it."""

    name: str
    layer: str
    package: str
    urls: tuple[str, ...]
    size: int | None = None


def places(lock: Lock, root: str) -> Iterator[Place]:
    """Every file that the lock installs or builds with, but for base images and commits."""
    for package in lock.packages:
        for file in (*package.wheels, package.sdist, package.archive):
            if file is not None:
                urls = wanted_file(file, package, root).urls
                yield Place(
                    name=file.name, layer="python", package=package.name, urls=urls, size=file.size
                )
    for build in lock.builds:
        for item in build.packages:
            file = item.artifact
            urls = (file.url,) if file.url else ()
            yield Place(
                name=file.name, layer="python", package=item.name, urls=urls, size=file.size
            )
    for interpreter in lock.interpreters:
        artifact = interpreter.artifact
        if artifact is not None and artifact.url:
            yield Place(
                name=artifact.name,
                layer="python",
                package="python",
                urls=(artifact.url,),
                size=artifact.size,
            )
    for component in lock.cuda_components:
        artifact = component.artifact
        urls = (artifact.url,) if artifact.url else ()
        yield Place(
            name=artifact.name,
            layer="cuda",
            package=component.name,
            urls=urls,
            size=artifact.size,
        )
    yield from _system_places(lock)


def _system_places(lock: Lock) -> Iterator[Place]:
    if not lock.system_packages:
        return
    from lockenv.sources.debian import addresses  # noqa: PLC0415 - start-up: few locks have them

    states = {state.key: state for state in lock.system_archives}
    for package in lock.system_packages:
        state = states.get(package.archive)
        if state is not None:
            yield Place(
                name=package.path.rpartition("/")[2],
                layer="system",
                package=package.name,
                urls=addresses(package, state),
                size=package.size,
            )


def ask_for(fetcher: StoreFetcher, place: Place) -> Callable[[], list[Finding]]:
    """Ask in the background at once; the answer is waited for.

    A place without an address is let be; a file of another size is as good as none.
    """
    if not place.urls:
        return list
    future: Future[list[Finding]] = fetcher.soon(partial(_missing, fetcher, place))
    return future.result


def _missing(fetcher: StoreFetcher, place: Place) -> list[Finding]:
    sizes = (fetcher.head_size(url) for url in place.urls)
    if any(size is not None and place.size in {None, size} for size in sizes):
        return []
    where = f"{len(place.urls)} addresses" if len(place.urls) > 1 else "its address"
    message = f"{place.name} is not to be had any more from {where}"
    return [Finding(code="gone", message=message, layer=place.layer, package=place.package)]


def distinct(found: Iterable[Place]) -> list[Place]:
    """Each file once, in order."""
    return list(dict.fromkeys(found))
