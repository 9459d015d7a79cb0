"""Which names CUDA has a say in: the cheap question that comes before the tables are read."""

from __future__ import annotations

import re
from functools import lru_cache

from lockenv.tables.cuda_data import table_bytes

#: Where CUDA exists at all: Linux with glibc, and Windows.
CUDA_PLATFORMS = frozenset({"linux-x86_64", "linux-aarch64", "windows-x86_64"})
#: Words in names that suggest CUDA although no table has them.
_WORDS = re.compile(r"cuda|gpu|nvidia|cupy|torch|jax|flash|tensorflow|triton|-cu1\d|libnv")


def is_mentioned(name: str) -> bool:
    """Whether a normalised package name suggests CUDA, or the table of wheels has it.

    May say yes to a name that the table has in another meaning; never no to one of its packages.
    """
    return _WORDS.search(name) is not None or f'"{name}"'.encode() in _wheels()


@lru_cache(maxsize=1)
def _wheels() -> bytes:
    return table_bytes("cuda-wheels.json")
