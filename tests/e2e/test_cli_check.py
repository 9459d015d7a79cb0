"""What drift is and what it is not, and the forms in which it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.commands import User, snapshot
from tests.support.index_server import serve_index
from tests.support.projects import OTHER, PLATFORM, pyproject
from tests.support.wheels import wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.index_server import IndexServer


@pytest.fixture(scope="module")
def world() -> Iterator[IndexServer]:
    with serve_index() as server:
        server.publish(wheel("lib", "1.0"), wheel("lib", "2.0"), wheel("tool", "1.0"))
        yield server


@pytest.fixture(scope="module")
def lock(world: IndexServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    user = User(tmp_path_factory.mktemp("first"))
    user.write("pyproject.toml", pyproject(world, dependencies=["lib>=1"]))
    user.lockenv("lock")
    return user.read("lockenv.lock")


@pytest.fixture
def locked(tmp_path: Path, lock: str) -> User:
    user = User(tmp_path)
    user.write("lockenv.lock", lock)
    return user


#: What a manifest says now, and the codes that ``check`` finds against a lock for ``lib>=1``.
CHANGES: dict[str, tuple[dict[str, object], set[str]]] = {
    "nothing": ({"dependencies": ["lib>=1"]}, set()),
    "another spelling": ({"dependencies": ["Lib >= 1"]}, set()),
    "a looser bound": ({"dependencies": ["lib"]}, set()),
    "a tighter bound that holds": ({"dependencies": ["lib>=2"]}, set()),
    "a bound that fails": ({"dependencies": ["lib<2"]}, {"LE103"}),
    "one more": ({"dependencies": ["lib>=1", "tool"]}, {"LE102"}),
    "one less": ({"dependencies": []}, {"LE104"}),
    "a group": ({"dependencies": ["lib>=1"], "groups": {"docs": ["tool"]}}, {"LE102"}),
    "a target": ({"dependencies": ["lib>=1"], "targets": [PLATFORM, OTHER]}, {"LE105"}),
    "another index": ({"dependencies": ["lib>=1"], "url": "http://127.0.0.1:9/s/"}, {"LE106"}),
    "another libc": (
        {
            "dependencies": ["lib>=1"],
            "targets": ["t"],
            "tables": f'[tool.lockenv.target.t]\nplatform = "{PLATFORM}"\nglibc = "2.17"\n',
        },
        {"LE105"},
    ),
    "a constraint that fails": (
        {"dependencies": ["lib>=1"], "tool": 'constraints = ["lib<2"]'},
        {"LE112"},
    ),
    "a constraint that holds": (
        {"dependencies": ["lib>=1"], "tool": 'constraints = ["lib<3"]'},
        set(),
    ),
    "a denied name": (
        {"dependencies": ["lib>=1"], "tables": '[tool.lockenv.policy]\ndeny = ["lib"]\n'},
        {"LE112"},
    ),
}


@pytest.mark.parametrize("story", CHANGES)
def test_drift_is_judged_by_meaning(locked: User, world: IndexServer, story: str) -> None:
    parts, codes = CHANGES[story]
    locked.write("pyproject.toml", pyproject(world, **parts))  # type: ignore[arg-type]  # the table says which
    before = snapshot(locked.ground)

    answer = locked.lockenv("check", "--format", "json", status=1 if codes else 0)

    document = json.loads(answer.out)
    assert document["schema"] == "lockenv/check/1"
    assert document["status"] == answer.status
    assert {finding["code"] for finding in document["findings"]} == codes
    for finding in document["findings"]:
        assert finding["severity"] == "error"
        assert finding["fix"]
    project = {path: v for path, v in snapshot(locked.ground).items() if path.startswith("project")}
    assert project.items() <= before.items()


def test_check_needs_no_network_and_no_variable_weakens_it(
    locked: User, world: IndexServer
) -> None:
    locked.write("pyproject.toml", pyproject(world, dependencies=["lib<2"]))
    world.forget()

    for variables in ({"LOCKENV_TARGET": OTHER}, {"LOCKENV_OFFLINE": "1"}, {"CI": "1"}):
        assert "LE103" in locked.lockenv("check", status=1, variables=variables).out
    assert not world.log


def test_findings_are_told_in_every_form(locked: User, world: IndexServer) -> None:
    locked.write("pyproject.toml", pyproject(world, dependencies=["lib<2"]))

    github = locked.lockenv("check", "--format", "github", status=1).out
    assert github.startswith("::error file=pyproject.toml,line=5,title=LE103::")
    sarif = json.loads(locked.lockenv("check", "--format", "sarif", status=1).out)
    result = sarif["runs"][0]["results"][0]
    assert result["ruleId"] == "LE103"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pyproject.toml"
    assert place["region"]["startLine"] == 5
    quiet = locked.lockenv("-q", "check", status=1)
    assert quiet.err == ""


def test_every_project_below_a_folder_is_checked(
    locked: User, world: IndexServer, lock: str
) -> None:
    locked.write("a/pyproject.toml", pyproject(world, dependencies=["lib>=1"]))
    locked.write("a/lockenv.lock", lock)
    locked.write("b/pyproject.toml", pyproject(world, dependencies=["lib<2"]))
    locked.write("b/lockenv.lock", lock)
    locked.write("c/pyproject.toml", "[project\n")
    locked.write("c/lockenv.lock", lock)
    locked.lock_path.unlink()

    answer = locked.lockenv("check", "--recursive", status=2)

    assert "error[LE103]: b: lockenv.lock has lib 2.0" in answer.out
    assert "fix: lockenv -C b lock" in answer.out
    assert ": c: pyproject.toml:1" in answer.out


def test_severities_and_single_cases_are_the_manifests(locked: User, world: IndexServer) -> None:
    off = '[tool.lockenv.policy.findings]\nLE103 = "off"\n'
    locked.write("pyproject.toml", pyproject(world, dependencies=["lib<2"], tables=off))
    locked.lockenv("check")
    warn = off.replace('"off"', '"warn"')
    locked.write("pyproject.toml", pyproject(world, dependencies=["lib<2"], tables=warn))
    assert "warning[LE103]" in locked.lockenv("check").out
    case = '[[tool.lockenv.ignore]]\ncode = "LE103"\npackage = "lib"\nreason = "known"\n'
    locked.write("pyproject.toml", pyproject(world, dependencies=["lib<2"], tables=case))
    answer = locked.lockenv("check", status=None)
    assert answer.status in {0, 2}, answer.text
