from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from lockenv.errors import HostError
from lockenv.workflows.imaging.project_files import project_digest, project_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src/app.py").write_text("print()\n")
    (root / "start").symlink_to("src/app.py")
    (root / "secret.env").write_text("TOKEN=1\n")
    (root / "lockenv.lock").write_text("")
    return root


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)


def _tracked(root: Path) -> Path:
    _git(root, "init", "-q")
    _git(root, "add", "src", "start", "lockenv.lock")
    return root


def test_what_git_does_not_track_stays_out_and_links_stay_links(project: Path) -> None:
    found = {one.path: one.target for one in project_files(_tracked(project))}

    assert found == {"src/app.py": "", "start": "src/app.py"}


def test_files_of_a_submodule_belong_to_the_project(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "part.py").write_text("")
    _git(other, "init", "-q")
    _git(other, "add", "part.py")
    _git(other, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    _tracked(project)
    _git(project, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "lib")

    found = {one.path for one in project_files(project)}

    assert found == {".gitmodules", "lib/part.py", "src/app.py", "start"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_checkout_of_another_user_is_read_without_its_hooks(project: Path) -> None:
    hook, mark = project / ".git-hook", project / "ran"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    _git(_tracked(project), "config", "core.fsmonitor", str(hook))
    for place in (project, project / ".git"):
        os.chown(place, 1234, 1234)

    found = {one.path for one in project_files(project)}

    assert (found, mark.exists()) == ({"src/app.py", "start"}, False)


def test_without_git_nothing_is_guessed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _tracked(project)
    monkeypatch.setenv("PATH", str(project))

    with pytest.raises(HostError) as caught:
        list(project_files(project / "src"))

    assert caught.value.slug == "git-cannot-tell"


def test_a_repository_that_git_cannot_read_is_no_plain_folder(project: Path) -> None:
    (_tracked(project) / ".git/HEAD").write_text("broken\n")

    with pytest.raises(HostError):
        list(project_files(project))


def test_what_tools_put_into_a_folder_without_git_is_no_part_of_it(project: Path) -> None:
    before = {one.path for one in project_files(project)}
    digits = "ab" + "0" * 62
    for name, text in {
        "out/oci-layout": "{}",
        "out/blobs/sha256/layer": "x",
        "half.part/oci-layout": "{}",
        "environment/pyvenv.cfg": "",
        "environment/lib/site.py": "",
        "cache/CACHEDIR.TAG": "",
        "bundle/blobs/sha256/ab/" + digits: "x",
        "src/app.egg-info/PKG-INFO": "",
        "digests.json": f'{{\n  "containerimage.digest": "sha256:{digits}",\n',
        "app.tar": "oci-layout\0\0\0\0",
        "renamed": f"blobs/sha256/{digits}\0\0\0\0",
        ".lockenv.lock.x1": "half a lock",
        ".tox/log": "",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)

    assert {one.path for one in project_files(project)} == before


def test_what_only_looks_like_it_is_the_projects(project: Path) -> None:
    names = ["data.tar", "blobs/sha256/readme", "oci-layout.md", "digests.json", "empty"]
    for name in names:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("blobs/sha256/ of mine" if name != "empty" else "")
    (project / "folder").symlink_to("src")

    assert {one.path for one in project_files(project)} >= {*names, "folder"}


def test_where_a_link_leads_decides_the_projects_digest(project: Path) -> None:
    before = project_digest(list(project_files(project)))
    (project / "start").unlink()
    (project / "start").symlink_to("src")

    assert project_digest(list(project_files(project))) != before
