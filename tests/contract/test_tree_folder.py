"""What every `Tree` promises, held against each implementation with the same wheel."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import InputError
from lockenv.materialize import (
    FolderTree,
    Placer,
    Tree,
    add_files,
    add_skeleton,
    files_of,
    layout_of,
    skeleton_of,
    written_file,
)
from tests.support.environments import THIS_PYTHON, World
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["copy", "hardlink", "auto"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    root = tmp_path / "root"
    root.mkdir()
    return FolderTree(str(root), Placer(request.param))


def test_a_wheel_gives_the_same_files_in_every_tree(tree: Tree, tmp_path: Path) -> None:
    world = World(tmp_path)
    files = {"demo.py": "", "demo_data/x": "1"}
    world.publish(wheel("demo", "1.0", files=files, scripts={"d": "demo:main"}))
    file = world.wheels["demo"]
    unpacked = world.store.unpack([file])[file.digest]
    layout = layout_of("/env", THIS_PYTHON)
    wanted = files_of(world.package("demo"), unpacked, layout)

    add_skeleton(tree, skeleton_of(layout, THIS_PYTHON, "demo"))
    add_files(tree, wanted)

    root = tmp_path / "root"
    for one in wanted:
        path = root / one.path
        assert path.stat().st_size == one.size
        assert bool(path.stat().st_mode & stat.S_IXUSR) == one.is_executable
    assert (root / "bin" / "d").read_text().startswith("#!/env/bin/python\n")
    assert (root / "bin" / "python3").is_symlink()


def test_nothing_that_is_there_is_replaced(tree: Tree) -> None:
    tree.add_file(written_file("a/b", b"1"))

    with pytest.raises(FileExistsError):
        tree.add_file(written_file("a/b", b"2"))
    with pytest.raises(FileExistsError):
        tree.add_link("a/b", "c")
    tree.add_folder("a")


def test_modes_do_not_depend_on_the_umask(tree: Tree, tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        tree.add_file(written_file("plain", b"1"))
        tree.add_file(written_file("tool", b"1", is_executable=True))
    finally:
        os.umask(before)

    modes = [(tmp_path / "root" / name).stat().st_mode & 0o777 for name in ("plain", "tool")]
    assert modes == [0o644, 0o755]


def test_a_link_where_a_folder_must_be_is_refused(tree: Tree, tmp_path: Path) -> None:
    tree.add_link("a", str(tmp_path))

    with pytest.raises(InputError):
        tree.add_file(written_file("a/b", b"1"))

    assert not (tmp_path / "b").exists()
