"""Every hostile layer and toolkit of the table: refused whole, and nothing outside is touched."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.oci import open_compressor
from lockenv.materialize import ImageStore, ToolkitArchive, materialize_root
from lockenv.materialize.image_toolkit import toolkit_fragment
from lockenv.model import sha256
from lockenv.sandbox import Confinement, abilities
from tests.support.commands import snapshot
from tests.support.hostile_layers import CONTAINED, LAYERS, TOOLKITS

if TYPE_CHECKING:
    from pathlib import Path

MODES = [ability.mode for ability in abilities() if ability.works]
pytestmark = pytest.mark.skipif(not MODES, reason="needs root or user namespaces")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that nothing may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept").write_text("kept")
    return folder


def _laid(folder: Path, data: bytes) -> None:
    path = folder / "layer"
    path.write_bytes(data)
    store = ImageStore(folder / "cache")
    materialize_root([path], "evil", Confinement(MODES[0]), store)


@pytest.mark.parametrize("story", LAYERS)
def test_a_hostile_layer_is_refused(tmp_path: Path, outside: Path, story: str) -> None:
    before = snapshot(outside)

    with pytest.raises(IntegrityError):
        _laid(tmp_path, LAYERS[story](str(outside)))

    assert snapshot(outside) == before
    left = [path for path in (tmp_path / "cache" / "image" / "roots").iterdir() if path.is_dir()]
    assert left == []


@pytest.mark.parametrize("story", CONTAINED)
def test_what_a_layer_may_hold_stays_in_its_root(tmp_path: Path, outside: Path, story: str) -> None:
    before = snapshot(outside)

    _laid(tmp_path, CONTAINED[story](str(outside)))

    assert snapshot(outside) == before


@pytest.mark.parametrize("story", TOOLKITS)
def test_a_hostile_toolkit_is_refused(tmp_path: Path, outside: Path, story: str) -> None:
    data = TOOLKITS[story](str(outside))
    path = tmp_path / "archive"
    path.write_bytes(data)
    archive = ToolkitArchive(
        name="nvcc",
        filename="cuda_nvcc.tar.xz",
        path=path,
        digest=sha256(hashlib.sha256(data).hexdigest()),
    )

    with pytest.raises(IntegrityError):
        toolkit_fragment(archive, open_compressor("none"), ImageStore(tmp_path / "cache"))

    assert not [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
