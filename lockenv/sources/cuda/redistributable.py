"""Parts of a toolkit from NVIDIA's redistributable archives, as a lock pins them.

A release is one manifest; the manifest's digest is locked beside each archive's. NCCL has no
redistributable: it comes as a wheel.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from packaging.version import Version

from lockenv.errors import InputError, IntegrityError, NoSolutionError
from lockenv.formats.nvidia import (
    PLATFORM_NAMES,
    RedistributableError,
    RedistributableManifest,
    parse_redistributables,
)
from lockenv.model import Artifact, CudaComponent, Digest
from lockenv.model import sha256 as as_digest
from lockenv.tables.addresses import NVIDIA_REDISTRIBUTABLES
from lockenv.tables.cuda import components

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.specifiers import SpecifierSet

    from lockenv.fetch import Fetcher
    from lockenv.formats.nvidia import ListedComponent
    from lockenv.model import Platform
    from lockenv.sources.cuda.declaration import Fleet


def lock_redistributables(
    fleet: Fleet,
    major: int,
    platform: Platform,
    fetcher: Fetcher,
    *,
    as_of: str | None = None,
    base: str = NVIDIA_REDISTRIBUTABLES,
) -> tuple[CudaComponent, ...]:
    """The archives for every component whose source is ``redistributable``, sorted by name.

    Of the toolkit the newest release of the major that the declared range admits and that was
    released by ``as_of`` (RFC 3339, or a date); likewise of the libraries apart from it.
    """
    wanted = [c for c in fleet.components if fleet.source_of(c) == "redistributable"]
    if not wanted:
        return ()
    place = PLATFORM_NAMES.get(platform.name)
    if place is None:
        raise InputError(
            "cuda-platform",
            f"NVIDIA has no redistributables for {platform.name}",
            fix='source = "wheels" or "debian" for this target',
        )
    apart = set(components().standalone_names)
    found: list[CudaComponent] = []
    toolkit = _with_companions(c for c in wanted if c not in apart)
    if toolkit:
        releases = _releases(fleet, major)
        found += _lock("cuda", releases, toolkit, _Place(fetcher, base, place, major, as_of))
    for component in sorted(c for c in wanted if c in apart):
        releases = _library_releases(component, major, _limit(fleet, component))
        found += _lock(component, releases, [component], _Place(fetcher, base, place, major, as_of))
    return tuple(sorted(found, key=lambda one: (one.name, one.version)))


class _Place:
    """Where and for what archives are sought."""

    def __init__(
        self, fetcher: Fetcher, base: str, platform: str, major: int, as_of: str | None
    ) -> None:
        self.fetcher = fetcher
        self.base = base
        self.platform = platform
        self.major = major
        self.as_of = as_of


def _with_companions(wanted: Iterable[str]) -> list[str]:
    parts = set(wanted)
    return sorted(parts | set(components().with_nvcc) if "nvcc" in parts else parts)


def _releases(fleet: Fleet, major: int) -> list[str]:
    return [
        release
        for release in components().toolkits
        if release.startswith(f"{major}.")
        and (fleet.toolkit is None or fleet.toolkit.contains(release, prereleases=True))
    ]


def _limit(fleet: Fleet, component: str) -> SpecifierSet | None:
    return {"cudnn": fleet.cudnn, "nccl": fleet.nccl}.get(component)


def _library_releases(component: str, major: int, limit: SpecifierSet | None) -> list[str]:
    """Releases of a library, newest first: its wheels' versions, which carry the same numbers."""
    name = f"{components().standalone_names[component]}-cu{major}"
    versions = components().standalone_versions.get(name, ())
    admitted = [v for v in versions if limit is None or limit.contains(v, prereleases=True)]
    short = (".".join(v.split(".")[:3]) for v in sorted(admitted, key=Version, reverse=True))
    return list(dict.fromkeys(short))


def _lock(
    product: str, releases: Sequence[str], parts: Sequence[str], place: _Place
) -> Iterator[CudaComponent]:
    folder = f"{place.base}{product}/redist/"
    for release in releases:
        url = f"{folder}redistrib_{release}.json"
        page = place.fetcher.page(url)
        if page is None:
            continue
        manifest = _parsed(page.body, url)
        if place.as_of is not None and manifest.date and manifest.date > place.as_of[:10]:
            continue
        digest = Digest("sha256", hashlib.sha256(page.body).hexdigest())
        for part in parts:
            listed = _listed(manifest, part)
            archive = listed.archive(place.platform, place.major) if listed else None
            if listed is None or archive is None:
                # Until 12.9 the compiler held these itself.
                if part in components().with_nvcc and part != "cudart":
                    continue
                raise _missing(part, release, place)
            yield CudaComponent(
                name=listed.key,
                version=listed.version,
                platform=place.platform,
                manifest=digest,
                artifact=Artifact(
                    name=archive.relative_path.rpartition("/")[2],
                    digest=as_digest(archive.sha256),
                    size=archive.size,
                    url=folder + archive.relative_path,
                ),
            )
        return
    raise NoSolutionError(
        "no-redistributable",
        f"NVIDIA lists no redistributable {product} that answers the declaration",
        why=[f"looked for {', '.join(releases[:6]) or 'nothing: the range is empty'} in {folder}"],
        fix='widen cuda.toolkit, or take the part from elsewhere: sources = { … = "debian" }',
    )


def _parsed(body: bytes, url: str) -> RedistributableManifest:
    try:
        return parse_redistributables(body)
    except RedistributableError as error:
        raise IntegrityError(
            "invalid-manifest",
            f"{url.rpartition('/')[2]} is no manifest of redistributables",
            why=str(error),
            fix="check the address, or a mirror that stands for it",
        ) from error


def _listed(manifest: RedistributableManifest, part: str) -> ListedComponent | None:
    keys = (*components().redistributables.get(part, ()), part)
    return next((manifest.components[key] for key in keys if key in manifest.components), None)


def _missing(part: str, release: str, place: _Place) -> NoSolutionError:
    return NoSolutionError(
        "no-redistributable",
        f"release {release} has no redistributable {part} for {place.platform}",
        fix=f'take it from elsewhere: sources = {{ {part} = "wheels" }}',
    )
