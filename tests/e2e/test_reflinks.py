"""Environments on a disk with reflinks: a real one, in a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User
from tests.support.index_server import serve_index
from tests.support.projects import pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(
        shutil.which("mkfs.xfs") is None or not hasattr(os, "geteuid") or os.geteuid() != 0,
        reason="needs root and Debian's xfsprogs",
    ),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    image, folder = tmp_path / "disk", tmp_path / "mounted"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True, timeout=60)
    mounted = subprocess.run(
        ["mount", "-o", "loop", str(image), str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no loop device here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=60)


def test_every_environment_has_private_files_there(disk: Path) -> None:
    with serve_index() as index:
        index.publish(wheel("lib", "1.0", files={"lib.py": "VALUE = 1\n"}))
        user = User(disk)
        user.write("pyproject.toml", pyproject(index, dependencies=["lib"]))
        user.lockenv("lock")
        lock = user.read("lockenv.lock")
        manifest = user.read("pyproject.toml")

        for name in ("first", "second", "third"):
            user.folder = disk / name
            user.write("pyproject.toml", manifest)
            user.write("lockenv.lock", lock)
            user.lockenv("sync")

            state = (user.site / "lib.py").stat()
            assert state.st_nlink == 1
            assert state.st_mode & 0o777 == 0o644
        (user.site / "lib.py").write_text("VALUE = 2\n")
        user.lockenv("check", "--env", status=1)
        user.folder = disk / "first"
        user.lockenv("check", "--env")
