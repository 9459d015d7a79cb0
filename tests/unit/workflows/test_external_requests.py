"""``[external]`` in a target's request: what changes in it makes a lock stale."""

from __future__ import annotations

from lockenv.lockfile import Scope, asked_lines
from lockenv.workflows.cells import expand
from tests.support.manifests import manifest

TEXT = """\
[project]
name = "demo"
version = "1"
[external]
dependencies = [{entries}]
build-requires = ["dep:generic/cmake"]
[tool.lockenv]
python = "3.11"
targets = ["linux-x86_64", "macos-arm64"]
[tool.lockenv.system]
suite = "bookworm"
"""


def _lines(target: str, *entries: str) -> set[str]:
    read = manifest(TEXT.format(entries=", ".join(f'"{entry}"' for entry in entries)))
    (cell,) = [one for one in expand(read, None) if one.name == target]
    scope = Scope(
        target=cell.target, python=cell.python_spec, groups=cell.groups, extras=cell.extras
    )
    lines = {asked.line for asked in asked_lines(read, scope)}
    return {line for line in lines if line.startswith(("system package", "system external"))}


def test_what_is_needed_to_run_is_asked_by_its_debian_name() -> None:
    assert _lines("linux-x86_64", "dep:generic/ffmpeg", "dep:generic/libgl") == {
        "system package ffmpeg",
        "system package libgl1",
    }


def test_a_version_stands_in_the_request() -> None:
    assert _lines("linux-x86_64", "dep:generic/graphviz@>=2") == {
        "system package graphviz",
        "system external dep:generic/graphviz@>=2",
    }


def test_a_name_that_no_mapping_knows_stands_there_as_written() -> None:
    assert _lines("linux-x86_64", "dep:generic/nonesuch") == {
        "system external dep:generic/nonesuch"
    }


def test_a_target_without_debian_is_asked_nothing() -> None:
    assert _lines("macos-arm64", "dep:generic/ffmpeg") == set()
