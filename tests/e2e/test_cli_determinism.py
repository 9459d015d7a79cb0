"""The same manifest and the same index give the same bytes, wherever and through whatever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import SOURCE, User
from tests.support.index_server import serve_index
from tests.support.projects import OTHER, PLATFORM, backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.index_server import IndexServer

#: Environments in which a careless program gives other bytes.
SURROUNDINGS = {
    "hash seed": {"PYTHONHASHSEED": "1"},
    "another hash seed": {"PYTHONHASHSEED": "4242"},
    "plain C": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "LANGUAGE": "tr"},
    "far east": {"TZ": "Pacific/Kiritimati"},
    "far west": {"TZ": "Etc/GMT+12"},
    "someone else's settings": {
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "UV_INDEX_URL": "http://127.0.0.1:9/",
        "LOCKENV_TARGET": OTHER,
        "SOURCE_DATE_EPOCH": "1",
    },
    "optimised": {"PYTHONOPTIMIZE": "2"},
}


@pytest.fixture(scope="module")
def world() -> Iterator[IndexServer]:
    with serve_index() as server:
        _fill(server)
        yield server


def _fill(server: IndexServer) -> None:
    """Extras, markers, a cycle, several wheels of one version, names of every spelling."""
    server.publish(
        wheel("App.Core", "1.0", requires=["lib[fast]>=1", "ring-a", "win-only; os_name == 'nt'"]),
        wheel("lib", "1.0", extras={"fast": ["speed"]}),
        wheel("lib", "1.1", extras={"fast": ["speed"]}, requires_python=">=3.8"),
        wheel("speed", "0.9", tag="cp311-cp311-manylinux_2_17_x86_64"),
        wheel("speed", "0.9", tag="cp311-cp311-macosx_11_0_arm64"),
        wheel("speed", "0.9"),
        wheel("win-only", "3.0"),
        wheel("ring-a", "1.0", requires=["ring-b"]),
        wheel("ring-b", "1.0", requires=["ring-a"]),
        wheel("I_tools", "2.0"),
        backend_wheel(),
    )


def _manifest(server: IndexServer, url: str = "") -> str:
    return pyproject(
        server,
        dependencies=["App.Core", "I_tools"],
        groups={"dev": ["lib"], "zeta": ["ring_b"], "alpha": ["speed"]},
        extras={"more": ["lib[fast]"]},
        targets=[PLATFORM, OTHER, "windows-x86_64"],
        build=True,
        url=url,
    )


@pytest.fixture(scope="module")
def expected(world: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    user = User(tmp_path_factory.mktemp("first"))
    user.write("pyproject.toml", _manifest(world))
    user.lockenv("lock")
    return user.read("lockenv.lock")


@pytest.mark.parametrize("story", SURROUNDINGS)
def test_surroundings_change_no_byte(
    user: User, world: IndexServer, expected: str, story: str
) -> None:
    user.write("pyproject.toml", _manifest(world))

    user.lockenv("lock", variables=SURROUNDINGS[story])

    assert user.lock_path.read_bytes() == expected.encode("utf-8")


def test_umask_and_folder_change_no_byte(user: User, world: IndexServer, expected: str) -> None:
    user.write("pyproject.toml", _manifest(world))
    (user.folder / "deep" / "down").mkdir(parents=True)
    process = subprocess.run(
        ["sh", "-c", f'umask 077; exec "{user.python}" -m lockenv lock'],
        cwd=user.folder / "deep" / "down",
        env=user.environment(),
        check=False,
        timeout=120,
    )

    assert process.returncode == 0
    assert user.read("lockenv.lock") == expected
    user.lock_path.unlink()
    user.lockenv("-C", str(user.folder), "lock", cwd=user.ground)
    assert user.read("lockenv.lock") == expected


def test_the_order_of_files_and_pages_changes_no_byte(user: User, world: IndexServer) -> None:
    """What an index lists first is chance."""
    user.write("pyproject.toml", _manifest(world))
    former = dict(world.published)
    texts = []
    for order in (list(former), list(reversed(former))):
        world.published = {name: former[name] for name in order}
        shutil.rmtree(user.cache, ignore_errors=True)
        user.lock_path.unlink(missing_ok=True)
        user.lockenv("lock")
        texts.append(user.read("lockenv.lock"))
    world.published = former

    assert texts[0] == texts[1]


def test_json_html_and_a_mirror_give_the_same_bytes(
    user: User, world: IndexServer, expected: str
) -> None:
    """A lock made through JSON stays what it is through HTML and through a mirror that rewrites."""
    user.write("pyproject.toml", _manifest(world))
    world.answers = "html"
    try:
        user.lockenv("lock")
        assert user.read("lockenv.lock") == expected
        shutil.rmtree(user.cache)
        with serve_index() as mirror:
            _fill(mirror)
            mirror.answers, mirror.sizes, mirror.upload_times = "html", False, False
            mirror.core_metadata = False
            user.configure(f'[mirrors]\n"{world.root}/" = ["{mirror.root}/"]\n')
            world.forget()

            user.lockenv("lock", "--upgrade")

            assert not world.log
            assert mirror.log
            assert user.read("lockenv.lock") == expected
    finally:
        world.answers = "json"


def test_an_environment_is_the_same_twice(user: User, world: IndexServer) -> None:
    """Two places, two hash seeds: the same files but for the places' own paths.

    Which of them are links to the store, and so read-only, hangs on what the machine made before.
    """
    text = _manifest(world).replace("\n[build-system]", "\n[tool.other]")
    user.write("pyproject.toml", text)
    user.lockenv("lock")
    trees = []
    for name, variables in (("one", {"PYTHONHASHSEED": "1"}), ("two", {"PYTHONHASHSEED": "2"})):
        user.lockenv("sync", "--venv", name, variables=variables)
        root = user.folder / name / "lib"
        trees.append(
            {
                path.relative_to(root): (path.stat().st_mode & ~0o222, path.read_bytes())
                for path in root.rglob("*")
                if path.is_file()
            }
        )

    assert trees[0] == trees[1]
    assert trees[0]


def _other_pythons() -> list[Path]:
    """Interpreters of other versions that are installed here."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [versions / name / "bin" / "python" for name in ("3.12.1", "3.13.0")]
    return [path for path in found if path.exists()]


@pytest.mark.network
@pytest.mark.slow
def test_another_python_changes_no_byte(world: IndexServer, expected: str, tmp_path: Path) -> None:
    others = _other_pythons()
    if not others:
        pytest.skip("no other Python is installed here")
    for number, python in enumerate(others):
        place = tmp_path / f"python-{number}"
        subprocess.run([python, "-m", "venv", place], check=True, timeout=120)
        installed = subprocess.run(
            [place / "bin" / "python", "-m", "pip", "install", "-q", str(SOURCE)],
            check=False,
            capture_output=True,
            timeout=600,
        )
        if installed.returncode:
            pytest.skip("the dependencies cannot be had from here")
        other = User(tmp_path / f"user-{number}", python=str(place / "bin" / "python"))
        other.write("pyproject.toml", _manifest(world))

        other.lockenv("lock", variables={"PYTHONPATH": ""})

        assert other.read("lockenv.lock") == expected
        assert sys.executable != other.python
