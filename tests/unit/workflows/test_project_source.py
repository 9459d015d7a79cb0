"""What a wheel for an image is built from: a copy of what belongs to the project alone."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv.sandbox import copy_source
from lockenv.workflows.imaging.project_files import files_below, project_files
from lockenv.workflows.imaging.project_source import copy_history, project_source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lockenv.materialize import ProjectFile
    from lockenv.sources.python import SourceTree


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a project in a folder, something around it, and a tag."""
    root = tmp_path / "repository"
    (root / "app/src").mkdir(parents=True)
    (root / "app/src/app.py").write_text("print()\n")
    (root / "app/common").symlink_to("../common")
    (root / "app/lockenv.lock").write_text("")
    (root / "common").mkdir()
    (root / "common/part.py").write_text("")
    _git(root, "init", "-q")
    _commit(root)
    _git(root, "tag", "v1.5")
    return root


def _git(root: Path, *words: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@b")
    answer = subprocess.run(
        ["git", *named, *words], cwd=root, check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def _commit(root: Path) -> None:
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "one", "--allow-empty")


def _listed(folder: Path) -> Sequence[ProjectFile]:
    return list(project_files(folder))


def _source(folder: Path) -> SourceTree:
    return project_source(folder, "app", _listed)


def _copied(source: SourceTree, into: Path) -> Path:
    into.mkdir()
    copy = copy_source(source.path, into, source.files)
    copy_history(source.path, copy)
    return copy / (source.subdirectory or "")


def test_what_is_not_tracked_and_what_builds_left_are_not_copied(
    repository: Path, tmp_path: Path
) -> None:
    before = _source(repository / "app")
    (repository / "app/src/secret.py").write_text("TOKEN = 1\n")
    (repository / "app/build/lib").mkdir(parents=True)
    (repository / "app/build/lib/gone.py").touch()

    source = _source(repository / "app")
    copy = _copied(source, tmp_path / "copy")

    assert source == before
    found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert found == {"src/app.py", "lockenv.lock"}
    assert (copy / "common/part.py").is_file()  # what lies around is there too


def test_a_copy_has_the_history_that_a_version_follows_from(
    repository: Path, tmp_path: Path
) -> None:
    copy = _copied(_source(repository / "app"), tmp_path / "copy")

    assert _git(copy, "describe", "--tags", "--dirty") == "v1.5"
    assert _git(copy, "status", "--porcelain") == ""


def test_what_decides_the_build_is_what_the_files_say_and_not_when(repository: Path) -> None:
    first = _source(repository / "app")
    _commit(repository)
    later = _source(repository / "app")
    (repository / "common/part.py").write_text("1\n")
    around = _source(repository / "app")
    (repository / "app/src/app.py").write_text("other\n")
    other = _source(repository / "app")

    assert first.identity == later.identity == around.identity != other.identity
    assert len({first.around, later.around, around.around}) == 3


def test_a_folder_without_git_is_copied_alone(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/app.py").write_text("")
    source = _source(tmp_path / "app")

    copy = _copied(source, tmp_path / "copy")

    assert {path.name for path in copy.iterdir()} == {"app.py"}


def test_a_repository_without_a_commit_has_no_history(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/app.py").write_text("")
    _git(tmp_path / "app", "init", "-q")
    _git(tmp_path / "app", "add", "app.py")

    copy = _copied(_source(tmp_path / "app"), tmp_path / "copy")

    assert _git(copy, "status", "--porcelain") == "?? app.py"


def test_a_folder_within_the_project_has_its_part_of_the_list(repository: Path) -> None:
    files = tuple(project_files(repository))

    below = files_below(repository, files, repository / "app/src")

    assert [one.path for one in below] == ["app.py"]
    assert files_below(repository, files, repository) == files
