"""Every hostile Debian package of the table, refused where its bytes are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.oci import open_compressor
from lockenv.formats.tar import Entry
from lockenv.materialize.debian_package import convert_package
from lockenv.materialize.layers_fragment import FragmentWriter
from lockenv.materialize.layers_store import ImageStore
from tests.support.debs import EPOCH, TinyDeb
from tests.support.hostile_debs import CONTAINED, HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

#: Refused when the package stands beside others.
BESIDE = {"another package's program", "another package's program by its old folder"}


def _converted(folder: Path, data: bytes) -> None:
    store = ImageStore(folder / "store")
    package = TinyDeb("evil", "1.0", "amd64", data).plan(folder)
    convert_package(package, EPOCH, open_compressor("none"), store)


@pytest.mark.parametrize("story", sorted(HOSTILE.keys() - BESIDE))
def test_a_hostile_package_is_refused_and_nothing_is_kept(tmp_path: Path, story: str) -> None:
    data = HOSTILE[story](str(tmp_path / "outside"))

    with pytest.raises(IntegrityError):
        _converted(tmp_path, data)

    left = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert left == []


@pytest.mark.parametrize("story", CONTAINED)
def test_what_a_root_may_hold_is_read(tmp_path: Path, story: str) -> None:
    _converted(tmp_path, CONTAINED[story](str(tmp_path / "outside")))


def test_a_file_may_not_pass_for_a_mark(tmp_path: Path) -> None:
    writer = FragmentWriter(tmp_path / "fragment", open_compressor("none"))

    with pytest.raises(IntegrityError, match="take another file out"):
        writer.add(Entry(path="opt/lockenv/venv/lib/.wh.json"))

    writer.add_mark(Entry(path="usr/bin/.wh.dpkg"))
    writer.discard()
