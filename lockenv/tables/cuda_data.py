"""The shipped CUDA tables as bytes: where they lie, and their digest."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache

from lockenv.fields import Fields

TABLES = ("cuda-components.json", "cuda-drivers.json", "cuda-wheels.json")


def table_bytes(name: str) -> bytes:
    """One shipped table as it lies in the package."""
    from importlib.resources import files  # noqa: PLC0415 - start-up: most commands read no table

    return files("lockenv.tables").joinpath("data", name).read_bytes()


def read_table(name: str) -> Fields:
    """One shipped table, for a reader that walks it."""
    return Fields(json.loads(table_bytes(name)))


@lru_cache(maxsize=1)
def tables_digest() -> str:
    """``sha256:…`` over the three tables, each by name, in the order of ``TABLES``."""
    total = hashlib.sha256()
    for name in TABLES:
        total.update(f"{name}\0{hashlib.sha256(table_bytes(name)).hexdigest()}\n".encode())
    return f"sha256:{total.hexdigest()}"
