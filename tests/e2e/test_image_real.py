"""Real images of Debian's archive and the public index: one digest whoever builds, and they run."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import abilities
from lockenv.values import dataclass
from tests.support.commands import Answer, User, finish
from tests.support.ordinary_users import OrdinaryUser, why_not

if TYPE_CHECKING:
    from pathlib import Path

#: What a build may take on a machine that does much else: seconds.
PATIENCE = 900
WORKS = {one.mode for one in abilities() if one.works}
pytestmark = [
    pytest.mark.network,
    pytest.mark.root,
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "-"),
    pytest.mark.skipif("root" not in WORKS, reason="needs root that may make namespaces"),
    pytest.mark.skipif(shutil.which("newuidmap") is None, reason="needs the package uidmap"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """An image as a manifest asks for it, and what runs in it: command and a part of its answer."""

    packages: tuple[str, ...]
    dependencies: tuple[str, ...] = ()
    runs: tuple[tuple[str, str], ...] = ()

    @property
    def manifest(self) -> str:
        """The text of lockenv.toml."""
        return (
            'python-source = "debian"\n'
            f"dependencies = {_array(self.dependencies)}\n"
            '[system]\ndistribution = "debian"\nsuite = "bookworm"\n'
            f"packages = {_array(('python3', *self.packages))}\n"
            "[image]\nproject = false\n"
        )


IMAGES = {
    "minimal": Real(packages=(), runs=(("python -c 'print(6 * 7)'", "42"),)),
    "service": Real(
        packages=("git", "ca-certificates"),
        dependencies=("fastapi", "psycopg2-binary"),
        runs=(
            ("python -c 'import fastapi, psycopg2; print(psycopg2.__version__)'", "2."),
            ("python -c 'import fastapi; print(fastapi.__cached__)'", "/opt/lockenv/"),
            ("git --version", "git version 2."),
            ("grep -c BEGIN /etc/ssl/certs/ca-certificates.crt", "1"),
        ),
    ),
    "science": Real(
        packages=("ffmpeg", "libgl1", "fonts-dejavu-core", "fontconfig"),
        dependencies=("jupyterlab",),
        runs=(
            ("jupyter lab --version", "4."),
            ("ffmpeg -version", "ffmpeg version 5"),
            ("fc-list", "DejaVuSans.ttf"),
            ("python -c 'import ctypes; print(ctypes.CDLL(\"libGL.so.1\"))'", "libGL"),
        ),
    ),
}


def _array(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


@pytest.mark.parametrize("name", IMAGES)
def test_a_real_image_has_one_digest_whoever_builds_it(tmp_path: Path, name: str) -> None:
    real = IMAGES[name]
    root = User(tmp_path / "root")
    root.write("lockenv.toml", real.manifest)
    root.lockenv("lock")
    built = finish(root.start("image"), PATIENCE)
    assert built.status == 0, built.text

    others = [
        _neighbour(root, tmp_path / "subids", sub_ids=True, umask=0o027, zone="Asia/Kathmandu"),
        _neighbour(root, tmp_path / "single", sub_ids=False, umask=0o077, zone="America/Lima"),
    ]
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(_image, others))

    assert [answer.out for answer in answers] == [built.out] * 2
    for command, expected in (*real.runs, ("dpkg --audit && dpkg --verify && echo well", "well")):
        answer = finish(root.start("run", "--in", "image", "sh", "-c", command), PATIENCE)
        assert answer.status == 0, f"{command}: {answer.text}"
        assert expected in answer.out, f"{command}: {answer.text}"


def _neighbour(root: User, ground: Path, *, sub_ids: bool, umask: int, zone: str) -> OrdinaryUser:
    """Another user with the same project and what was downloaded: no layer, no package read."""
    user = OrdinaryUser(ground, sub_ids=sub_ids, umask=umask, variables={"TZ": zone})
    for name in ("lockenv.toml", "lockenv.lock"):
        shutil.copyfile(root.folder / name, user.project / name)
    shutil.copytree(root.cache / "blobs", user.cache / "blobs", copy_function=os.link)
    return user


def _image(user: OrdinaryUser) -> Answer:
    return user.lockenv("image", "--offline", patience=PATIENCE)
