"""Where an installed distribution came from: ``direct_url.json`` and ``provenance_url.json``.

Follows "Recording the direct URL origin" (PEP 610) and PEP 710.
"""

from __future__ import annotations

import json

DIRECT_URL = "direct_url.json"
PROVENANCE_URL = "provenance_url.json"


def render_archive_url(url: str, sha256: str, subdirectory: str | None = None) -> str:
    """The text for a distribution from an archive at a direct URL."""
    info = {"hash": f"sha256={sha256}", "hashes": {"sha256": sha256}}
    return _render({"url": url, "archive_info": info}, subdirectory)


def render_vcs_url(
    url: str, vcs: str, commit: str, requested: str | None = None, subdirectory: str | None = None
) -> str:
    """The text for a distribution built from a commit."""
    info = {"vcs": vcs, "commit_id": commit}
    if requested is not None:
        info["requested_revision"] = requested
    return _render({"url": url, "vcs_info": info}, subdirectory)


def render_directory_url(url: str, *, editable: bool, subdirectory: str | None = None) -> str:
    """The text for a distribution from a folder (``url`` is a ``file:`` one)."""
    info = {"editable": True} if editable else {}
    return _render({"url": url, "dir_info": info}, subdirectory)


def render_provenance_url(url: str, sha256: str) -> str:
    """The text for a distribution whose file came from an index."""
    return _render({"url": url, "archive_info": {"hashes": {"sha256": sha256}}}, None)


def _render(document: dict[str, object], subdirectory: str | None) -> str:
    if subdirectory is not None:
        document["subdirectory"] = subdirectory
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
