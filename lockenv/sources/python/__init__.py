"""Python packages from indexes, addresses and folders, for one target."""

from lockenv.sources.python.confirm import LockedFile, confirm_file
from lockenv.sources.python.extensions import (
    asked_by_setup,
    is_compiled_for_gpus,
    needs_nvcc,
    needs_torch,
)
from lockenv.sources.python.git import GitRepositories
from lockenv.sources.python.indexes import Indexes
from lockenv.sources.python.locked import canonical_url, index_address, pin
from lockenv.sources.python.project import is_denied_build
from lockenv.sources.python.request import OwnProject, Pin, PythonRequest, SdistMetadata
from lockenv.sources.python.sdists import (
    LEGACY,
    asks_in_setup,
    build_system,
    build_system_of,
    parsed_project,
    project_metadata,
    static_metadata,
)
from lockenv.sources.python.source import PythonSource, is_lacking_extra
from lockenv.sources.python.values import (
    OWN,
    PYPI,
    PythonCandidate,
    PythonRequirement,
    Release,
    SourceTree,
)

__all__ = [
    "LEGACY",
    "OWN",
    "PYPI",
    "GitRepositories",
    "Indexes",
    "LockedFile",
    "OwnProject",
    "Pin",
    "PythonCandidate",
    "PythonRequest",
    "PythonRequirement",
    "PythonSource",
    "Release",
    "SdistMetadata",
    "SourceTree",
    "asked_by_setup",
    "asks_in_setup",
    "build_system",
    "build_system_of",
    "canonical_url",
    "confirm_file",
    "index_address",
    "is_compiled_for_gpus",
    "is_denied_build",
    "is_lacking_extra",
    "needs_nvcc",
    "needs_torch",
    "parsed_project",
    "pin",
    "project_metadata",
    "static_metadata",
]
