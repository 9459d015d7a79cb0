"""NVIDIA's archives in an image: where their parts lie, and what is refused."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import IntegrityError
from lockenv.formats.oci import open_compressor
from lockenv.materialize import BuildPlaces, ImagePlan, ImageSettings, ToolkitArchive
from lockenv.materialize import build_image as build
from lockenv.materialize.image_toolkit import toolkit_fragment
from lockenv.materialize.layers_store import ImageStore
from lockenv.model import sha256
from lockenv.sandbox import Confinement
from tests.support.kernels import redistributable

if TYPE_CHECKING:
    from pathlib import Path


def _archive(folder: Path, name: str, data: bytes) -> ToolkitArchive:
    path = folder / f"{name}.tar.xz"
    path.write_bytes(data)
    digest = sha256(hashlib.sha256(data).hexdigest())
    return ToolkitArchive(name=name, filename=path.name, path=path, digest=digest)


def _tar(*members: tarfile.TarInfo) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:xz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return raw.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


def test_parts_are_one_toolkit_in_a_layer_of_its_own(tmp_path: Path) -> None:
    plan = ImagePlan(
        architecture="amd64",
        epoch=1_700_000_000,
        toolkit=tuple(
            _archive(tmp_path, f"cuda_{part}", redistributable("12.8.1", part))
            for part in ("nvcc", "cudart")
        ),
        settings=ImageSettings(user="root"),
    )
    places = BuildPlaces(
        cache=tmp_path / "cache", data=tmp_path / "data", confinement=Confinement("single")
    )

    image = build(plan, places)

    (layer,) = image.layers
    with tarfile.open(layer.path) as archive:
        found = {one.name: one for one in archive}
    assert layer.name == "cuda"
    assert found["usr/local/cuda/bin/nvcc"].mode == 0o755
    assert found["usr/local/cuda/lib64"].linkname == "lib"
    link = found["usr/lib/x86_64-linux-gnu/libcudart.so.12"]
    assert link.linkname == "/usr/local/cuda/lib64/libcudart.so.12"
    assert b"CUDA_HOME=/usr/local/cuda" in image.config
    assert b":/usr/local/cuda/bin" in image.config
    assert build(plan, places).manifest == image.manifest


def test_licences_of_several_parts_do_not_meet(tmp_path: Path) -> None:
    store, compressor = ImageStore(tmp_path / "cache"), open_compressor("none")
    one = _archive(tmp_path, "cuda_one", _tar(_member("top-1/LICENSE"), _member("top-1/bin/x")))

    fragment = toolkit_fragment(one, compressor, store)

    assert [entry.path for entry in fragment.entries] == [
        "usr/local/cuda/share/doc/cuda_one/LICENSE",
        "usr/local/cuda/bin/x",
    ]


@pytest.mark.parametrize(
    "data",
    [
        _tar(_member("top/../../etc/passwd")),
        _tar(_member("top/bin/a", tarfile.LNKTYPE, "../../etc/passwd")),
        _tar(_member("top/dev", tarfile.CHRTYPE)),
        _tar(_member("alone")),
        _tar(_member("top/a/b"))[:40],
        b"no archive",
    ],
)
def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, data: bytes) -> None:
    store = ImageStore(tmp_path / "cache")

    with pytest.raises(IntegrityError):
        toolkit_fragment(_archive(tmp_path, "cuda_bad", data), open_compressor("none"), store)

    assert not [one for one in (tmp_path / "cache").rglob("*") if one.is_file()]
