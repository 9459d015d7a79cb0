"""What `init` writes is a manifest that says what it was told."""

from __future__ import annotations

import pytest

from lockenv.errors import InputError
from lockenv.manifest import Start, extend_pyproject, new_manifest
from lockenv.model import Index, Origin, SourceRule
from tests.support.manifests import manifest, schema_refuses

START = Start(
    name="app",
    targets=["linux-x86_64", "macos-arm64"],
    python=["3.12"],
    requires_python=">=3.11",
    dependencies=["numpy>=2", 'torch; sys_platform == "linux"'],
    extras={"plot": ["matplotlib"]},
    groups={"dev": ["pytest", "ruff"]},
    constraints=["six<2"],
    suite="bookworm",
    system_packages=["ffmpeg"],
    indexes=[Index(name="internal", url="https://example.com/simple/", explicit=True)],
    sources={
        "torch": [SourceRule(package="torch", index="internal", origin=Origin("x"))],
        "own": [SourceRule(package="own", path="libs/own", editable=True, origin=Origin("x"))],
    },
)


@pytest.mark.parametrize("file", ["pyproject.toml", "lockenv.toml"])
def test_a_new_manifest_reads_back(file: str) -> None:
    text = new_manifest(file, START)

    found = manifest(text, file)
    assert schema_refuses(text, file) == []
    assert found.targets == ("linux-x86_64", "macos-arm64")
    assert found.python == ("3.12",)
    assert str(found.requires_python) == ">=3.11"
    assert [str(ask.requirement) for ask in found.dependencies] == list(START.dependencies)
    assert [str(ask.requirement) for ask in found.groups["dev"]] == ["pytest", "ruff"]
    assert found.system is not None
    assert found.indexes == tuple(START.indexes)
    assert found.sources["own"][0].editable


def test_the_smallest_manifest_says_its_targets() -> None:
    assert new_manifest("lockenv.toml", Start(targets=["linux-x86_64"])) == (
        'dependencies = []\ntargets = ["linux-x86_64"]\n'
    )


def test_a_project_that_exists_keeps_every_byte() -> None:
    text = '# mine\n[project]\nname = "x"\nversion = "1"\n'

    extended = extend_pyproject(text, Start(targets=["linux-x86_64"], python=["3.11", "3.12"]))

    assert extended == text + (
        '\n[tool.lockenv]\npython = ["3.11", "3.12"]\ntargets = ["linux-x86_64"]\n'
    )
    assert manifest(extended).python == ("3.11", "3.12")


def test_a_manifest_is_never_overwritten() -> None:
    with pytest.raises(InputError) as caught:
        extend_pyproject("[tool.lockenv]\n", Start(targets=["linux-x86_64"]))

    assert caught.value.slug == "manifest-exists"
