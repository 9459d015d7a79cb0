"""Bytes that rot in the store of images: found before they are used, and made again."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import abilities
from tests.support.debs import can_make_host_base
from tests.support.image_world import image_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.image_world import World

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(not can_make_host_base(), reason="needs dpkg on this machine"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with image_world(tmp_path_factory.mktemp("rot")) as made:
        yield made


def _rot(path: Path) -> None:
    """Another byte in the middle, at the same size and time."""
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _kept(world: World, kind: str, ending: str) -> list[Path]:
    found = sorted((world.user.cache / "image" / kind).glob(f"*/*{ending}"))
    assert found
    return found


def _is_sound(layout: Path) -> bool:
    blobs = list((layout / "blobs" / "sha256").iterdir())
    return all(hashlib.sha256(one.read_bytes()).hexdigest() == one.name for one in blobs)


@pytest.mark.parametrize("ending", [".layer", ".json"])
def test_a_rotten_layer_is_made_again_before_it_leaves(
    world: World, tmp_path: Path, ending: str
) -> None:
    good = world.user.lockenv("image").out
    for path in _kept(world, "layers", ending):
        _rot(path)

    answer = world.user.lockenv("image", "--output", str(tmp_path / "layout"))

    assert answer.out == good
    assert _is_sound(tmp_path / "layout")
    assert world.user.lockenv("cache", "verify").status == 0


@pytest.mark.parametrize("ending", [".data", ".json"])
def test_rotten_fragments_make_no_layer_and_no_root(
    world: World, tmp_path: Path, ending: str
) -> None:
    good = world.user.lockenv("image").out
    shutil.rmtree(world.user.cache / "image" / "layers")
    shutil.rmtree(world.user.cache / "image" / "roots")
    for path in _kept(world, "fragments", ending):
        _rot(path)

    answer = world.user.lockenv("image", "--output", str(tmp_path / "layout"))

    assert answer.out == good
    assert _is_sound(tmp_path / "layout")


def test_the_stores_check_reads_what_images_are_made_of(world: World) -> None:
    world.user.lockenv("image")
    for path in (*_kept(world, "layers", ".layer"), *_kept(world, "fragments", ".data")):
        _rot(path)

    answer = world.user.lockenv("cache", "verify", status=4)

    assert "damaged, removed: layer " in answer.text
    assert "damaged, removed: fragment " in answer.text
    world.user.lockenv("cache", "verify")
    world.user.lockenv("image")
