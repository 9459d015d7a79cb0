"""Which file a candidate of the Python source stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockenv.sources.cuda.facts import WheelFile
from lockenv.sources.python import PythonCandidate

if TYPE_CHECKING:
    from lockenv.resolve import Candidate


def describe_python(candidate: Candidate) -> WheelFile | None:
    """The file of a Python candidate; None for folders and for other ecosystems' candidates."""
    if not isinstance(candidate, PythonCandidate) or not candidate.release.has_file:
        return None
    release = candidate.release
    digest = release.file.hash_by("sha256")
    if digest is None and release.digest is not None and release.digest.algorithm == "sha256":
        digest = release.digest.hex
    return WheelFile(
        package=release.name,
        version=candidate.version_text,
        file=release.file.filename,
        sha256=digest,
        url=release.file.url if release.path is None else None,
        size=release.file.size,
    )
