"""What `image` is asked."""

from __future__ import annotations

from lockenv.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What ``image`` is asked."""

    name: str | None = None
    targets: tuple[str, ...] = ()
    output: str | None = None
    push: str | None = None
    form: str = "oci"
    compression: str | None = None
    metadata_file: str | None = None
    load: bool = False
    if_missing: bool = False
    builder: str = "local"
    bundle: str | None = None
    record: bool = False
    check: bool = False
