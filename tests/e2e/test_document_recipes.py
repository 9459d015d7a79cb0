"""The recipes of the documentation, run as they stand: in a clean clone, by a shell.

Only what a hosted runner brings is ours: the program itself (instead of ``pipx install lockenv``),
an index on this machine, and the variables that the runner sets.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from lockenv.tables.addresses import PYTHON_INDEX
from tests.support.commands import PATIENCE, User
from tests.support.index_server import serve_index
from tests.support.pages import ROOT, blocks
from tests.support.projects import PLATFORM, backend_wheel, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for a POSIX shell")

#: How a recipe puts the program onto the runner; here it is there.
INSTALL = re.compile(r"pipx? install lockenv")
GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com")


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with serve_index() as served:
        for version in ("1.0", "2.0"):
            served.publish(
                wheel("numpy", version, files={"numpy.py": ""}),
                wheel("polars", f"{version}0.0", files={"polars.py": ""}, requires=["idna"]),
            )
        test = "def main():\n    print('1 passed')\n"
        served.publish(
            wheel("idna", "3.20", files={"idna.py": ""}),
            wheel("polars", "1.20", files={"polars.py": ""}, requires=["idna"]),
            wheel("pytest", "9.0", files={"pytest.py": test}, scripts={"pytest": "pytest:main"}),
            backend_wheel(),
        )
        yield served


@pytest.fixture
def user(tmp_path: Path) -> User:
    """A user in a clone of a team's repository, with ``lockenv`` on the PATH."""
    user = User(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "lockenv"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m lockenv "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    user.variables["PATH"] = f"{programs}:{user.environment()['PATH']}"
    return user


def shell(user: User, text: str, *, status: int = 0, **variables: str) -> str:
    """What a script prints that stops at the first error, as a runner's does."""
    process = subprocess.run(
        ["sh", "-ec", text],
        cwd=user.folder,
        env=user.environment(variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert process.returncode == status, f"{text}\n{process.stdout}\n{process.stderr}"
    return process.stdout


def pull_request(user: User, index: IndexServer) -> None:
    """A branch that adds numpy to a locked project, in a clone of its repository."""
    origin = user.ground / "origin"
    user.write("pyproject.toml", pyproject(index, dependencies=["idna"]))
    user.lockenv("lock")
    git = " ".join(GIT)
    shell(user, f"git init -q -b main . && git add -A && {git} commit -qm lock")
    user.write("pyproject.toml", pyproject(index, dependencies=["idna", "numpy"]))
    user.lockenv("lock")
    shell(user, f"git checkout -qb topic && git add -A && {git} commit -qm numpy")
    shutil.move(user.folder, origin)
    subprocess.run(["git", "clone", "-q", str(origin), str(user.folder)], check=True)


def page(name: str) -> list[object]:
    """The YAML documents that a page shows."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return [yaml.safe_load(block.text) for block in blocks(text) if block.kind == "yaml"]


def steps(document: object, job: str) -> list[str]:
    """The shell lines of a GitHub job, without what installs the program."""
    assert isinstance(document, dict)
    lines = [step["run"] for step in document["jobs"][job]["steps"] if "run" in step]
    assert all("${{" not in line.replace("${{ matrix.target }}", "") for line in lines)
    return [line for line in lines if not INSTALL.search(line)]


def test_the_steps_for_github_run_in_a_clone(user: User, index: IndexServer) -> None:
    pull_request(user, index)
    (workflow,) = [one for one in page("team.md") if isinstance(one, dict) and "jobs" in one]
    summary = user.ground / "summary.md"

    for line in steps(workflow, "lock"):
        shell(user, line, GITHUB_STEP_SUMMARY=str(summary))

    assert "numpy" in summary.read_text(encoding="utf-8")


def test_the_gate_for_github_closes_on_drift(user: User, index: IndexServer) -> None:
    pull_request(user, index)
    user.write("pyproject.toml", pyproject(index, dependencies=["idna", "numpy", "polars"]))
    (workflow,) = [one for one in page("team.md") if isinstance(one, dict) and "jobs" in one]

    said = shell(user, steps(workflow, "lock")[0], status=1)

    assert said.startswith("::error file=pyproject.toml,line=")


def test_the_script_for_gitlab_runs_in_a_clone(user: User, index: IndexServer) -> None:
    pull_request(user, index)
    (recipe,) = [one for one in page("team.md") if isinstance(one, dict) and "jobs" not in one]
    lines = [line for line in recipe["lock"]["script"] if not INSTALL.search(line)]
    base = shell(user, "git rev-parse origin/main").strip()

    shell(user, "\n".join(lines))
    shell(user, "\n".join(lines), CI_MERGE_REQUEST_DIFF_BASE_SHA=base)


def test_the_matrix_for_github_names_targets_that_sync_takes(
    user: User, index: IndexServer
) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["idna"]))
    user.lockenv("lock")
    (workflow,) = page("exports.md")
    output = user.ground / "output"

    for line in steps(workflow, "targets"):
        shell(user, line, GITHUB_OUTPUT=str(output))
    matrix = json.loads(output.read_text(encoding="utf-8").removeprefix("matrix="))
    for job in matrix["include"]:
        for line in steps(workflow, "test"):
            shell(user, line.replace("${{ matrix.target }}", job["target"]))

    assert [job["target"] for job in matrix["include"]] == [PLATFORM]
    assert user.versions() == {"idna": "3.20"}


def test_the_hook_for_pre_commit_is_a_command_that_runs(user: User, index: IndexServer) -> None:
    user.write("pyproject.toml", pyproject(index, dependencies=["idna"]))
    user.lockenv("lock")
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

    shell(user, hook["entry"])
    user.write("pyproject.toml", pyproject(index, dependencies=["idna", "numpy"]))
    shell(user, hook["entry"], status=1)

    assert hook["language"] == "python"
    assert hook["pass_filenames"] is False


def test_the_quick_start_is_done_as_it_stands(user: User, index: IndexServer) -> None:
    """All but the container, which needs an archive of Debian's."""
    user.configure(f'[mirrors]\n"{PYTHON_INDEX}" = ["{index.url}"]\n')
    project = pyproject(index, dependencies=["numpy<2", "idna"], groups={"dev": ["pytest"]})
    user.write("pyproject.toml", project.partition("[tool.lockenv]")[0])
    text = (ROOT / "docs" / "quick-start.md").read_text(encoding="utf-8")
    scripts = [block.text for block in blocks(text) if block.kind == "sh"]
    begin, committed = scripts[0].replace("cd my-project", ":").split("lockenv lock", 1)
    git = "git init -q -b main . && git config user.name A && git config user.email a@b.example"

    shell(user, f"{git}\n{begin}")
    # The interpreter of this machine, so that none has to be had.
    manifest = user.read("pyproject.toml")
    user.write(
        "pyproject.toml", manifest.replace("targets = ", 'python-source = "host"\ntargets = ')
    )
    shell(user, f"lockenv lock {committed}")
    said = [shell(user, one) for one in scripts[1:] if "lockenv image" not in one]

    assert "1 passed" in said[0]
    assert "numpy 1.0" in said[-1]
    assert "polars" not in user.versions()
    # What was added and removed again leaves nothing behind.
    assert shell(user, "git status --short") == ""
