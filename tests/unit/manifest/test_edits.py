"""Edits change one member of one list, and nothing that anybody wrote beside it."""

from __future__ import annotations

import pytest

from lockenv.errors import InputError
from lockenv.manifest import Where, add_requirement, remove_requirement, set_sdist_policy
from tests.support.manifests import manifest

PYPROJECT = """\
# top
[project]
name = "x" # n
version = "1"
dependencies = [
    "click>=8",  # cli
    "requests",
]

[tool.lockenv]
targets = ["linux-x86_64"]

# lint
[tool.ruff]
line-length = 100
"""


def test_a_requirement_goes_to_its_sorted_place() -> None:
    edited = add_requirement(PYPROJECT, "pyproject.toml", "numpy>=2")

    assert edited == PYPROJECT.replace("# cli\n", '# cli\n    "numpy>=2",\n')


def test_a_requirement_goes_to_the_end_of_a_list_without_order() -> None:
    text = 'dependencies = ["b", "a"]\n'

    assert add_requirement(text, "lockenv.toml", "aa") == 'dependencies = ["b", "a", "aa"]\n'


def test_a_requirement_never_ends_in_a_comment() -> None:
    text = 'dependencies = [\n    # first\n    "a>=1", "b", # second\n]\n'

    edited = add_requirement(text, "lockenv.toml", "numpy>=2")

    assert edited == text.replace("# second\n", '# second\n    "numpy>=2",\n')


def test_a_requirement_replaces_the_one_of_its_name() -> None:
    edited = add_requirement(PYPROJECT, "pyproject.toml", "Click[x]>=9")

    assert edited == PYPROJECT.replace("click>=8", "Click[x]>=9")


def test_of_several_of_one_name_the_one_with_the_same_marker_is_replaced() -> None:
    text = "dependencies = [\"a==1; os_name == 'nt'\", \"a==2; os_name != 'nt'\"]\n"

    edited = add_requirement(text, "lockenv.toml", "a==3; os_name != 'nt'")

    assert edited == text.replace("a==2", "a==3")


@pytest.mark.parametrize(
    ("where", "lines"),
    [
        (Where(group="test"), '[dependency-groups]\ntest = [\n    "git",\n]\n'),
        (Where(extra="vcs"), '[project.optional-dependencies]\nvcs = [\n    "git",\n]\n'),
        (
            Where(system=True),
            (
                '[tool.lockenv.system]\ndistribution = "debian"\nsuite = "bookworm"\n'
                'packages = [\n    "git",\n]\n'
            ),
        ),
        (
            Where(target="linux-x86_64"),
            (
                '[tool.lockenv.target.linux-x86_64]\nplatform = "linux-x86_64"\n'
                'dependencies = [\n    "git",\n]\n'
            ),
        ),
    ],
)
def test_lists_and_tables_are_made_where_there_are_none(where: Where, lines: str) -> None:
    edited = add_requirement(PYPROJECT, "pyproject.toml", "git", where)

    assert lines in edited
    rest = iter(edited.splitlines())
    assert all(line in rest for line in PYPROJECT.splitlines())  # in the same order
    assert "# lint\n[tool.ruff]" in edited
    assert manifest(edited).targets == ("linux-x86_64",)


def test_a_target_gets_system_packages_of_its_own() -> None:
    text = PYPROJECT + '\n[tool.lockenv.system]\nsuite = "bookworm"\n'
    where = Where(target="linux-x86_64", system=True)

    edited = add_requirement(text, "pyproject.toml", "git (>= 2)", where)

    (package,) = manifest(edited).target_tables["linux-x86_64"].system_packages
    assert package.relation == "git (>= 2)"


def test_a_group_is_found_by_its_normalised_name() -> None:
    text = '[dependency-groups]\nMy_Test = ["a"]\n'

    edited = add_requirement(text, "lockenv.toml", "b", Where(group="my-test"))

    assert edited == '[dependency-groups]\nMy_Test = ["a", "b"]\n'


def test_a_member_that_is_no_requirement_stays_where_it_is() -> None:
    text = '[dependency-groups]\ndev = [{include-group = "a"}, "b"]\na = []\n'

    edited = add_requirement(text, "lockenv.toml", "aa", Where(group="dev"))

    assert 'dev = [{include-group = "a"}, "b", "aa"]' in edited


def test_what_was_added_can_be_removed() -> None:
    added = add_requirement(PYPROJECT, "pyproject.toml", "numpy>=2")

    assert remove_requirement(added, "pyproject.toml", "NumPy") == PYPROJECT


def test_what_is_not_there_is_told_with_the_option_that_finds_it() -> None:
    text = PYPROJECT + '\n[dependency-groups]\ntest = ["pytest"]\n'

    with pytest.raises(InputError) as caught:
        remove_requirement(text, "pyproject.toml", "pytest")

    assert caught.value.fix == ("lockenv remove pytest --group test",)


def test_builds_are_allowed_package_by_package() -> None:
    once = set_sdist_policy(PYPROJECT, "pyproject.toml", "Foo_Bar")
    twice = set_sdist_policy(once, "pyproject.toml", "baz", "allow")

    assert manifest(twice).policy.sdist_by_package == {"baz": "allow", "foo-bar": "locked-build"}
    assert set_sdist_policy(twice, "pyproject.toml", "foo.bar") == twice


@pytest.mark.parametrize(
    ("text", "requirement", "where", "slug"),
    [
        (PYPROJECT, "a=1", Where(), "invalid-requirement"),
        (PYPROJECT, "a @ https://me:pw@example.com/a.whl", Where(), "credentials"),
        (PYPROJECT, "Git", Where(system=True), "invalid-relation"),
        (PYPROJECT, "a", Where(target="gpu"), "unknown-target"),
        ("[tool.ruff]\n", "a", Where(), "no-project"),
        ('[project]\ndynamic = ["dependencies"]\n', "a", Where(), "dynamic-dependencies"),
        ("[project]\ndependencies = 1\n", "a", Where(), "wrong-type"),
        ("[project\n", "a", Where(), "toml-syntax"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(
    text: str, requirement: str, where: Where, slug: str
) -> None:
    with pytest.raises(InputError) as caught:
        add_requirement(text, "pyproject.toml", requirement, where)

    assert caught.value.slug == slug
    assert caught.value.fix


def test_tables_that_lie_apart_are_edited_too() -> None:
    text = (
        '[tool.lockenv]\nalign = "off"\n\n[project]\nname = "x"\nversion = "1"\n\n'
        '[tool.lockenv.target.a]\nplatform = "linux-x86_64"\n'
    )

    edited = add_requirement(text, "pyproject.toml", "six", Where(target="a"))

    assert edited == text + 'dependencies = [\n    "six",\n]\n'
