"""Python packages from indexes, addresses and folders, for one target."""

from lockenv.sources.python.locked import canonical_url, pin
from lockenv.sources.python.request import Pin, PythonRequest, SdistMetadata
from lockenv.sources.python.source import PythonSource
from lockenv.sources.python.values import (
    PYPI,
    PythonCandidate,
    PythonRequirement,
    Release,
)

__all__ = [
    "PYPI",
    "Pin",
    "PythonCandidate",
    "PythonRequest",
    "PythonRequirement",
    "PythonSource",
    "Release",
    "SdistMetadata",
    "canonical_url",
    "pin",
]
