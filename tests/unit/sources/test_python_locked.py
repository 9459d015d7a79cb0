from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from packaging.version import Version

from lockenv.fetch import FetchOptions, StoreFetcher
from lockenv.formats.index import ListedFile
from lockenv.model import Index
from lockenv.sources.python import Release, canonical_url
from lockenv.tables.addresses import PYTHON_FILES, PYTHON_INDEX

if TYPE_CHECKING:
    from pathlib import Path

NAME = "demo-1.0-py3-none-any.whl"
TAIL = f"packages/ab/cd/{'0' * 60}/{NAME}"
DEFAULT = Index(name="default", url=PYTHON_INDEX)
OWN = Index(name="own", url="https://own.example.com/simple/")


class OneMirror:
    """A mirror for one prefix."""

    def candidates(self, url: str) -> tuple[str, ...]:
        return (url,)

    def canonical(self, url: str) -> str:
        return url.replace("https://mirror.example.com/own/", "https://own.example.com/")


@pytest.mark.parametrize(
    ("index", "mirror", "url", "canonical"),
    [
        (OWN, "", f"https://own.example.com/f/{NAME}", f"https://own.example.com/f/{NAME}"),
        (OWN, "", f"file:///somewhere/{NAME}", None),
        (DEFAULT, "m.example", f"https://m.example/x/{TAIL}?token=1", PYTHON_FILES + TAIL),
        (DEFAULT, "m.example", PYTHON_FILES + TAIL, PYTHON_FILES + TAIL),
        (DEFAULT, "file:", f"file:///mirror/{TAIL}", PYTHON_FILES + TAIL),
        (DEFAULT, "m.example", f"https://m.example/{NAME}", None),
        (OWN, "m.example", f"https://m.example/x/{TAIL}", None),
        (OWN, "m.example", f"https://cdn.example.com/{NAME}", f"https://cdn.example.com/{NAME}"),
        (
            OWN,
            "mirror.example.com",
            f"https://mirror.example.com/own/f/{NAME}",
            f"https://own.example.com/f/{NAME}",
        ),
    ],
)
def test_a_mirrors_address_never_reaches_the_lock(
    tmp_path: Path, index: Index, mirror: str, url: str, canonical: str | None
) -> None:
    release = Release(
        name="demo",
        version=Version("1.0"),
        kind="wheel",
        file=ListedFile(filename=NAME, url=url),
        index=index,
        mirror=mirror,
    )
    fetcher = StoreFetcher(tmp_path, replace(FetchOptions(), mirrors=OneMirror()))

    assert canonical_url(fetcher, release) == canonical
