"""What a manifest says becomes one value."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockenv.manifest import line_of
from lockenv.model import Ask, TargetTable
from tests.support.manifests import EVERY_KEY, faults, manifest, schema_refuses

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*/pyproject.toml"))

PROJECT = '[project]\nname = "My.App"\nversion = "1"\n'


def texts(asks: tuple[Ask, ...]) -> list[str]:
    return [str(ask.requirement) for ask in asks]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_an_example_is_a_manifest(example: Path) -> None:
    text = example.read_text(encoding="utf-8")

    assert manifest(text).targets
    assert schema_refuses(text) == []


def test_every_key_of_the_contract_is_read() -> None:
    found = manifest(EVERY_KEY, "lockenv.toml")

    assert found.python == ("3.11", "3.12.1", "3.13t")
    assert found.targets == ("gpu", "laptop", "linux-aarch64")
    assert list(found.target_tables) == ["gpu", "laptop", "alpine", "linux-aarch64"]
    assert found.as_of == "2026-10-01T23:59:59Z"
    assert found.prerelease_names == ("black",)
    assert found.policy.sdist_by_package == {"antlr4-python3-runtime": "locked-build"}
    assert found.sources["torch"][0].targets == ("gpu",)
    assert found.system is not None
    assert next(package.relation for package in found.system.packages) == "ffmpeg (>= 5)"
    assert found.cuda is not None
    assert found.cuda.sources == {"nvcc": "debian"}
    assert [image.key for image in found.images] == ["", "slim"]
    assert found.images[0].ports == ("53/udp", "8080/tcp")
    assert found.exports[0].output == "pylock.gpu.toml"
    assert found.indexes[1].url == "vendor/wheels"


def test_a_target_has_its_own_and_what_the_top_says_for_all() -> None:
    found = manifest(EVERY_KEY, "lockenv.toml").target_tables

    assert found["gpu"].cuda_dependencies[0][0] == "cupy-cuda{cuda.major}x"
    assert [package.relation for package in found["gpu"].system_packages] == ["git"]
    assert found["gpu"].python == ("3.11",)
    assert found["laptop"].cuda is False
    assert found["laptop"].groups == ("dev",)
    assert found["laptop"].level == "14.0"
    assert found["linux-aarch64"] == TargetTable(
        name="linux-aarch64",
        platform="linux-aarch64",
        groups=("dev",),
        extras=("plot",),
        origin=found["linux-aarch64"].origin,
    )


def test_without_targets_linux_stands_in_and_that_can_be_told() -> None:
    found = manifest(PROJECT)

    assert found.targets == ("linux-x86_64",)
    assert found.targets_assumed


def test_all_declared_targets_are_locked_unless_some_are_named() -> None:
    tables = (
        '[tool.lockenv.target.b]\nplatform = "linux-x86_64"\n[tool.lockenv.target.macos-arm64]\n'
    )

    assert manifest(PROJECT + tables).targets == ("b", "macos-arm64")
    assert manifest(PROJECT + '[tool.lockenv]\ntargets = ["b"]\n' + tables).targets == ("b",)


def test_a_build_system_makes_a_package_unless_the_manifest_says_no() -> None:
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'

    assert manifest(PROJECT).package is False
    assert manifest(PROJECT + build).package is True
    assert manifest(PROJECT + build + "[tool.lockenv]\npackage = false\n").package is False


def test_a_package_without_build_system_has_the_one_of_the_standard() -> None:
    found = manifest(PROJECT + "[tool.lockenv]\npackage = true\n").project.build_system

    assert found is not None
    assert found.backend == "setuptools.build_meta:__legacy__"


def test_a_lockenv_toml_takes_the_project_from_beside_it() -> None:
    found = manifest("package = true\n", "lockenv.toml", {"pyproject.toml": PROJECT})

    assert found.project.name == "My.App"


def test_groups_include_each_other_with_the_lines_of_their_members() -> None:
    text = PROJECT + (
        "[dependency-groups]\n"
        'Test_Unit = ["pytest"]\n'
        'dev = [{ include-group = "test-unit" }, "ruff", { include-group = "test-unit" }]\n'
    )

    found = manifest(text)

    assert texts(found.groups["dev"]) == ["pytest", "ruff"]
    assert line_of(found, found.groups["dev"][0].origin) == 5
    assert found.target_tables["linux-x86_64"].groups == ("dev",)


def test_a_project_that_names_its_own_extras_gets_what_they_hold() -> None:
    text = PROJECT + (
        'dependencies = ["click"]\n'
        "[project.optional-dependencies]\n"
        'A = ["numpy"]\n'
        "b = [\"my-app[a]; python_version < '3.13'\", \"rich; os_name == 'nt'\"]\n"
        'all = ["My_App[a,b]"]\n'
        'round = ["my.app[round]", "six"]\n'
        "[dependency-groups]\n"
        'dev = ["my-app[b]", "pytest"]\n'
    )

    found = manifest(text)

    assert texts(found.optional_dependencies["all"]) == [
        "numpy",
        'numpy; python_version < "3.13"',
        'rich; os_name == "nt"',
    ]
    assert texts(found.optional_dependencies["round"]) == ["six"]
    assert texts(found.groups["dev"]) == [
        "click",
        'numpy; python_version < "3.13"',
        'rich; os_name == "nt"',
        "pytest",
    ]


def test_markers_of_a_reference_and_of_what_it_stands_for_both_hold() -> None:
    text = PROJECT + (
        "[project.optional-dependencies]\n"
        "a = [\"numpy; os_name == 'nt' or os_name == 'posix'\"]\n"
        "b = [\"my-app[a]; python_version < '3.13'\"]\n"
    )

    (ask,) = manifest(text).optional_dependencies["b"]

    assert str(ask.requirement.marker) == (
        'python_version < "3.13" and (os_name == "nt" or os_name == "posix")'
    )


def test_python_version_files_hold_where_the_manifest_says_nothing() -> None:
    others = {".python-version": "# pinned\ncpython-3.12.1\n"}

    assert manifest(PROJECT, others=others).python == ("3.12.1",)
    assert manifest(PROJECT + '[tool.lockenv]\npython = "3.11"\n', others=others).python == (
        "3.11",
    )
    assert manifest(PROJECT).python == ()


def test_setuptools_files_are_read_as_if_written() -> None:
    text = (
        '[project]\nname = "x"\nversion = "1"\n'
        'dynamic = ["dependencies", "optional-dependencies"]\n'
        "[tool.setuptools.dynamic]\n"
        'dependencies = { file = "requirements.txt" }\n'
        'optional-dependencies.test = { file = ["test.txt"] }\n'
    )

    found = manifest(text, others={"requirements.txt": "click\n", "test.txt": "\npytest\n"})

    assert texts(found.dependencies) == ["click"]
    assert texts(found.optional_dependencies["test"]) == ["pytest"]
    assert found.project.dynamic == ()
    assert line_of(found, found.optional_dependencies["test"][0].origin) == 2


def test_a_dynamic_list_that_only_a_build_tells_stays_dynamic() -> None:
    text = '[project]\nname = "x"\ndynamic = ["version", "dependencies"]\n'

    assert manifest(text).project.dynamic == ("version", "dependencies")


def test_external_dependencies_tell_by_their_path_whose_they_are() -> None:
    text = PROJECT + '[external]\nhost-requires = ["dep:generic/libffi"]\n'

    ((text, origin),) = manifest(text).external

    assert text == "dep:generic/libffi"
    assert origin.path == ("external", "host-requires", 0)


def test_a_manifest_starts_from_another_and_its_own_keys_win() -> None:
    base = (
        'align = "require"\n'
        'constraints = ["numpy<3"]\n'
        "[policy]\n"
        'native-libraries = "error"\n'
        "findings = { LE403 = 'off', LE402 = 'off' }\n"
        "[[index]]\n"
        'name = "internal"\n'
        'url = "https://a.example.com/"\n'
        "[[index]]\n"
        'name = "shared"\n'
        'url = "https://b.example.com/"\n'
        "[sources]\n"
        'mylib = { path = "libs/mylib" }\n'
        'torch = { index = "shared" }\n'
    )
    own = PROJECT + (
        "[tool.lockenv]\n"
        'extends = "../base.toml"\n'
        'constraints = ["numpy<2"]\n'
        'policy.findings.LE403 = "error"\n'
        "[[tool.lockenv.index]]\n"
        'name = "internal"\n'
        'url = "https://own.example.com/"\n'
        "[tool.lockenv.sources]\n"
        'torch = { git = "https://example.com/torch.git" }\n'
    )

    found = manifest(own, others={"../base.toml": base})

    assert found.align == "require"
    assert texts(found.constraints) == ["numpy<2"]
    assert found.policy.native_libraries == "error"
    assert found.policy.findings == {"LE402": "off", "LE403": "error"}
    assert [(index.name, index.url) for index in found.indexes] == [
        ("internal", "https://own.example.com/"),
        ("shared", "https://b.example.com/"),
    ]
    assert found.sources["mylib"][0].path == "../libs/mylib"
    assert found.sources["torch"][0].index is None
    assert found.sources["mylib"][0].origin.file == "../base.toml"
    assert line_of(found, found.sources["mylib"][0].origin) == 13
    assert line_of(found, found.sources["torch"][0].origin) == 12


def test_a_chain_of_extends_is_followed_and_a_pyproject_may_stand_in_it() -> None:
    others = {
        "../base/pyproject.toml": '[tool.lockenv]\nextends = "../../fleet.toml"\nalign = "off"\n',
        "../../fleet.toml": 'align = "require"\nresolution = "lowest"\n',
    }

    found = manifest('extends = "../base/pyproject.toml"\n', "lockenv.toml", others)

    assert (found.align, found.resolution) == ("off", "lowest")
    assert set(found.files) >= set(others)


def test_a_fault_in_a_base_is_told_with_its_own_file_and_line() -> None:
    own = PROJECT + '[tool.lockenv]\nextends = "../base.toml"\n'

    (fault,) = faults(own, others={"../base.toml": '\n\n[policy]\nsdist = "maybe"\n'})

    assert fault.what.startswith("../base.toml:4: sdist")
