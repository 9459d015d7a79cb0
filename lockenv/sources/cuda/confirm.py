"""Locked redistributable archives against NVIDIA's manifests: their word for `verify`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lockenv.formats.nvidia import RedistributableError, parse_redistributables
from lockenv.model import Finding
from lockenv.tables.addresses import NVIDIA_REDISTRIBUTABLES
from lockenv.tables.cuda import components

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lockenv.fetch import Fetcher
    from lockenv.model import CudaComponent


def confirm_components(
    fetcher: Fetcher, locked: Iterable[CudaComponent], *, base: str = NVIDIA_REDISTRIBUTABLES
) -> Iterator[Finding]:
    """In what NVIDIA's manifests do not say of the archives what the lock says.

    The manifest is found by its locked digest among those of the known releases. Codes as for
    system packages. Raises what the network does.
    """
    for component in locked:
        body = _manifest(fetcher, component, base)
        if body is None:
            words = f"no manifest of NVIDIA's has the digest that {component.name} is locked with"
            yield _finding("not-listed", words, component)
            continue
        try:
            listed = parse_redistributables(body).components.get(component.name)
        except RedistributableError:
            listed = None
        archives = [one for row in (listed.archives.values() if listed else ()) for one in row]
        artifact = component.artifact
        found = [one for one in archives if one.relative_path.endswith(f"/{artifact.name}")]
        if not found:
            words = f"the manifest of {component.name} {component.version} has no {artifact.name}"
            yield _finding("fact-differs", words, component)
        elif found[0].sha256 != artifact.digest.hex:
            words = f"{artifact.name} is locked as {artifact.digest.hex[:12]}..."
            says = found[0].sha256[:12]
            yield _finding("hash-differs", f"{words}, its manifest lists {says}...", component)
        elif found[0].size != artifact.size:
            words = f"{artifact.name} is locked with {artifact.size} bytes"
            yield _finding("size-differs", f"{words}, its manifest has {found[0].size}", component)


def _manifest(fetcher: Fetcher, component: CudaComponent, base: str) -> bytes | None:
    for url in _addresses(component, base):
        page = fetcher.page(url)
        if page is not None and hashlib.sha256(page.body).hexdigest() == component.manifest.hex:
            return page.body
    return None


def _addresses(component: CudaComponent, base: str) -> Iterator[str]:
    """Where the manifest can be: of the library itself, else of each toolkit of the major."""
    parts = component.version.split(".")
    yield f"{base}{component.name}/redist/redistrib_{'.'.join(parts[:3])}.json"
    major = [one for one in components().toolkits if one.partition(".")[0] == parts[0]]
    for release in sorted(major or components().toolkits, reverse=True):
        yield f"{base}cuda/redist/redistrib_{release}.json"


def _finding(code: str, message: str, component: CudaComponent) -> Finding:
    return Finding(code=code, message=message, layer="cuda", package=component.name)
