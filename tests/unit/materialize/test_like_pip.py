"""The files of an environment are those that the newest pip installs from the same wheels."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from packaging.utils import parse_wheel_filename

from lockenv.materialize import WheelFile
from lockenv.model import sha256
from tests.support.environments import World

if TYPE_CHECKING:
    from pathlib import Path

#: Between them: data files, headers, scripts of both kinds, shared namespaces, binaries.
PROJECTS = ("requests", "rich", "jupyter-core", "ipykernel", "greenlet", "debugpy", "pip")
#: What the two may differ in: who installed it, from where; and pip keeps no state.
OWN = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "provenance_url.json")


def pip(folder: Path, *arguments: str) -> None:
    program = folder / "bin" / "python"
    subprocess.run([program, "-m", "pip", "-q", *arguments], check=True, timeout=300)


def contents(root: Path) -> dict[str, tuple[bytes, bool]]:
    found = {}
    for path in sorted((root / "lib").rglob("*")) + sorted((root / "bin").iterdir()):
        relative = path.relative_to(root).as_posix()
        is_own = ".dist-info/" in relative and path.name in OWN
        if path.is_symlink() or path.is_dir() or path.suffix == ".pyc" or is_own:
            continue
        if relative.lower().startswith("bin/activate"):
            continue
        data = path.read_bytes()
        if data.startswith(b"#!") and relative.startswith("bin/"):
            data = data.partition(b"\n")[2]
        found[relative] = (data, bool(path.stat().st_mode & 0o100))
    return found


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="environments of Unix")
def test_the_files_are_those_of_pip_but_for_who_installed_them(tmp_path: Path) -> None:
    tool, theirs, wheels = tmp_path / "tool", tmp_path / "theirs", tmp_path / "wheels"
    subprocess.run([sys.executable, "-m", "venv", tool], check=True, timeout=120)
    pip(tool, "install", "--upgrade", "pip")
    pip(tool, "download", "--only-binary", ":all:", "--dest", str(wheels), *PROJECTS)
    files = sorted(wheels.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", theirs], check=True, timeout=120)
    program = str(theirs / "bin" / "python")
    options = ("--no-deps", "--no-compile", "--no-index")
    pip(tool, "--python", program, "install", *options, *map(str, files))

    world = World(tmp_path)
    for file in files:
        digest = sha256(hashlib.sha256(file.read_bytes()).hexdigest())
        name = str(parse_wheel_filename(file.name)[0])
        world.wheels[name] = WheelFile(file, file.name, digest)
    world.sync(*world.wheels, link_mode="copy")

    ours, expected = contents(world.root), contents(theirs)
    assert ours.keys() == expected.keys()
    assert [path for path, content in ours.items() if content != expected[path]] == []
