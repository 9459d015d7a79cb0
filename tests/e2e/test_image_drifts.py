"""Deliberate drifts of an image, told by ``check --image``: LE501 to LE505, and a clean control."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from typing import TYPE_CHECKING

import pytest

from lockenv.host import machine_here
from lockenv.sandbox import abilities
from tests.support.commands import User

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.tools,
    pytest.mark.slow,
    pytest.mark.skipif(
        not any(one.works for one in abilities()), reason="needs root or user namespaces"
    ),
    pytest.mark.skipif(
        machine_here().platform != "linux-x86_64", reason="images of this platform are built"
    ),
]
MANIFEST = """
[project]
name = "app"
version = "1.0"
dependencies = ["idna<3.7"]

[tool.lockenv]
python-source = "debian"
targets = ["linux-x86_64"]

[tool.lockenv.system]
distribution = "debian"
suite = "bookworm"

[tool.lockenv.image]
compression = "none"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> User:
    """A project with its image beside it, built once."""
    user = User(tmp_path_factory.mktemp("image"))
    user.write("pyproject.toml", MANIFEST)
    user.write("app/__init__.py", "answer = 42\n")
    user.lockenv("lock")
    user.lockenv("image", "--output", str(user.ground / "layout"))
    return user


@pytest.fixture
def project(built: User) -> Iterator[User]:
    kept = {name: built.read(name) for name in ("pyproject.toml", "lockenv.lock")}
    yield built
    for name, text in kept.items():
        built.write(name, text)
    built.write("app/__init__.py", "answer = 42\n")


class Layout:
    """A copy of the image that was built, to be tampered with."""

    def __init__(self, user: User, place: Path) -> None:
        self.place = place
        shutil.copytree(user.ground / "layout", place)
        self.index = json.loads((place / "index.json").read_text())
        self.manifest = json.loads(self.read(self.index["manifests"][0]["digest"]))
        self.config = json.loads(self.read(self.manifest["config"]["digest"]))

    def read(self, digest: str) -> bytes:
        return (self.place / "blobs" / digest.replace(":", "/")).read_bytes()

    def _write(self, descriptor: dict[str, object], data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        (self.place / "blobs" / "sha256" / digest).write_bytes(data)
        descriptor |= {"digest": f"sha256:{digest}", "size": len(data)}

    def put_layer(self, number: int, data: bytes) -> None:
        self._write(self.manifest["layers"][number], data)
        self.config["rootfs"]["diff_ids"][number] = self.manifest["layers"][number]["digest"]

    def finish(self) -> None:
        self._write(self.manifest["config"], json.dumps(self.config).encode())
        self._write(self.index["manifests"][0], json.dumps(self.manifest).encode())
        (self.place / "index.json").write_text(json.dumps(self.index))

    def names(self) -> list[str]:
        return [line["created_by"].removeprefix("lockenv: ") for line in self.config["history"]]


def _changed(data: bytes, suffix: str) -> bytes:
    """A layer in which the first file with this ending has another content."""
    stream = io.BytesIO()
    left = True
    with (
        tarfile.open(fileobj=io.BytesIO(data)) as old,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in old:
            body = old.extractfile(member) if member.isreg() else None
            content = body.read() if body is not None else b""
            if left and member.name.endswith(suffix):
                left, content = False, b"x" * len(content)
            new.addfile(member, io.BytesIO(content) if member.isreg() else None)
    assert not left
    return stream.getvalue()


def _found(user: User, place: Path, status: int) -> set[str]:
    answer = user.lockenv("check", "--image", str(place), "--format", "json", status=status)
    return {one["code"] for one in json.loads(answer.out)["findings"]}


def test_the_image_of_the_lock_is_clean(project: User) -> None:
    assert _found(project, project.ground / "layout", 0) == set()


def test_an_image_that_no_lock_made(project: User, tmp_path: Path) -> None:
    layout = Layout(project, tmp_path / "layout")
    layout.config["history"] = [{"created_by": "somebody else"}] * len(layout.config["history"])
    layout.finish()

    assert _found(project, layout.place, 1) == {"LE501"}


def test_an_image_of_another_environment(project: User) -> None:
    project.write("pyproject.toml", MANIFEST.replace("idna<3.7", "idna<3.6"))
    project.lockenv("lock")

    assert "LE502" in _found(project, project.ground / "layout", 1)


def test_a_file_that_somebody_changed(project: User, tmp_path: Path) -> None:
    layout = Layout(project, tmp_path / "layout")
    number = next(
        number
        for number, descriptor in enumerate(layout.manifest["layers"])
        if b"idna/core.py" in layout.read(descriptor["digest"])
    )
    layer = layout.read(layout.manifest["layers"][number]["digest"])
    layout.put_layer(number, _changed(layer, "idna/core.py"))
    layout.finish()

    assert _found(project, layout.place, 1) == {"LE503", "LE504"}


def test_a_project_that_went_on(project: User) -> None:
    project.write("app/__init__.py", "answer = 43\n")

    found = _found(project, project.ground / "layout", 1)

    assert found == {"LE504", "LE505"}


def test_a_recorded_image_is_held_and_not_built_where_it_is_already(
    project: User, tmp_path: Path
) -> None:
    written = project.lockenv("image", "--record").out
    digest = json.loads((project.ground / "layout" / "index.json").read_text())["manifests"][0]

    there = project.lockenv("image", "--if-missing", "--output", str(project.ground / "layout"))
    told = project.lockenv(
        *("image", "--if-missing", "--output", str(project.ground / "layout")),
        *("--metadata-file", str(tmp_path / "told.json")),
    )
    absent = project.lockenv("image", "--if-missing", "--output", str(tmp_path / "other"))
    project.write("app/__init__.py", "answer = 43\n")
    moved = project.lockenv("image", status=1)

    assert digest["digest"] in written
    assert digest["digest"] in project.read("lockenv.lock")
    assert "nothing was built" in there.err
    assert "nothing was built" not in told.err
    assert json.loads((tmp_path / "told.json").read_text())["containerimage.digest"] in there.out
    assert "nothing was built" not in absent.err
    assert _found(project, tmp_path / "other", 1) == {"LE504", "LE505"}
    assert "LE505" in moved.err


def test_what_is_no_image_is_an_error_and_no_finding(project: User, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert _found(project, tmp_path / "empty", 2) == {"no-image"}
