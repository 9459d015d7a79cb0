"""Where an image may be written: never over what is none, and found out before any work."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import HostError, InputError
from lockenv.model import LockedTarget
from lockenv.settings import Settings
from lockenv.workflows.image_options import ImageOptions
from lockenv.workflows.imaging.asked import check_places
from lockenv.workflows.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = [LockedTarget(name=name, platform="linux-x86_64", python="3.11") for name in "ab"]


def _scene(folder: Path, *, offline: bool = False) -> Scene:
    settings = Settings(cache_dir=folder / "cache", data_dir=folder / "data", offline=offline)
    return Scene(settings=settings, directory=folder)


def _refused(folder: Path, options: ImageOptions, targets: list[LockedTarget]) -> str:
    with pytest.raises((InputError, HostError)) as caught:
        check_places(_scene(folder), options, targets)
    return caught.value.slug


@pytest.mark.parametrize("output", [".", "src", "file", "file/below", "src/app.py"])
def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, output: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").touch()
    (tmp_path / "file").touch()

    assert _refused(tmp_path, ImageOptions(output=output), TARGETS[:1]) == "output-taken"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.tar").mkdir()

    for options in (ImageOptions(output="x.tar"), ImageOptions(metadata_file="x.tar")):
        assert _refused(tmp_path, options, TARGETS[:1]) == "output-taken"


def test_dockers_format_is_one_file_with_one_image(tmp_path: Path) -> None:
    check_places(_scene(tmp_path), ImageOptions(form="docker", output="x.tar"), TARGETS[:1])

    folder = ImageOptions(form="docker", output="x")
    several = ImageOptions(form="docker", output="x.tar")
    assert _refused(tmp_path, folder, TARGETS[:1]) == "usage"
    assert _refused(tmp_path, several, TARGETS) == "usage"


def test_a_push_is_looked_at_before_the_build(tmp_path: Path) -> None:
    assert _refused(tmp_path, ImageOptions(push="UPPER/case"), TARGETS[:1]) == "invalid-reference"
    push = ImageOptions(push="127.0.0.1:1/app:1")
    with pytest.raises(InputError):
        check_places(_scene(tmp_path, offline=True), push, TARGETS[:1])


def test_an_engine_that_does_not_answer_is_known_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert shutil.which("docker") is None
    assert _refused(tmp_path, ImageOptions(load=True), TARGETS[:1]) == "no-engine"
